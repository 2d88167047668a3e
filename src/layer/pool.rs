//! Pooling: the maximum or the mean of each window.

use super::window::{Extent, Window, kind, window_options};
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    Geometry, MOST_PLACES, MaxPoolBackward, MaxPoolBackwardPorts, MaxPoolForward, MaxPoolForwardPorts,
    MaxPoolGive, MaxPoolGivePorts, Reduction, WindowParts, WindowPartsPorts, WindowSum, WindowSumPorts,
    reach,
};
use crate::plan::{Recorder, View};
use crate::{Error, Padding, Result, shape};

/// Pools windows over `D` spatial dimensions, each channel by itself: their maximum (`MAX`) or their mean.
///
/// Input and output: `D` spatial dimensions, then channels. Options and sizes are those of Keras' `MaxPooling…` and
/// `AveragePooling…`: padding is never the maximum and does not count in a mean. If a maximum occurs several times, the first
/// receives the gradient. The range of the values does not change.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pool<const D: usize, const MAX: bool> {
    #[serde(flatten)]
    window: Window,
}

/// Max pooling of sequences.
pub type MaxPool1d = Pool<1, true>;
/// Max pooling of images.
pub type MaxPool2d = Pool<2, true>;
/// Max pooling of volumes.
pub type MaxPool3d = Pool<3, true>;
/// Average pooling of sequences.
pub type AveragePool1d = Pool<1, false>;
/// Average pooling of images.
pub type AveragePool2d = Pool<2, false>;
/// Average pooling of volumes.
pub type AveragePool3d = Pool<3, false>;

impl<const D: usize, const MAX: bool> Pool<D, MAX> {
    /// Adjacent windows of this size, without padding.
    pub fn new(pool_size: impl Extent<D>) -> Self {
        let window = Window::new(pool_size);
        Self { window: Window { strides: window.kernel_size.clone(), ..window } }
    }

    window_options!();
}

impl<const D: usize, const MAX: bool> Layer for Pool<D, MAX> {
    fn kind(&self) -> &'static str {
        if MAX {
            kind::<D>(["max_pool1d", "max_pool2d", "max_pool3d"])
        } else {
            kind::<D>(["average_pool1d", "average_pool2d", "average_pool3d"])
        }
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let undilated = Window { dilation: vec![1; D], ..self.window.clone() };
        let geometry = undilated.sizes().not_causal(&path)?.slide(&path, spatial)?;
        if let Padding::Explicit(padding) = &self.window.padding
            && padding.iter().zip(&self.window.kernel_size).any(|(&(a, b), &size)| a >= size || b >= size)
        {
            return Err(Error::invalid(
                path,
                format!("padding {padding:?} with windows of {:?}", self.window.kernel_size),
                "less padding than the window size, so that no window lies outside the input",
                "put a ZeroPadding layer before it",
            ));
        }
        let shape = shape::with_channels(&path, &geometry.output, D, channels)?;
        let output = input.reshaped(shape);
        Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::of(MAX), output }))
    }
}

/// Pools all positions over `D` spatial dimensions into one number per channel (Keras' `GlobalMaxPooling…` and
/// `GlobalAveragePooling…`): the maximum (`MAX`) or the mean.
///
/// Input: `D` spatial dimensions, then C channels. Output: `[C]`, or ones and C with `keepdims`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GlobalPool<const D: usize, const MAX: bool> {
    keepdims: bool,
}

/// Global max pooling of sequences.
pub type GlobalMaxPool1d = GlobalPool<1, true>;
/// Global max pooling of images.
pub type GlobalMaxPool2d = GlobalPool<2, true>;
/// Global max pooling of volumes.
pub type GlobalMaxPool3d = GlobalPool<3, true>;
/// Global average pooling of sequences.
pub type GlobalAveragePool1d = GlobalPool<1, false>;
/// Global average pooling of images.
pub type GlobalAveragePool2d = GlobalPool<2, false>;
/// Global average pooling of volumes.
pub type GlobalAveragePool3d = GlobalPool<3, false>;

impl<const D: usize, const MAX: bool> GlobalPool<D, MAX> {
    /// Pooling to a vector `[C]`.
    pub fn new() -> Self {
        const { assert!(D >= 1 && D <= 3, "one to three spatial dimensions") }
        Self::default()
    }

    /// Sets whether to keep the spatial dimensions, each with size 1.
    pub fn keepdims(mut self, keepdims: bool) -> Self {
        self.keepdims = keepdims;
        self
    }
}

impl<const D: usize, const MAX: bool> Layer for GlobalPool<D, MAX> {
    fn kind(&self) -> &'static str {
        if MAX {
            kind::<D>(["global_max_pool1d", "global_max_pool2d", "global_max_pool3d"])
        } else {
            kind::<D>(["global_average_pool1d", "global_average_pool2d", "global_average_pool3d"])
        }
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (spatial, channels) = shape::spatial(&path, &input.shape, D)?;
        let ones = if self.keepdims { D } else { 0 };
        let output = input.reshaped([vec![1; ones], vec![channels]].concat());
        Ok(Box::new(PoolNode::whole(&path, spatial, channels, PoolKind::of(MAX), output)?))
    }
}

/// What a layer computes from its windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PoolKind {
    /// The maximum.
    Max,
    /// The mean.
    Mean,
    /// The sum, for windows of one number, or none outside the input.
    Sum,
    /// A copy of each number in all of its window: up-sampling.
    Spread,
}

impl PoolKind {
    fn of(max: bool) -> Self {
        if max { Self::Max } else { Self::Mean }
    }
}

/// A layer with windows and no parameters.
#[derive(Debug)]
pub(super) struct PoolNode {
    pub(super) path: String,
    pub(super) geometry: Geometry,
    pub(super) channels: usize,
    pub(super) kind: PoolKind,
    pub(super) output: Signal,
}

/// Windows of more positions than this are reduced in pieces.
const FEW_POSITIONS: usize = 256;

impl PoolNode {
    /// One window over all positions.
    pub(super) fn whole(
        path: &str,
        spatial: &[usize],
        channels: usize,
        kind: PoolKind,
        output: Signal,
    ) -> Result<Self> {
        let ones = vec![1; spatial.len()];
        let sizes =
            shape::Windows { kernel: spatial, strides: spatial, dilation: &ones, padding: &Padding::Valid };
        let geometry = sizes.slide(path, spatial)?;
        Ok(Self { path: path.to_owned(), geometry, channels, kind, output })
    }

    /// Records the reduction of each window's numbers or, if `turned`, of the numbers of all windows that contain a position.
    fn reduce(&self, rec: &mut Recorder<'_>, x: View, turned: bool, reduction: Reduction) -> View {
        let (batch, geometry, channels) = (rec.batch(), self.geometry, self.channels);
        let parts = WindowParts { batch, geometry, channels, turned, reduction };
        if reach(&geometry, turned) > FEW_POSITIONS {
            return self.reduce_in_pieces(rec, parts, x, None);
        }
        let grid = if turned { geometry.input } else { geometry.output };
        let y = rec.scratch(batch * grid.iter().product::<usize>() * channels);
        if reduction == Reduction::Max {
            rec.op(MaxPoolForward { batch, geometry, channels }, MaxPoolForwardPorts { x, y });
        } else {
            let mean = reduction == Reduction::Mean;
            rec.op(WindowSum { batch, geometry, channels, turned, mean }, WindowSumPorts { x, y });
        }
        y
    }

    /// Records the reduction of pieces of all windows, then of these pieces. `largest` are the maxima whose places are wanted.
    fn reduce_in_pieces(
        &self,
        rec: &mut Recorder<'_>,
        kernel: WindowParts,
        x: View,
        largest: Option<View>,
    ) -> View {
        let WindowParts { batch, geometry, channels, turned, reduction } = kernel;
        let grid = if turned { geometry.input } else { geometry.output };
        let (windows, pieces) = (grid.iter().product::<usize>(), kernel.pieces());
        let parts = rec.scratch(batch * windows * pieces * channels);
        rec.op(kernel, WindowPartsPorts { x, largest, parts });
        if pieces == 1 {
            return parts;
        }
        let along = |n: usize| [1, 1, n];
        let geometry = Geometry {
            input: along(windows * pieces),
            output: along(windows),
            kernel: along(pieces),
            strides: along(pieces),
            dilation: [1; 3],
            before: [0; 3],
        };
        let rest = Self { path: String::new(), geometry, output: self.output.clone(), ..*self };
        let maximum = matches!(reduction, Reduction::Max | Reduction::Place);
        rest.reduce(rec, parts, false, if maximum { Reduction::Max } else { Reduction::Sum })
    }

    /// Records the gradient of a maximum.
    fn give_back(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View) -> View {
        let (batch, geometry, channels) = (rec.batch(), self.geometry, self.channels);
        let d_x = rec.scratch(batch * geometry.input.iter().product::<usize>() * channels);
        let kernel = MaxPoolBackward { batch, geometry, channels };
        if kernel.takes() {
            rec.op(kernel, MaxPoolBackwardPorts { x: trace.input, d_y, d_x });
            return d_x;
        }
        let reduction = Reduction::Place;
        let parts = WindowParts { batch, geometry, channels, turned: false, reduction };
        let positions: usize = geometry.input.iter().product();
        if positions > MOST_PLACES {
            rec.refuse(Error::invalid(
                &self.path,
                format!("the gradient of a maximum over {positions} positions"),
                format!("at most {MOST_PLACES}"),
                "pool smaller windows first",
            ));
        }
        let places = self.reduce_in_pieces(rec, parts, trace.input, Some(trace.output));
        rec.op(MaxPoolGive { batch, geometry, channels }, MaxPoolGivePorts { places, d_y, d_x });
        d_x
    }
}

impl Node for PoolNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let output = match self.kind {
            PoolKind::Max => self.reduce(rec, input, false, Reduction::Max),
            PoolKind::Mean => self.reduce(rec, input, false, Reduction::Mean),
            PoolKind::Sum => self.reduce(rec, input, false, Reduction::Sum),
            PoolKind::Spread => self.reduce(rec, input, true, Reduction::Sum),
        };
        Trace::new(input, output)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| match self.kind {
            PoolKind::Max => self.give_back(rec, trace, d_y),
            PoolKind::Mean => self.reduce(rec, d_y, true, Reduction::Mean),
            PoolKind::Sum => self.reduce(rec, d_y, true, Reduction::Sum),
            PoolKind::Spread => self.reduce(rec, d_y, false, Reduction::Sum),
        })
    }
}
