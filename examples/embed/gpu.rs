//! The program's own wgpu device, which the network then uses.

use autorot::wgpu;
use autorot::{Error, Fault, Result};

/// An adapter, opened with WebGPU's default limits.
pub struct Gpu {
    pub adapter: wgpu::Adapter,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
}

impl Gpu {
    /// The best adapter that can draw to `surface`, of those whose names contain `WGPU_ADAPTER_NAME`.
    pub fn open(instance: &wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self> {
        pollster::block_on(Self::open_async(instance, surface))
    }

    async fn open_async(instance: &wgpu::Instance, surface: Option<&wgpu::Surface<'_>>) -> Result<Self> {
        let wanted = std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default().to_lowercase();
        let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
        adapters.retain(|adapter| {
            // The plot's vertices come from the net's parameters.
            let reads = wgpu::DownlevelFlags::COMPUTE_SHADERS | wgpu::DownlevelFlags::VERTEX_STORAGE;
            adapter.get_downlevel_capabilities().flags.contains(reads)
                && adapter.get_info().name.to_lowercase().contains(&wanted)
                && surface.is_none_or(|surface| adapter.is_surface_supported(surface))
        });
        let adapter = adapters.into_iter().min_by_key(|adapter| rank(&adapter.get_info()));
        let remedy =
            "install a driver for Vulkan, Metal, DX12 or OpenGL, or unset WGPU_ADAPTER_NAME and WGPU_BACKEND";
        let adapter = adapter.ok_or_else(|| unavailable("gpu", "no adapter found", remedy))?;
        let name = adapter.get_info().name;
        let wanted = wgpu::DeviceDescriptor {
            label: Some("embed"),
            // Optional: some GPU kernels are faster with subgroups, and timestamps measure steps.
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

/// Lower is better: OpenGL last, software after hardware.
fn rank(info: &wgpu::AdapterInfo) -> (bool, u8) {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (info.backend == wgpu::Backend::Gl, kind)
}

/// The error for something that does not exist or cannot be opened.
pub fn unavailable(what: &str, reason: impl std::fmt::Display, remedy: &str) -> Error {
    Error::device(Fault::Unavailable, what, reason, remedy)
}

/// An instance with the backends that the environment allows.
pub fn instance() -> wgpu::Instance {
    wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle_from_env())
}
