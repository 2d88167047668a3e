//! Dense layers.

pub(crate) mod dense_backward_input;
pub(crate) mod dense_backward_weight;
pub(crate) mod dense_forward;

pub use dense_backward_input::{DenseBackwardInput, DenseBackwardInputPorts};
pub use dense_backward_weight::{DenseBackwardWeight, DenseBackwardWeightPorts};
pub use dense_forward::{DenseForward, DenseForwardPorts};
