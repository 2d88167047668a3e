//! The inside of an input.

use super::pool::{PoolKind, PoolNode};
use super::window::kind;
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::shape::Margins;
use crate::{Error, Padding, Result, shape};

/// Cuts numbers off at the borders of `D` spatial dimensions (Keras' `Cropping1D`, `Cropping2D` and `Cropping3D`).
///
/// Input and output: `D` spatial dimensions, then channels. The range of the values does not change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cropping<const D: usize> {
    cropping: Vec<(usize, usize)>,
}

/// Cuts off time steps.
pub type Cropping1d = Cropping<1>;
/// Cuts off the borders of images.
pub type Cropping2d = Cropping<2>;
/// Cuts off the borders of volumes.
pub type Cropping3d = Cropping<3>;

impl<const D: usize> Cropping<D> {
    /// Cuts this many numbers off before and after each dimension.
    pub fn new(cropping: impl Margins<D>) -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self { cropping: cropping.margins().to_vec() }
    }
}

impl<const D: usize> Layer for Cropping<D> {
    fn kind(&self) -> &'static str {
        kind::<D>(["cropping1d", "cropping2d", "cropping3d"])
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let left = |(&size, &(before, after)): (&usize, &(usize, usize))| {
            size.checked_sub(before.checked_add(after)?).filter(|&left| left > 0)
        };
        let inside: Option<Vec<usize>> = spatial.iter().zip(&self.cropping).map(left).collect();
        let Some(inside) = inside.filter(|_| self.cropping.len() == D) else {
            return Err(Error::invalid(
                path,
                format!("cropping {:?} of inputs of shape {:?}", self.cropping, input.shape),
                format!("{D} pairs of numbers that leave something of each dimension"),
                "cut off less",
            ));
        };
        // What zero padding of the inside would make of it, seen the other way round.
        let (ones, padding) = ([1; D], Padding::Explicit(self.cropping.clone()));
        let sizes = shape::Windows { kernel: &ones, strides: &ones, dilation: &ones, padding: &padding };
        let geometry = sizes.slide(&path, &inside)?;
        let shape = shape::with_channels(&path, &geometry.input, D, channels)?;
        let output = input.reshaped(shape);
        Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::Spread, output }))
    }
}
