//! The table, the report and the figures.

use super::VARIANTS;
use super::common::gradients::LayerGradients;
use super::common::report::{self, spread};
use super::common::{figures, run};
use autorot::Result;
use comfy_table::Table;
use serde::Serialize;
use std::path::Path;

/// One training.
pub type Run = run::Run<Extra>;

/// What is recorded beside the losses.
#[derive(Serialize)]
pub struct Extra {
    /// The share of hidden pre-activations with |z| > L at the end.
    pub saturated: f64,
    #[serde(skip)]
    pub gradients: Vec<LayerGradients>,
}

/// One row a variant, over the seeds.
pub fn table(runs: &[Run]) -> Table {
    let row = |(variant, title): (&str, &str)| {
        let spread = |value: &dyn Fn(&Run) -> f64| spread(run::of(runs, variant).map(value));
        vec![
            title.to_owned(),
            spread(&|r| r.first().val_loss),
            spread(&|r| r.last().val_loss),
            spread(&|r| r.last().val_accuracy),
            spread(&|r| r.epoch_seconds),
            spread(&|r| r.extra.saturated),
        ]
    };
    let header = [
        "variant",
        "test loss after epoch 1",
        "test loss",
        "test accuracy",
        "seconds an epoch",
        "saturated (|z| > L)",
    ];
    report::table(&header, VARIANTS.map(row))
}

/// Writes `report.json`.
pub fn save(out: &Path, device: &str, data: &str, runs: &[Run]) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a> {
        device: &'a str,
        data: &'a str,
        runs: &'a [Run],
    }
    report::save(&out.join("report.json"), &Report { device, data, runs })
}

/// Draws the figures.
pub fn draw(out: &Path, runs: &[Run]) -> Result<()> {
    let panels = [
        figures::panel(("Test loss", "cross-entropy"), &VARIANTS, runs, |p| p.val_loss),
        figures::panel(("Test accuracy", "accuracy"), &VARIANTS, runs, |p| p.val_accuracy),
    ];
    figures::curves(out, &panels)?;
    figures::gradients(out, &VARIANTS, runs, |e| &e.gradients)
}
