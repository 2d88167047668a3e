//! Ratios of variants to the classic one of the same seed, and the paper's ratios.

use super::VARIANTS;
use super::report::Extra;
use crate::run::{Run, Statistic, of, time_ratio};
use autorot::report::plot::{Curve, CurvePanel};
use serde::Serialize;

/// A variant's ratios; `T` is a number, or its statistics over the seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratios<T = Statistic> {
    /// Classic / variant after the last epoch.
    pub test_loss: T,
    /// Variant / classic: the median over the epochs, which they trained by turns.
    pub time: T,
}

/// What the paper reports for auto-rotation.
pub const PAPER: Ratios<f64> = Ratios { test_loss: 15.0, time: 1.12 };

impl Ratios {
    pub fn of(runs: &[Run<Extra>], variant: &str) -> Self {
        let time = |(classic, run): (&Run<Extra>, &Run<Extra>)| {
            time_ratio(&run.extra.seconds, &classic.extra.seconds)
        };
        let last = epochs(runs).saturating_sub(1);
        Self {
            test_loss: test_loss(runs, variant, last),
            time: Statistic::of(pairs(runs, variant).map(time)),
        }
    }
}

/// The classic test loss divided by the variant's during training, in one line.
pub fn on_the_way(runs: &[Run<Extra>], variant: &str) -> String {
    let epochs = epochs(runs);
    let marks = (0..9).flat_map(|power| [1, 2, 5].map(|k| k * 10usize.pow(power)));
    let part = |mark: usize| format!("{:.2} (epoch {mark})", test_loss(runs, variant, mark - 1).mean);
    let parts: Vec<String> = marks.take_while(|m| *m < epochs).chain([epochs]).map(part).collect();
    parts.join(", ")
}

/// The classic test loss divided by each variant's, epoch by epoch.
pub fn panel(runs: &[Run<Extra>]) -> CurvePanel {
    let curve = |&(variant, title): &(&str, &str)| Curve {
        label: title.to_owned(),
        points: (0..epochs(runs)).map(|e| ((e + 1) as f64, test_loss(runs, variant, e).mean)).collect(),
        spread: None,
    };
    CurvePanel {
        title: "Test loss, classic / variant".into(),
        x_label: "epoch".into(),
        y_label: "ratio, mean over the seeds".into(),
        curves: VARIANTS.iter().map(curve).collect(),
        log_y: true,
        ..CurvePanel::default()
    }
}

fn test_loss(runs: &[Run<Extra>], variant: &str, epoch: usize) -> Statistic {
    let loss = |run: &Run<Extra>| run.epochs[epoch].val_loss;
    Statistic::of(pairs(runs, variant).map(|(classic, run)| loss(classic) / loss(run)))
}

/// The classic training and the variant's, for each seed.
fn pairs<'r>(
    runs: &'r [Run<Extra>],
    variant: &'r str,
) -> impl Iterator<Item = (&'r Run<Extra>, &'r Run<Extra>)> + Clone {
    of(runs, "classic").zip(of(runs, variant))
}

/// The number of epochs that all trainings have.
fn epochs(runs: &[Run<Extra>]) -> usize {
    runs.iter().map(|r| r.epochs.len()).min().unwrap_or(0)
}
