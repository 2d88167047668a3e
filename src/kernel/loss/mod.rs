//! Losses and scores, and the softmax.

pub(crate) mod pointwise_loss;
pub(crate) mod rank;
pub(crate) mod score;
pub(crate) mod softmax;
pub(crate) mod softmax_loss;
pub(crate) mod softmax_parts;

pub use pointwise_loss::{Pointwise, PointwiseLoss, PointwiseLossPorts};
pub(crate) use rank::MOST_PLACES;
pub use rank::{Hits, HitsPorts, Largest, LargestPorts, Rank, RankPorts};
pub use score::{Score, ScoreKind, ScorePorts};
pub use softmax::{SoftmaxBackward, SoftmaxBackwardPorts, SoftmaxKernel, SoftmaxPorts};
pub use softmax_loss::{SoftmaxLoss, SoftmaxLossPorts};
pub use softmax_parts::{
    SoftmaxFinish, SoftmaxFinishPorts, SoftmaxGradient, SoftmaxGradientPorts, SoftmaxParts, SoftmaxPartsPorts,
};
