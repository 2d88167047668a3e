//! Losses, computed from the model's raw outputs.

mod formula;
mod outputs;
pub(crate) mod pointwise;

pub(crate) use formula::Formula;
pub use formula::OwnLoss;
pub use outputs::Outputs;

use crate::kernel::{
    CosineLoss, CosineLossPorts, Pointwise, PointwiseLoss, PointwiseLossPorts, SoftmaxFinish,
    SoftmaxFinishPorts, SoftmaxGradient, SoftmaxGradientPorts, SoftmaxLoss, SoftmaxLossPorts, SoftmaxParts,
    SoftmaxPartsPorts, Strided,
};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result, Targets};
use pointwise::{
    AbsoluteError, BinaryCrossEntropy, BinaryFocalCrossEntropy, Divergence, FocalEntropy, Hinge, Huber,
    LogCosh, Poisson, Quantile, SquaredError, SquaredHinge,
};
use std::sync::Arc;

/// What training minimises: the mean of a loss over the batch's rows or, where every time step has a target, over all time steps
/// that no mask hides. All are Keras' with `reduction="sum_over_batch_size"`; the cross-entropies take logits (`from_logits=True`),
/// so the output layer is linear.
///
/// A loss of your own is a [`Pointwise`] formula, which converts into a `Loss`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// −Σ_c t_c·log softmax(x)_c. Targets: a class index or a distribution per row or time step. Needs at least two outputs per
    /// prediction: the softmax of a single one is always 1.
    SoftmaxCrossEntropy,
    /// −t·log σ(x) − (1 − t)·log(1 − σ(x)), averaged over a row's outputs. Targets in 0..1. Of two classes a single output is
    /// the logit of the second: so are they for every loss of single outputs, with targets of 0 and 1.
    BinaryCrossEntropy,
    /// (x − t)², averaged over a row's outputs.
    MeanSquaredError,
    /// |x − t|, averaged over a row's outputs.
    MeanAbsoluteError,
    /// (x − t)²/2 up to |x − t| = δ, beyond it δ·|x − t| − δ²/2, averaged over a row's outputs.
    Huber {
        /// δ > 0; Keras' default is 1.
        delta: f32,
    },
    /// log cosh(x − t), averaged over a row's outputs: half the squared error near 0, the absolute error less log 2 far from it.
    LogCosh,
    /// max(q·(t − x), (q − 1)·(t − x)), averaged over a row's outputs (the pinball loss): the outputs learn the quantile q of the
    /// targets.
    Quantile {
        /// q, between 0 and 1.
        quantile: f32,
    },
    /// exp(x) − t·x, averaged over a row's outputs: x is the logarithm of the rate of the events that t counts. Targets of at least 0.
    /// Keras' `Poisson` of the rates exp(x), PyTorch's `PoissonNLLLoss(log_input=True)`.
    Poisson,
    /// −cos of the angle between a row's outputs, or a time step's, and its targets: −1 where they point the same way. Both are
    /// normalised first, as in Keras.
    CosineSimilarity,
    /// Σ_c t_c·log(t_c/softmax(x)_c). Targets: a distribution per row or time step. Its gradient is the softmax cross-entropy's; its
    /// value is 0 where the prediction is the target. Keras' `KLDivergence` of the softmax.
    KlDivergence,
    /// −α·Σ_c t_c·(1 − p_c)^γ·log p_c with p = softmax(x): the cross-entropy of what is predicted badly. Keras'
    /// `CategoricalFocalCrossentropy`, whose α is 0.25.
    SoftmaxFocalCrossEntropy {
        /// γ, 0 or at least 1; Keras' default is 2.
        gamma: f32,
        /// α, from 0 to 1; `None` for 1.
        alpha: Option<f32>,
    },
    /// (1 − p)^γ times the binary cross-entropy, averaged over a row's outputs; p is the probability that σ(x) gives the target. With
    /// α, yeses count α and noes 1 − α. Targets in 0..1. Keras' `BinaryFocalCrossentropy`, `apply_class_balancing` where there is an α.
    BinaryFocalCrossEntropy {
        /// γ, 0 or at least 1; Keras' default is 2.
        gamma: f32,
        /// α, from 0 to 1.
        alpha: Option<f32>,
    },
    /// max(1 − s·x, 0), averaged over a row's outputs, with s = 1 for targets above 0 and −1 for the others: targets of 0 and 1 and
    /// those of −1 and 1 mean the same.
    Hinge,
    /// max(1 − s·x, 0)², like [`Loss::Hinge`].
    SquaredHinge,
    /// A formula of your own, averaged over a row's outputs.
    Own(OwnLoss),
}

impl<P: Pointwise> From<P> for Loss {
    fn from(formula: P) -> Self {
        Self::Own(OwnLoss::new(formula))
    }
}

/// The views that a loss and its metrics work on.
#[derive(Clone, Copy, Debug)]
pub struct LossViews {
    /// The model's outputs.
    pub outputs: View,
    /// The targets.
    pub targets: View,
    /// What the batch's rows count, or their time steps, where the data set has weights.
    pub weights: Option<View>,
    /// The rows of scores; the loss fills column 0.
    pub scores: View,
    /// The width of a row of scores.
    pub columns: usize,
}

/// How a loss is computed from the outputs of a row.
enum Way {
    /// The cross-entropy of their softmax.
    CrossEntropy,
    /// A formula of the probabilities that their softmax gives, summed.
    OfSoftmax(Arc<dyn Formula>),
    /// Minus the cosine.
    Cosine,
    /// A formula of each, averaged.
    Pointwise(Arc<dyn Formula>),
}

impl Way {
    fn formula(&self) -> Option<&dyn Formula> {
        match self {
            Self::CrossEntropy | Self::Cosine => None,
            Self::OfSoftmax(formula) | Self::Pointwise(formula) => Some(&**formula),
        }
    }
}

impl Loss {
    /// The loss's name in histories and reports.
    pub fn name(&self) -> String {
        match self.way() {
            Way::CrossEntropy => "softmax_cross_entropy".to_owned(),
            Way::Cosine => "cosine_similarity".to_owned(),
            Way::OfSoftmax(formula) | Way::Pointwise(formula) => formula.name(),
        }
    }

    fn way(&self) -> Way {
        Way::Pointwise(match *self {
            Self::SoftmaxCrossEntropy => return Way::CrossEntropy,
            Self::CosineSimilarity => return Way::Cosine,
            Self::KlDivergence => return Way::OfSoftmax(Arc::new(Divergence)),
            Self::SoftmaxFocalCrossEntropy { gamma, alpha } => {
                return Way::OfSoftmax(Arc::new(FocalEntropy { gamma, alpha }));
            }
            Self::BinaryCrossEntropy => Arc::new(BinaryCrossEntropy),
            Self::BinaryFocalCrossEntropy { gamma, alpha } => {
                Arc::new(BinaryFocalCrossEntropy { gamma, alpha })
            }
            Self::Hinge => Arc::new(Hinge),
            Self::SquaredHinge => Arc::new(SquaredHinge),
            Self::MeanSquaredError => Arc::new(SquaredError),
            Self::MeanAbsoluteError => Arc::new(AbsoluteError),
            Self::Huber { delta } => Arc::new(Huber { delta }),
            Self::LogCosh => Arc::new(LogCosh),
            Self::Quantile { quantile } => Arc::new(Quantile { quantile }),
            Self::Poisson => Arc::new(Poisson),
            Self::Own(ref own) => own.formula(),
        })
    }

    /// Whether targets are answers of yes or no: 1 or 0.
    pub(crate) fn of_answers(&self) -> bool {
        matches!(self, Self::BinaryCrossEntropy | Self::BinaryFocalCrossEntropy { .. })
    }

    /// Whether it compares a softmax with a distribution over classes.
    pub(crate) fn of_classes(&self) -> bool {
        matches!(self.way(), Way::CrossEntropy | Way::OfSoftmax(_))
    }

    /// Whether predictions are those of single time steps, where every step has a target; not so for losses of single numbers.
    pub(crate) fn takes_steps(&self) -> bool {
        !matches!(self.way(), Way::Pointwise(_))
    }

    /// Checks that the loss fits these targets and a model with `outputs` numbers per row.
    ///
    /// # Errors
    /// A number of outputs other than the targets' width, targets outside the loss's domain, δ ≤ 0, a softmax over one
    /// output.
    pub fn check(&self, targets: &Targets, outputs: usize) -> Result<()> {
        let way = self.way();
        way.formula().map_or(Ok(()), |formula| formula.check())?;
        self.check_prediction(targets.width() / targets.steps().max(1))?;
        // One output tells two classes.
        let told = are_answers(targets, outputs) && matches!(way, Way::Pointwise(_));
        if outputs != targets.width() && !told {
            return Err(Error::invalid(
                self.name(),
                format!("a model with {outputs} outputs"),
                match are_answers(targets, outputs) {
                    true => "2 for these classes, or a loss of single outputs, such as BinaryCrossEntropy"
                        .to_owned(),
                    false => format!("{} for these targets", targets.width()),
                },
                "give the last layer one unit for every class or target value, and put Flatten before it where inputs \
                 have several dimensions",
            ));
        }
        let domain = match way {
            Way::CrossEntropy => Some(Range { min: 0.0, max: 1.0 }),
            Way::Cosine => None,
            Way::OfSoftmax(formula) | Way::Pointwise(formula) => formula.targets(),
        };
        if let (Some(Range { min, max }), Targets::Values { values, .. }) = (domain, targets)
            && let Some(value) = values.iter().find(|v| !(min..=max).contains(*v))
        {
            return Err(Error::invalid(
                self.name(),
                format!("target {value}"),
                format!("targets from {min} to {max}"),
                "use a loss for regression, such as MeanSquaredError, or correct the targets",
            ));
        }
        Ok(())
    }

    /// Checks that the loss can distinguish predictions of `outputs` numbers.
    pub(crate) fn check_prediction(&self, outputs: usize) -> Result<()> {
        if !self.of_classes() || outputs > 1 {
            return Ok(());
        }
        Err(Error::invalid(
            self.name(),
            format!("predictions of {outputs} output, the softmax of which is always 1"),
            "at least 2 outputs, one for each class",
            "use BinaryCrossEntropy for a single output and targets from 0 to 1, or give both classes an output; where \
             the classes are time steps or positions put Flatten at the end",
        ))
    }

    /// Records the loss of every row and, if `gradient`, the gradient of the mean loss with respect to the outputs.
    pub fn record(&self, rec: &mut Recorder<'_>, views: LossViews, gradient: bool) -> Option<View> {
        match self.way() {
            Way::CrossEntropy => record_softmax(rec, views, gradient),
            Way::OfSoftmax(formula) => record_of_softmax(rec, &*formula, views, gradient),
            Way::Cosine => record_cosine(rec, views, gradient),
            Way::Pointwise(formula) => record_pointwise(rec, &*formula, views, 0, gradient),
        }
    }
}

/// Whether targets are two classes that a model with so many outputs a row tells by one number for each label: the second of them by a
/// yes, or by the larger value.
pub(crate) fn are_answers(targets: &Targets, outputs: usize) -> bool {
    matches!(targets, Targets::Classes { names, steps, .. } if names.len() == 2 && outputs == *steps)
}

/// Records the mean of a formula over each row's outputs into a column of the scores: for metrics of your own.
pub fn record_mean(rec: &mut Recorder<'_>, formula: impl Pointwise, views: LossViews, column: usize) {
    record_pointwise(rec, &formula, views, column, false);
}

/// Records the mean of a pointwise loss over each row's outputs into a column of the scores.
pub(crate) fn record_pointwise(
    rec: &mut Recorder<'_>,
    formula: &dyn Formula,
    views: LossViews,
    column: usize,
    gradient: bool,
) -> Option<View> {
    record_formula(rec, formula, views, (column, false), gradient)
}

/// Records the mean of a formula over each row's outputs, or its sum if `summed`, into a column of the scores.
fn record_formula(
    rec: &mut Recorder<'_>,
    formula: &dyn Formula,
    views: LossViews,
    (column, summed): (usize, bool),
    gradient: bool,
) -> Option<View> {
    let batch = rec.batch();
    let LossViews { outputs: x, targets: t, scores, columns, .. } = views;
    let outputs = x.len / batch;
    let d_x = gradient.then(|| rec.scratch(x.len));
    let kernel = PointwiseLoss { formula: (), batch, outputs, columns, column, gradient, summed };
    let pieces = PointwiseLoss::pieces(outputs);
    if pieces == 1 {
        formula.record(rec, kernel, PointwiseLossPorts { x, t, scores, d_x });
    } else {
        let shares = rec.scratch(batch * pieces);
        let kernel = PointwiseLoss { columns: pieces, column: 0, ..kernel };
        formula.record(rec, kernel, PointwiseLossPorts { x, t, scores: shares, d_x });
        rec.sum(shares, pieces, batch, scores, Strided { first: column, stride: columns });
    }
    d_x
}

/// Records the sum of a formula of the softmax's probabilities into the first column of the scores.
fn record_of_softmax(
    rec: &mut Recorder<'_>,
    formula: &dyn Formula,
    views: LossViews,
    gradient: bool,
) -> Option<View> {
    let batch = rec.batch();
    let classes = views.outputs.len / batch;
    let shares = rec.softmax(views.outputs, batch, classes);
    let d_shares = record_formula(rec, formula, LossViews { outputs: shares, ..views }, (0, true), gradient)?;
    Some(rec.softmax_backward(d_shares, shares, batch, classes))
}

/// Records minus the cosine between outputs and targets into the first column of the scores.
fn record_cosine(rec: &mut Recorder<'_>, views: LossViews, gradient: bool) -> Option<View> {
    let batch = rec.batch();
    let LossViews { outputs: x, targets: t, scores, columns, .. } = views;
    let outputs = x.len / batch;
    let mut products = |a: View, b: View| {
        let sums = rec.scratch(batch);
        rec.sum_products(a, b, outputs, batch, sums);
        sums
    };
    let (both, of_x, of_t) = (products(x, t), products(x, x), products(t, t));
    let d_x = gradient.then(|| rec.scratch(x.len));
    let kernel = CosineLoss { batch, outputs, columns, gradient };
    rec.op(kernel, CosineLossPorts { x, t, both, of_x, of_t, scores, d_x });
    d_x
}

/// Records the softmax cross-entropy into the first column of the scores.
fn record_softmax(rec: &mut Recorder<'_>, views: LossViews, gradient: bool) -> Option<View> {
    let batch = rec.batch();
    let LossViews { outputs: x, targets, scores, columns, .. } = views;
    let classes = x.len / batch;
    let d_x = gradient.then(|| rec.scratch(x.len));
    if SoftmaxLoss::takes(classes) {
        rec.op(
            SoftmaxLoss { batch, classes, columns, gradient },
            SoftmaxLossPorts { x, t: targets, scores, d_x },
        );
        return d_x;
    }
    let pieces = SoftmaxParts::pieces(classes);
    let (parts, rows) =
        (rec.scratch(SoftmaxParts::len(batch, pieces)), rec.scratch(SoftmaxParts::len(batch, 1)));
    let kernel = SoftmaxParts { batch, classes, targets: true };
    rec.op(kernel, SoftmaxPartsPorts { x, t: Some(targets), parts });
    let kernel = SoftmaxFinish { batch, pieces, columns: Some(columns) };
    rec.op(kernel, SoftmaxFinishPorts { parts, scores: Some(scores), rows });
    if let Some(d_x) = d_x {
        rec.op(SoftmaxGradient { batch, classes }, SoftmaxGradientPorts { x, t: targets, rows, d_x });
    }
    d_x
}
