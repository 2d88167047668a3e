//! The rows of a batch, gathered by index on the device: inputs and targets.

use super::advance::clock;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, each_quad, quad_grid, read, read_index, uniforms, update,
    wgsl,
};
use crate::Real;

uniforms!(GatherUniforms { batch: u32, width: u32, first_row: u32, rows: u32, last: u32 });

/// `out[r] = data[order[cursor + r] − first_row]` for the batch's rows that lie in this chunk of the set.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    /// Rows of the batch.
    pub batch: usize,
    /// Numbers a row.
    pub width: usize,
    /// The first row of the set that the chunk holds.
    pub first_row: usize,
    /// The rows that the chunk holds.
    pub rows: usize,
    /// The length of the order.
    pub order: usize,
}

impl Family for Gather {
    const NAME: &'static str = "gather";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["data", "out"];
    const BINDINGS: &'static [Binding] =
        &[read("data"), read_index("order"), read_index("clock"), update("out")];
    type Uniforms = GatherUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.rows * self.width, self.order, clock::LEN, self.batch * self.width]
    }

    fn uniforms(&self) -> GatherUniforms {
        GatherUniforms {
            batch: self.batch as u32,
            width: self.width as u32,
            first_row: self.first_row as u32,
            rows: self.rows as u32,
            last: (self.order as u32).saturating_sub(1),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("lib/clock.wgsl"), wgsl!("gather.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch, self.width)
    }

    fn by_fours(&self) -> bool {
        self.width.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (data, order) = (args.read(0), args.read_index(1));
        let cursor = args.read_index(2)[clock::CURSOR] as usize;
        let out = args.write(3);
        for (r, out) in out.chunks_exact_mut(self.width).enumerate() {
            let row = order[(cursor + r).min(self.order - 1)] as usize;
            if (self.first_row..self.first_row + self.rows).contains(&row) {
                let start = (row - self.first_row) * self.width;
                out.copy_from_slice(&data[start..start + self.width]);
            }
        }
    }
}
