//! How evenly gradients are spread: two numbers for one training.

use crate::gradients::LayerGradients;
use crate::run::Statistic;

/// The spread of log₁₀ mean |∂ℓ/∂W| in one training; NaN if there are too few numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spreads {
    /// The standard deviation over the layers, averaged over the epochs.
    pub layers: f64,
    /// The standard deviation over the epochs, averaged over the layers.
    pub epochs: f64,
    /// The number of pairs of layer and epoch in which every gradient is 0: they have no logarithm and are left out of both.
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

/// The mean of the standard deviations of the groups that have two or more finite numbers.
fn mean_of_deviations(groups: impl Iterator<Item = Vec<f64>>) -> f64 {
    let finite = groups.map(|g| g.into_iter().filter(|v| v.is_finite()).collect::<Vec<_>>());
    let deviation = |group: Vec<f64>| Statistic::of(group.into_iter()).deviation;
    let deviations: Vec<f64> = finite.filter(|g| g.len() > 1).map(deviation).collect();
    Statistic::of(deviations.into_iter()).mean
}
