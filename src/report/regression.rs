//! How far predictions are from the values to predict: scikit-learn's scores.

use crate::{Error, Result};

/// Predicted values beside true ones, and the scores that follow, one for every target. Names and definitions are scikit-learn's.
///
/// ```
/// use autorot::report::Regression;
///
/// let scores = Regression::new(vec!["price".to_owned()], vec![2.0, 4.0, 9.0], vec![2.0, 5.0, 8.0])?;
/// assert_eq!(scores.mean_absolute_error(), [2.0 / 3.0]);
/// assert_eq!(scores.max_error(), [1.0]);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Regression {
    names: Vec<String>,
    /// Row after row.
    predicted: Vec<f64>,
    expected: Vec<f64>,
}

impl Regression {
    /// The scores of `predicted` values for `expected` ones, row after row, of targets with these names.
    ///
    /// # Errors
    /// No rows, no targets; numbers of values that are no whole rows, or differ.
    pub fn new(names: Vec<String>, predicted: Vec<f64>, expected: Vec<f64>) -> Result<Self> {
        let whole = !names.is_empty() && !expected.is_empty() && expected.len().is_multiple_of(names.len());
        if whole && predicted.len() == expected.len() {
            return Ok(Self { names, predicted, expected });
        }
        Err(Error::invalid(
            "regression",
            format!(
                "{} predicted and {} expected values of {} targets",
                predicted.len(),
                expected.len(),
                names.len()
            ),
            "as many of both, in whole rows of all targets",
            "pass a prediction for every value",
        ))
    }

    /// The targets' names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// A number of each target from its predicted and expected values.
    fn each(&self, score: impl Fn(&[f64], &[f64]) -> f64) -> Vec<f64> {
        let column = |values: &[f64], i: usize| -> Vec<f64> {
            values.iter().skip(i).step_by(self.names.len()).copied().collect()
        };
        (0..self.names.len())
            .map(|i| score(&column(&self.predicted, i), &column(&self.expected, i)))
            .collect()
    }

    /// A mean over the rows.
    fn mean(&self, of_row: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        self.each(|x, t| x.iter().zip(t).map(|(&x, &t)| of_row(x, t)).sum::<f64>() / t.len() as f64)
    }

    /// mean |x − t|.
    pub fn mean_absolute_error(&self) -> Vec<f64> {
        self.mean(|x, t| (x - t).abs())
    }

    /// mean (x − t)².
    pub fn mean_squared_error(&self) -> Vec<f64> {
        self.mean(|x, t| (x - t).powi(2))
    }

    /// √ mean (x − t)².
    pub fn root_mean_squared_error(&self) -> Vec<f64> {
        self.mean_squared_error().into_iter().map(f64::sqrt).collect()
    }

    /// mean |x − t|/|t|, as a share, not in percent; a t of 0 counts as 2⁻⁵².
    pub fn mean_absolute_percentage_error(&self) -> Vec<f64> {
        self.mean(|x, t| (x - t).abs() / t.abs().max(f64::EPSILON))
    }

    /// The median of |x − t|.
    pub fn median_absolute_error(&self) -> Vec<f64> {
        self.each(|x, t| {
            let mut errors: Vec<f64> = x.iter().zip(t).map(|(x, t)| (x - t).abs()).collect();
            errors.sort_by(f64::total_cmp);
            let middle = errors.len() / 2;
            if errors.len().is_multiple_of(2) {
                0.5 * (errors[middle - 1] + errors[middle])
            } else {
                errors[middle]
            }
        })
    }

    /// The largest |x − t|.
    pub fn max_error(&self) -> Vec<f64> {
        self.each(|x, t| x.iter().zip(t).map(|(x, t)| (x - t).abs()).fold(0.0, f64::max))
    }

    /// 1 − Σ(x − t)²/Σ(t − mean t)²; NaN for a target that never varies.
    pub fn r2(&self) -> Vec<f64> {
        self.each(|x, t| {
            let mean = t.iter().sum::<f64>() / t.len() as f64;
            let total: f64 = t.iter().map(|t| (t - mean).powi(2)).sum();
            let rest: f64 = x.iter().zip(t).map(|(x, t)| (x - t).powi(2)).sum();
            if total == 0.0 { f64::NAN } else { 1.0 - rest / total }
        })
    }

    /// mean |mean t − t|: the mean absolute error of always predicting the mean.
    pub fn mean_absolute_deviation(&self) -> Vec<f64> {
        self.each(|_, t| {
            let mean = t.iter().sum::<f64>() / t.len() as f64;
            t.iter().map(|t| (t - mean).abs()).sum::<f64>() / t.len() as f64
        })
    }
}
