//! What several targets need: files in a folder of their own, and options taken off the front of the input.

pub mod nets;

use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder that is gone with the value, in memory where the system has such a place.
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        Self(folder.expect("a temporary folder"))
    }
}

impl Folder {
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, and the folders on the way to it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        let folder = path.parent().expect("below the folder");
        std::fs::create_dir_all(folder).expect("a folder");
        std::fs::write(&path, content).expect("a file");
        path
    }
}

/// The first `N` bytes, zeros where there are fewer, and the rest.
pub fn front<const N: usize>(data: &[u8]) -> ([u8; N], &[u8]) {
    let (head, rest) = data.split_at(data.len().min(N));
    let mut bytes = [0; N];
    bytes[..head.len()].copy_from_slice(head);
    (bytes, rest)
}
