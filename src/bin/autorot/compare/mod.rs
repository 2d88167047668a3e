//! Classic and auto-rotating twins of a network, side by side.

mod figures;

use crate::folder::Folder;
use crate::load::Loaded;
use crate::say::{self, Output, number, short, table, warn};
use crate::settings::Settings;
use autorot::model::Draft;
use autorot::train::Epoch;
use autorot::{Device, Error, History, Model, Result};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Trains the network of a file of settings and its classic twin, without rotation, from common weights, and compares them.
///
/// With each seed both start from the same kernels and see the rows in the same order. The table has means over the seeds with standard
/// deviations. Early stopping is off, so that both train equally long. report.json, curves.png, curves.svg, gradients.png and
/// gradients.svg go to the folder.
///
/// Example: autorot compare run.toml --seeds 5
#[derive(clap::Args, Debug)]
pub struct Compare {
    /// The file of settings, as `autorot new` writes it.
    #[arg(value_name = "RUN.TOML")]
    settings: PathBuf,
    /// From how many seeds each is trained.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The folder, by default that of the settings followed by -compare.
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The device, instead of that of the settings.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// The number of epochs, instead of that of the settings.
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
}

const VARIANTS: [&str; 2] = ["classic", "auto-rotating"];

/// The most training rows on which gradients are measured after each epoch.
const PROBE: usize = 256;

/// One training.
struct Trained {
    variant: usize,
    seed: u64,
    history: History,
    /// The layers' paths, and their mean |gradient| after each epoch.
    gradients: Vec<(String, Vec<f64>)>,
    saturated: Vec<f64>,
}

impl Compare {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut settings = Settings::read(&self.settings)?;
        let beside = || {
            let mut name = settings.folder().into_os_string();
            name.push("-compare");
            PathBuf::from(name)
        };
        let folder = Folder::new(self.out.clone().unwrap_or_else(beside));
        folder.check_free("remove it, or use another folder: --out DIR")?;
        settings.training.epochs = self.epochs.unwrap_or(settings.training.epochs);
        settings.training.early_stopping = None;
        settings.run.device = self.device.clone().unwrap_or(settings.run.device);
        let mut classic = settings.clone();
        let rotated =
            classic.network.layers.iter_mut().map(|layer| without_rotation(&mut layer.draft)).sum::<usize>();
        if rotated == 0 {
            let (found, expected) =
                ("no auto-rotating layer", "at least one to compare with its classic twin");
            return Err(Error::invalid(
                settings.file.display(),
                found,
                expected,
                "set auto_rotate = true in a layer",
            ));
        }
        let device = settings.device(None)?;
        let data = Loaded::read(&settings)?;
        output.note(format_args!("device {}: {}", device.name(), device.why()));
        let mut runs = Vec::new();
        for seed in 0..self.seeds {
            for (variant, settings) in [&classic, &settings].into_iter().enumerate() {
                let trained = train(settings, &device, &data, variant, seed)?;
                if runs.is_empty() {
                    settings.resolved()?.write(&folder.settings())?;
                }
                if output.progress() {
                    warn(line(&trained));
                }
                runs.push(trained);
            }
        }
        settings.resolved()?.write(&folder.settings())?;
        let metrics = &runs[0].history.metrics;
        let report = report(&settings, &device, &runs);
        say::save(&folder.file("report.json"), &report)?;
        figures::draw(&folder, &runs, metrics)?;
        output.tell(&report, || {
            let files = "report.json, curves.png, curves.svg, gradients.png, gradients.svg, run.toml";
            format!("{}\nin {}: {files}", summary(&runs, metrics), folder.path().display())
        });
        Ok(())
    }
}

/// Makes a layer and those inside it classic; returns how many were rotated.
fn without_rotation(draft: &mut Draft) -> usize {
    let rotated = draft.options.get("auto_rotate").is_some_and(|value| *value != Value::Bool(false));
    draft.options.remove("auto_rotate");
    let inner = draft.layers.iter_mut().chain(&mut draft.shortcut);
    usize::from(rotated) + inner.map(without_rotation).sum::<usize>()
}

fn train(settings: &Settings, device: &Device, data: &Loaded, variant: usize, seed: u64) -> Result<Trained> {
    let mut model = settings.network(&data.train)?.build(device, settings.network.seed + seed)?;
    let loss = settings.training.loss.clone();
    let (mut gradients, mut saturated): (Vec<(String, Vec<f64>)>, Vec<f64>) = (Vec::new(), Vec::new());
    let history = settings
        .trainer()?
        .seed(settings.training.seed + seed)
        .progress(false)
        .callback(|model: &mut Model, _: &Epoch| {
            let layers = model.inspect(&data.train, loss.clone(), PROBE)?;
            saturated = layers.iter().filter_map(|layer| layer.saturated).collect();
            for (i, layer) in layers
                .iter()
                .filter(|layer| layer.gradient_norm > 0.0 || layer.gradient_mean > 0.0)
                .enumerate()
            {
                if gradients.len() == i {
                    gradients.push((layer.path.clone(), Vec::new()));
                }
                gradients[i].1.push(layer.gradient_mean);
            }
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, data.validation.as_ref().map(|data| data as _))?;
    Ok(Trained { variant, seed, history, gradients, saturated })
}

fn line(trained: &Trained) -> String {
    let Trained { variant, seed, history, .. } = trained;
    let (loss, validation) =
        history.last().map_or((f64::NAN, None), |epoch| (epoch.train_loss, epoch.val_loss));
    let validation = validation.map_or_else(String::new, |loss| format!("  validation loss {}", short(loss)));
    format!("seed {seed}  {:13}  loss {}{validation}", VARIANTS[*variant], short(loss))
}

/// A number of each training's last epoch.
type Quantity<'q> = (String, Box<dyn Fn(&Trained) -> f64 + 'q>);

/// What is compared.
fn quantities(metrics: &[String]) -> Vec<Quantity<'_>> {
    fn of<'q>(value: impl Fn(&Epoch) -> Option<f64> + 'q) -> Box<dyn Fn(&Trained) -> f64 + 'q> {
        Box::new(move |run| run.history.last().and_then(&value).unwrap_or(f64::NAN))
    }
    let mut all = vec![
        ("training loss".to_owned(), of(|epoch| Some(epoch.train_loss))),
        ("validation loss".to_owned(), of(|epoch| epoch.val_loss)),
    ];
    for (i, name) in metrics.iter().enumerate() {
        all.push((format!("validation {name}"), of(move |epoch| epoch.val_metrics.get(i).copied())));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    all.push((
        "seconds an epoch".to_owned(),
        Box::new(move |run| mean(&run.history.epochs.iter().map(|epoch| epoch.seconds).collect::<Vec<_>>())),
    ));
    all.push(("saturated".to_owned(), Box::new(move |run| mean(&run.saturated))));
    let gradient = |layer: Option<&(String, Vec<f64>)>| layer.and_then(|(_, means)| means.last().copied());
    all.push((
        "first layer's mean |gradient|".to_owned(),
        Box::new(move |run| gradient(run.gradients.first()).unwrap_or(f64::NAN)),
    ));
    all.push((
        "last layer's mean |gradient|".to_owned(),
        Box::new(move |run| gradient(run.gradients.last()).unwrap_or(f64::NAN)),
    ));
    all
}

/// Mean and standard deviation.
fn statistic(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 })
}

fn of(runs: &[Trained], variant: usize) -> impl Iterator<Item = &Trained> + Clone {
    runs.iter().filter(move |run| run.variant == variant)
}

fn summary(runs: &[Trained], metrics: &[String]) -> String {
    let rows = quantities(metrics).into_iter().filter_map(|(name, value)| {
        let cell = |variant: usize| {
            let values: Vec<f64> = of(runs, variant).map(&value).collect();
            let (mean, deviation) = statistic(&values);
            let spread = if values.len() > 1 { format!(" ± {}", short(deviation)) } else { String::new() };
            (mean.is_finite(), format!("{}{spread}", short(mean)))
        };
        let cells = [cell(0), cell(1)];
        let known = cells.iter().any(|(known, _)| *known);
        known.then(|| [vec![name], cells.map(|(_, text)| text).to_vec()].concat())
    });
    table(&["at the end", VARIANTS[0], VARIANTS[1]], rows)
}

fn report(settings: &Settings, device: &Device, runs: &[Trained]) -> Value {
    let metrics = &runs[0].history.metrics;
    let run = |run: &Trained| {
        json!({
            "variant": VARIANTS[run.variant],
            "seed": run.seed,
            "history": run.history,
            "gradients": run.gradients.iter().map(|(layer, means)| json!({ "layer": layer, "mean": means })).collect::<Vec<_>>(),
        })
    };
    let compared: serde_json::Map<String, Value> = quantities(metrics)
        .into_iter()
        .map(|(name, value)| {
            let both = [0, 1].map(|variant| {
                let (mean, deviation) = statistic(&of(runs, variant).map(&value).collect::<Vec<_>>());
                (
                    VARIANTS[variant].to_owned(),
                    json!({ "mean": number(mean), "deviation": number(deviation) }),
                )
            });
            (name, Value::Object(both.into_iter().collect()))
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "device": device.name(),
        "loss": settings.training.loss.name(),
        "compared": compared,
        "runs": runs.iter().map(run).collect::<Vec<_>>(),
    })
}
