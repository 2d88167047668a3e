//! Up-sampling by repetition, and by interpolation.

use super::pool::{PoolKind, PoolNode};
use super::window::{Extent, kind};
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{Interpolate, InterpolatePorts, Interpolation};
use crate::plan::{Recorder, View};
use crate::{Error, Padding, Result, shape};

/// Makes `D` spatial dimensions longer (Keras' `UpSampling1D`, `UpSampling2D` and `UpSampling3D`): repeats each number, or in images
/// interpolates.
///
/// Input and output: `D` spatial dimensions, then channels. The range of the values does not change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpSampling<const D: usize> {
    size: Vec<usize>,
    /// Descriptions of earlier versions lack it.
    #[serde(default)]
    interpolation: Interpolation,
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
        Self { size: size.extent().to_vec(), interpolation: Interpolation::Nearest }
    }
}

impl UpSampling<2> {
    /// Sets how the numbers between are found.
    pub fn interpolation(mut self, interpolation: Interpolation) -> Self {
        self.interpolation = interpolation;
        self
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
        if self.interpolation == Interpolation::Nearest {
            return Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::Spread, output }));
        }
        let (&[height, width], &[down, right]) = (spatial, self.size.as_slice()) else {
            return Err(Error::invalid(
                path,
                format!("bilinear interpolation in {D} dimensions"),
                "that of images, or none",
                "use UpSampling2d, or repeat the numbers",
            ));
        };
        // Along the lines first, while they are fewer.
        let across = Axis { lines: height, length: width, inner: channels, factor: right };
        let along = Axis { lines: 1, length: height, inner: width * right * channels, factor: down };
        Ok(Box::new(BilinearNode { path, axes: [across, along], output }))
    }
}

/// An axis of the samples along which numbers are interpolated.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// Lines per sample.
    lines: usize,
    /// The length before.
    length: usize,
    /// Numbers behind the axis.
    inner: usize,
    factor: usize,
}

impl Axis {
    fn record(self, rec: &mut Recorder<'_>, x: View, turned: bool) -> View {
        let Self { lines, length, inner, factor } = self;
        if factor == 1 {
            return x;
        }
        let outer = rec.batch() * lines;
        let y = rec.scratch(outer * length * inner * if turned { 1 } else { factor });
        rec.op(Interpolate { outer, length, inner, factor, turned }, InterpolatePorts { x, y });
        y
    }
}

#[derive(Debug)]
struct BilinearNode {
    path: String,
    axes: [Axis; 2],
    output: Signal,
}

impl Node for BilinearNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let y = self.axes.iter().fold(input, |x, axis| axis.record(rec, x, false));
        Trace::new(input, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| self.axes.iter().rev().fold(d_y, |d_y, axis| axis.record(rec, d_y, true)))
    }
}
