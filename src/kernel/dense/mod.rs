//! Dense layers.

pub(crate) mod dense_backward_input;
pub(crate) mod dense_backward_weight;
pub(crate) mod dense_forward;

use crate::Frame;
use crate::kernel::{constants, wgsl};

pub use dense_backward_input::{DenseBackwardInput, DenseBackwardInputPorts};
pub use dense_backward_weight::{DenseBackwardWeight, DenseBackwardWeightPorts};
pub use dense_forward::{DenseForward, DenseForwardPorts};

/// How shaders see inputs in this frame.
fn frame_wgsl(frame: Frame) -> String {
    constants(&[("FRAMED", frame != Frame::default())]) + &wgsl!("dense/parts/frame.wgsl")
}
