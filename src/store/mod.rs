//! Files that the crate writes, whole or not at all: content gets its final name only once all of it is on disk.

mod folder;
pub(crate) mod npy;
pub(crate) mod number;
mod packed;
#[cfg(not(target_family = "wasm"))]
mod program;
mod table;

pub(crate) use folder::{Lock, link, list, remove, rename};
pub(crate) use packed::{read_packed, write_packed};
#[cfg(not(target_family = "wasm"))]
pub(crate) use program::fingerprint;
pub use table::Table;

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// Writes `bytes` to `path`: first to a temporary file in the same folder, which is then renamed. Missing
/// parent folders are created; an existing file is replaced.
///
/// # Errors
/// [`Error::Io`] naming `path` or the folder that cannot be created. No partial file is left behind, and an existing file keeps its
/// content.
pub fn write(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    write_parts(path.as_ref(), [bytes])
}

/// As [`write`], with parts of the content one after another.
pub(crate) fn write_parts<'p>(path: &Path, parts: impl IntoIterator<Item = &'p [u8]>) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let mut builder = tempfile::Builder::new();
    // Named after the file, so that what a killed process leaves can be told.
    let prefix = path.file_name().map_or(".".into(), |name| format!(".{}.", name.display()));
    builder.prefix(&prefix);
    // By default a temporary file is private to its owner; the final file should have the permissions of any new file (the system applies
    // its umask).
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder).map_err(|e| Error::io(path, e))?;
    let mut parts = parts.into_iter();
    parts.try_for_each(|part| file.write_all(part)).map_err(|e| Error::io(path, e))?;
    file.as_file().sync_all().map_err(|e| Error::io(path, e))?;
    file.persist(path).map_err(|e| Error::io(path, e.error))?;
    // The new name, too, is to survive a power cut.
    #[cfg(unix)]
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| Error::io(folder, e))?;
    Ok(())
}

/// A file that is opened for writing, and made, with its folder, if it does not exist.
fn open(path: &Path) -> Result<std::fs::File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    std::fs::File::create(path).map_err(|e| Error::io(path, e))
}

/// The path of a file in the user's cache folder, if the system has one.
pub(crate) fn cached(name: &str) -> Option<PathBuf> {
    dirs::cache_dir().map(|folder| folder.join("autorot").join(name))
}

/// The content of a file.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_folders_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file.bin");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn leaves_nothing_behind_after_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir(&path).unwrap();
        let error = write(&path, b"content").unwrap_err().to_string();
        assert!(error.contains("taken"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

        let below_a_file = folder.path().join("file");
        write(&below_a_file, b"x").unwrap();
        let error = write(below_a_file.join("sub/plot.png"), b"x").unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
