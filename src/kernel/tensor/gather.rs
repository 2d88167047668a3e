//! The rows of a batch, gathered by index on the device: inputs and targets.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(GatherUniforms { batch: u32, width: u32, first_row: u32, rows: u32, last: u32 });

/// `out[r] = data[order[cursor + r] − first_row]` for the batch's rows that lie in this chunk of the set.
#[derive(Clone, Copy, Debug)]
pub struct Gather {
    /// Rows of the batch.
    pub batch: usize,
    /// Numbers per row.
    pub width: usize,
    /// The first row of the set that the chunk holds.
    pub first_row: usize,
    /// The rows that the chunk holds.
    pub rows: usize,
    /// The length of the order.
    pub order: usize,
}

ports! {
    /// The ports of [`Gather`].
    pub struct GatherPorts {
        /// The data set.
        data: Read,
        /// The order of rows.
        order: ReadIndex,
        /// The clock.
        clock: ReadIndex,
        /// The rows of the batch.
        out: Update,
    }
}

impl Family for Gather {
    const NAME: &'static str = "gather";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["data", "out"];
    type Ports = GatherPorts<Lens>;
    type Uniforms = GatherUniforms;

    fn lens(&self) -> GatherPorts<Lens> {
        GatherPorts {
            data: self.rows * self.width,
            order: self.order,
            clock: clock::LEN,
            out: self.batch * self.width,
        }
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
        vec![each_quad(), wgsl!("base/parts/clock.wgsl"), wgsl!("tensor/gather.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch, self.width)
    }

    fn by_fours(&self) -> bool {
        self.width.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: GatherPorts<Slices<'_, T>>) {
        let GatherPorts { data, order, clock, out } = ports;
        let cursor = clock[clock::CURSOR] as usize;
        for (r, out) in out.chunks_exact_mut(self.width).enumerate() {
            let row = order[(cursor + r).min(self.order - 1)] as usize;
            if (self.first_row..self.first_row + self.rows).contains(&row) {
                let start = (row - self.first_row) * self.width;
                out.copy_from_slice(&data[start..start + self.width]);
            }
        }
    }
}
