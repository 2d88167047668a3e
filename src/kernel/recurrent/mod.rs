//! Recurrent layers, and masks for sequences.

pub(crate) mod conv_lstm;
pub(crate) mod recurrent_backward;
pub(crate) mod recurrent_forward;
pub(crate) mod step;
pub(crate) mod step_mask;

pub use conv_lstm::{
    ConvLstmBackward, ConvLstmBackwardPorts, ConvLstmForward, ConvLstmForwardPorts, ConvLstmStep,
};
pub use recurrent_backward::{RecurrentBackward, RecurrentBackwardPorts};
pub use recurrent_forward::{RecurrentForward, RecurrentForwardPorts};
pub use step::{RecurrentStep, Stage, state_part};
pub use step_mask::{MaskRows, MaskRowsPorts, StepMask, StepMaskPorts};
