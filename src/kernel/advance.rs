//! The clock: the few integers that change from step to step, and the kernel that moves them.

use super::{Args, Binding, Family, Grid, Trust, uniforms, update_index, wgsl};
use crate::Real;

/// The words of the clock (the shaders' side is `lib/clock.wgsl`).
pub mod clock {
    /// Steps since the model was built.
    pub const STEP: usize = 0;
    /// Where in the order of rows the batch begins.
    pub const CURSOR: usize = 1;
    /// The row of the tallies and of the rates.
    pub const SLOT: usize = 2;
    /// 0, or 1 + the step that met a number that is not finite, or [`STALLED`].
    pub const HALTED: usize = 3;
    /// Another step than the one at hand is due: it changes nothing, and the clock stays.
    pub const STALLED: u32 = u32::MAX;
    /// The number of words.
    pub const LEN: usize = 4;
}

uniforms!(AdvanceUniforms { batch: u32, rows: u32, slots: u32 });

/// Moves the clock past a step of B rows, unless it has stalled. Cursor and slot go round: behind the last comes the first again.
#[derive(Clone, Copy, Debug)]
pub struct Advance {
    /// B.
    pub batch: usize,
    /// The length of the order of rows, a multiple of an epoch's: at least the cursor and B together.
    pub rows: usize,
    /// The rows of the tallies and of the rates.
    pub slots: usize,
}

impl Family for Advance {
    const NAME: &'static str = "advance";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[update_index("clock")];
    type Uniforms = AdvanceUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![clock::LEN]
    }

    fn uniforms(&self) -> AdvanceUniforms {
        AdvanceUniforms { batch: self.batch as u32, rows: self.rows as u32, slots: self.slots as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/clock.wgsl"), wgsl!("advance.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let now = args.write_index(0);
        if now[clock::HALTED] == clock::STALLED {
            now[clock::HALTED] = 0;
            return;
        }
        now[clock::STEP] = now[clock::STEP].wrapping_add(1);
        now[clock::CURSOR] = (now[clock::CURSOR] + self.batch as u32) % self.rows as u32;
        now[clock::SLOT] = (now[clock::SLOT] + 1) % self.slots as u32;
    }
}
