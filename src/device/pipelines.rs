//! An open wgpu device, and the pipelines made for it.

use super::choose::is_software;
use super::needs::lacking;
use super::tune::{Choices, Tuning};
use crate::kernel::{Access, Kernel, Traits};
use crate::{Error, Fault, Result};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A wgpu device with its queue, and the pipelines made for it so far. Models on one device share it.
#[derive(Debug)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    pipelines: Mutex<HashMap<(String, bool), Pipeline>>,
    pub(super) choices: Choices,
}

#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
}

impl Gpu {
    /// Around a device and a queue that the caller owns. Nothing of them is configured or polled beyond what
    /// reading back, and timing variants where `tuning` asks for it, need; no optional feature or raised limit is required.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, tuning: Tuning) -> Self {
        let info = device.adapter_info();
        let wgpu::AdapterInfo { name, vendor, device: id, backend, driver, driver_info, .. } = &info;
        let section = format!("{name} {vendor:04x}:{id:04x} {backend} {driver} {driver_info}");
        Self { device, queue, info, pipelines: Mutex::default(), choices: Choices::new(section, tuning) }
    }

    /// What wgpu tells of the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// What decides between kernel variants.
    pub fn traits(&self) -> Traits {
        let Self { info, .. } = self;
        let fixed = info.subgroup_min_size == info.subgroup_max_size;
        let granted = self.device.features().contains(wgpu::Features::SUBGROUP);
        Traits {
            software: is_software(info),
            subgroup: if granted && fixed { info.subgroup_min_size } else { 0 },
        }
    }

    /// The pipeline of a kernel's variant, made on first use, with or without the driver's checks of every index.
    pub(super) fn pipeline(
        &self,
        kernel: &dyn Kernel,
        variant: usize,
        checked: bool,
        place: &str,
    ) -> Result<Pipeline> {
        let source = (kernel.source(variant), checked);
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = pipelines.get(&source) {
            return Ok(pipeline.clone());
        }
        // A device that the caller opened may have less than the crate would have asked for.
        if let Some(lack) = lacking(&self.device.limits()) {
            return Err(self.error(Fault::Unsupported, lack, "open the device with wgpu::Limits::default()"));
        }
        let refused =
            (Fault::Shader, "correct the kernel's shader; if it is autorot's own, report this as a bug");
        let made =
            self.scoped(place, [refused, refused], || self.make_pipeline(kernel, &source.0, checked))?;
        pipelines.insert(source, made.clone());
        Ok(made)
    }

    #[expect(unsafe_code, reason = "shaders of this crate, without the checks that untrusted ones need")]
    fn make_pipeline(&self, kernel: &dyn Kernel, source: &str, checked: bool) -> Pipeline {
        let label = Some(kernel.name());
        let entry = |binding: usize, kind| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty: kind, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(kernel.bindings().iter().enumerate().map(|(i, binding)| {
            entry(i + 1, wgpu::BufferBindingType::Storage { read_only: binding.access == Access::Read })
        }));
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
        let pipeline_layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let descriptor =
            wgpu::ShaderModuleDescriptor { label, source: wgpu::ShaderSource::Wgsl(source.into()) };
        let module = if checked {
            self.device.create_shader_module(descriptor)
        } else {
            // SAFETY: only kernels with `Trust::OWN`, which none outside of this crate can claim, come here: each index
            // is below the length in `lens`, to which the binding is cut, or clamped, whatever the buffers hold; each loop
            // ends. The kernel table runs all of them unchecked with guard words around every buffer.
            unsafe {
                self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
            }
        };
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            // Every kernel writes its workgroup memory before it reads it.
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { pipeline, layout }
    }

    /// Waits for everything submitted so far, or up to `submission`.
    pub(super) fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<(), wgpu::PollError> {
        loop {
            let all = wgpu::PollType::Wait { submission_index: submission.clone(), timeout: None };
            match self.device.poll(all) {
                // OpenGL waits for two seconds at most.
                Err(wgpu::PollError::Timeout) => {}
                done => return done.map(drop),
            }
        }
    }

    pub(super) fn error(&self, fault: Fault, reason: impl ToString, remedy: &str) -> Error {
        Error::device(fault, &self.info.name, reason, remedy)
    }

    /// Runs `work` and returns what wgpu found wrong with it. In a browser the answer comes later: there
    /// the errors reach the device's own handler instead.
    pub(super) fn watched<R>(&self, what: &str, work: impl FnOnce() -> R) -> Result<R> {
        let report = "report this as a bug of autorot or of the driver";
        self.scoped(what, [(Fault::Validation, report), (Fault::Internal, report)], work)
    }

    /// [`Gpu::watched`], with the faults that a misuse and a failure of the driver are, and what to do about them.
    fn scoped<R>(
        &self,
        what: &str,
        [misuse, failure]: [(Fault, &str); 2],
        work: impl FnOnce() -> R,
    ) -> Result<R> {
        let memory =
            (Fault::OutOfMemory, "use a smaller batch, Trainer::resident_bytes, or AUTOROT_DEVICE=cpu");
        let filters = [
            (wgpu::ErrorFilter::OutOfMemory, memory),
            (wgpu::ErrorFilter::Internal, failure),
            (wgpu::ErrorFilter::Validation, misuse),
        ];
        let scopes = filters.map(|(filter, fault)| (self.device.push_error_scope(filter), fault));
        let result = work();
        // The scope opened last is closed first; all are closed, also after an error.
        let found = scopes.into_iter().rev().filter_map(|(scope, (fault, remedy))| {
            ready(scope.pop()).flatten().map(|error| self.error(fault, format!("{what}: {error}"), remedy))
        });
        let found: Vec<_> = found.collect();
        found.into_iter().next().map_or(Ok(result), Err)
    }
}

/// The future's result, if it is there already.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
