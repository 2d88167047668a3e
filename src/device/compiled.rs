//! The pipelines made for a wgpu device.

use super::identity::same;
use super::kept::Kept;
use crate::Result;
use crate::kernel::{Access, Kernel};
use crate::unchecked::shader;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

/// A shader that is not a kernel of a plan, since its bindings do not occur in plans.
#[derive(Clone, Debug)]
pub(crate) struct Shader {
    pub(crate) name: &'static str,
    /// Its WGSL, with the entry point `main`.
    pub(crate) source: String,
    pub(crate) bindings: Vec<wgpu::BindingType>,
}

/// The source of a pipeline: the shader, and whether the driver checks every index.
type Source = (String, bool);

/// A pipeline that is made, or is being made by whoever holds the lock.
type Cell = Arc<Mutex<Option<Pipeline>>>;

/// The pipelines made for one wgpu device so far.
#[derive(Debug)]
pub(super) struct Compiled {
    device: wgpu::Device,
    cells: Mutex<HashMap<Source, Cell>>,
    count: AtomicUsize,
    cache: Option<wgpu::PipelineCache>,
    /// Where the cache is kept between runs.
    kept: Option<Kept>,
}

/// The pipelines of devices that asked to share them, as long as one of these devices exists.
static SHARED: Mutex<Vec<Weak<Compiled>>> = Mutex::new(Vec::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Compiled {
    pub(super) fn new(device: wgpu::Device) -> Self {
        Self::with(device, None, None)
    }

    /// With wgpu's pipeline cache, which may be kept between runs.
    pub(super) fn with(device: wgpu::Device, cache: Option<wgpu::PipelineCache>, kept: Option<Kept>) -> Self {
        Self { device, cells: Mutex::default(), count: AtomicUsize::new(0), cache, kept }
    }

    /// The pipelines that others already share on this wgpu device, or new ones to share.
    pub(super) fn shared(device: &wgpu::Device) -> Arc<Self> {
        let mut all = locked(&SHARED);
        all.retain(|one| one.strong_count() > 0);
        // Handles of two instances may be equal without belonging to the same device.
        let of_device = |one: &Arc<Self>| one.device == *device && same(&one.device, device);
        all.iter().filter_map(Weak::upgrade).find(of_device).unwrap_or_else(|| {
            let new = Arc::new(Self::new(device.clone()));
            all.push(Arc::downgrade(&new));
            new
        })
    }

    /// The number of pipelines.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether the pipeline of a kernel's variant was made before.
    pub(super) fn has(&self, kernel: &dyn Kernel, variant: usize, checked: bool) -> bool {
        let cell = locked(&self.cells).get(&(kernel.source(variant), checked)).cloned();
        cell.is_some_and(|cell| locked(&cell).is_some())
    }

    /// The pipeline of a kernel's variant; if there is none, `watch` must run the closure that makes it. Others can be made meanwhile.
    pub(super) fn get(
        &self,
        kernel: &dyn Kernel,
        variant: usize,
        checked: bool,
        watch: impl FnOnce(&dyn Fn() -> Pipeline) -> Result<Pipeline>,
    ) -> Result<Pipeline> {
        let buffer = |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
        let make = || {
            let mut bindings = vec![buffer(wgpu::BufferBindingType::Uniform)];
            bindings.extend(kernel.bindings().iter().map(|binding| {
                let read_only = binding.access == Access::Read;
                buffer(wgpu::BufferBindingType::Storage { read_only })
            }));
            self.make(kernel.name(), &bindings, &shader::module(&self.device, kernel, variant, checked))
        };
        self.once((kernel.source(variant), checked), || watch(&make))
    }

    /// The same for another shader, whose indices the driver checks.
    pub(super) fn get_shader(
        &self,
        shader: &Shader,
        watch: impl FnOnce(&dyn Fn() -> Pipeline) -> Result<Pipeline>,
    ) -> Result<Pipeline> {
        let make = || {
            let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(shader.name),
                source: wgpu::ShaderSource::Wgsl(shader.source.as_str().into()),
            });
            self.make(shader.name, &shader.bindings, &module)
        };
        self.once((shader.source.clone(), true), || watch(&make))
    }

    /// The pipeline made earlier from this source, or the result of `make`.
    fn once(&self, source: Source, make: impl FnOnce() -> Result<Pipeline>) -> Result<Pipeline> {
        let cell = locked(&self.cells).entry(source).or_default().clone();
        let mut place = locked(&cell);
        if let Some(pipeline) = &*place {
            return Ok(pipeline.clone());
        }
        let made = make()?;
        *place = Some(made.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(made)
    }

    /// Saves the cache where it is kept, if anywhere.
    pub(super) fn keep(&self) {
        if let (Some(cache), Some(kept)) = (&self.cache, &self.kept) {
            kept.keep(cache, self.count());
        }
    }

    fn make(&self, name: &str, bindings: &[wgpu::BindingType], module: &wgpu::ShaderModule) -> Pipeline {
        let label = Some(name);
        let entries: Vec<_> = (0..)
            .zip(bindings)
            .map(|(binding, &ty)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module,
            entry_point: Some("main"),
            // Every kernel writes its workgroup memory before reading it.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: self.cache.as_ref(),
        });
        Pipeline { pipeline, layout }
    }
}
