//! The class indices of a batch as distributions, so that every loss sees rows of numbers.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(OneHotUniforms { batch: u32, classes: u32, steps: u32, last: u32, last_row: u32 });

/// `out[r, s, c]` = 1 where c = `labels[order[cursor + r], s]`, else 0.
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    /// Rows of the batch.
    pub batch: usize,
    /// C.
    pub classes: usize,
    /// S, the labels per row: one, or one per time step.
    pub steps: usize,
    /// The rows of the whole set.
    pub total_rows: usize,
    /// The length of the order.
    pub order: usize,
}

ports! {
    /// The ports of [`OneHot`].
    pub struct OneHotPorts {
        /// The labels.
        labels: ReadIndex,
        /// The order of rows.
        order: ReadIndex,
        /// The clock.
        clock: ReadIndex,
        /// The one-hot rows.
        out: Write,
    }
}

impl Family for OneHot {
    const NAME: &'static str = "one_hot";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = OneHotPorts<Lens>;
    type Uniforms = OneHotUniforms;

    fn lens(&self) -> OneHotPorts<Lens> {
        let labels = self.total_rows * self.steps;
        OneHotPorts {
            labels,
            order: self.order,
            clock: clock::LEN,
            out: self.batch * self.steps * self.classes,
        }
    }

    fn uniforms(&self) -> OneHotUniforms {
        OneHotUniforms {
            batch: self.batch as u32,
            classes: self.classes as u32,
            steps: self.steps as u32,
            last: (self.order as u32).saturating_sub(1),
            last_row: (self.total_rows as u32).saturating_sub(1),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("base/parts/clock.wgsl"), wgsl!("tensor/one_hot.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.steps * self.classes, 64)
    }

    fn twin<T: Real>(&self, ports: OneHotPorts<Slices<'_, T>>) {
        let OneHotPorts { labels, order, clock, out } = ports;
        let cursor = clock[clock::CURSOR] as usize;
        for (r, out) in out.chunks_exact_mut(self.classes).enumerate() {
            out.fill(T::zero());
            let row = order[(cursor + r / self.steps).min(self.order - 1)] as usize;
            let row = row.min(self.total_rows - 1);
            out[labels[row * self.steps + r % self.steps] as usize] = T::one();
        }
    }
}
