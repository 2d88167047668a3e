//! Results over the seeds, the table, the report and the figures.

use super::measures::Spreads;
use super::{Options, net};
use crate::gradients::LayerGradients;
use crate::report::Told;
use crate::run::{self, Run, Statistic};
use crate::{figures, report};
use autorot::{Device, Result};
use comfy_table::Table;
use serde::Serialize;
use std::path::Path;

/// What is recorded besides the losses.
#[derive(Serialize)]
pub struct Extra {
    /// Seconds of training, epoch by epoch.
    pub seconds: Vec<f64>,
    pub gradients: Vec<LayerGradients>,
}

/// A net's results.
pub struct Outcome {
    pub title: &'static str,
    pub accuracy: Statistic,
    pub loss: Statistic,
    /// The gradients' spread over layers and over epochs.
    pub layers: Statistic,
    pub epochs: Statistic,
    pub seconds: Statistic,
    /// The number of pairs of layer and epoch without a gradient, over all trainings, and of all pairs.
    pub zeros: usize,
    pub cells: usize,
}

/// The results in the order of [`net::ALL`].
pub fn results(runs: &[Run<Extra>]) -> [Outcome; 6] {
    net::ALL.map(|net| {
        let all = run::of(runs, net.name);
        let statistic = |value: &dyn Fn(&Run<Extra>) -> f64| {
            let values: Vec<f64> = all.clone().map(value).filter(|v| v.is_finite()).collect();
            Statistic::of(values.into_iter())
        };
        let spreads = |run: &Run<Extra>| Spreads::of(&run.extra.gradients);
        Outcome {
            title: net.title,
            accuracy: statistic(&|r| r.last().val_accuracy),
            loss: statistic(&|r| r.last().val_loss),
            layers: statistic(&|r| spreads(r).layers),
            epochs: statistic(&|r| spreads(r).epochs),
            seconds: statistic(&|r| r.epoch_seconds),
            zeros: all.clone().map(|r| spreads(r).zeros).sum(),
            cells: all.flat_map(|r| &r.extra.gradients).map(|l| l.log10_mean.len()).sum(),
        }
    })
}

/// One row per net.
pub fn table(results: &[Outcome; 6]) -> Table {
    let header = [
        "net",
        "test accuracy",
        "test loss",
        "gradient spread over layers",
        "gradient spread over epochs",
        "seconds an epoch",
    ];
    let row = |o: &Outcome| {
        let numbers = [o.accuracy, o.loss, o.layers, o.epochs, o.seconds];
        std::iter::once(o.title.to_owned()).chain(numbers.map(|n| n.to_string())).collect()
    };
    report::table(&header, results.iter().map(row))
}

/// What the table's numbers mean, and what they leave out.
pub fn notes(results: &[Outcome; 6]) -> Vec<String> {
    let mut notes = vec![
        "Spreads are standard deviations of log₁₀ mean |∂ℓ/∂W|: over the 8 layers, averaged over the epochs, and over \
         the epochs, averaged over the layers."
            .to_owned(),
    ];
    for Outcome { title, zeros, cells, .. } in results.iter().filter(|o| o.zeros > 0) {
        notes.push(format!(
            "{title}: every gradient is exactly 0 in {zeros} of {cells} pairs of layer and epoch over all seeds. The \
             spreads leave these out; the map hatches pairs without a gradient for any seed."
        ));
    }
    notes
}

/// Writes `report.json`.
pub fn save(options: &Options, device: &Device, runs: &[Run<Extra>]) -> Result<()> {
    let data = options.images.source.name();
    report::save(&options.training, device, &Told { data, options }, runs)
}

/// Draws the figures.
pub fn draw(out: &Path, runs: &[Run<Extra>]) -> Result<()> {
    let titles = net::ALL.map(|net| (net.name, net.title));
    figures::losses_and_accuracy(out, &titles, runs)?;
    figures::gradients(out, &titles, runs, |e| &e.gradients)
}
