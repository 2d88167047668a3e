//! A recurrent layer's weights, as the kernels that rotate them see them.

use crate::Rotation;
use crate::kernel::Grid;

/// The weights of a rotated recurrent layer: W `[F, C]`, U `[H, C]` and b `[lines, C]`, C = gates·H.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GateKernels {
    /// F.
    pub inputs: usize,
    /// H.
    pub units: usize,
    /// The number of gates.
    pub gates: usize,
    /// The lines of the bias: 0, 1, or 2 with a recurrent bias.
    pub lines: usize,
    /// The rotation; its L is the first gate's.
    pub rotation: Rotation,
    /// h_Q if the whole pre-activation is rotated, `None` if only the inputs' share is.
    pub h_q: Option<f32>,
}

impl GateKernels {
    pub(super) fn columns(&self) -> usize {
        self.gates * self.units
    }

    pub(super) fn rotated_lines(&self) -> usize {
        if self.h_q.is_some() { self.lines } else { self.lines.min(1) }
    }

    /// The lengths of W, U where it is rotated, and b.
    pub(super) fn lens(&self) -> (usize, Option<usize>, Option<usize>) {
        let columns = self.columns();
        let recurrent = self.units * columns;
        (
            self.inputs * columns,
            self.h_q.is_some().then_some(recurrent),
            (self.lines > 0).then_some(self.lines * columns),
        )
    }

    /// The rounds of an invocation: over the rows of W, and of U where it is rotated, twice.
    pub(super) fn rounds(&self) -> usize {
        let slices = 256 / ACROSS;
        let recurrent = if self.h_q.is_some() { self.units.div_ceil(slices) } else { 0 };
        2 * (self.inputs.div_ceil(slices) + recurrent + self.lines)
    }

    pub(super) fn grid(&self) -> Grid {
        [self.columns().div_ceil(4 * ACROSS) as u32, 1, 1]
    }
}

/// Quads of columns per workgroup.
pub(super) const ACROSS: usize = 4;
