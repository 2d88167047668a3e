//! Programs: ops with their pipelines and bind groups, which are updated when scratch buffers grow.

use super::{GpuExecutor, Place};
use crate::device::compiled::Pipeline;
use crate::device::held::Held;
use crate::device::pipelines::Gpu;
use crate::kernel::{Kernel, UNUSED};
use crate::plan::{Home, Op, Plan};
use crate::{Fault, Result};

/// An op, ready to run.
#[derive(Debug)]
pub(super) struct BoundOp {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) group: wgpu::BindGroup,
    pub(super) grid: [u32; 3],
    uniforms: Bytes,
    args: Vec<Bytes>,
}

/// A range of a plan's buffer, or of the uniform blocks, in bytes.
#[derive(Clone, Copy, Debug)]
struct Bytes {
    buffer: usize,
    offset: u64,
    bytes: u64,
}

/// A plan, ready to run.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) ops: Vec<BoundOp>,
    /// The place of each plan buffer on the device.
    pub(super) places: Vec<Place>,
    /// The scratch slot of each plan buffer that is in one.
    slots: Vec<Option<usize>>,
    /// The required length of each scratch slot.
    scratch: Vec<usize>,
    uniforms: Held,
}

/// The uniform blocks of a plan's ops, and where each begins.
pub(super) struct Uniforms {
    held: Held,
    offsets: Vec<u64>,
}

impl Bound {
    pub(super) fn new(plan: &Plan, ops: Vec<BoundOp>, places: Vec<Place>, uniforms: Uniforms) -> Self {
        let slot = |home: &Home| match home {
            Home::Scratch(slot) => Some(*slot),
            Home::Shared(_) => None,
        };
        let slots = plan.buffers.iter().map(|buffer| slot(&buffer.home)).collect();
        let scratch = plan.scratch.clone();
        Self { name: plan.name.clone(), ops, places, slots, scratch, uniforms: uniforms.held }
    }

    /// Bind groups of its ops with another buffer in a scratch slot, each with the op's number.
    fn with_scratch(
        &self,
        gpu: &Gpu,
        slot: usize,
        scratch: &wgpu::Buffer,
    ) -> Result<Vec<(usize, wgpu::BindGroup)>> {
        let Self { name, ops, places, slots, uniforms, .. } = self;
        let moved = |buffer: usize| slots[buffer] == Some(slot);
        let mut places = places.clone();
        (0..places.len()).filter(|&b| moved(b)).for_each(|b| places[b].buffer = scratch.clone());
        gpu.watched(name, || {
            let concerned =
                ops.iter().enumerate().filter(|(_, op)| op.args.iter().any(|arg| moved(arg.buffer)));
            let group = |(number, op): (usize, &BoundOp)| {
                let layout = op.pipeline.get_bind_group_layout(0);
                (number, group(gpu, None, &layout, &places, &uniforms.buffer, op.uniforms, &op.args))
            };
            concerned.map(group).collect()
        })
    }

    /// Uses another buffer for a scratch slot, with these bind groups: the old one can be dropped.
    fn follow(&mut self, slot: usize, scratch: &wgpu::Buffer, groups: Vec<(usize, wgpu::BindGroup)>) {
        let of_slot = self.places.iter_mut().zip(&self.slots).filter(|(_, of)| **of == Some(slot));
        of_slot.for_each(|(place, _)| place.buffer = scratch.clone());
        groups.into_iter().for_each(|(number, group)| self.ops[number].group = group);
    }
}

fn group(
    gpu: &Gpu,
    label: Option<&str>,
    layout: &wgpu::BindGroupLayout,
    places: &[Place],
    uniforms: &wgpu::Buffer,
    block: Bytes,
    args: &[Bytes],
) -> wgpu::BindGroup {
    let bind = |buffer, offset, bytes| {
        let size = wgpu::BufferSize::new(bytes);
        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
    };
    let of_arg = |arg: &Bytes| {
        let Place { buffer, offset } = &places[arg.buffer];
        bind(buffer, offset + arg.offset, arg.bytes)
    };
    let resources = std::iter::once(bind(uniforms, block.offset, block.bytes)).chain(args.iter().map(of_arg));
    let entry = |(i, resource)| wgpu::BindGroupEntry { binding: i as u32, resource };
    let entries: Vec<_> = resources.enumerate().map(entry).collect();
    gpu.device.create_bind_group(&wgpu::BindGroupDescriptor { label, layout, entries: &entries })
}

impl GpuExecutor {
    /// Makes the scratch slots large enough for a plan. Programs bound earlier switch to the larger buffers.
    pub(super) fn grow_scratch(&mut self, plan: &Plan) -> Result<()> {
        for (slot, &len) in plan.scratch.iter().enumerate() {
            if self.scratch.get(slot).is_some_and(|held| held.buffer.size() >= len as u64 * 4) {
                continue;
            }
            let held = self.buffer("scratch", len, Some(plan.batch))?;
            if slot == self.scratch.len() {
                self.scratch.push(held);
            } else {
                self.replace_scratch(slot, held)?;
            }
        }
        Ok(())
    }

    /// Shrinks the scratch slots to what the largest bound program needs. If that fails they stay as they are.
    pub(super) fn shrink_scratch(&mut self) {
        let wanted = self.programs.scratch(self.scratch.len(), |bound| &bound.scratch);
        // Programs use the first slots, as many as they need.
        self.scratch.truncate(wanted.iter().take_while(|&&len| len > 0).count());
        for (slot, &len) in wanted.iter().enumerate().take(self.scratch.len()) {
            if self.scratch[slot].buffer.size() > (len as u64 * 4).max(4) {
                let smaller = self.buffer("scratch", len, None);
                if let Err(error) = smaller.and_then(|held| self.replace_scratch(slot, held)) {
                    log::debug!("a scratch buffer stays as large as it was: {error}");
                }
            }
        }
    }

    /// Puts another buffer into a scratch slot and updates the programs.
    fn replace_scratch(&mut self, slot: usize, held: Held) -> Result<()> {
        let Self { gpu, programs, scratch, scratch_moves, .. } = self;
        // All are made before any is used: if that fails nothing has changed.
        let groups: Vec<_> = programs
            .bound()
            .map(|bound| bound.with_scratch(gpu, slot, &held.buffer))
            .collect::<Result<_>>()?;
        programs.bound().zip(groups).for_each(|(bound, groups)| bound.follow(slot, &held.buffer, groups));
        scratch[slot] = held;
        *scratch_moves += 1;
        Ok(())
    }

    /// The uniform blocks of a plan on the device.
    pub(super) fn uniforms(&self, plan: &Plan) -> Result<Uniforms> {
        let stride = self.gpu.device.limits().min_uniform_buffer_offset_alignment as usize / 4;
        let mut words = Vec::new();
        let mut offsets = Vec::with_capacity(plan.ops.len());
        for op in &plan.ops {
            words.resize(words.len().next_multiple_of(stride), 0);
            offsets.push(words.len() as u64 * 4);
            words.extend(op.kernel.uniforms());
        }
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let held = self.ledger.make(&self.gpu, &plan.name, (words.len() as u64 * 4).max(4), usage)?;
        self.gpu.write(&plan.name, &held.buffer, 0, bytemuck::cast_slice(&words))?;
        Ok(Uniforms { held, offsets })
    }

    /// A plan's op with this number, with one of its kernel's variants.
    pub(super) fn bind_op(
        &self,
        plan: &Plan,
        number: usize,
        variant: usize,
        places: &[Place],
        uniforms: &Uniforms,
    ) -> Result<BoundOp> {
        let op = &plan.ops[number];
        let kernel = &*op.kernel;
        let place = op_place(plan, op);
        let grid = self.grid(kernel, variant, &place)?;
        let args = self.stretches(plan, op, &place)?;
        let block =
            Bytes { buffer: 0, offset: uniforms.offsets[number], bytes: kernel.uniforms().len() as u64 * 4 };
        let Pipeline { pipeline, layout } =
            self.gpu.pipeline(kernel, variant, self.checks(kernel), &place)?;
        self.gpu.watched(&place, || {
            let (label, buffer) = (Some(kernel.name()), &uniforms.held.buffer);
            let group = group(&self.gpu, label, &layout, places, buffer, block, &args);
            BoundOp { pipeline, group, grid, uniforms: block, args }
        })
    }

    /// The workgroups of an op; refused if the device cannot have so many.
    fn grid(&self, kernel: &dyn Kernel, variant: usize, place: &str) -> Result<[u32; 3]> {
        let (grid, most) =
            (kernel.grid(variant), self.gpu.device.limits().max_compute_workgroups_per_dimension);
        match grid.iter().find(|&&groups| groups > most) {
            None => Ok(grid),
            Some(groups) => Err(self.gpu.error(
                Fault::Unsupported,
                format!("{place}: found {groups} workgroups, expected at most {most}"),
                "use a smaller batch",
            )),
        }
    }

    /// The bindings of an op; refused if the device cannot bind so much at once.
    fn stretches(&self, plan: &Plan, op: &Op, place: &str) -> Result<Vec<Bytes>> {
        let most = self.gpu.device.limits().max_storage_buffer_binding_size;
        let args = op.args.iter().zip(op.kernel.bindings()).zip(op.kernel.lens());
        args.map(|((view, binding), len)| {
            let bytes = len.unwrap_or(UNUSED) as u64 * 4;
            if bytes > most {
                let smaller = smaller(plan.batch_within(view.buffer, bytes, most));
                return Err(self.gpu.error(
                    Fault::Unsupported,
                    format!(
                        "{place}: found {bytes} bytes for {}, expected at most {most} in one binding",
                        binding.name
                    ),
                    &format!("use {smaller}, or the CPU (AUTOROT_DEVICE=cpu)"),
                ));
            }
            Ok(Bytes { buffer: view.buffer, offset: view.offset as u64 * 4, bytes })
        })
        .collect()
    }
}

/// The name of an op in errors.
pub(crate) fn op_place(plan: &Plan, op: &Op) -> String {
    format!("{}: {}: {}", plan.name, op.scope, op.kernel.name())
}

/// What would fit instead.
pub(super) fn smaller(batch: Option<u64>) -> String {
    match batch {
        Some(0) => "smaller layers: not even one row fits".into(),
        Some(batch) => format!("a batch of at most {batch}"),
        None => "a smaller layer or data set".into(),
    }
}
