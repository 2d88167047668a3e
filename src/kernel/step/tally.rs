//! The sums of a step's scores.

use crate::Real;
use crate::kernel::base::rows::{column_sums, total};
use crate::kernel::clock;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};

uniforms!(TallyUniforms { batch: u32, rows: u32, columns: u32, penalties: u32, last_slot: u32 });

/// `tallies[slot]` = Σ_rows scores; column 0 also receives B·Σ penalties, so that its mean is loss + penalties. With `weighted`,
/// the last column marks the rows that count, and their number replaces B.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// B.
    pub batch: usize,
    /// Rows of scores: B, or fewer if they are sums of rows.
    pub rows: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// How many partial penalties there are.
    pub penalties: usize,
    /// The rows of the tallies.
    pub slots: usize,
    /// Whether the last column of a row is 1 where the row counts, else 0.
    pub weighted: bool,
}

ports! {
    /// The ports of [`Tally`].
    pub struct TallyPorts {
        /// The rows of scores, or their sums.
        scores: Read,
        /// Partial sums of the penalties.
        penalties: Read,
        /// The clock.
        clock: ReadIndex,
        /// The tallies.
        tallies: Update,
    }
}

impl Family for Tally {
    const NAME: &'static str = "tally";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = TallyPorts<Lens>;
    type Uniforms = TallyUniforms;

    fn lens(&self) -> TallyPorts<Lens> {
        TallyPorts {
            scores: self.rows * self.columns,
            penalties: self.penalties.max(1),
            clock: clock::LEN,
            tallies: self.slots * self.columns,
        }
    }

    fn uniforms(&self) -> TallyUniforms {
        TallyUniforms {
            batch: self.batch as u32,
            rows: self.rows as u32,
            columns: self.columns as u32,
            penalties: self.penalties as u32,
            last_slot: (self.slots as u32).saturating_sub(1),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[("WEIGHTED", self.weighted)]),
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            wgsl!("step/parts/tally.wgsl"),
            wgsl!("step/tally.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.columns, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * self.rows.div_ceil(64) + self.penalties.div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: TallyPorts<Slices<'_, T>>) {
        let TallyPorts { scores, penalties, clock, tallies } = ports;
        let slot = clock[clock::SLOT] as usize;
        let out = &mut tallies[slot * self.columns..][..self.columns];
        let scores = &scores[..self.rows * self.columns];
        out.copy_from_slice(&column_sums(scores, self.columns, |score| score));
        let penalty = total(penalties[..self.penalties].iter().copied());
        let rows = if self.weighted { out[self.columns - 1] } else { T::of(self.batch as f64) };
        out[0] = out[0] + penalty * rows;
    }
}
