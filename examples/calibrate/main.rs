//! Calibrates cheap sensors with networks that map their readings to a reference's, classic and auto-rotating (AR),
//! from common initial weights: a study in the manner of the sensor calibration of the ICML workshop 2020, which
//! reports a fifteenth of the test loss for 12 % more time, of a network and data that are not published.
//!
//! `cargo run --release --example calibrate -- --help`

#[path = "../common/mod.rs"]
mod common;
mod data;
mod errors;
mod insole;
mod options;
mod ratios;
mod report;
#[path = "../common/say.rs"]
mod say;

use autorot::{
    Activation, AutoRotate, Dense, Device, History, LearnL, Loss, Model, Result, Rule, Sequential, Trainer,
};
use common::gradients::PROBE_ROWS;
use common::run::by_turns;
use data::Measurements;
use errors::Errors;
use options::Options;
use report::{Extra, Run};
use say::say;

/// What is compared: name in the report and title.
const VARIANTS: [(&str, &str); 5] = [
    ("classic", "classic"),
    ("arp", "auto-rotating"),
    ("arp-learn-l", "AR, L learnt per unit"),
    ("arp-aligned", "aligned, L learnt per unit"),
    ("relu", "ReLU"),
];

fn activation(variant: &str) -> Activation {
    if variant == "relu" { Activation::Relu } else { Activation::Sigmoid }
}

fn rotation(variant: &str) -> Option<AutoRotate> {
    match variant {
        "arp" => Some(AutoRotate::new()),
        "arp-learn-l" => Some(AutoRotate::new().learn_l(LearnL::PerUnit)),
        "arp-aligned" => Some(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit)),
        _ => None,
    }
}

fn main() {
    common::main(Options::check, run);
}

fn run(options: &Options) -> Result<()> {
    let device = options.training.device()?;
    let data = options.source.load()?;
    let out = &options.training.out;
    let mut runs = Vec::new();
    for seed in 0..options.training.seeds {
        runs.extend(train(options, &device, &data, seed)?);
        // After every seed, so that one that fails costs no other.
        report::save(options, &device.name(), &data, &runs)?;
    }
    say!("\n{}\n\n{}\n", report::table(&data, &runs), report::errors_table(&data, &runs));
    report::lines(&data, &runs).iter().for_each(|line| say!("{line}"));
    report::draw(out, &data, &runs)?;
    say!("\nwritten to {}: report.json, curves.png, curves.svg, scatter.png, scatter.svg", out.display());
    Ok(())
}

/// All variants from one seed: they start from equal kernels, see the rows in equal order and take turns.
fn train(options: &Options, device: &Device, data: &Measurements, seed: u64) -> Result<Vec<Run>> {
    let optimizer = options.training.optimizer()?;
    let trainer = || options.training.trainer_for(Loss::MeanSquaredError, optimizer, seed);
    let names = VARIANTS.map(|(name, _)| name);
    let mut models = Vec::new();
    for (variant, _) in VARIANTS {
        let model = build(options, device, data, variant, seed)?;
        if seed == 0 && options.summary {
            say!("\n{variant}\n{}", model.summary());
        }
        models.push(model);
    }
    let histories = by_turns(trainer(), options.training.epochs, &names, &mut models, &data.split)?;
    let courses = VARIANTS.iter().zip(models).zip(histories);
    courses.map(|((v, model), h)| finish(data, &trainer(), v.0, seed, model, &h)).collect()
}

fn build(options: &Options, device: &Device, data: &Measurements, variant: &str, seed: u64) -> Result<Model> {
    let mut model = Sequential::for_data(&data.split.train);
    for &units in &options.hidden {
        let layer = Dense::new(units).activation(activation(variant));
        model = model.add(layer.auto_rotate(rotation(variant)));
    }
    model.add(Dense::new(data.targets.len())).build(device, seed)
}

/// What is to be said of a trained model.
fn finish(
    data: &Measurements,
    trainer: &Trainer<'_>,
    variant: &'static str,
    seed: u64,
    mut model: Model,
    history: &History,
) -> Result<Run> {
    let layers = trainer.inspect(&mut model, &data.split.train, PROBE_ROWS)?;
    // The output layer has no region to leave, and ReLU does not saturate.
    let hidden = &layers[..layers.len() - 1];
    let saturated = hidden.iter().filter_map(|l| l.saturated).sum::<f64>() / hidden.len() as f64;
    let predictions = data.in_units(&model.predict(data.split.test.inputs())?)?;
    let extra = Extra {
        seconds: history.epochs.iter().map(|e| e.seconds).collect(),
        errors: Errors::of(&data.targets, &predictions, &data.references),
        saturated: (variant != "relu").then_some(saturated),
        predictions,
    };
    let run = Run::new(variant, seed, history, extra);
    let (loss, ms) = (run.last(), 1e3 * run.extra.epoch_seconds());
    say!(
        "seed {seed}  {variant:12} training loss {:.5}  test loss {:.5}  {ms:.1} ms an epoch",
        loss.train_loss,
        loss.val_loss
    );
    Ok(run)
}
