//! The clock: the few integers that change from step to step, and the kernel that moves them.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, ports, uniforms, wgsl};

uniforms!(AdvanceUniforms { batch: u32, rows: u32, slots: u32 });

/// Advances the clock past a step of B rows, unless it has stalled. Cursor and slot wrap around.
#[derive(Clone, Copy, Debug)]
pub struct Advance {
    /// B.
    pub batch: usize,
    /// The length of the order of rows: a multiple of an epoch's rows, and at least cursor + B.
    pub rows: usize,
    /// The rows of the tallies and of the rates.
    pub slots: usize,
}

ports! {
    /// The ports of [`Advance`].
    pub struct AdvancePorts {
        /// The clock.
        clock: UpdateIndex,
    }
}

impl Family for Advance {
    const NAME: &'static str = "advance";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = AdvancePorts<Lens>;
    type Uniforms = AdvanceUniforms;

    fn lens(&self) -> AdvancePorts<Lens> {
        AdvancePorts { clock: clock::LEN }
    }

    fn uniforms(&self) -> AdvanceUniforms {
        AdvanceUniforms { batch: self.batch as u32, rows: self.rows as u32, slots: self.slots as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("base/parts/clock.wgsl"), wgsl!("step/advance.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, ports: AdvancePorts<Slices<'_, T>>) {
        let AdvancePorts { clock: now } = ports;
        if now[clock::HALTED] == clock::STALLED {
            now[clock::HALTED] = 0;
            return;
        }
        now[clock::STEP] = now[clock::STEP].wrapping_add(1);
        now[clock::CURSOR] = (now[clock::CURSOR] + self.batch as u32) % self.rows as u32;
        now[clock::SLOT] = (now[clock::SLOT] + 1) % self.slots as u32;
    }
}
