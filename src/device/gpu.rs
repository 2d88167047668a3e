//! The GPU executor: one compute pass per step, with everything built beforehand.

mod binding;
mod lending;
mod timing;

use super::executor::{Programs, within};
use super::held::{Held, Ledger};
use super::misfit::{self, missing, named};
use super::pipelines::Gpu;
use super::readback::{Staging, floats, started};
use super::{Executor, Leavings, Pending, Program, Values};
use crate::kernel::{Element, Kernel, Traits};
use crate::plan::{Home, Plan, View};
use crate::real::Numbers;
use crate::{Fault, Result};
pub(super) use binding::op_place;
use binding::{Bound, BoundOp, smaller};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use web_time::Duration;

#[derive(Debug)]
struct Shared {
    place: Place,
    element: Element,
    len: usize,
    /// Keeps the buffer alive; `None` if it is the caller's.
    _held: Option<Held>,
}

/// Where a plan's buffer begins within one of the device's buffers, in bytes.
#[derive(Clone, Debug)]
struct Place {
    buffer: wgpu::Buffer,
    offset: u64,
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
    /// Submits ops to the queue, in one pass, `times` times in a row.
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
    /// Scratch slots, used by all programs in turn: each grows to its largest user.
    scratch: Vec<Held>,
    /// How often a scratch slot's buffer was replaced or removed.
    scratch_moves: u64,
    ledger: Ledger,
    staging: Staging,
    programs: Programs<Bound>,
    leavings: Leavings,
    /// The variant to use for every kernel that has it, instead of the adapter's choice.
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
        let ledger = Ledger::default();
        Self {
            gpu,
            identity: Arc::default(),
            shared: HashMap::new(),
            scratch: Vec::new(),
            scratch_moves: 0,
            staging: Staging::new(ledger.clone(), timeout),
            ledger,
            programs: Programs::default(),
            leavings: Leavings::default(),
            variant,
            traits,
            checked,
            tuned: Duration::ZERO,
        }
    }

    /// A new buffer; `batch` is the batch size of the plan that determines its length.
    fn buffer(&self, label: &str, len: usize, batch: Option<usize>) -> Result<Held> {
        self.gpu.check()?;
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
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.ledger.make(&self.gpu, label, bytes.max(4), usage)
    }

    /// Frees what owners have left behind.
    pub(crate) fn sweep(&mut self) {
        let left = self.leavings.take();
        if left.is_empty() {
            return;
        }
        for (programs, keys) in left {
            programs.into_iter().for_each(|program| self.programs.release(program));
            keys.iter().for_each(|key| drop(self.shared.remove(key)));
        }
        self.shrink_scratch();
    }

    /// Whether the driver checks the kernel's indices.
    fn checks(&self, kernel: &dyn Kernel) -> bool {
        self.checked || !kernel.trusted()
    }

    fn shared(&self, key: &str) -> Result<&Shared> {
        self.shared.get(key).ok_or_else(|| missing(key))
    }

    /// The place of a shared buffer with at least `end` elements of this type.
    fn source(&self, key: &str, element: Element, end: usize) -> Result<Place> {
        let shared = self.shared(key)?;
        misfit::check(&named(key), element, end, (shared.element, shared.len))?;
        Ok(shared.place.clone())
    }

    /// Copies a range to the host, as it is after everything submitted so far; the future waits.
    fn read_place(
        &self,
        place: &Place,
        offset: usize,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<u32>>>> {
        self.staging.read(&self.gpu, &place.buffer, place.offset + offset as u64 * 4, len)
    }
}

impl Executor for GpuExecutor {
    fn allocate(&mut self, key: &str, element: Element, len: usize) -> Result<()> {
        self.sweep();
        if self.shared.get(key).is_none_or(|s| s.len != len || s.element != element) {
            // The old buffer is dropped first, so that the new one can use its memory.
            self.shared.remove(key);
            let held = self.buffer(key, len, None)?;
            let place = Place { buffer: held.buffer.clone(), offset: 0 };
            self.shared.insert(key.to_owned(), Shared { place, element, len, _held: Some(held) });
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
        self.sweep();
        let place = self.source(key, values.element(), offset.saturating_add(values.len()))?;
        let converted: Vec<f32>;
        let bytes: &[u8] = match values {
            Values::F32(v) => bytemuck::cast_slice(v),
            Values::U32(v) => bytemuck::cast_slice(v),
            Values::F64(v) => {
                converted = v.iter().map(|&v| v as f32).collect();
                bytemuck::cast_slice(&converted)
            }
        };
        self.gpu.write(key, &place.buffer, place.offset + offset as u64 * 4, bytes)
    }

    fn read(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Vec<f64>>> {
        floats(
            self.source(key, Element::Float, offset.saturating_add(len))
                .and_then(|place| self.read_place(&place, offset, len)),
        )
    }

    fn read_own(&mut self, key: &str, offset: usize, len: usize) -> Pending<'static, Result<Numbers>> {
        let place = self.source(key, Element::Float, offset.saturating_add(len));
        let words = started(place.and_then(|place| self.read_place(&place, offset, len)));
        Box::pin(async move { Ok(Numbers::Single(words.await?.into_iter().map(f32::from_bits).collect())) })
    }

    fn read_index(&mut self, key: &str, len: usize) -> Pending<'static, Result<Vec<u32>>> {
        started(self.source(key, Element::Index, len).and_then(|place| self.read_place(&place, 0, len)))
    }

    fn bind(&mut self, plan: &Plan) -> Result<Program> {
        self.sweep();
        self.grow_scratch(plan)?;
        let places = plan.buffers.iter().map(|buffer| match &buffer.home {
            Home::Shared(key) => self.source(key, buffer.element, buffer.len),
            Home::Scratch(slot) => Ok(Place { buffer: self.scratch[*slot].buffer.clone(), offset: 0 }),
        });
        let places: Vec<Place> = places.collect::<Result<_>>()?;
        let uniforms = self.uniforms(plan)?;
        let bind =
            |this: &Self, op: usize, variant: usize| this.bind_op(plan, op, variant, &places, &uniforms);
        // In a browser nothing may wait for the device.
        if cfg!(not(target_family = "wasm")) {
            self.tune(plan, bind)?;
        }
        let ops = plan.ops.iter().enumerate().map(|(i, op)| bind(self, i, self.variant(&*op.kernel)));
        let ops = ops.collect::<Result<_>>()?;
        self.gpu.compiled.keep();
        Ok(self.programs.add(Bound::new(plan, ops, places, uniforms)))
    }

    fn compiles(&self, plan: &Plan) -> bool {
        let missing =
            |kernel: &dyn Kernel| !self.gpu.compiled.has(kernel, self.variant(kernel), self.checks(kernel));
        plan.ops.iter().any(|op| missing(&*op.kernel))
    }

    fn release(&mut self, program: Program) {
        self.leavings.leave(vec![program], Vec::new());
        self.sweep();
    }

    fn run(&mut self, program: Program, times: usize) -> Result<()> {
        self.sweep();
        let bound = self.programs.get(program)?;
        self.gpu.watched(&bound.name, || self.gpu.submit(&bound.ops, times))
    }

    fn run_ops(&mut self, program: Program, ops: Range<usize>) -> Result<()> {
        self.sweep();
        let bound = self.programs.get(program)?;
        self.gpu.watched(&bound.name, || self.gpu.submit(within(&bound.ops, ops), 1))
    }

    fn read_view(&mut self, program: Program, view: View) -> Pending<'static, Result<Vec<f64>>> {
        let place = self.programs.get(program).map(|bound| bound.places[view.buffer].clone());
        floats(place.and_then(|place| self.read_place(&place, view.offset, view.len)))
    }

    fn gpu(&mut self) -> Option<&mut GpuExecutor> {
        Some(self)
    }

    fn bytes(&self) -> u64 {
        self.ledger.bytes()
    }
}
