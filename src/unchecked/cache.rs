//! wgpu's caches of compiled pipelines, filled with what an earlier run left.

/// A cache, filled with what [`get_data`](wgpu::PipelineCache::get_data) gave in an earlier run, if anything; `None` where wgpu refuses it: data
/// of another device or driver, or a device without the feature.
pub(crate) fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> Option<wgpu::PipelineCache> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("autorot"), data, fallback: false };
    // SAFETY: data must come from `get_data`. These come from a file of the crate's own in the user's folder of caches, which is written
    // with nothing else, replaced as a whole, and read back only where its checksum and length are right; its name is that of the
    // class of adapters, and wgpu compares the adapter and the driver's own mark in the header, as the driver does in turn. What is left
    // is somebody who forges the file with a right checksum, and who could write to the user's other files as well.
    let cache = unsafe { device.create_pipeline_cache(&descriptor) };
    pollster::block_on(scope.pop()).is_none().then_some(cache)
}
