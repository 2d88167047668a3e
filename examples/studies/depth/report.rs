//! The table, the report and the figures.

use super::Record;
use super::choice::{Chosen, SHARE, at_best, choose};
use super::methods::Method;
use super::options::Options;
use crate::run::Statistic;
use crate::say::say;
use crate::{figures, report};
use autorot::report::plot::{self, Curve, CurvePanel};
use autorot::{Device, Result, store};
use comfy_table::Table;
use serde::Serialize;

/// Prints the results, and writes `report.json`, `results.md` and the figures.
pub fn write(options: &Options, device: &Device, records: &[Record]) -> Result<()> {
    #[derive(Serialize)]
    struct Told<'a> {
        data: String,
        options: &'a Options,
        results: &'a [Chosen],
    }
    let (out, data) = (&options.training.out(), options.images.source.name());
    let methods = options.methods();
    let pairs =
        options.depths().into_iter().flat_map(|depth| methods.iter().map(move |&method| (method, depth)));
    let results: Vec<Chosen> = pairs.filter_map(|pair| choose(records, pair, &options.rates())).collect();
    let text = format!("{}\n\n{}\n", table(&results), notes());
    say!("\n{text}");
    store::write(out.join("results.md"), text.as_bytes())?;
    report::save(&options.training, device, &Told { data, options, results: &results }, records)?;
    figures::twice(out, "accuracy", |path| plot::curves(path, &[accuracy(&methods, &results)]))?;
    figures::twice(out, "gradients", |path| plot::curves(path, &gradients(&results, records)))?;
    say!("{}, results.md, results.jsonl", options.training.written(&["accuracy", "gradients"]));
    Ok(())
}

/// One row per depth and method.
fn table(results: &[Chosen]) -> Table {
    let row = |chosen: &Chosen| {
        let rates: Vec<String> = chosen.good_rates.iter().map(|rate| format!("{rate:?}")).collect();
        vec![
            chosen.method.title.to_owned(),
            chosen.depth.to_string(),
            chosen.test_accuracy.to_string(),
            chosen.test_loss.to_string(),
            format!("{:?}", chosen.rate),
            format!("{:.2}", chosen.step_ms),
            if rates.is_empty() { "–".to_owned() } else { rates.join(" ") },
            format!("{} of {}", chosen.diverged, chosen.trainings),
        ]
    };
    let header =
        ["method", "depth", "test accuracy", "test loss", "best rate", "ms a step", "good rates", "diverged"];
    report::table(&header, results.iter().map(row))
}

/// What the table's numbers mean.
fn notes() -> String {
    format!(
        "The best rate of a method at a depth is the one with the best accuracy on a validation part of the training rows; good ones \
         reach {:.0} % of that accuracy. A training that diverged has an accuracy of 0, and no loss.",
        100.0 * SHARE
    )
}

/// Test accuracy over depth, a line per method.
fn accuracy(methods: &[Method], results: &[Chosen]) -> CurvePanel {
    let curve = |method: &Method| {
        let own: Vec<&Chosen> = results.iter().filter(|chosen| chosen.method == *method).collect();
        let band = |Statistic { mean, deviation }: Statistic| (mean - deviation, mean + deviation);
        let varied = own.iter().any(|chosen| chosen.test_accuracy.deviation > 0.0);
        Curve {
            label: method.title.to_owned(),
            points: own.iter().map(|chosen| (chosen.depth as f64, chosen.test_accuracy.mean)).collect(),
            spread: varied.then(|| own.iter().map(|chosen| band(chosen.test_accuracy)).collect()),
        }
    };
    CurvePanel {
        title: "Test accuracy".into(),
        x_label: "hidden layers".into(),
        y_label: "accuracy".into(),
        curves: methods.iter().map(curve).collect(),
        log_x: true,
        ..CurvePanel::default()
    }
}

/// Gradients over the layers of the deepest nets at their best rates, before and after training, a line per method.
fn gradients(results: &[Chosen], records: &[Record]) -> [CurvePanel; 2] {
    let depth = results.iter().map(|chosen| chosen.depth).max().unwrap_or(0);
    let panel = |when: &str, norms: fn(&Record) -> &[Option<f64>]| {
        let curve = |chosen: &Chosen| {
            let mean = |layer: usize| {
                Statistic::of(at_best(records, chosen).filter_map(|record| *norms(record).get(layer)?)).mean
            };
            Curve {
                label: chosen.method.title.to_owned(),
                // The last layer is the linear one.
                points: (0..=depth).map(|layer| ((layer + 1) as f64, mean(layer))).collect(),
                spread: None,
            }
        };
        CurvePanel {
            title: format!("{when} training, {depth} hidden layers"),
            x_label: "layer".into(),
            y_label: "norm of the gradient".into(),
            curves: results.iter().filter(|chosen| chosen.depth == depth).map(curve).collect(),
            log_y: true,
            ..CurvePanel::default()
        }
    };
    [
        panel("Before", |record| &record.outcome.gradients_before),
        panel("After", |record| &record.outcome.gradients_after),
    ]
}
