//! The figures: curves over epochs, gradients over layers and epochs.

use super::VARIANTS;
use super::report::{Point, Run, mean_deviation};
use autorot::Result;
use autorot::report::plot::{self, Curve, CurvePanel, HeatMap};
use std::path::Path;

/// Test loss and accuracy of every variant: mean over the seeds, and their deviation as a band.
pub fn curves(out: &Path, runs: &[Run]) -> Result<()> {
    let panel = |title: &str, y_label: &str, value: &dyn Fn(&Point) -> f64| {
        let curve = |(variant, title): (&str, &str)| {
            let all = runs.iter().filter(|r| r.variant == variant);
            let epochs = all.clone().map(|r| r.epochs.len()).min().unwrap_or(0);
            let statistics =
                (0..epochs).map(|e| mean_deviation(all.clone().map(move |r| value(&r.epochs[e]))));
            let statistics: Vec<(f64, f64)> = statistics.collect();
            let number = |e: usize| (e + 1) as f64;
            Curve {
                label: title.to_owned(),
                points: statistics.iter().enumerate().map(|(e, &(mean, _))| (number(e), mean)).collect(),
                spread: (all.count() > 1).then(|| statistics.iter().map(|&(m, d)| (m - d, m + d)).collect()),
            }
        };
        CurvePanel {
            title: title.to_owned(),
            x_label: "epoch".into(),
            y_label: y_label.to_owned(),
            curves: VARIANTS.into_iter().map(curve).collect(),
            log_y: false,
        }
    };
    let panels = [
        panel("Test loss", "cross-entropy", &|p| p.val_loss),
        panel("Test accuracy", "accuracy", &|p| p.val_accuracy),
    ];
    for name in ["curves.png", "curves.svg"] {
        plot::curves(out.join(name), &panels)?;
    }
    Ok(())
}

/// log₁₀ mean |∂ℓ/∂W| over layer and epoch, the mean over the seeds, one map a variant.
pub fn gradients(out: &Path, runs: &[Run]) -> Result<()> {
    let map = |(variant, _): (&str, &str)| {
        let all: Vec<&HeatMap> = runs.iter().filter(|r| r.variant == variant).map(|r| &r.gradients).collect();
        let mut mean = all[0].clone();
        for (r, row) in mean.values.iter_mut().enumerate() {
            for (c, value) in row.iter_mut().enumerate() {
                *value = mean_deviation(all.iter().map(|m| m.values[r][c])).0;
            }
        }
        mean
    };
    let maps: Vec<HeatMap> = VARIANTS.into_iter().map(map).collect();
    for name in ["gradients.png", "gradients.svg"] {
        plot::heat_maps(out.join(name), &maps, "log₁₀ mean |gradient| of the kernel")?;
    }
    Ok(())
}
