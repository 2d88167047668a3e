//! Softmax as a layer.

use super::{Facts, Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::plan::{Recorder, View};
use crate::{Error, Frame, Range, Result, shape};

/// yₖ = exp(xₖ)/Σ exp(x) over the last dimension (Keras' `Softmax`): shares between 0 and 1 that sum to 1. Input and output: `[..., K]`
/// with K of at least 2; any length. The largest x is taken off first, so nothing overflows. The output range is 0..1.
///
/// For networks whose shares are inputs of further layers, or outputs of which a loss of values is taken, such as the mean squared error:
/// predictions are probabilities then. The losses of classes, such as
/// [`Loss::SoftmaxCrossEntropy`](crate::Loss::SoftmaxCrossEntropy), want logits: they contain their own softmax, and their gradients are
/// exact where a share has become 0. So a classifier ends without this layer, which training by such a loss refuses, and
/// [`Model::predict_rows`](crate::Model::predict_rows) turns its logits into probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Softmax {
    axis: i32,
}

impl Default for Softmax {
    fn default() -> Self {
        Self { axis: LAST }
    }
}

impl Softmax {
    /// A softmax over the last dimension, Keras' axis of −1.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The only axis that the layer takes.
const LAST: i32 = -1;

impl Layer for Softmax {
    fn kind(&self) -> &'static str {
        "softmax"
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
        if self.axis != LAST {
            return Err(Error::invalid(
                path,
                format!("axis {}", self.axis),
                "−1, the last dimension",
                "leave the axis out, and give the layer before it outputs with the classes in their last dimension",
            ));
        }
        let classes = input.shape.last().copied().unwrap_or(1);
        if classes < 2 {
            return Err(Error::invalid(
                path,
                format!("inputs of shape {:?}, the softmax of whose last dimension is always 1", input.shape),
                "at least 2 numbers in the last dimension, over which it is taken",
                "use a sigmoid for a single output; where the classes are time steps or positions put Flatten before it",
            ));
        }
        let frame = Frame::around(1.0 / classes as f32);
        let output = Signal { range: Some(Range { min: 0.0, max: 1.0 }), frame, ..input.clone() };
        Ok(Box::new(SoftmaxNode { path, classes, input_range: input.range, output }))
    }
}

#[derive(Debug)]
struct SoftmaxNode {
    path: String,
    classes: usize,
    input_range: Option<Range>,
    output: Signal,
}

impl SoftmaxNode {
    fn rows(&self, rec: &Recorder<'_>) -> usize {
        rec.batch() * self.output.len() / self.classes
    }
}

impl Node for SoftmaxNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (rows, classes) = (self.rows(rec), self.classes);
        let y = rec.softmax(input, rows, classes);
        Trace::new(input, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| {
            let rows = self.rows(rec);
            rec.softmax_backward(d_y, trace.output, rows, self.classes)
        })
    }

    fn facts(&self) -> Facts {
        Facts { input_range: self.input_range, ..Facts::default() }
    }
}
