//! Gradient accumulation over several steps.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::rates;
use crate::kernel::update::TASK;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl,
};
use rayon::prelude::*;

uniforms!(AccumulateUniforms { count: u32, last_slot: u32 });

/// total = weight·gradient, added to the previous total unless the step is the first of its group. With `shared` the mean over what
/// counts so far: share·gradient + (1 − share)·total, by [`GroupShare`](super::GroupShare). Unchanged once training has halted.
#[derive(Clone, Copy, Debug)]
pub struct Accumulate {
    /// The number of parameters.
    pub count: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// Whether the step's share comes from the device, since only a mask tells it.
    pub shared: bool,
}

ports! {
    /// The ports of [`Accumulate`].
    pub struct AccumulatePorts {
        /// The gradient.
        gradient: Read,
        /// The table of rates.
        rates: Option<Read>,
        /// The step's share, where it is shared.
        shares: Option<Read>,
        /// The clock.
        clock: ReadIndex,
        /// The sum over the steps of an update.
        total: Update,
    }
}

impl Family for Accumulate {
    const NAME: &'static str = "accumulate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["gradient", "total"];
    type Ports = AccumulatePorts<Lens>;
    type Uniforms = AccumulateUniforms;

    fn lens(&self) -> AccumulatePorts<Lens> {
        AccumulatePorts {
            gradient: self.count,
            rates: (!self.shared).then_some(self.slots * rates::LEN),
            shares: self.shared.then_some(2),
            clock: clock::LEN,
            total: self.count,
        }
    }

    fn uniforms(&self) -> AccumulateUniforms {
        AccumulateUniforms { count: self.count as u32, last_slot: (self.slots as u32).saturating_sub(1) }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            each(),
            constants(&[("SHARED", self.shared)]),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/rates.wgsl"),
            wgsl!("step/accumulate.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: AccumulatePorts<Slices<'_, T>>) {
        let AccumulatePorts { gradient, rates, shares, clock, total } = ports;
        if clock[clock::HALTED] != 0 {
            return;
        }
        let (share, rest) = match (rates, shares) {
            (Some(rates), _) => {
                let row = &rates[clock[clock::SLOT] as usize * rates::LEN..];
                let first = row[rates::FIRST] != T::zero();
                (row[rates::WEIGHT], if first { T::zero() } else { T::one() })
            }
            (None, Some(shares)) => (shares[0], T::one() - shares[0]),
            (None, None) => return,
        };
        let work = |(total, gradient): (&mut [T], &[T])| {
            for (total, &g) in total.iter_mut().zip(gradient) {
                *total = if rest > T::zero() { share * g + rest * *total } else { share * g };
            }
        };
        if total.len() <= TASK {
            return work((total, gradient));
        }
        total.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK)).for_each(work);
    }
}
