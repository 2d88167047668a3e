//! Metrics: what is reported besides the loss.

mod sums;
mod variation;

use crate::kernel::{
    Hits, HitsPorts, Largest, LargestPorts, MOST_PLACES, Pointwise, Rank, RankPorts, Score, ScoreKind,
    ScorePorts, Strided, WeighRows, WeighRowsPorts,
};
use crate::loss::pointwise::{AbsoluteError, Agreement};
use crate::loss::{Formula, LossViews, record_pointwise};
use crate::plan::Recorder;
use crate::{Dataset, Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;
use sums::Sums;
pub(crate) use variation::Variation;

/// A metric of your own: the numbers that kernels compute for every row or predicted time step, and the value that follows from
/// their sums. For the mean of a pointwise formula, [`Metric::mean_of`] is easier.
pub trait Measure: std::fmt::Debug + Send + Sync + 'static {
    /// The name in histories and reports.
    fn name(&self) -> String;

    /// Checks that the metric fits predictions of `outputs` numbers.
    ///
    /// # Errors
    /// Predictions that it does not fit.
    fn check(&self, outputs: usize) -> Result<()> {
        let _ = outputs;
        Ok(())
    }

    /// Whether predictions are those of single time steps, where every step has a target, as with classes.
    fn takes_steps(&self) -> bool {
        false
    }

    /// Whether a higher value is a better one: for early stopping and learning rates that watch it.
    fn is_better_if_higher(&self) -> bool {
        false
    }

    /// How many numbers it computes per prediction of `outputs` numbers.
    fn columns(&self, outputs: usize) -> usize {
        let _ = outputs;
        1
    }

    /// Records its numbers for every row into the scores, from `column` on.
    fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize);

    /// Its value from the sums of its columns over `count` predictions.
    fn value(&self, sums: &[f64], count: f64) -> f64 {
        sums[0] / count
    }
}

/// The mean of a formula.
#[derive(Debug)]
struct Mean(Arc<dyn Formula>);

impl Measure for Mean {
    fn name(&self) -> String {
        self.0.name()
    }

    fn check(&self, _outputs: usize) -> Result<()> {
        self.0.check()
    }

    fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        record_pointwise(rec, &*self.0, views, column, false);
    }
}

/// A user-defined metric. Two are equal if their names are.
#[derive(Clone, Debug)]
pub struct OwnMetric(Arc<dyn Measure>);

impl PartialEq for OwnMetric {
    fn eq(&self, other: &Self) -> bool {
        self.0.name() == other.0.name()
    }
}

/// Serialised as its name.
impl Serialize for OwnMetric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.name())
    }
}

/// Refused: a metric exists only in the program.
impl<'de> Deserialize<'de> for OwnMetric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let reason = format!("the metric {name} is not built in: pass it to Trainer::metric");
        Err(serde::de::Error::custom(reason))
    }
}

/// A metric in which every row counts as much as its weight: the numbers of its columns are multiplied by the weights, whose sum takes
/// the place of the count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightedMetric(Box<Metric>);

impl WeightedMetric {
    /// The metric whose rows are weighted.
    pub fn new(metric: Metric) -> Self {
        Self(Box::new(metric))
    }
}

impl Measure for WeightedMetric {
    fn name(&self) -> String {
        format!("weighted_{}", self.0.name())
    }

    fn check(&self, outputs: usize) -> Result<()> {
        if !matches!(*self.0, Metric::R2 | Metric::Weighted(_)) {
            return self.0.check(outputs);
        }
        Err(Error::invalid(
            "weighted metric",
            self.0.name(),
            "a metric that is a mean over rows",
            "use MeanAbsoluteError, or leave the weights out",
        ))
    }

    fn takes_steps(&self) -> bool {
        self.0.takes_steps()
    }

    fn is_better_if_higher(&self) -> bool {
        self.0.is_better_if_higher()
    }

    fn columns(&self, outputs: usize) -> usize {
        self.0.columns(outputs) + 1
    }

    fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        self.0.record(rec, views, column);
        let LossViews { outputs, weights, scores, columns, .. } = views;
        let rows = rec.batch();
        let kernel = WeighRows {
            rows,
            width: self.0.columns(outputs.len / rows),
            at: Strided { first: column, stride: columns },
            per: weights.map(|weights| rows / weights.len),
            counted: true,
        };
        rec.op(kernel, WeighRowsPorts { weights, values: scores });
    }

    fn value(&self, sums: &[f64], _count: f64) -> f64 {
        match sums.split_last() {
            Some((&weight, sums)) => self.0.mean(sums, weight),
            None => f64::NAN,
        }
    }
}

/// A number reported per epoch, accumulated on the device.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The share of rows, or time steps, whose largest output is that of the target's class. Needs at least two outputs per
    /// prediction.
    Accuracy,
    /// The share of outputs on the target's side of the threshold: 0 for logits, 1/2 for probabilities.
    BinaryAccuracy {
        /// Outputs above it count as 1.
        threshold: f32,
    },
    /// The share of rows, or time steps, whose class is among the k largest outputs.
    TopK {
        /// 1 ≤ k < outputs.
        k: u32,
    },
    /// Of the outputs above the threshold (0 for logits, 1/2 for probabilities), the share whose target is above 1/2; 0 if there is none.
    /// For outputs that each say yes or no; see [`Model::classification`](crate::Model::classification) for classes of which one applies.
    Precision {
        /// Outputs above it count as 1.
        threshold: f32,
    },
    /// Of the targets above 1/2, the share whose output is above the threshold; 0 if there is none. Otherwise as [`Metric::Precision`].
    Recall {
        /// Outputs above it count as 1.
        threshold: f32,
    },
    /// mean |x − t|.
    MeanAbsoluteError,
    /// mean (x − t)².
    MeanSquaredError,
    /// √(mean (x − t)²), the mean over all rows and outputs.
    RootMeanSquaredError,
    /// mean 100·|x − t|/|t|, in percent; |t| counts as at least 10⁻⁷.
    MeanAbsolutePercentageError,
    /// 1 − Σ(x − t)²/Σ(t − mean t)² per output, averaged over the outputs (Keras' `R2Score`). NaN if the target of an output never
    /// varies.
    R2,
    /// A metric in which every row, or time step, counts as much as its weight: see
    /// [`Trainer::weighted_metric`](crate::Trainer::weighted_metric).
    Weighted(WeightedMetric),
    /// One of your own.
    Own(OwnMetric),
}

impl Metric {
    /// A metric of your own.
    pub fn own(measure: impl Measure) -> Self {
        Self::Own(OwnMetric(Arc::new(measure)))
    }

    /// The mean of a formula over all outputs, under its name.
    pub fn mean_of(formula: impl Pointwise) -> Self {
        Self::own(Mean(Arc::new(formula)))
    }

    /// The metric's name in histories and reports.
    pub fn name(&self) -> String {
        match self {
            Self::Accuracy => "accuracy".into(),
            Self::BinaryAccuracy { .. } => "binary_accuracy".into(),
            Self::TopK { k } => format!("top_{k}_accuracy"),
            Self::MeanAbsoluteError => "mean_absolute_error".into(),
            Self::R2 => "r2".into(),
            _ => self.measure().map_or_else(String::new, |measure| measure.name()),
        }
    }

    /// How it is computed, unless by the kernel for rows of few outputs.
    fn measure(&self) -> Option<Arc<dyn Measure>> {
        match self {
            Self::Weighted(weighted) => Some(Arc::new(weighted.clone())),
            Self::Own(own) => Some(own.0.clone()),
            _ => Sums::of(self).map(|sums| Arc::new(sums) as _),
        }
    }

    /// What the kernel for rows of few outputs computes, if it does.
    fn kind(&self) -> Option<ScoreKind> {
        Some(match *self {
            Self::Accuracy => ScoreKind::Accuracy,
            Self::BinaryAccuracy { threshold } => ScoreKind::BinaryAccuracy { threshold },
            Self::TopK { k } => ScoreKind::TopK { k },
            Self::MeanAbsoluteError => ScoreKind::AbsoluteError,
            Self::R2 => ScoreKind::SquaredError,
            _ => return None,
        })
    }

    /// The threshold above which outputs count as 1, if it has one.
    pub(crate) fn threshold(&self) -> Option<f32> {
        match self {
            Self::BinaryAccuracy { threshold } => Some(*threshold),
            Self::Weighted(WeightedMetric(metric)) => metric.threshold(),
            _ => None,
        }
    }

    /// Whether predictions are those of single time steps, where every step has a target; not so for metrics of single numbers.
    pub(crate) fn takes_steps(&self) -> bool {
        self.measure()
            .map_or(matches!(self, Self::Accuracy | Self::TopK { .. }), |measure| measure.takes_steps())
    }

    /// Whether a higher value is a better one.
    pub fn is_better_if_higher(&self) -> bool {
        self.measure().map_or(*self != Self::MeanAbsoluteError, |measure| measure.is_better_if_higher())
    }

    /// Checks that the metric fits predictions of `outputs` numbers.
    ///
    /// # Errors
    /// A class metric for a single output; k = 0, or k ≥ `outputs`, with which every prediction would be right; more than
    /// 16,777,216 classes; a threshold that is not finite.
    pub fn check(&self, outputs: usize) -> Result<()> {
        let (found, expected, remedy) = match *self {
            Self::Weighted(ref weighted) => return Measure::check(weighted, outputs),
            Self::Own(ref own) => return own.0.check(outputs),
            Self::Accuracy | Self::TopK { .. } if outputs < 2 => (
                format!("predictions of {outputs} output"),
                "at least 2 outputs, one for each class".to_owned(),
                "use BinaryAccuracy for a single output, or MeanAbsoluteError for values",
            ),
            Self::Accuracy | Self::TopK { .. } if outputs > MOST_PLACES => (
                format!("predictions of {outputs} outputs"),
                "at most 16,777,216 outputs".to_owned(),
                "use fewer classes, or leave the metric out",
            ),
            Self::TopK { k } if k == 0 || k as usize >= outputs => (
                format!("the {k} largest of {outputs} outputs"),
                format!("a k from 1 to {}: among all outputs every class is found", outputs - 1),
                "choose another k, or leave the metric out",
            ),
            Self::BinaryAccuracy { threshold }
            | Self::Precision { threshold }
            | Self::Recall { threshold }
                if !threshold.is_finite() =>
            {
                (
                    format!("the threshold {threshold}"),
                    "a finite number".to_owned(),
                    "use 0 for logits, and 0.5 for probabilities",
                )
            }
            _ => return Ok(()),
        };
        Err(Error::invalid(format!("metric {}", self.name()), found, expected, remedy))
    }

    /// How many columns of scores it needs.
    pub fn columns(&self, outputs: usize) -> usize {
        match (self.kind(), self.measure()) {
            (Some(kind), _) => kind.columns(outputs),
            (None, measure) => measure.map_or(1, |measure| measure.columns(outputs).max(1)),
        }
    }

    /// Records its numbers for every row into the scores, from `column` on.
    pub fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        let batch = rec.batch();
        let LossViews { outputs: x, targets, scores, columns, .. } = views;
        let outputs = x.len / batch;
        let Some(kind) = self.kind() else {
            if let Some(measure) = self.measure() {
                measure.record(rec, views, column);
            }
            return;
        };
        if Score::takes(kind, outputs) {
            rec.op(Score { kind, batch, outputs, columns, column }, ScorePorts { x, t: targets, scores });
            return;
        }
        match kind {
            ScoreKind::BinaryAccuracy { threshold } => {
                record_pointwise(rec, &Agreement { threshold }, views, column, false);
            }
            ScoreKind::AbsoluteError => {
                record_pointwise(rec, &AbsoluteError, views, column, false);
            }
            ScoreKind::SquaredError => {
                rec.op(Score { kind, batch, outputs, columns, column }, ScorePorts { x, t: targets, scores });
            }
            ScoreKind::Accuracy => record_hits(rec, views, column, 1, true),
            ScoreKind::TopK { k } => record_hits(rec, views, column, k as usize, false),
        }
    }

    /// Its value from the sums of its columns over `count` predictions; for R², which needs the targets, a mean square.
    pub(crate) fn mean(&self, sums: &[f64], count: f64) -> f64 {
        self.measure().map_or_else(|| sums[0] / count, |measure| measure.value(sums, count))
    }

    /// The values of `metrics` for predictions of `outputs` numbers, each by `value` from the sums of its columns. The first column
    /// is the loss's.
    pub(crate) fn values(
        metrics: &[Self],
        sums: &[f64],
        outputs: usize,
        value: impl Fn(&Self, &[f64]) -> f64,
    ) -> Vec<f64> {
        let mut column = 1;
        let of = |metric: &Self| {
            let first = column;
            column += metric.columns(outputs);
            value(metric, &sums[first..column])
        };
        metrics.iter().map(of).collect()
    }

    /// Its value from the sums of its columns over all rows of the data set, or all their time steps, of which `count` count.
    pub fn value(&self, sums: &[f64], data: &Dataset, count: f64) -> f64 {
        let variation = if *self == Self::R2 { Self::variation(data, sums.len()) } else { Vec::new() };
        self.value_beside(sums, &variation, count)
    }

    /// [`Metric::value`], with the targets' [variation](Metric::variation) where the metric is R².
    pub(crate) fn value_beside(&self, sums: &[f64], variation: &[f64], count: f64) -> f64 {
        if *self != Self::R2 {
            return self.mean(sums, count);
        }
        let score = |(sum, total): (&f64, &f64)| if *total == 0.0 { f64::NAN } else { 1.0 - sum / total };
        sums.iter().zip(variation).map(score).sum::<f64>() / sums.len() as f64
    }
}

/// Records into a column of the scores which rows have fewer than k outputs that rank above that of the target's class.
fn record_hits(rec: &mut Recorder<'_>, views: LossViews, column: usize, k: usize, ties: bool) {
    let batch = rec.batch();
    let LossViews { outputs: x, targets, scores, columns, .. } = views;
    let outputs = x.len / batch;
    let (mut values, mut origins, mut width) = (targets, None, outputs);
    let places = loop {
        let pieces = Largest::pieces(width);
        let (tops, places) = (rec.scratch(batch * pieces), rec.scratch(batch * pieces));
        let of_pieces = origins.is_some();
        rec.op(Largest { rows: batch, width, of_pieces }, LargestPorts { values, origins, tops, places });
        (values, origins, width) = (tops, Some(places), pieces);
        if pieces == 1 {
            break places;
        }
    };
    let pieces = Largest::pieces(outputs);
    let counts = rec.scratch(batch * pieces);
    rec.op(Rank { batch, outputs, ties }, RankPorts { x, places, counts });
    rec.op(Hits { batch, pieces, columns, column, k }, HitsPorts { counts, scores });
}
