//! Up-sampling by repetition.

use super::pool::{PoolKind, PoolNode};
use super::window::{Extent, kind};
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::{Error, Padding, Result, shape};

/// Repeats each number along `D` spatial dimensions (Keras' `UpSampling1D`, `UpSampling2D` and `UpSampling3D` with
/// `interpolation="nearest"`).
///
/// Input and output: `D` spatial dimensions, then channels. The range of the values does not change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpSampling<const D: usize> {
    size: Vec<usize>,
}

/// Up-sampling of sequences.
pub type UpSampling1d = UpSampling<1>;
/// Up-sampling of images.
pub type UpSampling2d = UpSampling<2>;
/// Up-sampling of volumes.
pub type UpSampling3d = UpSampling<3>;

impl<const D: usize> UpSampling<D> {
    /// Repeats each dimension this many times.
    pub fn new(size: impl Extent<D>) -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self { size: size.extent().to_vec() }
    }
}

impl<const D: usize> Layer for UpSampling<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["up_sampling1d", "up_sampling2d", "up_sampling3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        if self.size.len() != D || self.size.contains(&0) {
            return Err(Error::invalid(
                path,
                format!("size {:?}", self.size),
                format!("{D} numbers, each at least 1"),
                "correct the size",
            ));
        }
        // Adjacent windows on the larger grid.
        let ones = [1; D];
        let (kernel, strides) = (&self.size, &self.size);
        let sizes = shape::Windows { kernel, strides, dilation: &ones, padding: &Padding::Valid };
        let geometry = sizes.spread(&path, spatial, None)?;
        let shape = shape::with_channels(&path, &geometry.input, D, channels)?;
        let output = input.reshaped(shape);
        Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::Spread, output }))
    }
}
