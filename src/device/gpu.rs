//! The GPU executor: one compute pass for a step, everything it needs built beforehand.

use super::pipelines::{Gpu, Pipeline};
use super::readback::{Staging, floats, started};
use super::tune::BUDGET;
use super::{Executor, Pending, Program, Programs, Values};
use crate::kernel::{Element, Kernel, Traits};
use crate::plan::{Home, Op, Plan, View};
use crate::{Error, Fault, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use web_time::{Duration, Instant};

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

impl Gpu {
    /// Hands ops to the queue, in one pass, `times` times in a row.
    fn submit(&self, ops: &[BoundOp], times: usize) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for _ in 0..times {
                for op in ops {
                    pass.set_pipeline(&op.pipeline);
                    pass.set_bind_group(0, &op.group, &[]);
                    let [x, y, z] = op.grid;
                    pass.dispatch_workgroups(x, y, z);
                }
            }
        }
        self.queue.submit([encoder.finish()]);
    }
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
    traits: Traits,
    checked: bool,
    /// Time spent on timing variants.
    tuned: Duration,
}

/// Bytes handed to the queue at a time: it keeps a copy until it is submitted.
const UPLOAD: usize = 16 << 20;

impl GpuExecutor {
    pub(crate) fn new(gpu: Arc<Gpu>, variant: Option<&'static str>, traits: Traits, checked: bool) -> Self {
        Self {
            gpu,
            shared: HashMap::new(),
            scratch: Vec::new(),
            staging: Staging::default(),
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

    /// The variant that was asked for, or chosen by timing, or else the built-in choice.
    fn variant(&self, kernel: &dyn Kernel) -> usize {
        let place = |name: &str| kernel.variants().iter().position(|v| *v == name);
        let timed = || self.gpu.choices.get(&self.problem(kernel)).and_then(|name| place(&name));
        let wanted =
            self.variant.and_then(place).or_else(|| if self.undecided(kernel) { timed() } else { None });
        wanted.filter(|&v| kernel.supports(v, self.traits)).unwrap_or_else(|| kernel.prefer(self.traits))
    }

    /// Whether timing has a say in a kernel's variant.
    fn undecided(&self, kernel: &dyn Kernel) -> bool {
        self.gpu.choices.on() && self.variant.is_none() && kernel.candidates(self.traits).len() > 1
    }

    /// The name of a choice. Checks by the driver change what is fastest.
    fn problem(&self, kernel: &dyn Kernel) -> String {
        kernel.problem() + if self.checked { " checked" } else { "" }
    }

    /// Times the variants of the plan's kernels for which no choice is known, as long as the budget lasts, and keeps the
    /// choices; where it does not last, that is the table's. The kernels run on the buffers of the plan: what they write is
    /// undefined before it runs.
    fn tune(&mut self, plan: &Plan, bind: impl Fn(&Self, usize, usize) -> Result<BoundOp>) -> Result<()> {
        let mut new = BTreeMap::new();
        for (i, op) in plan.ops.iter().enumerate() {
            let kernel = &*op.kernel;
            if !self.undecided(kernel) {
                continue;
            }
            let problem = self.problem(kernel);
            if new.contains_key(&problem) || self.gpu.choices.get(&problem).is_some() {
                continue;
            }
            let mut best = (kernel.prefer(self.traits), f64::INFINITY);
            for variant in kernel.candidates(self.traits) {
                let begin = Instant::now();
                let left = BUDGET.saturating_sub(self.tuned).as_secs_f64();
                // A variant that does not fit or that the driver refuses is none to choose; binding names what is wrong with
                // the one that is taken.
                match bind(self, i, variant).and_then(|bound| self.time(&bound, left.min(2.0 * best.1))) {
                    Ok(Some(seconds)) if seconds < best.1 => best = (variant, seconds),
                    Ok(_) => {}
                    Err(error) => log::debug!("tuning: {problem}: {error}"),
                }
                let name = kernel.variants()[variant];
                log::debug!("tuning: {problem}: {name}, best so far {:.1} µs", best.1 * 1e6);
                self.tuned += begin.elapsed();
            }
            new.insert(problem, kernel.variants()[best.0].to_owned());
        }
        if !new.is_empty() {
            self.gpu.choices.keep(new);
        }
        Ok(())
    }

    /// Seconds that an op takes: the least of three, each of as many runs as make some milliseconds. `None` when one run
    /// takes longer than `limit`.
    fn time(&self, op: &BoundOp, limit: f64) -> Result<Option<f64>> {
        if limit <= 0.0 {
            return Ok(None);
        }
        let run = |times: usize| {
            let begin = Instant::now();
            self.gpu.watched("tuning", || self.gpu.submit(std::slice::from_ref(op), times))?;
            let waited = self.gpu.device.poll(wgpu::PollType::wait_indefinitely());
            waited.map_err(|e| self.gpu.error(Fault::Timeout, e, "switch it off with AUTOROT_TUNE=off"))?;
            Ok::<f64, Error>(begin.elapsed().as_secs_f64() / times as f64)
        };
        // The first run may compile.
        run(1)?;
        let once = run(1)?;
        if once > limit {
            return Ok(None);
        }
        let times = ((0.002 / once) as usize).clamp(1, 64);
        Ok(Some(run(times)?.min(run(times)?).min(run(times)?)))
    }

    fn bind_op(
        &self,
        op: &Op,
        buffers: &[wgpu::Buffer],
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
            let buffer = self.buffer(key, len, None)?;
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
        floats(self.source(key, offset + len).and_then(|b| self.staging.read(&self.gpu, &b, offset, len)))
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        started(self.source(key, len).and_then(|b| self.staging.read(&self.gpu, &b, 0, len)))
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
        let bind = |this: &Self, op: usize, variant: usize| {
            this.bind_op(&plan.ops[op], &buffers, &uniforms, offsets[op], plan, variant)
        };
        // In a browser nothing may wait for the device.
        if cfg!(not(target_family = "wasm")) {
            self.tune(plan, bind)?;
        }
        let ops = plan.ops.iter().enumerate().map(|(i, op)| bind(self, i, self.variant(&*op.kernel)));
        let ops = ops.collect::<Result<_>>()?;
        Ok(self.programs.add(Bound { name: plan.name.clone(), ops, buffers }))
    }

    fn release(&mut self, program: Program) {
        self.programs.release(program);
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        let bound = self.programs.get(program)?;
        self.gpu.watched(&bound.name, || self.gpu.submit(&bound.ops, times))
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let buffer = self.programs.get(program).map(|bound| bound.buffers[view.buffer].clone());
        floats(buffer.and_then(|b| self.staging.read(&self.gpu, &b, view.offset, view.len)))
    }

    fn bytes(&self) -> u64 {
        let shared = self.shared.values().map(|s| s.buffer.size());
        shared.sum::<u64>() + self.scratch.iter().map(wgpu::Buffer::size).sum::<u64>()
    }
}
