//! Transposed convolutions.

use super::conv::ConvNode;
use super::neuron::{KernelShape, Neuron, neuron_options};
use super::virtual_sample::VirtualSample;
use super::window::{Extent, Window, kind, window_options};
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::kernel::Taps;
use crate::{Result, shape};

/// A transposed convolution over `D` spatial dimensions, classic or auto-rotating: the linear map of a convolution's input
/// gradient, which turns smaller grids into larger ones.
///
/// Input per sample: `D` spatial dimensions, then C channels. Output: the larger grid, then `filters`. Parameters: `kernel`
/// `[window…, filters, C]`, `bias` `[filters]`, and `lambda` (`[1]` or `[filters]`) if L is learnt. Options and sizes are those
/// of Keras' `Conv1DTranspose`, `Conv2DTranspose` and `Conv3DTranspose`; explicit padding is cropped from the output. Output
/// positions lie in different numbers of windows, so q and ρ differ between positions
/// ([`AutoRotate::per_filter`](crate::AutoRotate::per_filter) uses one per filter).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ConvTranspose<const D: usize> {
    filters: usize,
    output_padding: Option<Vec<usize>>,
    #[serde(flatten)]
    window: Window,
    #[serde(flatten)]
    neuron: Neuron,
}

/// A transposed convolution of sequences.
pub type Conv1dTranspose = ConvTranspose<1>;
/// A transposed convolution of images.
pub type Conv2dTranspose = ConvTranspose<2>;
/// A transposed convolution of volumes.
pub type Conv3dTranspose = ConvTranspose<3>;

impl<const D: usize> ConvTranspose<D> {
    /// A classic linear transposed convolution with stride 1, no padding, a Glorot uniform kernel and a zero bias.
    pub fn new(filters: usize, kernel_size: impl Extent<D>) -> Self {
        Self { filters, output_padding: None, window: Window::new(kernel_size), neuron: Neuron::default() }
    }

    /// Extends the output at its end, by less than the stride. Without it, the size is Keras' for `output_padding=None`:
    /// input·stride, or with valid padding as far as the windows reach.
    pub fn output_padding(mut self, output_padding: impl Extent<D>) -> Self {
        self.output_padding = Some(output_padding.extent().to_vec());
        self
    }

    window_options!(dilation);
    neuron_options!(kernel_initializer, kernel_regularizer);
}

impl<const D: usize> Layer for ConvTranspose<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["conv1d_transpose", "conv2d_transpose", "conv3d_transpose"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        shape::groups(&path, channels, self.filters, 1)?;
        let geometry = self.window.sizes().spread(&path, spatial, self.output_padding.as_deref())?;
        let geometry = geometry.few_taps(&path)?;
        let output = shape::with_channels(&path, &geometry.input, D, self.filters)?;
        let kernel = self.window.kernel_shape([self.filters, channels]);
        let neurons = self.neuron.build(
            scope,
            input,
            self.filters,
            KernelShape { inner: channels, ..KernelShape::new("kernel", &kernel) },
        )?;
        let (taps, strides) = (Taps::up(&geometry), geometry.strides.iter().product());
        Ok(Box::new(ConvNode {
            geometry,
            channels,
            groups: 1,
            transposed: true,
            virtual_sample: VirtualSample::new(taps, self.neuron.auto_rotate, neurons.rotation, strides),
            output: neurons.output(output),
            neurons,
        }))
    }
}
