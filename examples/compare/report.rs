//! The table and the report.

use super::VARIANTS;
use autorot::report::plot::HeatMap;
use autorot::{Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::Path;

/// One training.
#[derive(Serialize)]
pub struct Run {
    pub variant: &'static str,
    pub seed: u64,
    /// Milliseconds a training step.
    pub step_ms: f64,
    pub epochs: Vec<Point>,
    /// Seconds an epoch of training.
    pub epoch_seconds: f64,
    /// The share of hidden pre-activations with |z| > L at the end.
    pub saturated: f64,
    /// log₁₀ mean |∂ℓ/∂W| over layer and epoch.
    #[serde(skip)]
    pub gradients: HeatMap,
}

/// One epoch of one training.
#[derive(Serialize)]
pub struct Point {
    pub train_loss: f64,
    pub val_loss: f64,
    pub val_accuracy: f64,
}

impl Run {
    /// The last epoch's numbers in a line.
    pub fn line(&self) -> String {
        let (loss, accuracy) = self.last();
        format!(
            "seed {}  {:12} loss {loss:.4}  accuracy {accuracy:.4}  {:.2} s an epoch",
            self.seed, self.variant, self.epoch_seconds
        )
    }

    fn last(&self) -> (f64, f64) {
        self.epochs.last().map_or((f64::NAN, f64::NAN), |e| (e.val_loss, e.val_accuracy))
    }
}

/// A variant's title in tables and figures.
pub fn title(variant: &str) -> &'static str {
    VARIANTS.iter().find(|(name, _)| *name == variant).map_or("", |(_, title)| title)
}

/// Mean and standard deviation; the deviation of a single value is 0.
pub fn mean_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares = values.map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
}

/// One row a variant, over the seeds.
pub fn table(runs: &[Run]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "variant",
        "test loss after epoch 1",
        "test loss",
        "test accuracy",
        "seconds an epoch",
        "saturated (|z| > L)",
    ]);
    for (variant, title) in VARIANTS {
        let all = runs.iter().filter(|r| r.variant == variant);
        let spread = |value: &dyn Fn(&Run) -> f64| {
            let (mean, deviation) = mean_deviation(all.clone().map(value));
            format!("{mean:.3} ± {deviation:.3}")
        };
        table.add_row([
            title.to_owned(),
            spread(&|r| r.epochs.first().map_or(f64::NAN, |e| e.val_loss)),
            spread(&|r| r.last().0),
            spread(&|r| r.last().1),
            spread(&|r| r.epoch_seconds),
            spread(&|r| r.saturated),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Writes `report.json`.
pub fn save(path: &Path, device: &str, data: &str, runs: &[Run]) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a> {
        device: &'a str,
        data: &'a str,
        runs: &'a [Run],
    }
    let text =
        serde_json::to_vec_pretty(&Report { device, data, runs }).map_err(|e| Error::io(path, e.into()))?;
    store::write(path, &text)
}
