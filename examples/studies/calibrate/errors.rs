//! How far predictions are from the references, in units.

use super::data::Target;
use serde::Serialize;

/// The errors of one target over the test part.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Errors {
    #[serde(flatten)]
    pub target: Target,
    /// The root mean squared error and the mean absolute error, in the target's unit.
    pub rmse: f64,
    pub mae: f64,
}

impl Errors {
    /// The errors of each target; predictions and references are rows with one number per target.
    pub fn of(targets: &[Target], predictions: &[f32], references: &[f32]) -> Vec<Self> {
        let one = |(k, &target): (usize, &Target)| {
            let of = |values: &[f32]| column(values, k, targets.len()).collect::<Vec<_>>();
            let (predicted, reference) = (of(predictions), of(references));
            let differences = || predicted.iter().zip(&reference).map(|(p, r)| p - r);
            let rows = reference.len() as f64;
            Self {
                target,
                rmse: (differences().map(|d| d * d).sum::<f64>() / rows).sqrt(),
                mae: differences().map(f64::abs).sum::<f64>() / rows,
            }
        };
        targets.iter().enumerate().map(one).collect()
    }
}

/// One target's values from rows of `width` targets.
pub fn column(values: &[f32], target: usize, width: usize) -> impl Iterator<Item = f64> {
    values.iter().skip(target).step_by(width).map(|v| f64::from(*v))
}
