//! Depthwise convolutions: each channel by itself.

use super::conv::ConvNode;
use super::neuron::{KernelShape, Neuron, neuron_options};
use super::virtual_sample::VirtualSample;
use super::window::{Extent, Window, kind, window_options};
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::kernel::Taps;
use crate::{Result, shape};

/// A convolution over `D` spatial dimensions whose filters see one channel each, classic or auto-rotating.
///
/// Input per sample: `D` spatial dimensions, then C channels. Output: the window positions, then C·`depth_multiplier` filters,
/// grouped by channel. Parameters: `depthwise_kernel` `[window…, C, depth_multiplier]`, `bias` `[C·depth_multiplier]`, and
/// `lambda` if L is learnt. Options and sizes are those of Keras' `DepthwiseConv1D` and `DepthwiseConv2D`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DepthwiseConv<const D: usize> {
    depth_multiplier: usize,
    #[serde(flatten)]
    window: Window,
    #[serde(flatten)]
    neuron: Neuron,
}

/// A depthwise convolution of sequences.
pub type DepthwiseConv1d = DepthwiseConv<1>;
/// A depthwise convolution of images.
pub type DepthwiseConv2d = DepthwiseConv<2>;
/// A depthwise convolution of volumes.
pub type DepthwiseConv3d = DepthwiseConv<3>;

impl<const D: usize> DepthwiseConv<D> {
    /// A classic linear depthwise convolution with one filter per channel, stride 1, no padding, a Glorot uniform kernel and a
    /// zero bias.
    pub fn new(kernel_size: impl Extent<D>) -> Self {
        Self { depth_multiplier: 1, window: Window::new(kernel_size), neuron: Neuron::default() }
    }

    /// Sets the number of filters per channel.
    pub fn depth_multiplier(mut self, depth_multiplier: usize) -> Self {
        self.depth_multiplier = depth_multiplier;
        self
    }

    window_options!(dilation);
    neuron_options!(depthwise_initializer, depthwise_regularizer);
}

impl<const D: usize> Layer for DepthwiseConv<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["depthwise_conv1d", "depthwise_conv2d", "depthwise_conv3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let filters = shape::multiplied(&path, channels, self.depth_multiplier)?;
        let geometry = self.window.sizes().not_causal(&path)?.slide(&path, spatial)?.few_taps(&path)?;
        let output = shape::with_channels(&path, &geometry.output, D, filters)?;
        let kernel = self.window.kernel_shape([channels, self.depth_multiplier]);
        let neurons =
            self.neuron.build(scope, input, filters, KernelShape::new("depthwise_kernel", &kernel))?;
        let taps = Taps::down(&geometry);
        Ok(Box::new(ConvNode {
            geometry,
            channels,
            groups: channels,
            transposed: false,
            virtual_sample: VirtualSample::new(taps, self.neuron.auto_rotate, neurons.rotation, 1),
            output: neurons.output(output),
            neurons,
        }))
    }
}
