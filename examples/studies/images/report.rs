//! The table, the report, the figure and the last line.

use super::net::Net;
use super::options::Options;
use crate::report::Told;
use crate::run::{self, Run, Statistic};
use crate::{figures, report};
use autorot::{Device, Result};
use comfy_table::Table;
use serde::Serialize;

/// What is recorded besides the losses.
#[derive(Serialize)]
pub struct Extra {
    pub parameters: usize,
    /// Seconds of training, epoch by epoch.
    pub seconds: Vec<f64>,
}

/// One row per net, over the seeds.
pub fn table(options: &Options, runs: &[Run<Extra>]) -> Table {
    let row = |net: Net| {
        let all = run::of(runs, net.name());
        let over = |value: &dyn Fn(&Run<Extra>) -> f64| Statistic::of(all.clone().map(value)).to_string();
        vec![
            net.title(options.activation),
            all.clone().next().map_or(0, |r| r.extra.parameters).to_string(),
            over(&|r| r.last().val_accuracy),
            over(&|r| r.last().val_loss),
            over(&|r| r.epoch_seconds),
        ]
    };
    let header = ["net", "parameters", "test accuracy", "test loss", "seconds an epoch"];
    report::table(&header, options.nets().into_iter().map(row))
}

/// Writes `report.json`.
pub fn save(options: &Options, device: &Device, runs: &[Run<Extra>]) -> Result<()> {
    let data = options.images.source.name();
    report::save(&options.training, device, &Told { data, options }, runs)
}

/// Draws the curves.
pub fn draw(options: &Options, runs: &[Run<Extra>]) -> Result<()> {
    let nets = options.nets();
    let titles: Vec<String> = nets.iter().map(|net| net.title(options.activation)).collect();
    let titles: Vec<(&str, &str)> =
        nets.iter().zip(&titles).map(|(net, title)| (net.name(), title.as_str())).collect();
    figures::losses_and_accuracy(&options.training.out(), &titles, runs)
}

/// The best accuracy of the auto-rotating net, or of the only net trained.
pub fn last_line(options: &Options, runs: &[Run<Extra>]) -> String {
    let net = options.only.unwrap_or(Net::Ar);
    let title = net.title(options.activation);
    let points = run::of(runs, net.name())
        .flat_map(|r| r.epochs.iter().enumerate().map(|(e, p)| (p.val_accuracy, e + 1, r.seed)));
    let best = points.max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or_else(
        || format!("{title}: not trained"),
        |(accuracy, epoch, seed)| {
            format!("best test accuracy of {title}: {accuracy:.4}, after epoch {epoch} from seed {seed}")
        },
    )
}
