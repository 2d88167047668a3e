//! Moving averages of the parameters.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(AverageUniforms { count: u32, momentum: f32 });

/// averages = momentum·averages + (1 − momentum)·w; unchanged once training has halted.
#[derive(Clone, Copy, Debug)]
pub struct Average {
    /// The number of parameters.
    pub count: usize,
    /// What stays of the averages, 0..1.
    pub momentum: f32,
}

ports! {
    /// The ports of [`Average`].
    pub struct AveragePorts {
        /// The parameters after an update.
        w: Read,
        /// The clock.
        clock: ReadIndex,
        /// Their averages.
        averages: Update,
    }
}

impl Family for Average {
    const NAME: &'static str = "average";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["w", "averages"];
    type Ports = AveragePorts<Lens>;
    type Uniforms = AverageUniforms;

    fn lens(&self) -> AveragePorts<Lens> {
        AveragePorts { w: self.count, clock: clock::LEN, averages: self.count }
    }

    fn uniforms(&self) -> AverageUniforms {
        AverageUniforms { count: self.count as u32, momentum: self.momentum }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each(), wgsl!("base/parts/clock.wgsl"), wgsl!("step/average.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: AveragePorts<Slices<'_, T>>) {
        let AveragePorts { w, clock: now, averages } = ports;
        if now[clock::HALTED] != 0 {
            return;
        }
        let momentum = T::of(self.momentum.into());
        for (average, &w) in averages.iter_mut().zip(w) {
            *average = momentum * *average + (T::one() - momentum) * w;
        }
    }
}
