//! Bytes kept between runs, compressed and with a checksum, so that later changes are detected.

use super::write;
use crate::{Error, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// Writes `data` to `file`, whole or not at all.
///
/// # Errors
/// The file or its folder cannot be written.
pub(crate) fn write_packed(file: &Path, data: &[u8]) -> Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(data).and_then(|()| encoder.finish());
    write(file, &packed.map_err(|e| Error::io(file, e))?)
}

/// What [`write_packed`] wrote; `None` if there is no such file.
///
/// # Errors
/// The file cannot be read, or was changed.
pub(crate) fn read_packed(file: &Path) -> Result<Option<Vec<u8>>> {
    let packed = match std::fs::read(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| Error::io(file, e))?,
    };
    let mut data = Vec::new();
    match GzDecoder::new(&*packed).read_to_end(&mut data) {
        Ok(_) => Ok(Some(data)),
        Err(e) => Err(Error::invalid(
            file.display(),
            format!("{e}, in {} bytes", packed.len()),
            "the file as it was written",
            "delete it: it is only a cache, and is written again",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_was_changed_since_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep/cache.gz");
        assert_eq!(read_packed(&file).unwrap(), None);
        let data: Vec<u8> = (0..1000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
        write_packed(&file, &data).unwrap();
        assert_eq!(read_packed(&file).unwrap().as_ref(), Some(&data));
        let whole = std::fs::read(&file).unwrap();
        let mut spoilt = whole.clone();
        spoilt[whole.len() / 2] ^= 1;
        for bytes in [&spoilt, &whole[..whole.len() - 9], &b"no cache"[..]] {
            std::fs::write(&file, bytes).unwrap();
            let error = read_packed(&file).unwrap_err().to_string();
            assert!(error.contains("cache.gz"), "{error}");
        }
    }
}
