//! Auto-rotation: ρ and q, their gradients, and the virtual sample's share of the weights' gradient.

pub(crate) mod fold_rotation;
pub(crate) mod formula;
pub(crate) mod gate_kernels;
pub(crate) mod rotate;
pub(crate) mod rotate_backward;
pub(crate) mod rotate_sums;
pub(crate) mod tap_shares;
pub(crate) mod tap_totals;
pub(crate) mod weight_gradient;
pub(crate) mod zone_sums;

pub use fold_rotation::{FoldRotation, FoldRotationPorts, UnfoldRotation, UnfoldRotationPorts};
pub use formula::Share;
pub use gate_kernels::GateKernels;
pub use rotate::{Rotate, RotatePorts};
pub use rotate_backward::{RotateBackward, RotateBackwardPorts, chunks};
pub use rotate_sums::{RotateSums, RotateSumsPorts};
pub use tap_shares::{TapShares, TapSharesPorts};
pub use tap_totals::{TapTotals, TapTotalsPorts};
pub use weight_gradient::{WeightGradient, WeightGradientPorts};
pub use zone_sums::{ZoneSums, ZoneSumsPorts};
