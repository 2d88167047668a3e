//! A rectifier with learnt slopes below 0.

use super::{Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    MOST_DIMENSIONS, PReluKernel, PReluOf, PReluPorts, PermuteKernel, PermutePorts, Share, WeightGradient,
    WeightGradientPorts,
};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Activation, Error, Initializer, Result, shape};

/// y = x for x > 0, else α·x with learnt slopes α (He et al. 2015; Keras' `PReLU`).
///
/// Input and output: any shape of one to four dimensions. Parameter: `alpha`, one α for every number of a sample, but the same along the
/// shared axes, where its shape is 1: `[1, 1, C]` for images with one per channel. The range and the centre of the outputs are taken to be
/// those of ReLU, which the layer is while all α are 0.
///
/// ```
/// use autorot::{Conv2d, PRelu};
///
/// let layers = (Conv2d::new(16, 3), PRelu::new().shared_axes([1, 2]));
/// # let _ = layers;
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PRelu {
    alpha_initializer: Initializer,
    alpha_regularizer: Regularizer,
    shared_axes: Vec<usize>,
}

impl Default for PRelu {
    fn default() -> Self {
        Self {
            alpha_initializer: Initializer::Zeros,
            alpha_regularizer: Regularizer::default(),
            shared_axes: Vec::new(),
        }
    }
}

impl PRelu {
    /// A slope for every number of a sample, which starts at 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how the slopes start.
    pub fn alpha_initializer(mut self, initializer: Initializer) -> Self {
        self.alpha_initializer = initializer;
        self
    }

    /// Sets the penalty on the slopes.
    pub fn alpha_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.alpha_regularizer = regularizer;
        self
    }

    /// Sets the dimensions of a sample, counted from 1, along which all numbers have the same slope.
    pub fn shared_axes(mut self, axes: impl Into<Vec<usize>>) -> Self {
        self.shared_axes = axes.into();
        self
    }
}

impl Layer for PRelu {
    fn kind(&self) -> &'static str {
        "prelu"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        shape::elements(&path, &input.shape)?;
        let rank = input.shape.len();
        if rank > MOST_DIMENSIONS || !self.shared_axes.iter().all(|axis| (1..=rank).contains(axis)) {
            return Err(Error::invalid(
                path,
                format!("shared axes {:?} for inputs of shape {:?}", self.shared_axes, input.shape),
                format!("one to {MOST_DIMENSIONS} dimensions, and axes from 1 to their number"),
                "correct the axes",
            ));
        }
        let first = MOST_DIMENSIONS - rank;
        let (mut sizes, mut shared) = ([1; MOST_DIMENSIONS], [false; MOST_DIMENSIONS]);
        sizes[first..].copy_from_slice(&input.shape);
        self.shared_axes.iter().for_each(|axis| shared[first + axis - 1] = true);
        let shape: Vec<usize> =
            (first..MOST_DIMENSIONS).map(|d| if shared[d] { 1 } else { sizes[d] }).collect();
        let alpha = scope.kernel("alpha", &shape, self.alpha_initializer, self.alpha_regularizer)?;
        let relu = Activation::Relu;
        let output = Signal { range: relu.range(input.range), frame: relu.frame(), ..input.clone() };
        Ok(Box::new(PReluNode { path, sizes, shared, alpha, output }))
    }
}

#[derive(Debug)]
struct PReluNode {
    path: String,
    sizes: [usize; MOST_DIMENSIONS],
    shared: [bool; MOST_DIMENSIONS],
    alpha: ParameterId,
    output: Signal,
}

impl PReluNode {
    fn kernel(&self, rec: &Recorder<'_>, of: PReluOf) -> PReluKernel {
        PReluKernel { batch: rec.batch(), shape: self.sizes, shared: self.shared, of }
    }

    fn record(&self, rec: &mut Recorder<'_>, of: PReluOf, x: View, d_y: Option<View>) -> View {
        let (alpha, out) = (rec.parameter(self.alpha), rec.scratch(rec.batch() * self.output.len()));
        rec.op(self.kernel(rec, of), PReluPorts { x, alpha: Some(alpha), d_y, out });
        out
    }

    /// Records the gradient of α: sums over the batch and over the shared dimensions.
    fn gradient(&self, rec: &mut Recorder<'_>, x: View, d_y: View) {
        let mut products = self.record(rec, PReluOf::Alpha, x, Some(d_y));
        // The shared dimensions come first.
        let mut order: [usize; MOST_DIMENSIONS] = std::array::from_fn(|d| d);
        order.sort_by_key(|&d| !self.shared[d] && self.sizes[d] > 1);
        if !order.is_sorted() {
            let permuted = rec.scratch(products.len);
            let kernel = PermuteKernel { batch: rec.batch(), shape: self.sizes, order };
            rec.op(kernel, PermutePorts { x: products, y: permuted });
            products = permuted;
        }
        let alphas = self.kernel(rec, PReluOf::Alpha).alphas();
        let rows = rec.batch() * self.output.len() / alphas;
        let (w, d_w) = (rec.parameter(self.alpha), rec.gradient(self.alpha));
        let Regularizer { l1, l2 } = rec.regularizer(self.alpha);
        if l1 == 0.0 && l2 == 0.0 {
            return rec.sum_rows(products, rows, alphas, d_w);
        }
        let partials = rec.scratch(alphas);
        rec.sum_rows(products, rows, alphas, partials);
        let kernel = WeightGradient {
            splits: 1,
            taps: 1,
            channels: 1,
            filters: alphas,
            turned: false,
            share: Share::None,
            factor: 0.0,
            l1,
            l2,
        };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample: None, channel: None, d_w });
    }
}

impl Node for PReluNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let y = self.record(rec, PReluOf::Forward, input, None);
        Trace::new(input, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        self.gradient(rec, trace.input, d_y);
        need_d_x.then(|| self.record(rec, PReluOf::Input, trace.input, Some(d_y)))
    }
}
