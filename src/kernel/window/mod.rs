//! Convolutions and pooling.

pub(crate) mod conv;
pub(crate) mod conv_backward_weight;
pub(crate) mod depthwise;
pub(crate) mod depthwise_backward_weight;
mod direct;
pub(crate) mod interpolate;
pub(crate) mod max_pool;
mod phases;
pub(crate) mod random_tone;
pub(crate) mod random_warp;
pub(crate) mod random_window;
pub(crate) mod spans;
pub(crate) mod window_parts;
pub(crate) mod window_sum;

pub use conv::{ConvKernel, ConvPorts, Epilogue, Terms};
pub use conv_backward_weight::{ConvBackwardWeight, ConvBackwardWeightPorts, splits};
pub use depthwise::{Depthwise, DepthwisePorts};
pub use depthwise_backward_weight::{DepthwiseBackwardWeight, DepthwiseBackwardWeightPorts};
pub use interpolate::{Interpolate, InterpolatePorts};
pub use max_pool::{MaxPoolBackward, MaxPoolBackwardPorts, MaxPoolForward, MaxPoolForwardPorts};
pub use random_tone::{RandomTone, RandomTonePorts, Tone};
pub use random_warp::{FillMode, Interpolation, RandomWarp, RandomWarpPorts, Warp};
pub use random_window::{RandomWindow, RandomWindowPorts};
pub use window_parts::{MaxPoolGive, MaxPoolGivePorts, Reduction, WindowParts, WindowPartsPorts, reach};
pub use window_sum::{WindowSum, WindowSumPorts};
