//! An exponential running average, kept from step to step.

use super::advance::clock;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, flat_grid, read, read_index, uniforms, update, wgsl,
};
use crate::Real;

uniforms!(RunningAverageUniforms { count: u32, momentum: f32, factor: f32 });

/// average = momentum·average + (1 − momentum)·factor·value, unless the step has met a number that is not finite, or the value is none.
#[derive(Clone, Copy, Debug)]
pub struct RunningAverage {
    /// The number of elements.
    pub count: usize,
    /// The share of the average that stays.
    pub momentum: f32,
    /// What the new values are multiplied by.
    pub factor: f32,
}

impl Family for RunningAverage {
    const NAME: &'static str = "running_average";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("value"), read_index("clock"), update("average")];
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["value", "average"];
    type Uniforms = RunningAverageUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.count, clock::LEN, self.count]
    }

    fn uniforms(&self) -> RunningAverageUniforms {
        RunningAverageUniforms { count: self.count as u32, momentum: self.momentum, factor: self.factor }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            wgsl!("lib/index.wgsl"),
            wgsl!("lib/math.wgsl"),
            wgsl!("lib/clock.wgsl"),
            wgsl!("running_average.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        if args.read_index(1)[clock::HALTED] != 0 {
            return;
        }
        let (momentum, factor) = (T::of(self.momentum.into()), T::of(self.factor.into()));
        for (average, &value) in args.write(2).iter_mut().zip(args.read(0)) {
            let next = momentum * *average + (T::one() - momentum) * (factor * value);
            *average = if next.is_finite() { next } else { *average };
        }
    }
}
