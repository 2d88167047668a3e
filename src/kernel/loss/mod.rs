//! Losses and scores, and the softmax.

pub(crate) mod cosine_loss;
pub(crate) mod pointwise_loss;
pub(crate) mod rank;
pub(crate) mod score;
pub(crate) mod softmax;
pub(crate) mod softmax_loss;
pub(crate) mod softmax_parts;
pub(crate) mod weigh_rows;

pub use cosine_loss::{CosineLoss, CosineLossPorts};
pub use pointwise_loss::{Pointwise, PointwiseLoss, PointwiseLossPorts};
pub(crate) use rank::MOST_PLACES;
pub use rank::{Hits, HitsPorts, Largest, LargestPorts, Rank, RankPorts};
pub use score::{Score, ScoreKind, ScorePorts};
pub use softmax::{SoftmaxBackward, SoftmaxBackwardPorts, SoftmaxKernel, SoftmaxPorts};
pub use softmax_loss::{SoftmaxLoss, SoftmaxLossPorts};
pub use softmax_parts::{
    SoftmaxFinish, SoftmaxFinishPorts, SoftmaxGradient, SoftmaxGradientPorts, SoftmaxParts, SoftmaxPartsPorts,
};
pub use weigh_rows::{WeighRows, WeighRowsPorts};
