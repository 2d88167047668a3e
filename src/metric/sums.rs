//! Metrics that follow from the sums of a few formulas.

use super::{Measure, Metric};
use crate::loss::pointwise::{Claimed, Found, Percentage, Positive, SquaredError};
use crate::loss::{Formula, LossViews, record_pointwise};
use crate::plan::Recorder;
use std::sync::Arc;

/// The value that follows from the sums of the columns and the number of predictions.
type Value = fn(&[f64], f64) -> f64;

/// The formulas, one a column, and the value that follows from their sums and the number of predictions.
#[derive(Debug)]
pub(super) struct Sums {
    name: &'static str,
    formulas: Vec<Arc<dyn Formula>>,
    value: Value,
    higher: bool,
}

impl Sums {
    /// Those of a built-in metric, if it is of this kind.
    pub(super) fn of(metric: &Metric) -> Option<Self> {
        type Parts = (&'static str, Vec<Arc<dyn Formula>>, Value, bool);
        let mean = |sums: &[f64], count: f64| sums[0] / count;
        // 0 where there is nothing to divide by, as in Keras.
        let ratio = |sums: &[f64], _: f64| if sums[1] == 0.0 { 0.0 } else { sums[0] / sums[1] };
        let (name, formulas, value, higher): Parts = match *metric {
            Metric::MeanSquaredError => ("mean_squared_error", vec![Arc::new(SquaredError)], mean, false),
            Metric::RootMeanSquaredError => {
                let root = |sums: &[f64], count: f64| (sums[0] / count).sqrt();
                ("root_mean_squared_error", vec![Arc::new(SquaredError)], root, false)
            }
            Metric::MeanAbsolutePercentageError => {
                ("mean_absolute_percentage_error", vec![Arc::new(Percentage {})], mean, false)
            }
            Metric::Precision { threshold } => (
                "precision",
                vec![Arc::new(Found { threshold }), Arc::new(Claimed { threshold })],
                ratio,
                true,
            ),
            Metric::Recall { threshold } => {
                ("recall", vec![Arc::new(Found { threshold }), Arc::new(Positive {})], ratio, true)
            }
            _ => return None,
        };
        Some(Self { name, formulas, value, higher })
    }
}

impl Measure for Sums {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn is_better_if_higher(&self) -> bool {
        self.higher
    }

    fn columns(&self, _outputs: usize) -> usize {
        self.formulas.len()
    }

    fn record(&self, rec: &mut Recorder<'_>, views: LossViews, column: usize) {
        for (formula, column) in self.formulas.iter().zip(column..) {
            record_pointwise(rec, &**formula, views, column, false);
        }
    }

    fn value(&self, sums: &[f64], count: f64) -> f64 {
        (self.value)(sums, count)
    }
}
