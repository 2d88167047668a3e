//! The program's own wgpu device, which the network then lives on.

use autorot::wgpu;
use autorot::{Error, Fault, Result};

/// An adapter, opened with WebGPU's default limits.
pub struct Gpu {
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

impl Gpu {
    /// The adapter that `WGPU_ADAPTER_NAME` names, or else the best one that can draw to `surface`.
    pub fn open(instance: &wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self> {
        pollster::block_on(Self::open_async(instance, surface))
    }

    async fn open_async(instance: &wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self> {
        let adapter = wgpu::util::initialize_adapter_from_env_or_default(instance, surface).await;
        let adapter = adapter.map_err(|e| unavailable("gpu", e, "install a Vulkan, Metal or DX12 driver"))?;
        let name = adapter.get_info().name;
        let wanted = wgpu::DeviceDescriptor {
            label: Some("embed"),
            // Not needed: some kernels are faster with subgroups, and timestamps tell what a step takes.
            required_features: adapter.features()
                & (wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY),
            ..Default::default()
        };
        let opened = adapter.request_device(&wanted).await;
        let (device, queue) =
            opened.map_err(|e| unavailable(&name, e, "choose another adapter with WGPU_ADAPTER_NAME"))?;
        Ok(Self { adapter, device, queue })
    }
}

/// The error of something that is not there or cannot be opened.
pub fn unavailable(what: &str, reason: impl std::fmt::Display, remedy: &str) -> Error {
    Error::device(Fault::Unavailable, what, reason, remedy)
}

/// An instance of the backends that the environment allows.
pub fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}
