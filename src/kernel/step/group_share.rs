//! The share of a step in a group of accumulated steps of masked sequences.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::rates;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, ports, uniforms, wgsl};

uniforms!(GroupShareUniforms { columns: u32, last_slot: u32 });

/// shares = (n/N, N), where n rows of the step count and N of its group so far; (1, 0) where N is 0. Unchanged once training has
/// halted.
#[derive(Clone, Copy, Debug)]
pub struct GroupShare {
    /// The width of a row of tallies, whose last column counts the rows.
    pub columns: usize,
    /// The rows of the tallies and of the table of rates.
    pub slots: usize,
}

ports! {
    /// The ports of [`GroupShare`].
    pub struct GroupSharePorts {
        /// The tallies.
        tallies: Read,
        /// The table of rates.
        rates: Read,
        /// The clock.
        clock: ReadIndex,
        /// The step's share, and how many rows of its group count so far.
        shares: Update,
    }
}

impl Family for GroupShare {
    const NAME: &'static str = "group_share";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = GroupSharePorts<Lens>;
    type Uniforms = GroupShareUniforms;

    fn lens(&self) -> GroupSharePorts<Lens> {
        GroupSharePorts {
            tallies: self.slots * self.columns,
            rates: self.slots * rates::LEN,
            clock: clock::LEN,
            shares: 2,
        }
    }

    fn uniforms(&self) -> GroupShareUniforms {
        GroupShareUniforms { columns: self.columns as u32, last_slot: (self.slots as u32).saturating_sub(1) }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("base/parts/clock.wgsl"), wgsl!("base/parts/rates.wgsl"), wgsl!("step/group_share.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [1, 1, 1]
    }

    fn twin<T: Real>(&self, ports: GroupSharePorts<Slices<'_, T>>) {
        let GroupSharePorts { tallies, rates, clock: now, shares } = ports;
        if now[clock::HALTED] != 0 {
            return;
        }
        let slot = now[clock::SLOT] as usize;
        let n = tallies[(slot + 1) * self.columns - 1];
        let first = rates[slot * rates::LEN + rates::FIRST] != T::zero();
        let all = if first { n } else { n + shares[1] };
        shares[0] = if all > T::zero() { n / all } else { T::one() };
        shares[1] = all;
    }
}
