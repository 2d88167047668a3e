//! The change of a parameter tensor by a step that goes by the tensor's length.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::rates;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, each, flat_grid, ports, uniforms, wgsl};

uniforms!(TrustRatioUniforms { count: u32, last_slot: u32, weight_decay: f32, rate_factor: f32 });

/// w = w′ + size·r·change, where w′ = w − decay·lr·w and r = ‖w′‖/‖change‖, or 1 where either is 0 (You et al. 2020). Nothing changes
/// while the clock is halted.
#[derive(Clone, Copy, Debug)]
pub struct TrustRatio {
    /// The number of parameters: the whole tensor, or a part of it.
    pub count: usize,
    /// The rows of the table of rates.
    pub slots: usize,
    /// The decay per step and unit of learning rate; 0 for none.
    pub weight_decay: f32,
    /// The factor of the learning rate.
    pub rate_factor: f32,
}

ports! {
    /// The ports of [`TrustRatio`].
    pub struct TrustRatioPorts {
        /// What a step of the size 1 would change, without the ratio.
        change: Read,
        /// Σ w² over the tensor.
        w_squares: Read,
        /// Σ change² over the tensor.
        change_squares: Read,
        /// The table of rates.
        rates: Read,
        /// The clock.
        clock: ReadIndex,
        /// The parameters.
        w: Update,
        /// The parameters before this update.
        previous: Update,
    }
}

impl Family for TrustRatio {
    const NAME: &'static str = "trust_ratio";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["change", "w", "previous"];
    type Ports = TrustRatioPorts<Lens>;
    type Uniforms = TrustRatioUniforms;

    fn lens(&self) -> TrustRatioPorts<Lens> {
        TrustRatioPorts {
            change: self.count,
            w_squares: 1,
            change_squares: 1,
            rates: self.slots * rates::LEN,
            clock: clock::LEN,
            w: self.count,
            previous: self.count,
        }
    }

    fn uniforms(&self) -> TrustRatioUniforms {
        TrustRatioUniforms {
            count: self.count as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            weight_decay: self.weight_decay * self.rate_factor,
            rate_factor: self.rate_factor,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            each(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/rates.wgsl"),
            wgsl!("step/trust_ratio.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: TrustRatioPorts<Slices<'_, T>>) {
        let TrustRatioPorts { change, w_squares, change_squares, rates, clock: now, w, previous } = ports;
        if now[clock::HALTED] != 0 {
            return;
        }
        let of = |number: f32| T::of(number.into());
        let rates = &rates[now[clock::SLOT] as usize * rates::LEN..][..rates::LEN];
        let left = T::one() - of(self.weight_decay * self.rate_factor) * rates[rates::LEARNING_RATE];
        let (w_norm, change_norm) = (left.abs() * w_squares[0].sqrt(), change_squares[0].sqrt());
        let moves = w_norm > T::zero() && change_norm > T::zero();
        let ratio = if moves { w_norm / change_norm } else { T::one() };
        let factor = rates[rates::STEP_SIZE] * of(self.rate_factor) * ratio;
        previous.copy_from_slice(w);
        for (w, &change) in w.iter_mut().zip(change) {
            *w = left * *w + factor * change;
        }
    }
}
