//! Telling files apart without reading all of them.

use crate::{Error, Result};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// How many stretches of a file are looked at, and how long each is.
const STRETCHES: u64 = 256;
const LEN: u64 = 4096;

/// What tells a file from others: its length, and FNV-1a over stretches of 4 KiB spread evenly over it, all of it up to 1 MiB.
///
/// # Errors
/// [`Error::Io`] naming the file.
pub(crate) fn fingerprint(path: &Path) -> Result<String> {
    let failed = |e| Error::io(path, e);
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let len = file.metadata().map_err(failed)?.len();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let stride = (len / STRETCHES).max(LEN);
    let mut at = 0;
    while at < len {
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        let mut bytes = Vec::new();
        (&mut file).take(LEN).read_to_end(&mut bytes).map_err(failed)?;
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        at += stride;
    }
    Ok(format!("{len} bytes, {hash:016x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_have_other_fingerprints() {
        let folder = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let path = folder.path().join("file");
            std::fs::write(&path, bytes).unwrap();
            fingerprint(&path).unwrap()
        };
        let mut bytes = vec![7; 5000];
        let first = of(&bytes);
        assert_eq!(first, of(&bytes));
        bytes[4999] = 8;
        assert_ne!(first, of(&bytes));
        assert_ne!(first, of(&bytes[..4999]));
        assert!(fingerprint(Path::new("no such file")).is_err());
    }
}
