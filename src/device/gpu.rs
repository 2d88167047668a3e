//! The GPU executor: one compute pass for a step, everything it needs built beforehand.

use super::pipelines::{Gpu, Pipeline};
use super::{Executor, Pending, Program, Programs, Values};
use crate::kernel::{Element, Kernel};
use crate::plan::{Home, Op, Plan, View};
use crate::{Error, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug)]
struct Shared {
    buffer: wgpu::Buffer,
    element: Element,
    len: usize,
}

#[derive(Debug)]
struct BoundOp {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

#[derive(Debug)]
struct Bound {
    name: String,
    ops: Vec<BoundOp>,
    /// Each plan buffer's buffer on the device.
    buffers: Vec<wgpu::Buffer>,
}

/// Executes plans on a GPU.
#[derive(Debug)]
pub(crate) struct GpuExecutor {
    gpu: Arc<Gpu>,
    shared: HashMap<String, Shared>,
    /// Scratch slots, used by all programs in turn. A later program may replace a slot by a larger one.
    scratch: Vec<wgpu::Buffer>,
    staging: Staging,
    programs: Programs<Bound>,
    /// The variant to take for every kernel that has it, instead of the adapter's choice.
    variant: Option<&'static str>,
    checked: bool,
}

/// Bytes handed to the queue at a time: it keeps a copy until it is submitted.
const UPLOAD: usize = 16 << 20;

impl GpuExecutor {
    pub(crate) fn new(gpu: Arc<Gpu>, variant: Option<&'static str>, checked: bool) -> Self {
        Self {
            gpu,
            shared: HashMap::new(),
            scratch: Vec::new(),
            staging: Staging::default(),
            programs: Programs::default(),
            variant,
            checked,
        }
    }

    fn buffer(&self, label: &str, len: usize) -> Result<wgpu::Buffer> {
        let (bytes, limit) = (len as u64 * 4, self.gpu.device.limits().max_buffer_size);
        if bytes > limit {
            return Err(self.gpu.error(
                format!("buffer {label}: found {bytes} bytes, expected at most {limit}, the device's limit"),
                "use a smaller batch or model, or the CPU (AUTOROT_DEVICE=cpu)",
            ));
        }
        self.gpu.watched(label, || {
            self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::STORAGE
                    | wgpu::BufferUsages::COPY_SRC
                    | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    fn shared(&self, key: &str) -> Result<&Shared> {
        self.shared.get(key).ok_or_else(|| {
            Error::invalid(format!("buffer {key:?}"), "nothing", "an allocated buffer", "allocate it first")
        })
    }

    /// A shared buffer of at least `end` elements.
    fn source(&self, key: &str, end: usize) -> Result<wgpu::Buffer> {
        let shared = self.shared(key)?;
        if end > shared.len { Err(bounds(end, shared.len)) } else { Ok(shared.buffer.clone()) }
    }

    fn variant(&self, kernel: &dyn Kernel) -> usize {
        let wanted = self.variant.and_then(|name| kernel.variants().iter().position(|v| *v == name));
        wanted
            .filter(|&v| kernel.supports(v, self.gpu.traits()))
            .unwrap_or_else(|| kernel.prefer(self.gpu.traits()))
    }

    fn bind_op(
        &self,
        op: &Op,
        buffers: &[wgpu::Buffer],
        uniforms: &wgpu::Buffer,
        offset: u64,
        plan: &str,
    ) -> Result<BoundOp> {
        let kernel = &*op.kernel;
        let variant = self.variant(kernel);
        let place = format!("{plan}: {}: {}", op.scope, kernel.name());
        let limits = self.gpu.device.limits();
        let grid = kernel.grid(variant);
        if let Some(groups) = grid.iter().find(|&&g| g > limits.max_compute_workgroups_per_dimension) {
            return Err(self.gpu.error(
                format!(
                    "{place}: found {groups} workgroups, expected at most {}",
                    limits.max_compute_workgroups_per_dimension
                ),
                "use a smaller batch",
            ));
        }
        let mut entries = vec![wgpu::BindGroupEntry {
            binding: 0,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: uniforms,
                offset,
                size: wgpu::BufferSize::new(kernel.uniforms().len() as u64 * 4),
            }),
        }];
        for (i, ((view, binding), len)) in
            op.args.iter().zip(kernel.bindings()).zip(kernel.lens()).enumerate()
        {
            let bytes = len as u64 * 4;
            if bytes > limits.max_storage_buffer_binding_size {
                return Err(self.gpu.error(
                    format!(
                        "{place}: found {bytes} bytes for {}, expected at most {} in one binding",
                        binding.name, limits.max_storage_buffer_binding_size
                    ),
                    "use a smaller batch or layer, or the CPU (AUTOROT_DEVICE=cpu)",
                ));
            }
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &buffers[view.buffer],
                    offset: view.offset as u64 * 4,
                    size: wgpu::BufferSize::new(bytes),
                }),
            });
        }
        let Pipeline { pipeline, layout } =
            self.gpu.pipeline(kernel, variant, self.checked || !kernel.trusted(), &place)?;
        self.gpu.watched(&place, || {
            let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel.name()),
                layout: &layout,
                entries: &entries,
            });
            BoundOp { pipeline, group, grid }
        })
    }

    /// Copies a stretch of a buffer to the host, as it is after everything submitted so far.
    fn download(
        &mut self,
        buffer: &wgpu::Buffer,
        offset: usize,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<u32>>>> {
        let bytes = len as u64 * 4;
        let gpu = self.gpu.clone();
        let staging = self.staging.take(&gpu, bytes)?;
        let submission = gpu.watched("reading back", || {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset as u64 * 4, &staging, 0, Some(bytes));
            gpu.queue.submit([encoder.finish()])
        })?;
        let (sender, receiver) = futures_channel::oneshot::channel();
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when the whole read was dropped.
            let _ = sender.send(result);
        });
        let pool = self.staging.clone();
        Ok(Box::pin(async move {
            let lost = |reason: String| {
                gpu.error(reason, "the device may be lost: start again, or use AUTOROT_DEVICE=cpu")
            };
            #[cfg(not(target_family = "wasm"))]
            gpu.device
                .poll(wgpu::PollType::Wait { submission_index: Some(submission), timeout: None })
                .map_err(|e| lost(e.to_string()))?;
            #[cfg(target_family = "wasm")]
            drop(submission);
            let mapped = receiver.await.map_err(|e| lost(e.to_string()))?;
            mapped.map_err(|e| lost(e.to_string()))?;
            let words = {
                let range = staging.slice(..bytes).get_mapped_range().map_err(|e| lost(e.to_string()))?;
                bytemuck::pod_collect_to_vec(&range)
            };
            staging.unmap();
            pool.give_back(staging);
            Ok(words)
        }))
    }

    fn download_floats(
        &mut self,
        buffer: &wgpu::Buffer,
        offset: usize,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<f64>>>> {
        let words = self.download(buffer, offset, len)?;
        Ok(Box::pin(
            async move { Ok(words.await?.into_iter().map(|w| f64::from(f32::from_bits(w))).collect()) },
        ))
    }
}

/// Buffers that read-backs go through, kept for the next one.
#[derive(Clone, Debug, Default)]
struct Staging(Arc<Mutex<Vec<wgpu::Buffer>>>);

impl Staging {
    /// One of at least so many bytes: the smallest there is, or a new one.
    fn take(&self, gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..free.len()).filter(|&i| free[i].size() >= bytes).min_by_key(|&i| free[i].size());
        if let Some(place) = fitting {
            return Ok(free.swap_remove(place));
        }
        // Those that were too small have a larger successor now.
        free.clear();
        gpu.watched("reading back", || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// A future that waits for what was started, or for nothing where starting failed.
fn started<T: 'static>(reading: Result<Pending<'static, Result<T>>>) -> Pending<'static, Result<T>> {
    reading.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
}

fn bounds(end: usize, len: usize) -> Error {
    Error::invalid(
        "buffer access",
        format!("an end at {end}"),
        format!("at most {len} elements of its type"),
        "shorten it",
    )
}

impl Executor for GpuExecutor {
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()> {
        if self.shared.get(key).is_none_or(|s| s.len != len || s.element != element) {
            // The old buffer goes first, so that the new one may take its memory.
            self.shared.remove(key);
            let buffer = self.buffer(key, len)?;
            self.shared.insert(key.to_owned(), Shared { buffer, element, len });
        }
        Ok(())
    }

    fn free(&mut self, key: &str) {
        self.shared.remove(key);
    }

    fn clear(&mut self, key: &str) -> Result<()> {
        let Some(shared) = self.shared.get(key) else { return Ok(()) };
        self.gpu.watched(key, || {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            encoder.clear_buffer(&shared.buffer, 0, None);
            self.gpu.queue.submit([encoder.finish()]);
        })
    }

    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()> {
        let shared = self.shared(key)?;
        let end = offset + values.len();
        if end > shared.len || values.element() != shared.element {
            return Err(bounds(end, shared.len));
        }
        let converted: Vec<f32>;
        let bytes: &[u8] = match values {
            Values::F32(v) => bytemuck::cast_slice(v),
            Values::U32(v) => bytemuck::cast_slice(v),
            Values::F64(v) => {
                converted = v.iter().map(|&v| v as f32).collect();
                bytemuck::cast_slice(&converted)
            }
        };
        self.gpu.watched(key, || {
            for (i, piece) in bytes.chunks(UPLOAD).enumerate() {
                self.gpu.queue.write_buffer(&shared.buffer, (offset * 4 + i * UPLOAD) as u64, piece);
                if bytes.len() > UPLOAD {
                    self.gpu.queue.submit([]);
                }
            }
        })
    }

    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>> {
        started(self.source(key, offset + len).and_then(|b| self.download_floats(&b, offset, len)))
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        started(self.source(key, len).and_then(|b| self.download(&b, 0, len)))
    }

    fn bind(&mut self, plan: &Plan) -> Result<Program> {
        for (slot, &len) in plan.scratch.iter().enumerate() {
            if self.scratch.get(slot).is_none_or(|b| b.size() < len as u64 * 4) {
                let buffer = self.buffer("scratch", len)?;
                if slot < self.scratch.len() {
                    self.scratch[slot] = buffer;
                } else {
                    self.scratch.push(buffer);
                }
            }
        }
        let buffers = plan.buffers.iter().map(|buffer| match &buffer.home {
            Home::Shared(key) => {
                let shared = self.shared(key)?;
                if shared.len < buffer.len || shared.element != buffer.element {
                    return Err(bounds(buffer.len, shared.len));
                }
                Ok(shared.buffer.clone())
            }
            Home::Scratch(slot) => Ok(self.scratch[*slot].clone()),
        });
        let buffers: Vec<wgpu::Buffer> = buffers.collect::<Result<_>>()?;

        let stride = self.gpu.device.limits().min_uniform_buffer_offset_alignment as usize / 4;
        let mut words = Vec::new();
        let mut offsets = Vec::with_capacity(plan.ops.len());
        for op in &plan.ops {
            words.resize(words.len().next_multiple_of(stride), 0);
            offsets.push(words.len() as u64 * 4);
            words.extend(op.kernel.uniforms());
        }
        let uniforms = self.gpu.watched(&plan.name, || {
            let uniforms = self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("uniforms"),
                size: (words.len() as u64 * 4).max(4),
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            self.gpu.queue.write_buffer(&uniforms, 0, bytemuck::cast_slice(&words));
            uniforms
        })?;
        let ops = plan.ops.iter().zip(offsets);
        let ops = ops.map(|(op, offset)| self.bind_op(op, &buffers, &uniforms, offset, &plan.name));
        let ops = ops.collect::<Result<_>>()?;
        Ok(self.programs.add(Bound { name: plan.name.clone(), ops, buffers }))
    }

    fn release(&mut self, program: Program) {
        self.programs.release(program);
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        let bound = self.programs.get(program)?;
        self.gpu.watched(&bound.name, || {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                for _ in 0..times {
                    for op in &bound.ops {
                        pass.set_pipeline(&op.pipeline);
                        pass.set_bind_group(0, &op.group, &[]);
                        let [x, y, z] = op.grid;
                        pass.dispatch_workgroups(x, y, z);
                    }
                }
            }
            self.gpu.queue.submit([encoder.finish()]);
        })
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let buffer = self.programs.get(program).map(|bound| bound.buffers[view.buffer].clone());
        started(buffer.and_then(|b| self.download_floats(&b, view.offset, view.len)))
    }

    fn bytes(&self) -> u64 {
        let shared = self.shared.values().map(|s| s.buffer.size());
        shared.sum::<u64>() + self.scratch.iter().map(wgpu::Buffer::size).sum::<u64>()
    }
}
