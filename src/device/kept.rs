//! wgpu's cache of compiled pipelines, kept in the user's cache folder between runs.

use crate::store;
use crate::unchecked::cache;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Where a device's cache is kept. The file is compressed, with a checksum, and replaced as a whole.
#[derive(Debug)]
pub(super) struct Kept {
    file: PathBuf,
    /// The number of pipelines at the last write, and their size in bytes.
    written: Mutex<(usize, usize)>,
}

/// The device's cache with its kept content, if the device supports caches and the system has a folder for them. Content that cannot be
/// read or does not fit this device is ignored.
pub(super) fn load(device: &wgpu::Device) -> Option<(wgpu::PipelineCache, Kept)> {
    if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
        return None;
    }
    let name = wgpu::util::pipeline_cache_key(&device.adapter_info())?;
    let file = store::cached(&(name + ".gz"))?;
    let data = match store::read_packed(&file) {
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
    /// Writes the cache if there are more pipelines than before and they are not already in it.
    pub(super) fn keep(&self, cache: &wgpu::PipelineCache, pipelines: usize) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.0 == pipelines {
            return;
        }
        written.0 = pipelines;
        let Some(data) = cache.get_data().filter(|data| data.len() != written.1) else { return };
        written.1 = data.len();
        if let Err(error) = store::write_packed(&self.file, &data) {
            log::warn!("the cache of pipelines is not kept: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dense, Device, Sequential};

    #[test]
    #[cfg(target_os = "linux")]
    #[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
    fn a_callers_cache_is_taken_and_one_of_other_data_is_not_made() {
        let opened = Device::gpu().unwrap();
        let (device, queue) = opened.wgpu().unwrap();
        let vulkan = device.adapter_info().backend == wgpu::Backend::Vulkan;
        assert_eq!(
            device.features().contains(wgpu::Features::PIPELINE_CACHE),
            vulkan,
            "Vulkan alone has caches"
        );
        if !vulkan {
            return;
        }
        assert!(cache::pipeline_cache(device, Some(&[7; 500])).is_none());
        let cache = cache::pipeline_cache(device, None).unwrap();
        let predict = |device: &Device| {
            let net = Sequential::new([3]).add(Dense::new(2));
            net.build(device, 1).and_then(|mut model| model.predict(&[0.1, 0.2, 0.3])).unwrap()
        };
        let own = Device::from_wgpu(device.clone(), queue.clone());
        let cached = own.clone().with_pipeline_cache(cache.clone());
        assert_eq!(predict(&cached), predict(&own));
        assert!(cached.compiled() > 0);
        let data = cache.get_data().unwrap();
        assert!(cache::pipeline_cache(device, Some(&data)).is_some());
    }
}
