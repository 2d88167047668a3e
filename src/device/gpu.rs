//! The GPU executor: one compute pass for a step, everything it needs built beforehand.

mod lending;
mod timing;

use super::pipelines::{Gpu, Pipeline};
use super::readback::{Staging, floats, started};
use super::{Executor, Pending, Program, Programs, Values};
use crate::kernel::{Element, Kernel, Traits};
use crate::plan::{Home, Op, Plan, View};
use crate::{Error, Fault, Result};
use std::collections::HashMap;
use std::sync::Arc;
use web_time::Duration;

#[derive(Debug)]
struct Shared {
    place: Place,
    element: Element,
    len: usize,
    /// Whether it is the caller's.
    borrowed: bool,
}

/// Where a plan's buffer begins within one of the device's, in bytes.
#[derive(Clone, Debug)]
struct Place {
    buffer: wgpu::Buffer,
    offset: u64,
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
    /// Each plan buffer's place on the device.
    places: Vec<Place>,
}

/// Records ops into a pass.
fn encode(ops: &[BoundOp], pass: &mut wgpu::ComputePass<'_>) {
    for op in ops {
        pass.set_pipeline(&op.pipeline);
        pass.set_bind_group(0, &op.group, &[]);
        let [x, y, z] = op.grid;
        pass.dispatch_workgroups(x, y, z);
    }
}

impl Gpu {
    /// Hands ops to the queue, in one pass, `times` times in a row.
    fn submit(&self, ops: &[BoundOp], times: usize) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for _ in 0..times {
                encode(ops, &mut pass);
            }
        }
        self.queue.submit([encoder.finish()]);
    }
}

/// Executes plans on a GPU, and lends and borrows buffers there.
#[derive(Debug)]
pub struct GpuExecutor {
    gpu: Arc<Gpu>,
    /// Its identity: what was bound here runs nowhere else.
    identity: Arc<()>,
    shared: HashMap<String, Shared>,
    /// Scratch slots, used by all programs in turn. A later program may replace a slot by a larger one.
    scratch: Vec<wgpu::Buffer>,
    staging: Staging,
    programs: Programs<Bound>,
    /// The variant to take for every kernel that has it, instead of the adapter's choice.
    variant: Option<&'static str>,
    traits: Traits,
    checked: bool,
    /// Time spent on timing variants.
    tuned: Duration,
}

impl GpuExecutor {
    pub(crate) fn new(
        gpu: Arc<Gpu>,
        variant: Option<&'static str>,
        traits: Traits,
        checked: bool,
        timeout: Duration,
    ) -> Self {
        Self {
            gpu,
            identity: Arc::default(),
            shared: HashMap::new(),
            scratch: Vec::new(),
            staging: Staging::new(timeout),
            programs: Programs::default(),
            variant,
            traits,
            checked,
            tuned: Duration::ZERO,
        }
    }

    /// A new buffer; `batch` is that of the plan whose size it follows.
    fn buffer(&self, label: &str, len: usize, batch: Option<usize>) -> Result<wgpu::Buffer> {
        let (bytes, limit) = (len as u64 * 4, self.gpu.device.limits().max_buffer_size);
        if bytes > limit {
            return Err(self.gpu.error(
                Fault::Unsupported,
                format!("buffer {label}: found {bytes} bytes, expected at most {limit}, the device's limit"),
                &format!(
                    "use {}, or the CPU (AUTOROT_DEVICE=cpu)",
                    smaller(batch.map(|batch| batch as u64 * limit / bytes))
                ),
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

    /// Whether the driver is to check the kernel's indices.
    fn checks(&self, kernel: &dyn Kernel) -> bool {
        self.checked || !kernel.trusted()
    }

    fn shared(&self, key: &str) -> Result<&Shared> {
        self.shared.get(key).ok_or_else(|| {
            Error::invalid(format!("buffer {key:?}"), "nothing", "an allocated buffer", "allocate it first")
        })
    }

    /// A shared buffer of at least `end` elements.
    fn source(&self, key: &str, end: usize) -> Result<Place> {
        let shared = self.shared(key)?;
        if end > shared.len { Err(bounds(end, shared.len)) } else { Ok(shared.place.clone()) }
    }

    /// Copies a stretch to the host, as it is after everything submitted so far; the future waits.
    fn read_place(
        &self,
        place: &Place,
        offset: usize,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<u32>>>> {
        self.staging.read(&self.gpu, &place.buffer, place.offset + offset as u64 * 4, len)
    }

    fn bind_op(
        &self,
        op: &Op,
        places: &[Place],
        uniforms: &wgpu::Buffer,
        offset: u64,
        plan: &Plan,
        variant: usize,
    ) -> Result<BoundOp> {
        let kernel = &*op.kernel;
        let place = format!("{}: {}: {}", plan.name, op.scope, kernel.name());
        let limits = self.gpu.device.limits();
        let grid = kernel.grid(variant);
        if let Some(groups) = grid.iter().find(|&&g| g > limits.max_compute_workgroups_per_dimension) {
            return Err(self.gpu.error(
                Fault::Unsupported,
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
            let limit = limits.max_storage_buffer_binding_size;
            if bytes > limit {
                let smaller = smaller(plan.batch_within(view.buffer, bytes, limit));
                return Err(self.gpu.error(
                    Fault::Unsupported,
                    format!(
                        "{place}: found {bytes} bytes for {}, expected at most {limit} in one binding",
                        binding.name
                    ),
                    &format!("use {smaller}, or the CPU (AUTOROT_DEVICE=cpu)"),
                ));
            }
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &places[view.buffer].buffer,
                    offset: places[view.buffer].offset + view.offset as u64 * 4,
                    size: wgpu::BufferSize::new(bytes),
                }),
            });
        }
        let Pipeline { pipeline, layout } =
            self.gpu.pipeline(kernel, variant, self.checks(kernel), &place)?;
        self.gpu.watched(&place, || {
            let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel.name()),
                layout: &layout,
                entries: &entries,
            });
            BoundOp { pipeline, group, grid }
        })
    }
}

/// What would fit instead.
fn smaller(batch: Option<u64>) -> String {
    match batch {
        Some(0) => "smaller layers: not even one row fits".into(),
        Some(batch) => format!("a batch of at most {batch}"),
        None => "a smaller layer or data set".into(),
    }
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
            let place = Place { buffer: self.buffer(key, len, None)?, offset: 0 };
            self.shared.insert(key.to_owned(), Shared { place, element, len, borrowed: false });
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
            encoder.clear_buffer(&shared.place.buffer, shared.place.offset, Some(shared.len as u64 * 4));
            self.gpu.queue.submit([encoder.finish()]);
        })
    }

    fn write(&mut self, key: &str, offset: usize, values: Values<'_>) -> Result<()> {
        let shared = self.shared(key)?;
        let end = offset.saturating_add(values.len());
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
        let at = shared.place.offset + offset as u64 * 4;
        self.gpu.write(key, &shared.place.buffer, at, bytes)
    }

    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>> {
        floats(
            self.source(key, offset.saturating_add(len))
                .and_then(|place| self.read_place(&place, offset, len)),
        )
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        started(self.source(key, len).and_then(|place| self.read_place(&place, 0, len)))
    }

    fn bind(&mut self, plan: &Plan) -> Result<Program> {
        for (slot, &len) in plan.scratch.iter().enumerate() {
            if self.scratch.get(slot).is_none_or(|b| b.size() < len as u64 * 4) {
                let buffer = self.buffer("scratch", len, Some(plan.batch))?;
                if slot < self.scratch.len() {
                    self.scratch[slot] = buffer;
                } else {
                    self.scratch.push(buffer);
                }
            }
        }
        let places = plan.buffers.iter().map(|buffer| match &buffer.home {
            Home::Shared(key) => {
                let shared = self.shared(key)?;
                if shared.len < buffer.len || shared.element != buffer.element {
                    return Err(bounds(buffer.len, shared.len));
                }
                Ok(shared.place.clone())
            }
            Home::Scratch(slot) => Ok(Place { buffer: self.scratch[*slot].clone(), offset: 0 }),
        });
        let places: Vec<Place> = places.collect::<Result<_>>()?;

        let stride = self.gpu.device.limits().min_uniform_buffer_offset_alignment as usize / 4;
        let mut words = Vec::new();
        let mut offsets = Vec::with_capacity(plan.ops.len());
        for op in &plan.ops {
            words.resize(words.len().next_multiple_of(stride), 0);
            offsets.push(words.len() as u64 * 4);
            words.extend(op.kernel.uniforms());
        }
        let uniforms = self.gpu.watched(&plan.name, || {
            self.gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("uniforms"),
                size: (words.len() as u64 * 4).max(4),
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        self.gpu.write(&plan.name, &uniforms, 0, bytemuck::cast_slice(&words))?;
        let bind = |this: &Self, op: usize, variant: usize| {
            this.bind_op(&plan.ops[op], &places, &uniforms, offsets[op], plan, variant)
        };
        // In a browser nothing may wait for the device.
        if cfg!(not(target_family = "wasm")) {
            self.tune(plan, bind)?;
        }
        let ops = plan.ops.iter().enumerate().map(|(i, op)| bind(self, i, self.variant(&*op.kernel)));
        let ops = ops.collect::<Result<_>>()?;
        Ok(self.programs.add(Bound { name: plan.name.clone(), ops, places }))
    }

    fn compiles(&self, plan: &Plan) -> bool {
        let missing = |kernel: &dyn Kernel| !self.gpu.has(kernel, self.variant(kernel), self.checks(kernel));
        plan.ops.iter().any(|op| missing(&*op.kernel))
    }

    fn release(&mut self, program: Program) {
        self.programs.release(program);
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        let bound = self.programs.get(program)?;
        self.gpu.watched(&bound.name, || self.gpu.submit(&bound.ops, times))
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let place = self.programs.get(program).map(|bound| bound.places[view.buffer].clone());
        floats(place.and_then(|place| self.read_place(&place, view.offset, view.len)))
    }

    fn gpu(&mut self) -> Option<&mut GpuExecutor> {
        Some(self)
    }

    fn bytes(&self) -> u64 {
        let shared = self.shared.values().filter(|s| !s.borrowed).map(|s| s.place.buffer.size());
        shared.sum::<u64>() + self.scratch.iter().map(wgpu::Buffer::size).sum::<u64>()
    }
}
