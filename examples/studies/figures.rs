//! The figures: curves over epochs, gradients over layers and epochs. Variants are pairs of a name and a title.

use crate::gradients::{LayerGradients, mean_map};
use crate::run::{Point, Run, Statistic, of};
use autorot::Result;
use autorot::report::plot::{self, Curve, CurvePanel, HeatMap};
use std::path::{Path, PathBuf};

/// One number of each variant over the epochs: the mean over the seeds, with the standard deviation as a band.
pub fn panel<E>(
    (title, y_label): (&str, &str),
    variants: &[(&str, &str)],
    runs: &[Run<E>],
    value: impl Fn(&Point) -> f64 + Copy,
) -> CurvePanel {
    let curve = |&(variant, title): &(&str, &str)| {
        let all = of(runs, variant);
        let epochs = all.clone().map(|r| r.epochs.len()).min().unwrap_or(0);
        let over = |e: usize| Statistic::of(all.clone().map(|r| value(&r.epochs[e])));
        let statistics: Vec<Statistic> = (0..epochs).map(over).collect();
        let band = |s: &Statistic| (s.mean - s.deviation, s.mean + s.deviation);
        Curve {
            label: title.to_owned(),
            points: statistics.iter().enumerate().map(|(e, s)| ((e + 1) as f64, s.mean)).collect(),
            spread: (all.clone().count() > 1).then(|| statistics.iter().map(band).collect()),
        }
    };
    CurvePanel {
        title: title.to_owned(),
        x_label: "epoch".into(),
        y_label: y_label.to_owned(),
        curves: variants.iter().map(curve).collect(),
        ..CurvePanel::default()
    }
}

/// Training loss, test loss and test accuracy: `curves.png` and `curves.svg`.
pub fn losses_and_accuracy<E>(out: &Path, variants: &[(&str, &str)], runs: &[Run<E>]) -> Result<()> {
    let panels = [
        panel(("Training loss", "cross-entropy"), variants, runs, |p| p.train_loss),
        panel(("Test loss", "cross-entropy"), variants, runs, |p| p.val_loss),
        panel(("Test accuracy", "accuracy"), variants, runs, |p| p.val_accuracy),
    ];
    curves(out, &panels)
}

/// `curves.png` and `curves.svg`.
pub fn curves(out: &Path, panels: &[CurvePanel]) -> Result<()> {
    twice(out, "curves", |path| plot::curves(path, panels))
}

/// Draws a figure as PNG and as SVG.
pub fn twice(out: &Path, name: &str, draw: impl Fn(PathBuf) -> Result<()>) -> Result<()> {
    ["png", "svg"].iter().try_for_each(|ending| draw(out.join(format!("{name}.{ending}"))))
}

/// log₁₀ mean |∂ℓ/∂W| over layer and epoch, averaged over the seeds, one map per variant: `gradients.png` and `gradients.svg`.
pub fn gradients<E>(
    out: &Path,
    variants: &[(&str, &str)],
    runs: &[Run<E>],
    gradients: impl Fn(&E) -> &[LayerGradients],
) -> Result<()> {
    let map = |&(variant, title): &(&str, &str)| {
        let trainings: Vec<_> = of(runs, variant).map(|r| gradients(&r.extra)).collect();
        mean_map(title, &trainings)
    };
    let maps: Vec<HeatMap> = variants.iter().map(map).collect();
    twice(out, "gradients", |path| plot::heat_maps(path, &maps, "log₁₀ mean |gradient| of the kernel"))
}
