//! The table, the report and the figures.

use super::{Options, VARIANTS};
use crate::gradients::LayerGradients;
use crate::run::{self, Run, Statistic};
use crate::{figures, report};
use autorot::{Device, Result};
use comfy_table::Table;
use serde::Serialize;
use std::path::Path;

/// What is recorded besides the losses.
#[derive(Serialize)]
pub struct Extra {
    /// The share of hidden pre-activations with |z| > L at the end.
    pub saturated: f64,
    #[serde(skip)]
    pub gradients: Vec<LayerGradients>,
}

/// One row per variant, over the seeds.
pub fn table(runs: &[Run<Extra>]) -> Table {
    let row = |(variant, title): (&str, &str)| {
        let over =
            |value: &dyn Fn(&Run<Extra>) -> f64| Statistic::of(run::of(runs, variant).map(value)).to_string();
        vec![
            title.to_owned(),
            over(&|r| r.first().val_loss),
            over(&|r| r.last().val_loss),
            over(&|r| r.last().val_accuracy),
            over(&|r| r.epoch_seconds),
            over(&|r| r.extra.saturated),
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
pub fn save(options: &Options, device: &Device, runs: &[Run<Extra>]) -> Result<()> {
    #[derive(Serialize)]
    struct Told {
        data: String,
    }
    report::save(&options.training, device, &Told { data: options.source.name() }, runs)
}

/// Draws the figures.
pub fn draw(out: &Path, runs: &[Run<Extra>]) -> Result<()> {
    let panels = [
        figures::panel(("Test loss", "cross-entropy"), &VARIANTS, runs, |p| p.val_loss),
        figures::panel(("Test accuracy", "accuracy"), &VARIANTS, runs, |p| p.val_accuracy),
    ];
    figures::curves(out, &panels)?;
    figures::gradients(out, &VARIANTS, runs, |e| &e.gradients)
}
