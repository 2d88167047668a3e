//! Gradient accumulation over several steps.

use super::advance::clock;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, flat_grid, read, read_index, uniforms, update, wgsl,
};
use crate::Real;

/// The columns of the table of rates: what the host computes anew for every step.
pub mod rates {
    /// The learning rate.
    pub const LEARNING_RATE: usize = 0;
    /// Adam's α, the learning rate with the bias corrections.
    pub const ALPHA: usize = 1;
    /// The step's share of an accumulated gradient.
    pub const WEIGHT: usize = 2;
    /// 1 when the step is the first of its group.
    pub const FIRST: usize = 3;
    /// The number of columns.
    pub const LEN: usize = 4;
}

uniforms!(AccumulateUniforms { count: u32, last_slot: u32 });

/// total = weight·gradient, added to what is there unless the step is the first of its group; nothing once training has halted.
#[derive(Clone, Copy, Debug)]
pub struct Accumulate {
    /// The number of parameters.
    pub count: usize,
    /// The rows of the table of rates.
    pub slots: usize,
}

impl Family for Accumulate {
    const NAME: &'static str = "accumulate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "total"];
    const BINDINGS: &'static [Binding] =
        &[read("gradient"), read("rates"), read_index("clock"), update("total")];
    type Uniforms = AccumulateUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.count, self.slots * rates::LEN, clock::LEN, self.count]
    }

    fn uniforms(&self) -> AccumulateUniforms {
        AccumulateUniforms { count: self.count as u32, last_slot: (self.slots as u32).saturating_sub(1) }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/index.wgsl"), wgsl!("lib/clock.wgsl"), wgsl!("accumulate.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        if args.read_index(2)[clock::HALTED] != 0 {
            return;
        }
        let gradient = args.read(0);
        let row = &args.read(1)[args.read_index(2)[clock::SLOT] as usize * rates::LEN..];
        for (total, &g) in args.write(3).iter_mut().zip(gradient) {
            let share = row[rates::WEIGHT] * g;
            *total = if row[rates::FIRST] != T::zero() { share } else { *total + share };
        }
    }
}
