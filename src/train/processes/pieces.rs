//! The gradient in pieces, the last layers first, each of which can travel as soon as the backward pass has left it. What is frozen has none,
//! and stays behind where a piece begins or ends with it.

use crate::kernel::Access;
use crate::plan::arena::{Arena, Parameter, Role};
use crate::plan::{Home, Plan};
use std::ops::Range;

/// About how many pieces a gradient has.
const PIECES: usize = 8;

/// No piece but the last has fewer numbers: a message of 256 KiB hides its latency.
const LEAST: usize = 1 << 16;

/// What of the arena is summed: stretches of the gradient, and what layers maintain.
#[derive(Clone, Debug)]
pub(super) struct Pieces {
    /// In the order in which a backward pass leaves them; none of them is empty.
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
        gradient.extend([0..end, decayed..kept]);
        let trained = arena.learnt_ranges();
        let without_ends = |piece: Range<usize>| {
            let cut = |range: &Range<usize>| range.start.max(piece.start)..range.end.min(piece.end);
            let mut parts = trained.iter().map(cut).filter(|part| !part.is_empty());
            let first = parts.next()?;
            Some(first.start..parts.next_back().map_or(first.end, |last| last.end))
        };
        Self { gradient: gradient.into_iter().filter_map(without_ends).collect(), kept: kept..arena.len() }
    }

    /// After how many of the plan's ops each piece of the gradient, which has this name, is final: no fewer than for the pieces before it, nor than until the
    /// tallies are, which travel with the first.
    pub(super) fn ready(&self, plan: &Plan, (gradient, tallies): (&str, &str)) -> Vec<usize> {
        let is = |buffer: usize, name: &str| matches!(&plan.buffers[buffer].home, Home::Shared(key) if key == name);
        let (mut ready, mut latest) = (vec![0; self.gradient.len()], 0);
        for (i, op) in plan.ops.iter().enumerate() {
            for (view, binding) in op.args.iter().zip(op.kernel.bindings()) {
                if binding.access == Access::Read {
                    continue;
                }
                if is(view.buffer, tallies) {
                    latest = i + 1;
                }
                if !is(view.buffer, gradient) {
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
        ready.iter_mut().for_each(|ready| {
            latest = latest.max(*ready);
            *ready = latest;
        });
        ready
    }
}
