//! The check before an update: are loss and gradients finite, and how far is the gradient clipped?

use super::advance::clock;
use super::rows::total;
use super::{Args, Binding, Family, Grid, Trust, read, uniforms, update_index, wgsl, write};
use crate::Real;

uniforms!(GuardUniforms { partials: u32, columns: u32, last_slot: u32, clip_norm: f32 });

/// control = (clip/max(norm, clip) or 1, norm); sets the clock's `HALTED` when the step's loss or the
/// norm is not finite, after which the optimisers change nothing any more.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    /// How many partial sums of squares there are.
    pub partials: usize,
    /// The width of a row of tallies, whose first column holds the loss.
    pub columns: usize,
    /// The rows of the tallies.
    pub slots: usize,
    /// The largest norm of all gradients together, or 0 for no limit.
    pub clip_norm: f32,
}

impl Family for Guard {
    const NAME: &'static str = "guard";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("partials"), read("tallies"), update_index("clock"), write("control")];
    type Uniforms = GuardUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.partials, self.slots * self.columns, clock::LEN, 2]
    }

    fn uniforms(&self) -> GuardUniforms {
        GuardUniforms {
            partials: self.partials as u32,
            columns: self.columns as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            clip_norm: self.clip_norm,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/clock.wgsl"), wgsl!("lib/math.wgsl"), wgsl!("lib/reduce.wgsl"), wgsl!("guard.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.partials.div_ceil(64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let total = total(args.read(0)[..self.partials].iter().copied());
        let (tallies, now) = (args.read(1), args.write_index(2));
        let loss = tallies[now[clock::SLOT] as usize * self.columns];
        if now[clock::HALTED] == 0 && !(loss.is_finite() && total.is_finite()) {
            now[clock::HALTED] = now[clock::STEP] + 1;
        }
        let (norm, clip) = (total.sqrt(), T::of(self.clip_norm.into()));
        let control = args.write(3);
        control[0] = if clip > T::zero() { clip / norm.max(clip) } else { T::one() };
        control[1] = norm;
    }
}
