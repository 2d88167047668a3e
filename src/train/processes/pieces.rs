//! The gradient in pieces, the last layers first, each of which can travel as soon as the backward pass has left it.

use crate::kernel::Access;
use crate::plan::arena::{Arena, Parameter, Role, keys};
use crate::plan::{Home, Plan};
use std::ops::Range;

/// About how many pieces a gradient has.
const PIECES: usize = 8;

/// No piece but the last has fewer numbers: a message of 256 KiB hides its latency.
const LEAST: usize = 1 << 16;

/// What of the arena is summed: stretches of the gradient, and what layers maintain.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// In the order in which a backward pass leaves them.
    pub(super) gradient: Vec<Range<usize>>,
    /// The parameters that layers maintain, such as running statistics; may be empty.
    pub(super) kept: Range<usize>,
}

impl Pieces {
    pub(super) fn of(arena: &Arena) -> Self {
        let of_role = |role: Role| arena.parameters().iter().filter(move |p| p.role == role);
        let kept = of_role(Role::Kept).map(|p| p.offset).min().unwrap_or(arena.len());
        let decayed = arena.decayed_end().min(kept);
        let least = (decayed / PIECES).max(LEAST);
        let mut gradient = Vec::new();
        let mut end = decayed;
        let mut kernels: Vec<&Parameter> = of_role(Role::Decayed).collect();
        kernels.sort_by_key(|p| p.offset);
        for kernel in kernels.into_iter().rev() {
            if end - kernel.offset >= least && kernel.offset > 0 {
                gradient.push(kernel.offset..end);
                end = kernel.offset;
            }
        }
        // Biases are few, and those of the first layer come last.
        gradient.extend([0..end, decayed..kept].into_iter().filter(|range| !range.is_empty()));
        Self { gradient, kept: kept..arena.len() }
    }

    /// After how many of the plan's ops each piece of the gradient is final: no fewer than for the pieces before it.
    pub(super) fn ready(&self, plan: &Plan) -> Vec<usize> {
        let is_gradient =
            |buffer: usize| matches!(&plan.buffers[buffer].home, Home::Shared(key) if key == keys::GRADIENTS);
        let mut ready = vec![0; self.gradient.len()];
        for (i, op) in plan.ops.iter().enumerate() {
            for (view, binding) in op.args.iter().zip(op.kernel.bindings()) {
                if binding.access == Access::Read || !is_gradient(view.buffer) {
                    continue;
                }
                let (start, end) = (view.offset, view.offset + view.len);
                for (piece, ready) in self.gradient.iter().zip(&mut ready) {
                    if start < piece.end && piece.start < end {
                        *ready = i + 1;
                    }
                }
            }
        }
        let mut latest = 0;
        ready.iter_mut().for_each(|ready| {
            latest = latest.max(*ready);
            *ready = latest;
        });
        ready
    }
}
