//! What ends a training step: optimisers, the guard, tallies, the clock.

pub(crate) mod accumulate;
pub(crate) mod adopt;
pub(crate) mod advance;
pub(crate) mod average;
pub(crate) mod group_share;
pub(crate) mod guard;
pub(crate) mod penalty;
pub(crate) mod tally;
pub(crate) mod trust_ratio;
pub(crate) mod update;

pub use accumulate::{Accumulate, AccumulatePorts};
pub use adopt::{Adopt, AdoptPorts};
pub use advance::{Advance, AdvancePorts};
pub use average::{Average, AveragePorts};
pub use group_share::{GroupShare, GroupSharePorts};
pub use guard::{Guard, GuardPorts};
pub use penalty::{Penalty, PenaltyPorts};
pub use tally::{Tally, TallyPorts};
pub use trust_ratio::{TrustRatio, TrustRatioPorts};
pub use update::{Update, UpdatePorts, UpdateRule, UpdateUniforms};
