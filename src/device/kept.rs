//! wgpu's cache of compiled pipelines, kept in the user's folder of caches between runs.

use crate::unchecked::cache;
use crate::{Error, Result, store};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Where a device's cache is kept. The file is compressed, with a checksum, and replaced as a whole.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    /// How many pipelines there were when it was written last, and how many bytes they took.
    written: Mutex<(usize, usize)>,
}

/// The device's cache with what was kept of it, where the device has such caches and the system a folder for them. What cannot be read or
/// is of no use to this device is left out.
pub(super) fn load(device: &wgpu::Device) -> Option<(wgpu::PipelineCache, Kept)> {
    if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
        return None;
    }
    let name = wgpu::util::pipeline_cache_key(&device.adapter_info())?;
    let file = dirs::cache_dir()?.join("autorot").join(name + ".gz");
    let data = match read(&file) {
        Ok(data) => data,
        Err(error) => {
            log::warn!("the cache of pipelines is not used: {error}");
            None
        }
    };
    let made = data.as_deref().and_then(|data| {
        let made = cache::pipeline_cache(device, Some(data));
        if made.is_none() {
            let file = file.display();
            log::warn!("the cache of pipelines {file} is not used: it is another device's or driver's");
        }
        made
    });
    let size = if made.is_some() { data.map_or(0, |data| data.len()) } else { 0 };
    let cache = made.or_else(|| cache::pipeline_cache(device, None))?;
    Some((cache, Kept { file, written: Mutex::new((0, size)) }))
}

impl Kept {
    /// Writes the cache if there are more pipelines than before, and they are not in it already.
    pub(super) fn keep(&self, cache: &wgpu::PipelineCache, pipelines: usize) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.0 == pipelines {
            return;
        }
        written.0 = pipelines;
        let Some(data) = cache.get_data().filter(|data| data.len() != written.1) else { return };
        written.1 = data.len();
        if let Err(error) = write(&self.file, &data) {
            log::warn!("the cache of pipelines is not kept: {error}");
        }
    }
}

fn write(file: &Path, data: &[u8]) -> Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(data).and_then(|()| encoder.finish());
    store::write(file, &packed.map_err(|e| Error::io(file, e))?)
}

/// What was written; `None` where there is no such file.
fn read(file: &Path) -> Result<Option<Vec<u8>>> {
    let packed = match std::fs::read(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| Error::io(file, e))?,
    };
    let mut data = Vec::new();
    match GzDecoder::new(&*packed).read_to_end(&mut data) {
        Ok(_) => Ok(Some(data)),
        Err(e) => Err(Error::invalid(
            file.display(),
            e,
            "a cache of pipelines as it was written",
            "nothing: the file is written anew",
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
        assert_eq!(read(&file).unwrap(), None);
        let data: Vec<u8> = (0..1000u32).flat_map(|i| (i * i).to_le_bytes()).collect();
        write(&file, &data).unwrap();
        assert_eq!(read(&file).unwrap().as_ref(), Some(&data));
        let whole = std::fs::read(&file).unwrap();
        let mut spoilt = whole.clone();
        spoilt[whole.len() / 2] ^= 1;
        for bytes in [&spoilt, &whole[..whole.len() - 9], &b"no cache"[..]] {
            std::fs::write(&file, bytes).unwrap();
            let error = read(&file).unwrap_err().to_string();
            assert!(error.contains("cache.gz"), "{error}");
        }
    }
}
