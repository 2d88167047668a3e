//! The check before an update, once the scores are summed: whether the step is due, whether loss and gradients are finite, and how far the gradient is clipped.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::clock;
use crate::kernel::{Family, Grid, Lens, Slices, Tally, TallyPorts, Trust, constants, ports, uniforms, wgsl};

uniforms!(GuardUniforms {
    partials: u32,
    columns: u32,
    last_slot: u32,
    clip_norm: f32,
    kind: u32,
    batch: u32,
    rows: u32,
    penalties: u32,
});

/// control = (clip/max(norm, clip) or 1, norm). Sets the clock's `HALTED` if the step's loss or the norm is not finite; optimisers
/// then change nothing. Sets it to [`clock::STALLED`] if another step is due; this one then has no effect.
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
    /// The step's kind, below 32, if it must be the one that is due in its slot: see [`Guard::due`].
    pub kind: Option<u32>,
    /// How to sum the step's scores into the tallies first; `None` where they are there.
    pub scores: Option<Tally>,
}

impl Guard {
    /// The entry of a slot in which the step of this number (from 0, modulo 2³²) and kind is due.
    pub fn due(step: u32, kind: u32) -> u32 {
        step << 5 | kind
    }
}

ports! {
    /// The ports of [`Guard`].
    pub struct GuardPorts {
        /// Partial sums of the gradient's squares.
        partials: Read,
        /// The rows of scores, or their sums.
        scores: Option<Read>,
        /// Partial sums of the penalties.
        penalties: Option<Read>,
        /// The tallies.
        tallies: Update,
        /// The clock.
        clock: UpdateIndex,
        /// The factor that clips the gradient, and the gradient's norm.
        control: Write,
        /// Which step is due in each slot.
        due: ReadIndex,
    }
}

impl Family for Guard {
    const NAME: &'static str = "guard";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = GuardPorts<Lens>;
    type Uniforms = GuardUniforms;

    fn lens(&self) -> GuardPorts<Lens> {
        GuardPorts {
            partials: self.partials,
            scores: self.scores.map(|tally| tally.lens().scores),
            penalties: self.scores.map(|tally| tally.lens().penalties),
            tallies: self.slots * self.columns,
            clock: clock::LEN,
            control: 2,
            due: self.slots,
        }
    }

    fn uniforms(&self) -> GuardUniforms {
        let of = |number: fn(Tally) -> usize| self.scores.map_or(0, number) as u32;
        GuardUniforms {
            partials: self.partials as u32,
            columns: self.columns as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
            clip_norm: self.clip_norm,
            kind: self.kind.unwrap_or(0),
            batch: of(|tally| tally.batch),
            rows: of(|tally| tally.rows),
            penalties: of(|tally| tally.penalties),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[
                ("SCHEDULED", self.kind.is_some()),
                ("SCORED", self.scores.is_some()),
                ("WEIGHTED", self.scores.is_some_and(|tally| tally.weighted)),
            ]),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/math.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            wgsl!("step/parts/tally.wgsl"),
            wgsl!("step/guard.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn rounds(&self, variant: usize) -> usize {
        let tally = self.scores.map_or(0, |tally| self.columns * (1 + tally.rounds(variant)));
        tally + self.partials.div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: GuardPorts<Slices<'_, T>>) {
        let GuardPorts { partials, scores, penalties, tallies, clock: now, control, due } = ports;
        if let (Some(tally), Some(scores), Some(penalties)) = (self.scores, scores, penalties) {
            tally.twin(TallyPorts { scores, penalties, clock: &*now, tallies: &mut *tallies });
        }
        let total = total(partials[..self.partials].iter().copied());
        let loss = tallies[now[clock::SLOT] as usize * self.columns];
        let due = |kind| due[now[clock::SLOT] as usize] == Self::due(now[clock::STEP], kind);
        let stalled = self.kind.is_some_and(|kind| !due(kind));
        if now[clock::HALTED] == 0 && stalled {
            now[clock::HALTED] = clock::STALLED;
        } else if now[clock::HALTED] == 0 && !(loss.is_finite() && total.is_finite()) {
            // The last two of 2³² steps have no free number.
            let number = now[clock::STEP].wrapping_add(1);
            let taken = number == 0 || number == clock::STALLED;
            now[clock::HALTED] = if taken { clock::STALLED - 1 } else { number };
        }
        let (norm, clip) = (total.sqrt(), T::of(self.clip_norm.into()));
        control[0] = if clip > T::zero() { clip / norm.max(clip) } else { T::one() };
        control[1] = norm;
    }
}
