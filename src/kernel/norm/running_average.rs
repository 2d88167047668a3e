//! An exponential moving average, kept from step to step.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(RunningAverageUniforms { count: u32, momentum: f32, factor: f32 });

/// average = momentum·average + (1 − momentum)·factor·value, except where that is not finite or the clock is halted.
#[derive(Clone, Copy, Debug)]
pub struct RunningAverage {
    /// The number of elements.
    pub count: usize,
    /// The share of the average that stays.
    pub momentum: f32,
    /// What the new values are multiplied by.
    pub factor: f32,
}

ports! {
    /// The ports of [`RunningAverage`].
    pub struct RunningAveragePorts {
        /// The value of this step.
        value: Read,
        /// The clock.
        clock: ReadIndex,
        /// The average.
        average: Update,
    }
}

impl Family for RunningAverage {
    const NAME: &'static str = "running_average";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["value", "average"];
    type Ports = RunningAveragePorts<Lens>;
    type Uniforms = RunningAverageUniforms;

    fn lens(&self) -> RunningAveragePorts<Lens> {
        RunningAveragePorts { value: self.count, clock: clock::LEN, average: self.count }
    }

    fn uniforms(&self) -> RunningAverageUniforms {
        RunningAverageUniforms { count: self.count as u32, momentum: self.momentum, factor: self.factor }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            each(),
            wgsl!("base/parts/math.wgsl"),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("norm/running_average.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RunningAveragePorts<Slices<'_, T>>) {
        let RunningAveragePorts { value, clock, average } = ports;
        if clock[clock::HALTED] != 0 {
            return;
        }
        let (momentum, factor) = (T::of(self.momentum.into()), T::of(self.factor.into()));
        for (average, &value) in average.iter_mut().zip(value) {
            let next = momentum * *average + (T::one() - momentum) * (factor * value);
            *average = if next.is_finite() { next } else { *average };
        }
    }
}
