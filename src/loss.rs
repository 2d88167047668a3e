//! Losses, computed from the model's raw outputs.

use crate::kernel::{PointwiseKind, PointwiseLoss, SoftmaxLoss};
use crate::plan::{Recorder, View};
use crate::{Error, Result, Targets};

/// What training lowers: the mean over the batch's rows of a row's loss; where every time step has a target, over all steps
/// that no mask hides. All are Keras' with
/// `reduction="sum_over_batch_size"`; the cross-entropies take logits (`from_logits=True`), so the
/// output layer is linear.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Loss {
    /// −Σ_c t_c·log softmax(x)_c. Targets: class indices, or a distribution, of every row or time step.
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
    pub fn name(self) -> &'static str {
        match self {
            Self::SoftmaxCrossEntropy => "softmax_cross_entropy",
            Self::BinaryCrossEntropy => "binary_cross_entropy",
            Self::MeanSquaredError => "mean_squared_error",
            Self::MeanAbsoluteError => "mean_absolute_error",
            Self::Huber { .. } => "huber",
        }
    }

    fn pointwise(self) -> Option<PointwiseKind> {
        match self {
            Self::SoftmaxCrossEntropy => None,
            Self::BinaryCrossEntropy => Some(PointwiseKind::BinaryCrossEntropy),
            Self::MeanSquaredError => Some(PointwiseKind::SquaredError),
            Self::MeanAbsoluteError => Some(PointwiseKind::AbsoluteError),
            Self::Huber { delta } => Some(PointwiseKind::Huber { delta }),
        }
    }

    /// Whether a prediction is what one time step has, where every step has a target: not so where single numbers are compared.
    pub(crate) fn takes_steps(self) -> bool {
        self.pointwise().is_none()
    }

    /// Whether the loss fits these targets and a model with `outputs` numbers a row.
    ///
    /// # Errors
    /// A number of outputs other than the targets' width, targets outside the loss's domain, δ ≤ 0.
    pub fn check(self, targets: &Targets, outputs: usize) -> Result<()> {
        if let Self::Huber { delta } = self
            && !(delta.is_finite() && delta > 0.0)
        {
            return Err(Error::invalid("huber loss", format!("δ = {delta}"), "a finite δ > 0", "use δ = 1"));
        }
        if outputs != targets.width() {
            return Err(Error::invalid(
                self.name(),
                format!("a model with {outputs} outputs"),
                format!("{} for these targets", targets.width()),
                "give the last layer one unit for every class or target value, and put Flatten before it where inputs \
                 have several dimensions",
            ));
        }
        let bounded = matches!(self, Self::SoftmaxCrossEntropy | Self::BinaryCrossEntropy);
        if let (true, Targets::Values { values, .. }) = (bounded, targets)
            && let Some(value) = values.iter().find(|v| !(0.0..=1.0).contains(*v))
        {
            return Err(Error::invalid(
                self.name(),
                format!("target {value}"),
                "targets from 0 to 1",
                "use a loss for regression, such as MeanSquaredError, or correct the targets",
            ));
        }
        Ok(())
    }

    /// Records the loss of every row and, when `gradient`, the gradient of the mean loss by the outputs.
    pub fn record(self, rec: &mut Recorder<'_>, views: LossViews, gradient: bool) -> View {
        let batch = rec.batch();
        let LossViews { outputs, targets, scores, columns } = views;
        let width = outputs.len / batch;
        let d_x = if gradient { rec.scratch(outputs.len) } else { rec.unused() };
        let args = [outputs, targets, scores, d_x];
        match self.pointwise() {
            None => rec.op(SoftmaxLoss { batch, classes: width, columns, gradient }, args),
            Some(kind) => rec.op(PointwiseLoss { kind, batch, outputs: width, columns, gradient }, args),
        }
        d_x
    }
}
