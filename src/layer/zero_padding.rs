//! Zeros around an input.

use super::pool::{PoolKind, PoolNode};
use super::window::kind;
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::shape::Margins;
use crate::{Padding, Range, Result, shape};

/// Pads `D` spatial dimensions with zeros (Keras' `ZeroPadding1D`, `ZeroPadding2D` and `ZeroPadding3D`).
///
/// Input and output: `D` spatial dimensions, then channels. The output range is extended to include 0.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ZeroPadding<const D: usize> {
    padding: Vec<(usize, usize)>,
}

/// Zeros before and after sequences.
pub type ZeroPadding1d = ZeroPadding<1>;
/// Zeros around images.
pub type ZeroPadding2d = ZeroPadding<2>;
/// Zeros around volumes.
pub type ZeroPadding3d = ZeroPadding<3>;

impl<const D: usize> ZeroPadding<D> {
    /// Pads each dimension with this many zeros before and after.
    pub fn new(padding: impl Margins<D>) -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self { padding: padding.margins().to_vec() }
    }
}

impl<const D: usize> Layer for ZeroPadding<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["zero_padding1d", "zero_padding2d", "zero_padding3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let (ones, padding) = ([1; D], Padding::Explicit(self.padding.clone()));
        // Windows of one number, some outside the input.
        let sizes = shape::Windows { kernel: &ones, strides: &ones, dilation: &ones, padding: &padding };
        let geometry = sizes.slide(&path, spatial)?;
        let shape = shape::with_channels(&path, &geometry.output, D, channels)?;
        let range = input.range.map(|r| Range { min: r.min.min(0.0), max: r.max.max(0.0) });
        let output = Signal { range, ..input.reshaped(shape) };
        Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::Sum, output }))
    }
}
