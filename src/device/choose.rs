//! Which device: by argument, by environment, or the best there is.

use super::Executor;
use super::cpu::Cpu;
use super::gpu::GpuExecutor;
use super::needs::{lacking, requested};
use super::pipelines::Gpu;
use super::tune::Tuning;
use crate::kernel::Traits;
use crate::{Error, Fault, Result};
use std::sync::Arc;
use web_time::Duration;

/// Where models train and predict: a GPU through wgpu, or the CPU.
///
/// [`Device::auto`] is right for most programs. Names, as arguments or in `AUTOROT_DEVICE`:
///
/// | name | device |
/// |---|---|
/// | `auto` | a real GPU if there is one, else the CPU |
/// | `gpu` | the best adapter: a real GPU, else a software one |
/// | `software` | a software adapter (Mesa's lavapipe, SwiftShader, WARP) |
/// | `cpu` | the CPU in f32 |
/// | `cpu-f64` | the CPU in f64: slow, for checks |
/// | anything else | the adapter whose name contains it |
///
/// wgpu's own `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`, `gl`), `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF`
/// (`low`, `high`) narrow the choice of adapters. An adapter of OpenGL comes after all of its kind that the others have. More in
/// [the page on devices](crate::docs::devices).
#[derive(Clone, Debug)]
pub struct Device {
    kind: Kind,
    why: String,
    variant: Option<&'static str>,
    traits: Option<Traits>,
    checked: bool,
    timeout: Duration,
}

/// How long a device may take for what is waited for, unless said otherwise: a software adapter may need minutes for a step.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
enum Kind {
    Cpu,
    CpuF64,
    Gpu(Arc<Gpu>),
}

impl Device {
    /// The device named by `AUTOROT_DEVICE`, or else a real GPU if there is one, or else the CPU. A software
    /// adapter is taken only when asked for.
    ///
    /// # Errors
    /// `AUTOROT_DEVICE` names a device that is not there, or a GPU is there but cannot be opened.
    #[cfg(not(target_family = "wasm"))]
    pub fn auto() -> Result<Self> {
        pollster::block_on(Self::auto_async())
    }

    /// [`Device::auto`], for callers that may not block.
    pub async fn auto_async() -> Result<Self> {
        match std::env::var("AUTOROT_DEVICE") {
            Ok(name) if !name.is_empty() => {
                let mut device = Self::named_async(&name).await?;
                if name != "auto" {
                    device.why = format!("AUTOROT_DEVICE={name}");
                }
                Ok(device)
            }
            _ => Self::best(false).await,
        }
    }

    /// The best adapter: a real GPU, else a software one.
    ///
    /// # Errors
    /// No adapter, or it cannot be opened.
    #[cfg(not(target_family = "wasm"))]
    pub fn gpu() -> Result<Self> {
        pollster::block_on(Self::named_async("gpu"))
    }

    /// The CPU in f32.
    pub fn cpu() -> Self {
        Self::new(Kind::Cpu, "asked for")
    }

    /// The CPU in f64: the oracle that checks are made against.
    pub fn cpu_f64() -> Self {
        Self::new(Kind::CpuF64, "asked for")
    }

    /// A device and a queue that the caller owns; handles are cheap to clone. No optional feature and
    /// no limit beyond `wgpu::Limits::default()` is needed. Kernel variants are not timed unless
    /// [`Device::with_tuning`] says so.
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self::new(Kind::Gpu(Arc::new(Gpu::new(device, queue, Tuning::Off))), "the caller's own")
    }

    fn new(kind: Kind, why: &str) -> Self {
        Self {
            kind,
            why: why.into(),
            variant: None,
            traits: None,
            checked: cfg!(debug_assertions),
            timeout: TIMEOUT,
        }
    }

    /// The device of this name; see the table above.
    ///
    /// # Errors
    /// No such device; the error lists those there are.
    #[cfg(not(target_family = "wasm"))]
    pub fn named(name: &str) -> Result<Self> {
        pollster::block_on(Self::named_async(name))
    }

    /// [`Device::named`], for callers that may not block.
    pub async fn named_async(name: &str) -> Result<Self> {
        let mut device = match name.to_ascii_lowercase().as_str() {
            "auto" => return Self::best(false).await,
            "cpu" => return Ok(Self::cpu()),
            "cpu-f64" | "cpu_f64" => return Ok(Self::cpu_f64()),
            "gpu" => return Self::best(true).await,
            "software" => Self::first(name, |info| info.device_type == wgpu::DeviceType::Cpu).await?,
            part => Self::first(name, |info| info.name.to_ascii_lowercase().contains(part)).await?,
        };
        device.why = format!("asked for {name:?}");
        Ok(device)
    }

    /// Takes this variant of every kernel that has it, instead of the adapter's choice: for tests and
    /// benchmarks. The results stay within the same tolerances.
    pub fn with_variant(mut self, variant: &'static str) -> Self {
        self.variant = Some(variant);
        self
    }

    /// Chooses kernel variants as if the adapter had these traits: for tests.
    pub fn with_traits(mut self, traits: Traits) -> Self {
        self.traits = Some(traits);
        self
    }

    /// Sets whether kernel variants are chosen by timing them. The default for devices that the crate opens is
    /// [`Tuning::from_env`]; a device that the caller owns is left in peace. No effect on a CPU. Models that were built before
    /// keep what they have.
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        if let Kind::Gpu(gpu) = &self.kind {
            self.kind = Kind::Gpu(Arc::new(Gpu::new(gpu.device.clone(), gpu.queue.clone(), tuning)));
        }
        self
    }

    /// Sets whether the driver checks every index in this crate's own shaders: default in debug builds only. The results are
    /// the same. Kernels from elsewhere are always checked.
    pub fn with_checks(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// Sets how long the device may take for what a call waits for, default 5 minutes; then the call fails with
    /// [`Fault::Timeout`](crate::Fault::Timeout). The device may still be at work on it, and what is asked of it next waits in turn. No
    /// effect on a CPU, and in browsers, where nothing waits. Models that were built before keep what they have.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The adapter's name, `cpu` or `cpu-f64`.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Cpu => "cpu".into(),
            Kind::CpuF64 => "cpu-f64".into(),
            Kind::Gpu(gpu) => title(gpu.info()),
        }
    }

    /// Why this device was taken.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What decides between kernel variants on a GPU.
    pub fn traits(&self) -> Traits {
        match &self.kind {
            Kind::Gpu(gpu) => self.traits.unwrap_or_else(|| gpu.traits()),
            _ => Traits::default(),
        }
    }

    /// The most bytes that a kernel can bind in one buffer; `None` on a CPU, which has no such limit.
    pub fn largest_binding(&self) -> Option<u64> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        Some(gpu.device.limits().max_storage_buffer_binding_size)
    }

    /// Bytes of the adapter's memory that all buffers on this device take, where the backend tells; `None` on a CPU. What one
    /// model counts itself is [`Model::device_bytes`](crate::Model::device_bytes).
    pub fn allocated_bytes(&self) -> Option<u64> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        gpu.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// The wgpu device and its queue, the caller's or those that were opened; `None` on a CPU. Handles are cheap to clone.
    pub fn wgpu(&self) -> Option<(&wgpu::Device, &wgpu::Queue)> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        Some((&gpu.device, &gpu.queue))
    }

    /// Runs `work`, which gives commands to a GPU, and returns what wgpu found wrong with it.
    pub(crate) fn watched<R>(&self, what: &str, work: impl FnOnce(&wgpu::Device) -> R) -> Result<R> {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.watched(what, || work(&gpu.device)),
            _ => Err(Error::invalid(what, self.name(), "a GPU", "use Device::from_wgpu")),
        }
    }

    /// Whether plans run through wgpu.
    pub fn is_gpu(&self) -> bool {
        matches!(self.kind, Kind::Gpu(_))
    }

    /// An executor of its own for one model.
    pub fn executor(&self) -> Box<dyn Executor> {
        match &self.kind {
            Kind::Cpu => Box::new(Cpu::<f32>::default()),
            Kind::CpuF64 => Box::new(Cpu::<f64>::default()),
            Kind::Gpu(gpu) => Box::new(GpuExecutor::new(
                gpu.clone(),
                self.variant,
                self.traits(),
                self.checked,
                self.timeout,
            )),
        }
    }

    async fn best(software_too: bool) -> Result<Self> {
        let device = Self::pick(software_too).await?;
        log::info!("device {}: {}", device.name(), device.why());
        Ok(device)
    }

    async fn pick(software_too: bool) -> Result<Self> {
        let (candidates, instance_note) = ranked().await;
        let software = candidates.iter().filter(|a| is_software(&a.get_info())).count();
        let asked = std::env::var("WGPU_ADAPTER_NAME").is_ok_and(|name| !name.is_empty());
        match candidates.into_iter().find(|a| software_too || asked || !is_software(&a.get_info())) {
            Some(adapter) => {
                let info = adapter.get_info();
                let why = if asked {
                    "WGPU_ADAPTER_NAME asks for it"
                } else if let Some(lack) = lacking(&adapter.limits()).filter(|_| !software_too) {
                    let why = format!("the GPU that wgpu finds, {}, cannot be used: {lack}", title(&info));
                    return Ok(Self { why, ..Self::cpu() });
                } else if is_software(&info) {
                    "the only adapters that wgpu finds and that suffice are software ones"
                } else if info.backend == wgpu::Backend::Gl {
                    "the best GPU that wgpu finds, which it finds through OpenGL alone"
                } else {
                    "the best GPU that wgpu finds"
                };
                open(adapter, why.into()).await
            }
            None if asked => Err(Error::invalid(
                "WGPU_ADAPTER_NAME",
                "a name that no adapter has",
                "part of an adapter's name",
                "unset it, or choose one that the example `devices` lists without it",
            )),
            None if software_too => Err(Error::device(
                Fault::Unavailable,
                "gpu",
                format!("no adapter found ({instance_note})"),
                "install a Vulkan, Metal, DX12 or OpenGL driver (for a software one on Debian: mesa-vulkan-drivers), or use \
                 AUTOROT_DEVICE=cpu",
            )),
            None => {
                let why = if software == 0 {
                    format!("wgpu finds no GPU ({instance_note})")
                } else {
                    "wgpu finds only a software adapter, which is taken only when asked for \
                     (AUTOROT_DEVICE=software)"
                        .to_owned()
                };
                Ok(Self { why, ..Self::cpu() })
            }
        }
    }

    async fn first(name: &str, wanted: impl Fn(&wgpu::AdapterInfo) -> bool) -> Result<Self> {
        let (candidates, _) = ranked().await;
        let known: Vec<String> = candidates.iter().map(|a| title(&a.get_info())).collect();
        match candidates.into_iter().find(|a| wanted(&a.get_info())) {
            Some(adapter) => open(adapter, String::new()).await,
            None => Err(Error::invalid(
                "device",
                format!("{name:?}"),
                format!(
                    "auto, gpu, software, cpu, cpu-f64 or part of an adapter's name ({})",
                    known.join(", ")
                ),
                "choose one of these; the example `devices` lists them",
            )),
        }
    }
}

/// Renderers of OpenGL that run on the CPU and that wgpu takes for something else.
const SOFTWARE: [&str; 2] = ["softpipe", "microsoft basic render driver"];

pub(super) fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = info.name.to_ascii_lowercase();
    info.device_type == wgpu::DeviceType::Cpu || SOFTWARE.iter().any(|part| name.contains(part))
}

/// An adapter's name and backend.
fn title(info: &wgpu::AdapterInfo) -> String {
    format!("{} ({})", info.name, info.backend)
}

/// The adapters that the environment allows, best first, and where they were looked for.
async fn ranked() -> (Vec<wgpu::Adapter>, String) {
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
async fn open(adapter: wgpu::Adapter, why: String) -> Result<Device> {
    let tuning = Tuning::from_env()?;
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
    let opened = adapter.request_device(&request).await;
    let (device, queue) = opened.map_err(|e| refused(Fault::Unavailable, e.to_string()))?;
    Ok(Device { why, ..Device::from_wgpu(device, queue).with_tuning(tuning) })
}

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
