//! Dropout of whole channels.

use super::dropout::{DropoutNode, check_rate, stretched};
use super::window::kind;
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::kernel::DropoutValues;
use crate::{Result, shape};

/// Zeroes whole channels with probability `rate` during training, at all positions of a sample alike, and multiplies the others by
/// 1/(1 − rate) (Tompson et al. 2015; Keras' `SpatialDropout1D`, `SpatialDropout2D` and `SpatialDropout3D`). For inputs whose neighbouring
/// positions say much the same. No effect in predictions.
///
/// Input and output: `D` spatial dimensions, then channels. The output range is that of [`Dropout`](super::Dropout).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SpatialDropout<const D: usize> {
    rate: f32,
}

/// Dropout of the features of sequences.
pub type SpatialDropout1d = SpatialDropout<1>;
/// Dropout of the channels of images.
pub type SpatialDropout2d = SpatialDropout<2>;
/// Dropout of the channels of volumes.
pub type SpatialDropout3d = SpatialDropout<3>;

impl<const D: usize> SpatialDropout<D> {
    /// Dropout with 0 ≤ `rate` < 1, checked when the model is built.
    pub fn new(rate: f32) -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self { rate }
    }
}

impl<const D: usize> Layer for SpatialDropout<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["spatial_dropout1d", "spatial_dropout2d", "spatial_dropout3d"])
    }

    fn takes_masks(&self) -> bool {
        D == 1
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        check_rate(scope.path(), "rate", self.rate)?;
        let (spatial, channels) = shape::spatial(scope.path(), &input.shape, D)?;
        let shared = [spatial.iter().product(), channels];
        let range = input.range.map(|range| stretched(range, self.rate));
        let output = Signal { range, ..input.clone() };
        let values = DropoutValues::scaled(self.rate);
        Ok(Box::new(DropoutNode::new(scope, self.rate, values, output).sharing(shared)))
    }
}
