//! What a deep network's start needs to know of its activations.

use super::Activation;
use crate::Frame;

impl Activation {
    /// The gain with which a wide layer of these neurons keeps the size of gradients at its start, from orthogonal weights around the
    /// centre of its inputs: 1/|σ'(0)|, but for those of the relu family the value of mean-field theory
    /// (Schoenholz et al. 2017). [`AutoRotate::critical`](crate::AutoRotate::critical) starts there. Infinite if σ'(0) = 0.
    pub fn critical_gain(self) -> f32 {
        match self {
            Self::Relu | Self::Relu6 => std::f32::consts::SQRT_2,
            Self::LeakyRelu => 1.355,
            Self::Elu => 1.2,
            Self::Selu => 1.0,
            Self::Gelu | Self::Silu | Self::Mish => 1.4,
            Self::Softplus | Self::LogSigmoid => 1.7,
            _ => 1.0 / self.derivative(0f32).abs(),
        }
    }

    /// The frame of y: its centre is σ(0).
    pub(crate) fn frame(self) -> Frame {
        Frame::around(self.value(0.0))
    }
}
