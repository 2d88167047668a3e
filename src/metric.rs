//! Metrics: what is reported beside the loss.

use crate::kernel::{
    Hits, HitsPorts, Largest, LargestPorts, MOST_PLACES, PointwiseKind, Rank, RankPorts, Score, ScoreKind,
    ScorePorts,
};
use crate::loss::{LossViews, record_pointwise};
use crate::plan::Recorder;
use crate::{Dataset, Error, Result, Targets};

/// A number reported for every epoch, accumulated on the device.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Metric {
    /// The share of rows, or time steps, whose largest output is that of the target's class. At least two outputs a
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
    /// mean |x − t|.
    MeanAbsoluteError,
    /// 1 − Σ(x − t)²/Σ(t − mean t)² of every output, averaged over the outputs (Keras' `R2Score`). NaN for an
    /// output whose target never varies.
    R2,
}

impl Metric {
    /// The metric's name in histories and reports.
    pub fn name(self) -> String {
        match self {
            Self::Accuracy => "accuracy".into(),
            Self::BinaryAccuracy { .. } => "binary_accuracy".into(),
            Self::TopK { k } => format!("top_{k}_accuracy"),
            Self::MeanAbsoluteError => "mean_absolute_error".into(),
            Self::R2 => "r2".into(),
        }
    }

    fn kind(self) -> ScoreKind {
        match self {
            Self::Accuracy => ScoreKind::Accuracy,
            Self::BinaryAccuracy { threshold } => ScoreKind::BinaryAccuracy { threshold },
            Self::TopK { k } => ScoreKind::TopK { k },
            Self::MeanAbsoluteError => ScoreKind::AbsoluteError,
            Self::R2 => ScoreKind::SquaredError,
        }
    }

    /// Whether a prediction is what one time step has, where every step has a target: not so where single numbers are compared.
    pub(crate) fn takes_steps(self) -> bool {
        matches!(self, Self::Accuracy | Self::TopK { .. })
    }

    /// Whether the metric fits predictions of `outputs` numbers.
    ///
    /// # Errors
    /// A class metric for a single output; a k that is 0, or not below the number of outputs, with which every prediction
    /// would be right; more than 16,777,216 classes; a threshold that is no finite number.
    pub fn check(self, outputs: usize) -> Result<()> {
        let (found, expected, remedy) = match self {
            Self::Accuracy | Self::TopK { .. } if outputs < 2 => (
                format!("predictions of {outputs} output"),
                "at least 2 outputs, one for each class".to_owned(),
                "use BinaryAccuracy for a single output, or MeanAbsoluteError for values",
            ),
            Self::Accuracy | Self::TopK { .. } if outputs > MOST_PLACES => (
                format!("predictions of {outputs} outputs"),
                "at most 16,777,216 outputs".to_owned(),
                "tell fewer classes apart, or leave the metric out",
            ),
            Self::TopK { k } if k == 0 || k as usize >= outputs => (
                format!("the {k} largest of {outputs} outputs"),
                format!("a k from 1 to {}: among all outputs every class is found", outputs - 1),
                "choose another k, or leave the metric out",
            ),
            Self::BinaryAccuracy { threshold } if !threshold.is_finite() => (
                format!("the threshold {threshold}"),
                "a finite number".to_owned(),
                "use 0 for logits, and 0.5 for probabilities",
            ),
            _ => return Ok(()),
        };
        Err(Error::invalid(format!("metric {}", self.name()), found, expected, remedy))
    }

    /// How many columns of scores it needs.
    pub fn columns(self, outputs: usize) -> usize {
        self.kind().columns(outputs)
    }

    /// Records its numbers of every row into the scores from `column` on.
    pub fn record(self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        let batch = rec.batch();
        let LossViews { outputs: x, targets, scores, columns } = views;
        let outputs = x.len / batch;
        let kind = self.kind();
        if Score::takes(kind, outputs) {
            rec.op(Score { kind, batch, outputs, columns, column }, ScorePorts { x, t: targets, scores });
            return;
        }
        match kind {
            ScoreKind::BinaryAccuracy { threshold } => {
                record_pointwise(rec, PointwiseKind::Agreement { threshold }, views, column, false);
            }
            ScoreKind::AbsoluteError => {
                record_pointwise(rec, PointwiseKind::AbsoluteError, views, column, false);
            }
            ScoreKind::SquaredError => {
                rec.op(Score { kind, batch, outputs, columns, column }, ScorePorts { x, t: targets, scores });
            }
            ScoreKind::Accuracy => record_hits(rec, views, column, 1, true),
            ScoreKind::TopK { k } => record_hits(rec, views, column, k as usize, false),
        }
    }

    /// Its value from the sums of its columns over all rows of the set, or all their time steps, of which `count` count.
    pub fn value(self, sums: &[f64], data: &Dataset, count: f64) -> f64 {
        if self != Self::R2 {
            return sums[0] / count;
        }
        // The targets are known here exactly: no difference of large sums is needed.
        let width = sums.len();
        let rows = data.len() * data.targets().width() / width;
        let target = |row: usize, output: usize| match data.targets() {
            Targets::Classes { labels, .. } => f64::from(u8::from(labels[row] as usize == output)),
            Targets::Values { values, .. } => f64::from(values[row * width + output]),
        };
        let scores = (0..width).map(|output| {
            let mean = (0..rows).map(|row| target(row, output)).sum::<f64>() / rows as f64;
            let total = (0..rows).map(|row| (target(row, output) - mean).powi(2)).sum::<f64>();
            if total == 0.0 { f64::NAN } else { 1.0 - sums[output] / total }
        });
        scores.sum::<f64>() / width as f64
    }
}

/// Records into a column of the scores which rows have fewer than k outputs above that of the target's class.
fn record_hits(rec: &mut Recorder<'_>, views: LossViews, column: usize, k: usize, ties: bool) {
    let batch = rec.batch();
    let LossViews { outputs: x, targets, scores, columns } = views;
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
