//! Batch normalisation.

pub(crate) mod norm_backward;
pub(crate) mod norm_forward;
pub(crate) mod norm_statistics;
pub(crate) mod running_average;

pub use norm_backward::{NormBackward, NormBackwardPorts, NormBackwardSums, NormBackwardSumsPorts};
pub use norm_forward::{NormForward, NormForwardPorts};
pub use norm_statistics::{NormFinish, NormFinishPorts, NormStatistics, NormStatisticsPorts, norm_chunks};
pub use running_average::{RunningAverage, RunningAveragePorts};
