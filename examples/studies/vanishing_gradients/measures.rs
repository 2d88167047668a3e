//! How evenly gradients spread: two numbers of one training.

use crate::gradients::LayerGradients;
use crate::run::Statistic;

/// The spread of log₁₀ mean |∂ℓ/∂W| in one training; NaN where there are too few numbers for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spreads {
    /// The standard deviation over the layers, the mean over the epochs.
    pub layers: f64,
    /// The standard deviation over the epochs, the mean over the layers.
    pub epochs: f64,
    /// Layers and epochs in which every gradient is 0: they have no logarithm and are left out of both.
    pub zeros: usize,
}

impl Spreads {
    pub fn of(gradients: &[LayerGradients]) -> Self {
        let epochs = gradients.first().map_or(0, |l| l.log10_mean.len());
        let column = |epoch: usize| gradients.iter().map(move |l| l.log10_mean[epoch]).collect();
        let all = || gradients.iter().flat_map(|l| &l.log10_mean);
        Self {
            layers: mean_of_deviations((0..epochs).map(column)),
            epochs: mean_of_deviations(gradients.iter().map(|l| l.log10_mean.clone())),
            zeros: all().filter(|v| !v.is_finite()).count(),
        }
    }
}

/// The mean of the standard deviations of groups of numbers, of those with two finite ones or more.
fn mean_of_deviations(groups: impl Iterator<Item = Vec<f64>>) -> f64 {
    let finite = groups.map(|g| g.into_iter().filter(|v| v.is_finite()).collect::<Vec<_>>());
    let deviation = |group: Vec<f64>| Statistic::of(group.into_iter()).deviation;
    let deviations: Vec<f64> = finite.filter(|g| g.len() > 1).map(deviation).collect();
    Statistic::of(deviations.into_iter()).mean
}
