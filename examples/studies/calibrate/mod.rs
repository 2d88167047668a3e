//! Calibrates cheap sensors with networks that map their readings to those of a reference, classic and auto-rotating (AR), from
//! common initial weights apart from critical auto-rotation's. The study follows the sensor calibration of the ICML workshop 2020,
//! which reports a fifteenth of the test loss for 12 % more time, with a network and data that are not published.

mod data;
mod errors;
mod insole;
mod ratios;
mod report;

use crate::given::Given;
use crate::gradients::PROBE_ROWS;
use crate::options::Training;
use crate::perceptron::{Hidden, rotation, saturated};
use crate::run::{self, Run, by_turns, from_every_seed};
use crate::say::say;
use autorot::{Activation, Device, History, LearnL, Loss, Model, Result, Sequential, Trainer};
use data::{Measurements, Source};
use errors::Errors;
use report::Extra;
use serde::Serialize;

/// Calibrates cheap sensors with classic and auto-rotating sigmoid networks and compares them.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("hidden", |arg| arg.default_value("20,20,20,20,20")))]
#[command(mut_arg("epochs", |arg| arg.default_value("200")))]
#[command(mut_arg("batch", |arg| arg.default_value("32")))]
#[command(mut_arg("out", |arg| arg.default_value("out/calibrate")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    source: Source,
    #[command(flatten)]
    #[serde(flatten)]
    hidden: Hidden,
    #[command(flatten)]
    #[serde(flatten)]
    training: Training,
}

/// What is compared: name in the report and title.
const VARIANTS: [(&str, &str); 6] = [
    ("classic", "classic"),
    ("arp", "auto-rotating"),
    ("arp-learn-l", "AR, L learnt per unit"),
    ("arp-aligned", "aligned, L learnt per unit"),
    ("arp-critical", "critical"),
    ("relu", "ReLU"),
];

pub fn run(options: &Options, given: &Given) -> Result<()> {
    let Options { source, hidden, training } = options;
    source.check(given)?;
    training.check()?;
    hidden.check()?;
    let device = training.device()?;
    let data = source.load()?;
    let train = |(), seed| train(options, &device, &data, seed);
    let save = |runs: &[_]| report::save(options, &device, &data, runs);
    let runs = from_every_seed(training.seeds, &[()], train, report::line, save)?;
    say!("\n{}\n\n{}\n", report::table(&data, &runs), report::errors_table(&data, &runs));
    report::lines(&data, &runs).iter().for_each(|line| say!("{line}"));
    report::draw(&training.out(), &data, &runs)?;
    say!("\n{}", training.written(&["curves", "scatter"]));
    Ok(())
}

/// All variants from one seed: they start from equal kernels, which critical auto-rotation has of its own, see the rows in the same order and take turns.
fn train(options: &Options, device: &Device, data: &Measurements, seed: u64) -> Result<Vec<Run<Extra>>> {
    let training = &options.training;
    let optimizer = training.optimizer()?;
    let trainer = || training.trainer_for(&Loss::MeanSquaredError, &optimizer, seed);
    let names = VARIANTS.map(|(name, _)| name);
    let mut models = Vec::new();
    for variant in names {
        let activation = if variant == "relu" { Activation::Relu } else { Activation::Sigmoid };
        let rotation = rotation(variant, LearnL::PerUnit);
        let model = Sequential::for_data(&data.split.train);
        let model = options.hidden.add_to(model, activation, rotation, data.targets.len());
        let model = model.build(device, seed)?;
        training.summarize(seed, variant, &model);
        models.push(model);
    }
    let histories = by_turns(trainer(), training.epochs, &names, &mut models, &data.split)?;
    let courses = names.into_iter().zip(models).zip(histories);
    courses.map(|((name, model), history)| finish(data, &trainer(), name, seed, model, &history)).collect()
}

/// The record of a trained model.
fn finish(
    data: &Measurements,
    trainer: &Trainer<'_>,
    variant: &'static str,
    seed: u64,
    mut model: Model,
    history: &History,
) -> Result<Run<Extra>> {
    let layers = trainer.inspect(&mut model, &data.split.train, PROBE_ROWS)?;
    let predictions = data.in_units(&model.predict(data.split.test.inputs())?)?;
    let extra = Extra {
        seconds: run::seconds(history),
        errors: Errors::of(&data.targets, &predictions, &data.references),
        // ReLU does not saturate.
        saturated: (variant != "relu").then(|| saturated(&layers)),
        predictions,
    };
    Ok(Run::new(variant, seed, history, extra))
}
