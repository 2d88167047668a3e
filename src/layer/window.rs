//! The windows of convolution and pooling layers: sizes along the spatial dimensions.

use crate::{Padding, shape};

/// One number for each of `D` spatial dimensions, or one for all: `[3, 5]` or `3`.
pub trait Extent<const D: usize> {
    /// One number per dimension.
    fn extent(self) -> [usize; D];
}

impl<const D: usize> Extent<D> for usize {
    fn extent(self) -> [usize; D] {
        [self; D]
    }
}

impl<const D: usize> Extent<D> for [usize; D] {
    fn extent(self) -> [usize; D] {
        self
    }
}

/// The kind of a layer of `D` dimensions.
pub(super) const fn kind<const D: usize>(kinds: [&'static str; 3]) -> &'static str {
    const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
    kinds[D - 1]
}

/// The options of a layer's windows, with one number per spatial dimension.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Window {
    pub(super) kernel_size: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) padding: Padding,
    pub(super) dilation: Vec<usize>,
}

impl Window {
    /// Windows of this size at every position, without padding.
    pub(super) fn new<const D: usize>(kernel_size: impl Extent<D>) -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self {
            kernel_size: kernel_size.extent().to_vec(),
            strides: vec![1; D],
            padding: Padding::Valid,
            dilation: vec![1; D],
        }
    }

    /// The windows, for computing sizes.
    pub(super) fn sizes(&self) -> shape::Windows<'_> {
        shape::Windows {
            kernel: &self.kernel_size,
            strides: &self.strides,
            dilation: &self.dilation,
            padding: &self.padding,
        }
    }

    /// The shape of a weight kernel: the window's, then these channels.
    pub(super) fn kernel_shape(&self, channels: [usize; 2]) -> Vec<usize> {
        [self.kernel_size.as_slice(), &channels].concat()
    }
}

/// The option methods of a layer with a field `window` of `D` dimensions.
macro_rules! window_options {
    () => {
        /// Sets the step from one window to the next. Default: 1, or the window size for pooling.
        pub fn strides(mut self, strides: impl crate::layer::Extent<D>) -> Self {
            self.window.strides = strides.extent().to_vec();
            self
        }

        /// Sets the padding of the input, or what a transposed convolution crops from its output. Default: none.
        pub fn padding(mut self, padding: crate::Padding) -> Self {
            self.window.padding = padding;
            self
        }
    };
    (dilation) => {
        crate::layer::window::window_options!();

        /// Sets the step from one tap of the window to the next (Keras' `dilation_rate`). Default: 1.
        pub fn dilation(mut self, dilation: impl crate::layer::Extent<D>) -> Self {
            self.window.dilation = dilation.extent().to_vec();
            self
        }
    };
}
pub(super) use window_options;
