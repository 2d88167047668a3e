//! The tables, the report and the figures.

use super::data::{Measurements, Target};
use super::errors::{Errors, column};
use super::ratios::{self, PAPER, Ratios};
use super::{Options, VARIANTS};
use crate::run::{Run, Statistic, median, of};
use crate::{figures, report};
use autorot::report::plot::{self, CurvePanel, Scatter, ScatterRow};
use autorot::{Device, Result};
use comfy_table::Table;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What is recorded besides the losses.
#[derive(Serialize)]
pub struct Extra {
    /// Seconds of training, epoch by epoch.
    pub seconds: Vec<f64>,
    pub errors: Vec<Errors>,
    /// The share of hidden pre-activations with |z| > L at the end.
    pub saturated: Option<f64>,
    /// Predictions for the test part, in units, row by row.
    #[serde(skip)]
    pub predictions: Vec<f32>,
}

impl Extra {
    /// The median, so that other load on the machine in a few epochs does not count.
    pub fn epoch_seconds(&self) -> f64 {
        median(self.seconds.clone())
    }
}

/// One training, in one line.
pub fn line(run: &Run<Extra>) -> String {
    let (Run { seed, variant, .. }, last) = (run, run.last());
    let (train, test, ms) = (last.train_loss, last.val_loss, 1e3 * run.extra.epoch_seconds());
    format!("seed {seed}  {variant:12} training loss {train:.5}  test loss {test:.5}  {ms:.1} ms per epoch")
}

/// Losses, time and saturation, one row per variant.
pub fn table(data: &Measurements, runs: &[Run<Extra>]) -> Table {
    let dash = || "–".to_owned();
    let row = |(variant, title): (&str, &str)| {
        let over = |value: &dyn Fn(&Run<Extra>) -> f64| Statistic::of(of(runs, variant).map(value));
        let Ratios { test_loss, time } = Ratios::of(runs, variant);
        let saturates = of(runs, variant).all(|r| r.extra.saturated.is_some());
        let saturated = over(&|r| r.extra.saturated.unwrap_or(f64::NAN));
        vec![
            title.to_owned(),
            format!("{:.4}", over(&|r| r.last().train_loss)),
            format!("{:.4}", over(&|r| r.last().val_loss)),
            format!("{test_loss:.2}"),
            format!("{:.1}", over(&|r| 1e3 * r.extra.epoch_seconds())),
            format!("{time:.2}"),
            if saturates { format!("{saturated:.3}") } else { dash() },
        ]
    };
    let header = [
        "variant",
        "training loss",
        "test loss",
        "test loss, classic / this",
        "ms an epoch",
        "time, this / classic",
        "saturated (|z| > L)",
    ];
    let mut mean = vec!["the training part's mean".to_owned(), "1.0000".into()];
    mean.push(format!("{:.4}", data.loss_of_mean()));
    mean.resize_with(header.len(), dash);
    report::table(&header, VARIANTS.map(row).into_iter().chain([mean]))
}

/// Errors on the test part in units, one row per variant.
pub fn errors_table(data: &Measurements, runs: &[Run<Extra>]) -> Table {
    let names = data.targets.iter().flat_map(|Target { name, unit }| {
        [format!("{name}, RMSE ({unit})"), format!("{name}, mean error ({unit})")]
    });
    let header: Vec<String> = std::iter::once("variant".to_owned()).chain(names).collect();
    let row = |(variant, title): (&str, &str)| {
        let over = |value: &dyn Fn(&Run<Extra>) -> f64| {
            format!("{:.2}", Statistic::of(of(runs, variant).map(value)))
        };
        let cells = (0..data.targets.len())
            .flat_map(|k| [over(&|r| r.extra.errors[k].rmse), over(&|r| r.extra.errors[k].mae)]);
        std::iter::once(title.to_owned()).chain(cells).collect()
    };
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    report::table(&header, VARIANTS.map(row))
}

/// The ratios next to the paper's, and how far they can be trusted.
pub fn lines(data: &Measurements, runs: &[Run<Extra>]) -> Vec<String> {
    let Ratios { test_loss, time } = Ratios::of(runs, "arp");
    let mut lines = vec![
        format!("Test loss, classic / auto-rotating: {}.", ratios::on_the_way(runs, "arp")),
        format!(
            "Auto-rotating against classic: test loss divided by {test_loss:.2}, time multiplied by {time:.2}; \
             paper: {} and {}.",
            PAPER.test_loss, PAPER.time,
        ),
    ];
    let idle = of(runs, "classic").filter(|r| r.last().train_loss > 0.9).count();
    if idle > 0 {
        let all = of(runs, "classic").count();
        lines.push(format!(
            "The classic net learnt next to nothing from {idle} of {all} seeds (its training loss is above 0.9; the mean \
             alone has 1): there the ratio compares the loss of the mean alone, {:.3}, with the auto-rotating net's.",
            data.loss_of_mean(),
        ));
    }
    lines
}

/// Writes `report.json`.
pub fn save(options: &Options, device: &Device, data: &Measurements, runs: &[Run<Extra>]) -> Result<()> {
    #[derive(Serialize)]
    struct Told<'a> {
        data: Data<'a>,
        options: &'a Options,
        paper: Ratios<f64>,
        ratios: BTreeMap<&'a str, Ratios>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        name: &'a str,
        training_rows: usize,
        test_rows: usize,
        dropped_rows: usize,
        targets: &'a [Target],
        test_loss_of_mean: f64,
    }
    let told = Told {
        data: Data {
            name: data.name,
            training_rows: data.split.train.len(),
            test_rows: data.split.test.len(),
            dropped_rows: data.dropped,
            targets: &data.targets,
            test_loss_of_mean: data.loss_of_mean(),
        },
        options,
        paper: PAPER,
        ratios: VARIANTS.map(|(variant, _)| (variant, Ratios::of(runs, variant))).into(),
    };
    report::save(&options.training, device, &told, runs)
}

/// Draws the figures: losses over the epochs, and predictions of the first seed's nets against the references.
pub fn draw(out: &Path, data: &Measurements, runs: &[Run<Extra>]) -> Result<()> {
    let unit = "mean squared error (scaled)";
    let losses = [
        figures::panel(("Training loss", unit), &VARIANTS, runs, |p| p.train_loss),
        figures::panel(("Test loss", unit), &VARIANTS, runs, |p| p.val_loss),
    ];
    let [training, test] = losses.map(|panel| CurvePanel { log_y: true, ..panel });
    figures::curves(out, &[training, test, ratios::panel(runs)])?;

    let width = data.targets.len();
    let panel = |run: &Run<Extra>, title: &str, k: usize| {
        let (x, y) = (column(&data.references, k, width), column(&run.extra.predictions, k, width));
        Scatter { title: title.to_owned(), points: x.zip(y).collect() }
    };
    let panels = |k: usize| VARIANTS.iter().filter_map(move |v| Some(panel(of(runs, v.0).next()?, v.1, k)));
    let row = |(k, Target { name, unit }): (usize, &Target)| ScatterRow {
        x_label: format!("{name}, reference ({unit})"),
        y_label: format!("{name}, predicted ({unit})"),
        panels: panels(k).collect(),
    };
    let rows: Vec<_> = data.targets.iter().enumerate().map(row).collect();
    figures::twice(out, "scatter", |path| plot::scatters(path, &rows))
}
