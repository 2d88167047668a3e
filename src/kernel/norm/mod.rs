//! Normalisation of channels over a batch, of rows and groups, and of weights.

pub(crate) mod norm_backward;
pub(crate) mod norm_forward;
pub(crate) mod norm_statistics;
pub(crate) mod row_norm;
pub(crate) mod running_average;
pub(crate) mod weight_norm;

pub use norm_backward::{NormBackward, NormBackwardPorts, NormBackwardSums, NormBackwardSumsPorts};
pub use norm_forward::{NormForward, NormForwardPorts};
pub use norm_statistics::{
    Groups, NormFinish, NormFinishPorts, NormStatistics, NormStatisticsPorts, norm_chunks,
};
pub use row_norm::{RowNormSums, RowNormSumsPorts, RowStatistics, RowStatisticsPorts};
pub use running_average::{RunningAverage, RunningAveragePorts};
pub use weight_norm::{
    WeightNormBackward, WeightNormBackwardPorts, WeightNormForward, WeightNormForwardPorts,
};
