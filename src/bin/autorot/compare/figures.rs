//! The figures: losses and metrics over the epochs, and gradients by layer.

use super::{Trained, VARIANTS, of, statistic};
use crate::folder::Folder;
use autorot::Result;
use autorot::report::plot::{self, Curve, CurvePanel, HeatMap};
use autorot::train::Epoch;

/// The mean over the seeds after each epoch, with the deviation as a band.
fn panel(title: &str, runs: &[Trained], value: &dyn Fn(&Epoch) -> Option<f64>) -> Option<CurvePanel> {
    let curve = |(variant, label): (usize, &&str)| {
        let all = of(runs, variant);
        let epochs = all.clone().map(|run| run.history.epochs.len()).min().unwrap_or(0);
        let statistics: Vec<(f64, f64)> = (0..epochs)
            .filter_map(|e| all.clone().map(|run| value(&run.history.epochs[e])).collect::<Option<Vec<_>>>())
            .map(|values| statistic(&values))
            .collect();
        Curve {
            label: (*label).to_owned(),
            points: statistics.iter().enumerate().map(|(e, (mean, _))| ((e + 1) as f64, *mean)).collect(),
            spread: (all.count() > 1)
                .then(|| statistics.iter().map(|(mean, d)| (mean - d, mean + d)).collect()),
        }
    };
    let curves: Vec<Curve> = VARIANTS.iter().enumerate().map(curve).collect();
    curves.iter().all(|curve| !curve.points.is_empty()).then(|| CurvePanel {
        title: title.to_owned(),
        x_label: "epoch".to_owned(),
        y_label: title.to_owned(),
        curves,
        ..CurvePanel::default()
    })
}

/// Draws them.
pub fn draw(folder: &Folder, runs: &[Trained], metrics: &[String]) -> Result<()> {
    let mut panels: Vec<CurvePanel> = Vec::new();
    panels.extend(panel("training loss", runs, &|epoch| Some(epoch.train_loss)));
    panels.extend(panel("validation loss", runs, &|epoch| epoch.val_loss));
    for (i, name) in metrics.iter().enumerate() {
        panels.extend(panel(&format!("validation {name}"), runs, &|epoch| epoch.val_metrics.get(i).copied()));
    }
    let map = |(variant, title): (usize, &&str)| {
        let all: Vec<&Trained> = of(runs, variant).collect();
        let rows = all[0].gradients.iter().map(|(layer, _)| layer.clone()).collect();
        let mean = |layer: usize, epoch: usize| {
            let logarithms = all.iter().map(|run| run.gradients[layer].1[epoch].log10());
            logarithms.sum::<f64>() / all.len() as f64
        };
        let epochs = all[0].history.epochs.len();
        let values =
            (0..all[0].gradients.len()).map(|layer| (0..epochs).map(|epoch| mean(layer, epoch)).collect());
        HeatMap {
            title: (*title).to_owned(),
            x_label: "epoch".to_owned(),
            y_label: "layer".to_owned(),
            rows,
            values: values.collect(),
        }
    };
    let maps: Vec<HeatMap> = VARIANTS.iter().enumerate().map(map).collect();
    for ending in ["png", "svg"] {
        plot::curves(folder.file(&format!("curves.{ending}")), &panels)?;
        plot::heat_maps(folder.file(&format!("gradients.{ending}")), &maps, "log₁₀ mean |gradient|")?;
    }
    Ok(())
}
