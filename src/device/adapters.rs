//! The adapters that there are: listed, ranked, opened.

use super::needs::{lacking, requested};
use crate::{Error, Fault, Result};

/// One adapter, as `adapters` reports it.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// What wgpu tells: name, driver, backend, type.
    pub info: wgpu::AdapterInfo,
    /// What it can do at most.
    pub limits: wgpu::Limits,
    /// The optional features it offers.
    pub features: wgpu::Features,
    /// What it lacks to be used, if anything.
    pub lacks: Option<String>,
}

/// All adapters that wgpu finds and the environment allows, best first.
#[cfg(not(target_family = "wasm"))]
pub fn adapters() -> Vec<AdapterReport> {
    let (adapters, _) = pollster::block_on(ranked());
    let report = |a: wgpu::Adapter| AdapterReport {
        info: a.get_info(),
        limits: a.limits(),
        features: a.features(),
        lacks: lacking(&a.limits()),
    };
    adapters.into_iter().map(report).collect()
}

/// Renderers of OpenGL that run on the CPU and that wgpu takes for something else.
const SOFTWARE: [&str; 2] = ["softpipe", "microsoft basic render driver"];

pub(super) fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = info.name.to_ascii_lowercase();
    info.device_type == wgpu::DeviceType::Cpu || SOFTWARE.iter().any(|part| name.contains(part))
}

/// An adapter's name and backend.
pub(super) fn title(info: &wgpu::AdapterInfo) -> String {
    format!("{} ({})", info.name, info.backend)
}

/// The adapters that the environment allows, best first, and where they were looked for.
pub(super) async fn ranked() -> (Vec<wgpu::Adapter>, String) {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let backends = descriptor.backends & wgpu::Instance::enabled_backend_features();
    let note = format!("looked for {backends:?}");
    if backends.is_empty() {
        return (Vec::new(), note);
    }
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = instance.enumerate_adapters(backends).await;
    let name = std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default().to_ascii_lowercase();
    adapters.retain(|a| {
        a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && a.get_info().name.to_ascii_lowercase().contains(&name)
    });
    let low_power = wgpu::PowerPreference::from_env() == Some(wgpu::PowerPreference::LowPower);
    adapters.sort_by_key(|a| rank(&a.get_info(), lacking(&a.limits()).is_none(), low_power));
    (adapters, note)
}

/// The place of an adapter, lowest best: those that can be used before others, real ones before software, the other
/// backends before OpenGL, then by power.
fn rank(info: &wgpu::AdapterInfo, usable: bool, low_power: bool) -> (bool, bool, bool, u8) {
    let power = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => u8::from(low_power),
        wgpu::DeviceType::IntegratedGpu => u8::from(!low_power),
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (!usable, is_software(info), info.backend == wgpu::Backend::Gl, power)
}

/// Features that some kernel variants use where an adapter offers them.
const OPTIONAL: wgpu::Features = wgpu::Features::SUBGROUP;

/// Opens an adapter with WebGPU's default limits, or what it has of them, except that buffers may be as large as it allows.
pub(super) async fn open(adapter: wgpu::Adapter) -> Result<(wgpu::Device, wgpu::Queue)> {
    let refused = |fault, reason: String| {
        let remedy = "choose another adapter with AUTOROT_DEVICE, or use AUTOROT_DEVICE=cpu";
        Error::device(fault, title(&adapter.get_info()), reason, remedy)
    };
    if let Some(lack) = lacking(&adapter.limits()) {
        return Err(refused(Fault::Unsupported, lack));
    }
    let request = wgpu::DeviceDescriptor {
        label: Some("autorot"),
        required_features: adapter.features() & OPTIONAL,
        required_limits: requested(&adapter.limits()),
        memory_hints: wgpu::MemoryHints::Performance,
        ..Default::default()
    };
    adapter.request_device(&request).await.map_err(|e| refused(Fault::Unavailable, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgpu::{AdapterInfo, Backend, DeviceType};

    #[test]
    fn opengl_comes_after_the_others_of_its_kind_and_what_lacks_something_last() {
        let info =
            |kind, backend, name: &str| AdapterInfo { name: name.into(), ..AdapterInfo::new(kind, backend) };
        let order = [
            (info(DeviceType::DiscreteGpu, Backend::Vulkan, "a"), true),
            (info(DeviceType::IntegratedGpu, Backend::Dx12, "b"), true),
            (info(DeviceType::Other, Backend::Gl, "a"), true),
            (info(DeviceType::Cpu, Backend::Vulkan, "llvmpipe"), true),
            (info(DeviceType::Other, Backend::Gl, "softpipe"), true),
            (info(DeviceType::DiscreteGpu, Backend::Metal, "c"), false),
        ];
        let ranks = order.map(|(info, usable)| rank(&info, usable, false));
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    }
}
