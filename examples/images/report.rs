//! The table, the report, the figure and the last line.

use super::common::report::{self, spread};
use super::common::{figures, run};
use super::net::Net;
use super::options::Options;
use autorot::Result;
use comfy_table::Table;
use serde::Serialize;

/// One training.
pub type Run = run::Run<Extra>;

/// What is recorded beside the losses.
#[derive(Serialize)]
pub struct Extra {
    pub parameters: usize,
    /// Seconds of training, epoch by epoch.
    pub seconds: Vec<f64>,
}

/// The nets that were trained, with their titles.
fn titles(options: &Options, runs: &[Run]) -> Result<Vec<(&'static str, String)>> {
    let activation = options.activation;
    let trained = Net::ALL.into_iter().filter(|net| run::of(runs, net.name()).next().is_some());
    Ok(trained.map(|net| (net.name(), net.title(activation))).collect())
}

/// One row a net, over the seeds.
pub fn table(options: &Options, runs: &[Run]) -> Result<Table> {
    let row = |(name, title): (&'static str, String)| {
        let all = || run::of(runs, name);
        vec![
            title,
            all().next().map_or(0, |r| r.extra.parameters).to_string(),
            spread(all().map(|r| r.last().val_accuracy)),
            spread(all().map(|r| r.last().val_loss)),
            spread(all().map(|r| r.epoch_seconds)),
        ]
    };
    let header = ["net", "parameters", "test accuracy", "test loss", "seconds an epoch"];
    Ok(report::table(&header, titles(options, runs)?.into_iter().map(row)))
}

/// Writes `report.json`.
pub fn save(options: &Options, device: &str, runs: &[Run]) -> Result<()> {
    let data = options.images.source.name();
    report::save_study(&options.training.out, device, data, options, &runs)
}

/// Draws the curves.
pub fn draw(options: &Options, runs: &[Run]) -> Result<()> {
    let titles = titles(options, runs)?;
    let titles: Vec<(&str, &str)> = titles.iter().map(|(name, title)| (*name, title.as_str())).collect();
    figures::losses_and_accuracy(&options.training.out, &titles, runs)
}

/// The best accuracy of the auto-rotating net, or of the net that was trained alone.
pub fn last_line(options: &Options, runs: &[Run]) -> Result<String> {
    let net = options.only.unwrap_or(Net::Ar);
    let title = net.title(options.activation);
    let points = run::of(runs, net.name())
        .flat_map(|r| r.epochs.iter().enumerate().map(|(e, p)| (p.val_accuracy, e + 1, r.seed)));
    let best = points.max_by(|a, b| a.0.total_cmp(&b.0));
    Ok(best.map_or_else(
        || format!("{title}: not trained"),
        |(accuracy, epoch, seed)| {
            format!("best test accuracy of {title}: {accuracy:.4}, after epoch {epoch} from seed {seed}")
        },
    ))
}
