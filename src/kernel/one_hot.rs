//! The class indices of a batch as distributions, so that every loss sees rows of numbers.

use super::advance::clock;
use super::{Args, Binding, Family, Grid, Trust, flat_grid, read_index, uniforms, wgsl, write};
use crate::Real;

uniforms!(OneHotUniforms { batch: u32, classes: u32, steps: u32, last: u32, last_row: u32 });

/// `out[r, s, c]` = 1 where c = `labels[order[cursor + r], s]`, else 0.
#[derive(Clone, Copy, Debug)]
pub struct OneHot {
    /// Rows of the batch.
    pub batch: usize,
    /// C.
    pub classes: usize,
    /// S, the labels of a row: one, or one a time step.
    pub steps: usize,
    /// The rows of the whole set.
    pub total_rows: usize,
    /// The length of the order.
    pub order: usize,
}

impl Family for OneHot {
    const NAME: &'static str = "one_hot";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read_index("labels"), read_index("order"), read_index("clock"), write("out")];
    type Uniforms = OneHotUniforms;

    fn lens(&self) -> Vec<usize> {
        let labels = self.total_rows * self.steps;
        vec![labels, self.order, clock::LEN, self.batch * self.steps * self.classes]
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
        vec![wgsl!("lib/index.wgsl"), wgsl!("lib/clock.wgsl"), wgsl!("one_hot.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * self.steps * self.classes, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (labels, order) = (args.read_index(0), args.read_index(1));
        let cursor = args.read_index(2)[clock::CURSOR] as usize;
        for (r, out) in args.write(3).chunks_exact_mut(self.classes).enumerate() {
            out.fill(T::zero());
            let row = order[(cursor + r / self.steps).min(self.order - 1)] as usize;
            let row = row.min(self.total_rows - 1);
            out[labels[row * self.steps + r % self.steps] as usize] = T::one();
        }
    }
}
