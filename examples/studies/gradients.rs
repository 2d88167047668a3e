//! The size of the gradients by layer and epoch.

use autorot::report::plot::HeatMap;
use autorot::train::LayerReport;
use serde::Serialize;

/// The number of training rows on which gradients are measured after each epoch.
pub const PROBE_ROWS: usize = 512;

/// log₁₀ mean |∂ℓ/∂W| of a layer's kernel after each epoch; −∞ if every gradient is 0.
#[derive(Clone, Debug, Serialize)]
pub struct LayerGradients {
    pub layer: String,
    pub log10_mean: Vec<f64>,
}

/// Adds an epoch's reports, which come in the same order every time.
pub fn note<'l>(gradients: &mut Vec<LayerGradients>, layers: impl IntoIterator<Item = &'l LayerReport>) {
    for (i, layer) in layers.into_iter().enumerate() {
        if gradients.len() == i {
            gradients.push(LayerGradients { layer: layer.path.clone(), log10_mean: Vec::new() });
        }
        gradients[i].log10_mean.push(layer.gradient_mean.log10());
    }
}

/// The mean over trainings as a map of layer and epoch. If one of them has no gradient, there is no mean.
pub fn mean_map(title: &str, trainings: &[&[LayerGradients]]) -> HeatMap {
    let layers = trainings.first().copied().unwrap_or_default();
    let mean = |layer: usize, epoch: usize| {
        let values = trainings.iter().map(|t| t[layer].log10_mean[epoch]);
        values.sum::<f64>() / trainings.len() as f64
    };
    let row = |layer: usize| (0..layers[layer].log10_mean.len()).map(|epoch| mean(layer, epoch)).collect();
    HeatMap {
        title: title.to_owned(),
        x_label: "epoch".into(),
        y_label: "layer".into(),
        rows: layers.iter().map(|l| l.layer.clone()).collect(),
        values: (0..layers.len()).map(row).collect(),
    }
}
