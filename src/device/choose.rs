//! Which device: by argument, by environment, or the best there is.

use super::Executor;
use super::adapters::{is_software, open, ranked, title};
use super::compiled::{Compiled, Pipeline, Shader};
use super::cpu::Cpu;
use super::gpu::GpuExecutor;
use super::kept;
use super::needs::lacking;
use super::pipelines::Gpu;
use super::prepare::Prepare;
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
/// (`low`, `high`) narrow the choice of adapters; a value that they do not know is an error. An adapter of OpenGL comes after all of its kind that the others have. More in
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
    /// `AUTOROT_DEVICE` names a device that is not there, another of the variables below has a value that it cannot take, or a GPU
    /// is there but cannot be opened.
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
    /// No adapter, or it cannot be opened; a `WGPU_BACKEND` or `WGPU_POWER_PREF` that names nothing known.
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
    ///
    /// Whether the device has what kernels need, and whether the queue is its own, is found out and said by what is made on it first,
    /// such as [`Sequential::build`](crate::Sequential::build).
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let compiled = Arc::new(Compiled::new(device.clone()));
        Self::around(compiled, device, queue, Tuning::Off)
    }

    /// [`Device::from_wgpu`], sharing compiled kernels with all others that were made by this function of the same wgpu device and are
    /// still there, wherever in the process. Clones of one [`Device`] share them anyway: this is for parts of a program that
    /// do not know of each other. It keeps a list of such devices, which holds none of them alive: the only state of the crate's that is global.
    pub fn from_wgpu_shared(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let compiled = Compiled::shared(&device);
        Self::around(compiled, device, queue, Tuning::Off)
    }

    fn around(compiled: Arc<Compiled>, device: wgpu::Device, queue: wgpu::Queue, tuning: Tuning) -> Self {
        let gpu = Gpu::sharing(compiled, device, queue, tuning);
        Self::new(Kind::Gpu(Arc::new(gpu)), "the caller's own")
    }

    /// The same device, its kernels compiled through a cache of the caller's, which is the caller's to load and to save; it needs
    /// `Features::PIPELINE_CACHE`, and must be made on this device. Kernels that were compiled before are not shared any more. Devices
    /// that the crate opens have one already, kept in the user's folder of caches. No effect on a CPU.
    pub fn with_pipeline_cache(mut self, cache: wgpu::PipelineCache) -> Self {
        if let Kind::Gpu(gpu) = &self.kind {
            let compiled = Arc::new(Compiled::with(gpu.device.clone(), Some(cache), None));
            self.kind = Kind::Gpu(Arc::new(gpu.with(compiled, gpu.choices.tuning().clone())));
        }
        self
    }

    /// Compiles kernels before they are needed, a few at a time or on another thread: see [`Prepare`].
    pub fn prepare(&self) -> Prepare {
        Prepare::new(self.gpu_executor())
    }

    /// How many kernels are compiled on this device so far, by all that share them; 0 on a CPU, where there is nothing to compile.
    pub fn compiled(&self) -> usize {
        let Kind::Gpu(gpu) = &self.kind else { return 0 };
        gpu.compiled.count()
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
            self.kind = Kind::Gpu(Arc::new(gpu.with(gpu.compiled.clone(), tuning)));
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

    /// The pipeline of a shader that is no kernel of a plan, made on first use.
    pub(crate) fn shader(&self, shader: &Shader) -> Result<Pipeline> {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.shader(shader),
            _ => Err(self.no_gpu(shader.name)),
        }
    }

    fn no_gpu(&self, what: &str) -> Error {
        Error::invalid(what, self.name(), "a GPU", "use Device::from_wgpu")
    }

    /// Runs `work`, which gives commands to a GPU, and returns what wgpu found wrong with it.
    pub(crate) fn watched<R>(&self, what: &str, work: impl FnOnce(&wgpu::Device) -> R) -> Result<R> {
        match &self.kind {
            Kind::Gpu(gpu) => {
                gpu.check()?;
                gpu.watched(what, || work(&gpu.device))
            }
            _ => Err(self.no_gpu(what)),
        }
    }

    /// Refuses a texture that was destroyed or is another device's.
    pub(crate) fn accepts_texture(&self, what: &str, texture: &wgpu::Texture) -> Result<()> {
        let Kind::Gpu(gpu) = &self.kind else { return Ok(()) };
        gpu.accepts_texture(what, texture)
    }

    /// Whether plans run through wgpu.
    pub fn is_gpu(&self) -> bool {
        matches!(self.kind, Kind::Gpu(_))
    }

    /// An executor of its own for one model.
    pub fn executor(&self) -> Box<dyn Executor> {
        match (&self.kind, self.gpu_executor()) {
            (_, Some(gpu)) => Box::new(gpu),
            (Kind::CpuF64, _) => Box::new(Cpu::<f64>::default()),
            _ => Box::new(Cpu::<f32>::default()),
        }
    }

    fn gpu_executor(&self) -> Option<GpuExecutor> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        Some(GpuExecutor::new(gpu.clone(), self.variant, self.traits(), self.checked, self.timeout))
    }

    async fn best(software_too: bool) -> Result<Self> {
        let device = Self::pick(software_too).await?;
        log::info!("device {}: {}", device.name(), device.why());
        Ok(device)
    }

    async fn pick(software_too: bool) -> Result<Self> {
        let (candidates, instance_note) = ranked().await?;
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
                Self::opened(adapter, why).await
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
        let (candidates, _) = ranked().await?;
        let known: Vec<String> = candidates.iter().map(|a| title(&a.get_info())).collect();
        match candidates.into_iter().find(|a| wanted(&a.get_info())) {
            Some(adapter) => Self::opened(adapter, "").await,
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

    async fn opened(adapter: wgpu::Adapter, why: &str) -> Result<Self> {
        let tuning = Tuning::from_env()?;
        let (device, queue) = open(adapter).await?;
        let compiled = match kept::load(&device) {
            Some((cache, kept)) => Compiled::with(device.clone(), Some(cache), Some(kept)),
            None => Compiled::new(device.clone()),
        };
        Ok(Self { why: why.into(), ..Self::around(Arc::new(compiled), device, queue, tuning) })
    }
}
