//! The available adapters: listed, ranked, opened.

use super::needs::{lacking, requested};
use crate::{Error, Fault, Result};

/// One adapter, as `adapters` reports it.
#[derive(Clone, Debug)]
pub struct AdapterReport {
    /// What wgpu reports: name, driver, backend, type.
    pub info: wgpu::AdapterInfo,
    /// Its maximum limits.
    pub limits: wgpu::Limits,
    /// The optional features it offers.
    pub features: wgpu::Features,
    /// What it lacks to be usable, if anything.
    pub lacks: Option<String>,
}

/// All adapters that wgpu finds and the environment allows, best first.
///
/// # Errors
/// A `WGPU_BACKEND` or `WGPU_POWER_PREF` without any known name.
#[cfg(not(target_family = "wasm"))]
pub fn adapters() -> Result<Vec<AdapterReport>> {
    pollster::block_on(adapters_async())
}

/// [`adapters`], for callers that may not block.
pub async fn adapters_async() -> Result<Vec<AdapterReport>> {
    let (adapters, _) = ranked().await?;
    let report = |a: wgpu::Adapter| AdapterReport {
        info: a.get_info(),
        limits: a.limits(),
        features: a.features(),
        lacks: lacking(&a.limits()),
    };
    Ok(adapters.into_iter().map(report).collect())
}

/// OpenGL renderers that run on the CPU but that wgpu reports as something else.
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
pub(super) async fn ranked() -> Result<(Vec<wgpu::Adapter>, String)> {
    let asked = |variable| std::env::var(variable).ok().filter(|value| !value.trim().is_empty());
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let enabled = wgpu::Instance::enabled_backend_features();
    let allowed = asked("WGPU_BACKEND").map(|value| backends(&value)).transpose()?;
    descriptor.backends = allowed.unwrap_or(wgpu::Backends::all()) & enabled;
    let low_power = asked("WGPU_POWER_PREF").map_or(Ok(false), |value| low_power(&value))?;
    if descriptor.backends.is_empty() {
        return Ok((Vec::new(), "WGPU_BACKEND allows none of this system's backends".to_owned()));
    }
    let note = format!("looked for {:?}", descriptor.backends);
    let mut adapters = Vec::new();
    for instance in instances(descriptor) {
        adapters.extend(instance.enumerate_adapters(enabled).await);
    }
    let name = std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default().to_ascii_lowercase();
    adapters.retain(|a| {
        a.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
            && a.get_info().name.to_ascii_lowercase().contains(&name)
    });
    adapters.sort_by_key(|a| rank(&a.get_info(), lacking(&a.limits()).is_none(), low_power));
    Ok((adapters, note))
}

/// The instances in which to look for adapters: one, or two where Vulkan's must not use Wayland. Mesa's layer that sorts Vulkan's
/// adapters looks for a Wayland display in every instance with Wayland, and libwayland prints errors if `XDG_RUNTIME_DIR`, in which
/// displays are found, is not set.
fn instances(descriptor: wgpu::InstanceDescriptor) -> Vec<wgpu::Instance> {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    if descriptor.backends.contains(wgpu::Backends::VULKAN)
        && !std::env::var_os("XDG_RUNTIME_DIR")
            .is_some_and(|folder| std::path::Path::new(&folder).is_absolute())
        && let Some(vulkan) = crate::unchecked::instance::vulkan_without_wayland(&descriptor)
    {
        let backends = descriptor.backends - wgpu::Backends::VULKAN;
        let others = wgpu::Instance::new(wgpu::InstanceDescriptor { backends, ..descriptor });
        return vec![vulkan, others];
    }
    vec![wgpu::Instance::new(descriptor)]
}

/// The backends that a value of `WGPU_BACKEND` names.
fn backends(value: &str) -> Result<wgpu::Backends> {
    let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = names.map(|name| match wgpu::Backends::from_comma_list(name) {
        none if none.is_empty() => {
            Err(unknown("WGPU_BACKEND", name, "vulkan, metal, dx12, gl, or several separated by commas"))
        }
        backends => Ok(backends),
    });
    known.collect()
}

/// Whether a value of `WGPU_POWER_PREF` prefers low power.
fn low_power(value: &str) -> Result<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "low" => Ok(true),
        "high" | "none" => Ok(false),
        _ => Err(unknown("WGPU_POWER_PREF", value, "low, high or none")),
    }
}

fn unknown(variable: &str, found: &str, expected: &str) -> Error {
    Error::invalid(variable, format!("{found:?}"), expected, "choose one of these, or unset the variable")
}

/// The sort key of an adapter, lowest best: usable ones first, then real ones before software, the other backends before OpenGL, then by
/// power.
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

/// Features that are used if an adapter offers them: in some kernel variants, and to keep compiled pipelines between runs.
const OPTIONAL: wgpu::Features = wgpu::Features::SUBGROUP.union(wgpu::Features::PIPELINE_CACHE);

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
    fn variables_that_name_nothing_are_errors_that_list_what_there_is() {
        let vulkan_or_gl = wgpu::Backends::VULKAN | wgpu::Backends::GL;
        for value in ["vulkan,gl", "Vulkan, GL", "vk,gles,"] {
            assert_eq!(backends(value).unwrap(), vulkan_or_gl, "{value}");
        }
        for (value, found) in [("vulcan", "vulcan"), ("vulkan,opencl", "opencl"), ("cpu", "cpu")] {
            let text = backends(value).unwrap_err().to_string();
            for part in ["WGPU_BACKEND", found, "vulkan, metal, dx12, gl"] {
                assert!(text.contains(part), "{text}");
            }
        }
        assert_eq!(["low", "HIGH", " none"].map(|value| low_power(value).unwrap()), [true, false, false]);
        let text = low_power("lowest").unwrap_err().to_string();
        assert!(text.contains("WGPU_POWER_PREF") && text.contains("low, high or none"), "{text}");
    }

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
