//! wgpu's caches of compiled pipelines, filled with data from an earlier run.

/// A cache, filled with what [`get_data`](wgpu::PipelineCache::get_data) returned in an earlier run, if anything; `None` if wgpu refuses
/// it: data of another device or driver, or a device without the feature.
pub(crate) fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> Option<wgpu::PipelineCache> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("autorot"), data, fallback: false };
    // SAFETY: data must come from `get_data`. They come from the crate's own file in the user's cache folder, which holds nothing else,
    // is replaced as a whole, and is used only if its checksum and length are right. Its name is that of the class of adapters; wgpu
    // compares the adapter and the driver's own mark in the header, as does the driver. The remaining risk is somebody who forges the
    // file with a valid checksum, and who could write to the user's other files as well.
    let cache = unsafe { device.create_pipeline_cache(&descriptor) };
    pollster::block_on(scope.pop()).is_none().then_some(cache)
}
