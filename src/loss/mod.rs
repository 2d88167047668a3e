//! Losses, computed from the model's raw outputs.

mod formula;
mod outputs;
pub(crate) mod pointwise;

pub(crate) use formula::Formula;
pub use formula::OwnLoss;
pub use outputs::Outputs;

use crate::kernel::{
    Pointwise, PointwiseLoss, PointwiseLossPorts, SoftmaxFinish, SoftmaxFinishPorts, SoftmaxGradient,
    SoftmaxGradientPorts, SoftmaxLoss, SoftmaxLossPorts, SoftmaxParts, SoftmaxPartsPorts, Strided,
};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result, Targets};
use pointwise::{AbsoluteError, BinaryCrossEntropy, Huber, SquaredError};
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
    /// −t·log σ(x) − (1 − t)·log(1 − σ(x)), averaged over a row's outputs. Targets in 0..1.
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
    /// The rows of scores; the loss fills column 0.
    pub scores: View,
    /// The width of a row of scores.
    pub columns: usize,
}

impl Loss {
    /// The loss's name in histories and reports.
    pub fn name(&self) -> String {
        self.pointwise().map_or_else(|| "softmax_cross_entropy".to_owned(), |formula| formula.name())
    }

    fn pointwise(&self) -> Option<Arc<dyn Formula>> {
        Some(match self {
            Self::SoftmaxCrossEntropy => return None,
            Self::BinaryCrossEntropy => Arc::new(BinaryCrossEntropy),
            Self::MeanSquaredError => Arc::new(SquaredError),
            Self::MeanAbsoluteError => Arc::new(AbsoluteError),
            Self::Huber { delta } => Arc::new(Huber { delta: *delta }),
            Self::Own(own) => own.formula(),
        })
    }

    /// Whether predictions are those of single time steps, where every step has a target; not so for losses of single numbers.
    pub(crate) fn takes_steps(&self) -> bool {
        self.pointwise().is_none()
    }

    /// Checks that the loss fits these targets and a model with `outputs` numbers per row.
    ///
    /// # Errors
    /// A number of outputs other than the targets' width, targets outside the loss's domain, δ ≤ 0, a softmax over one
    /// output.
    pub fn check(&self, targets: &Targets, outputs: usize) -> Result<()> {
        let formula = self.pointwise();
        formula.as_ref().map_or(Ok(()), |formula| formula.check())?;
        self.check_prediction(targets.width() / targets.steps().max(1))?;
        if outputs != targets.width() {
            return Err(Error::invalid(
                self.name(),
                format!("a model with {outputs} outputs"),
                format!("{} for these targets", targets.width()),
                "give the last layer one unit for every class or target value, and put Flatten before it where inputs \
                 have several dimensions",
            ));
        }
        let domain = formula.map_or(Some(Range { min: 0.0, max: 1.0 }), |formula| formula.targets());
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
        if *self != Self::SoftmaxCrossEntropy || outputs > 1 {
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
        match self.pointwise() {
            None => record_softmax(rec, views, gradient),
            Some(formula) => record_pointwise(rec, &*formula, views, 0, gradient),
        }
    }
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
    let batch = rec.batch();
    let LossViews { outputs: x, targets: t, scores, columns } = views;
    let outputs = x.len / batch;
    let d_x = gradient.then(|| rec.scratch(x.len));
    let kernel = PointwiseLoss { formula: (), batch, outputs, columns, column, gradient };
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

/// Records the softmax cross-entropy into the first column of the scores.
fn record_softmax(rec: &mut Recorder<'_>, views: LossViews, gradient: bool) -> Option<View> {
    let batch = rec.batch();
    let LossViews { outputs: x, targets, scores, columns } = views;
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
