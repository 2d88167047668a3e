//! The check before an update: is the step the one that is due, are loss and gradients finite, and how far is the gradient clipped?

use super::advance::clock;
use super::rows::total;
use super::{
    Args, Binding, Family, Grid, Trust, constants, read, read_index, uniforms, update_index, wgsl, write,
};
use crate::Real;

uniforms!(GuardUniforms { partials: u32, columns: u32, last_slot: u32, clip_norm: f32, kind: u32 });

/// control = (clip/max(norm, clip) or 1, norm); sets the clock's `HALTED` when the step's loss or the
/// norm is not finite, after which the optimisers change nothing any more; sets it to [`clock::STALLED`] when another
/// step is due, which is then as if it had not been.
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
    /// The step's kind, below 32, where it is to be the one that is due in its slot: [`Guard::due`].
    pub kind: Option<u32>,
}

impl Guard {
    /// What stands in a slot where the step of this number, counted from 0 modulo 2³², is due, and is to be of this kind.
    pub fn due(step: u32, kind: u32) -> u32 {
        step << 5 | kind
    }
}

impl Family for Guard {
    const NAME: &'static str = "guard";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("partials"), read("tallies"), update_index("clock"), write("control"), read_index("due")];
    type Uniforms = GuardUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.partials, self.slots * self.columns, clock::LEN, 2, self.slots]
    }

    fn uniforms(&self) -> GuardUniforms {
        GuardUniforms {
            partials: self.partials as u32,
            columns: self.columns as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            clip_norm: self.clip_norm,
            kind: self.kind.unwrap_or(0),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[("SCHEDULED", self.kind.is_some())]),
            wgsl!("lib/clock.wgsl"),
            wgsl!("lib/math.wgsl"),
            wgsl!("lib/reduce.wgsl"),
            wgsl!("guard.wgsl"),
        ]
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
        let due = |kind| args.read_index(4)[now[clock::SLOT] as usize] == Self::due(now[clock::STEP], kind);
        let stalled = self.kind.is_some_and(|kind| !due(kind));
        if now[clock::HALTED] == 0 && stalled {
            now[clock::HALTED] = clock::STALLED;
        } else if now[clock::HALTED] == 0 && !(loss.is_finite() && total.is_finite()) {
            // The last two of 2³² steps have no number that is free.
            let number = now[clock::STEP].wrapping_add(1);
            let taken = number == 0 || number == clock::STALLED;
            now[clock::HALTED] = if taken { clock::STALLED - 1 } else { number };
        }
        let (norm, clip) = (total.sqrt(), T::of(self.clip_norm.into()));
        let control = args.write(3);
        control[0] = if clip > T::zero() { clip / norm.max(clip) } else { T::one() };
        control[1] = norm;
    }
}
