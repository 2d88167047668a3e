//! Choosing a device: by argument, by environment, or the best available.

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
#[cfg(not(target_family = "wasm"))]
use std::collections::BTreeMap;
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
/// wgpu's own `WGPU_BACKEND` (`vulkan`, `metal`, `dx12`, `gl`), `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF` (`low`, `high`) narrow the
/// choice of adapters; an unknown value is an error. OpenGL adapters come after those of the same kind on other backends. More in
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

/// The default time limit for waiting on a device: a software adapter may need minutes for a step.
const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
enum Kind {
    Cpu,
    CpuF64,
    Gpu(Arc<Gpu>),
}

impl Device {
    /// The device named by `AUTOROT_DEVICE`, or else a real GPU if there is one, or else the CPU. A software adapter is taken only when
    /// asked for.
    ///
    /// # Errors
    /// `AUTOROT_DEVICE` names a device that does not exist, one of wgpu's variables has an invalid value, or there is a GPU but it cannot
    /// be opened.
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
    /// No adapter, or it cannot be opened; a `WGPU_BACKEND` or `WGPU_POWER_PREF` without any known name.
    #[cfg(not(target_family = "wasm"))]
    pub fn gpu() -> Result<Self> {
        pollster::block_on(Self::named_async("gpu"))
    }

    /// The real GPU of this number among those that wgpu finds, best first, round and round; `None` if there is none. A GPU that two
    /// interfaces reach counts once.
    ///
    /// # Errors
    /// It cannot be opened.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn gpu_of(number: usize) -> Result<Option<Self>> {
        pollster::block_on(async {
            let (candidates, _) = ranked().await?;
            let real = candidates
                .into_iter()
                .filter(|a| !is_software(&a.get_info()) && lacking(&a.limits()).is_none());
            let mut gpus: Vec<wgpu::Adapter> = real.collect();
            if let Some(first) = gpus.first().map(|a| a.get_info().backend) {
                gpus.retain(|a| a.get_info().backend == first);
            }
            if gpus.is_empty() {
                return Ok(None);
            }
            let count = gpus.len();
            let adapter = gpus.swap_remove(number % count);
            Self::opened(adapter, &format!("GPU {} of {count}", number % count)).await.map(Some)
        })
    }

    /// The CPU in f32.
    pub fn cpu() -> Self {
        Self::new(Kind::Cpu, "asked for")
    }

    /// The CPU in f64: the reference for checks.
    pub fn cpu_f64() -> Self {
        Self::new(Kind::CpuF64, "asked for")
    }

    /// A device and a queue that the caller owns; handles are cheap to clone. No optional feature and no limit beyond
    /// `wgpu::Limits::default()` is needed. Kernel variants are not timed unless [`Device::with_tuning`] says so.
    ///
    /// Whether the device has what kernels need, and whether the queue belongs to it, is checked by whatever is made on it first, such as
    /// [`Sequential::build`](crate::Sequential::build).
    pub fn from_wgpu(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let compiled = Arc::new(Compiled::new(device.clone()));
        Self::around(compiled, device, queue, Tuning::Off)
    }

    /// [`Device::from_wgpu`], sharing compiled kernels with all existing devices in the process that this function made from the same
    /// wgpu device. Clones of one [`Device`] share them anyway: this is for parts of a program that do not know of each other. It keeps a
    /// list of weak references to such devices, which is the crate's only global state.
    pub fn from_wgpu_shared(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let compiled = Compiled::shared(&device);
        Self::around(compiled, device, queue, Tuning::Off)
    }

    fn around(compiled: Arc<Compiled>, device: wgpu::Device, queue: wgpu::Queue, tuning: Tuning) -> Self {
        let gpu = Gpu::sharing(compiled, device, queue, tuning);
        Self::new(Kind::Gpu(Arc::new(gpu)), "the caller's own")
    }

    /// The same device, compiling its kernels through the caller's cache, which the caller loads and saves; it needs
    /// `Features::PIPELINE_CACHE`, and must be made on this device. Kernels compiled earlier are no longer shared. Devices that the crate
    /// opens already have a cache, kept in the user's cache folder. No effect on a CPU.
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

    /// The number of kernels compiled on this device so far, by all that share them; 0 on a CPU, where there is nothing to compile.
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

    /// The device with this name; see the table above.
    ///
    /// # Errors
    /// No such device; the error lists the available ones.
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

    /// Uses this variant of every kernel that has it, instead of the adapter's choice: for tests and benchmarks. The results stay within
    /// the same tolerances.
    pub fn with_variant(mut self, variant: &'static str) -> Self {
        self.variant = Some(variant);
        self
    }

    /// Chooses kernel variants as if the adapter had these traits: for tests.
    pub fn with_traits(mut self, traits: Traits) -> Self {
        self.traits = Some(traits);
        self
    }

    /// Sets whether kernel variants are chosen by timing them. The default for devices that the crate opens is [`Tuning::from_env`]; on a
    /// device that the caller owns nothing is timed by default. No effect on a CPU. Models built earlier are not affected.
    pub fn with_tuning(mut self, tuning: Tuning) -> Self {
        if let Kind::Gpu(gpu) = &self.kind {
            self.kind = Kind::Gpu(Arc::new(gpu.with(gpu.compiled.clone(), tuning)));
        }
        self
    }

    /// The word for its tuning, and the variants that it has given models so far, by problem.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn tuned(&self) -> (&'static str, BTreeMap<String, String>) {
        match &self.kind {
            Kind::Gpu(gpu) => (gpu.choices.tuning().word(), gpu.choices.given()),
            _ => (Tuning::Off.word(), BTreeMap::new()),
        }
    }

    /// Sets whether the driver checks every index in this crate's own shaders: by default in debug builds only. The results are the same.
    /// Kernels from elsewhere are always checked.
    pub fn with_checks(mut self, checked: bool) -> Self {
        self.checked = checked;
        self
    }

    /// Sets how long a call may wait for the device, by default 5 minutes; after that it fails with
    /// [`Fault::Timeout`](crate::Fault::Timeout). The device may still be working, and further work then waits in turn. No effect on a
    /// CPU, nor in browsers, where nothing waits. Models built earlier are not affected.
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

    /// Why this device was chosen.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The properties that decide between kernel variants on a GPU.
    pub fn traits(&self) -> Traits {
        match &self.kind {
            Kind::Gpu(gpu) => self.traits.unwrap_or_else(|| gpu.traits()),
            _ => Traits::default(),
        }
    }

    /// The maximum size in bytes of one buffer binding; `None` on a CPU, which has no such limit.
    pub fn largest_binding(&self) -> Option<u64> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        Some(gpu.device.limits().max_storage_buffer_binding_size)
    }

    /// The adapter memory in bytes used by all buffers on this device, if the backend reports it; `None` on a CPU. For a single model's
    /// own count see [`Model::device_bytes`](crate::Model::device_bytes).
    pub fn allocated_bytes(&self) -> Option<u64> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        gpu.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// The wgpu device and its queue, whether the caller's or opened by the crate; `None` on a CPU. Handles are cheap to clone.
    pub fn wgpu(&self) -> Option<(&wgpu::Device, &wgpu::Queue)> {
        let Kind::Gpu(gpu) = &self.kind else { return None };
        Some((&gpu.device, &gpu.queue))
    }

    /// The pipeline of a shader that is not a kernel of a plan, made on first use.
    pub(crate) fn shader(&self, shader: &Shader) -> Result<Pipeline> {
        match &self.kind {
            Kind::Gpu(gpu) => gpu.shader(shader),
            _ => Err(self.no_gpu(shader.name)),
        }
    }

    fn no_gpu(&self, what: &str) -> Error {
        Error::invalid(what, self.name(), "a GPU", "use Device::from_wgpu")
    }

    /// Runs `work`, which issues GPU commands, and returns the errors that wgpu reports.
    pub(crate) fn watched<R>(&self, what: &str, work: impl FnOnce(&wgpu::Device) -> R) -> Result<R> {
        match &self.kind {
            Kind::Gpu(gpu) => {
                gpu.check()?;
                gpu.watched(what, || work(&gpu.device))
            }
            _ => Err(self.no_gpu(what)),
        }
    }

    /// Refuses a texture that was destroyed or belongs to another device.
    pub(crate) fn accepts_texture(&self, what: &str, texture: &wgpu::Texture) -> Result<()> {
        let Kind::Gpu(gpu) = &self.kind else { return Ok(()) };
        gpu.accepts_texture(what, texture)
    }

    /// Whether plans run through wgpu.
    pub fn is_gpu(&self) -> bool {
        matches!(self.kind, Kind::Gpu(_))
    }

    /// A new executor for one model.
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
                    "wgpu finds only software adapters that are sufficient"
                } else if info.backend == wgpu::Backend::Gl {
                    "the best GPU that wgpu finds, and only through OpenGL"
                } else {
                    "the best GPU that wgpu finds"
                };
                Self::opened(adapter, why).await
            }
            None if asked => Err(Error::invalid(
                "WGPU_ADAPTER_NAME",
                "a name that matches no adapter",
                "part of an adapter's name",
                "unset it, or choose one that the example `devices` lists when it is unset",
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
