//! Trains classic and auto-rotating networks side by side, from common initial weights, and compares them: the
//! experiment of the arpkeras notebook as a program.
//!
//! `cargo run --release --example compare -- --help`

#[path = "../common/mod.rs"]
mod common;
mod options;
mod report;
#[path = "../common/say.rs"]
mod say;

use autorot::{AutoRotate, Dense, Device, Flatten, LearnL, Loss, Result, Rule, Sequential, Split, Trainer};
use common::gradients::{self, PROBE_ROWS};
use options::Options;
use report::{Extra, Run};
use say::say;
use std::ops::ControlFlow;

/// What is compared: name in the report, title, and auto-rotation of the hidden layers.
const VARIANTS: [(&str, &str); 4] = [
    ("classic", "classic"),
    ("arp", "auto-rotating"),
    ("arp-learn-l", "auto-rotating, L learnt per layer"),
    ("arp-aligned", "aligned, L learnt per unit"),
];

fn rotation(variant: &str) -> Option<AutoRotate> {
    match variant {
        "arp" => Some(AutoRotate::new()),
        "arp-learn-l" => Some(AutoRotate::new().learn_l(LearnL::PerLayer)),
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
        for (variant, _) in VARIANTS {
            let run = train(options, &device, &data, variant, seed)?;
            say!("{}", run.line());
            runs.push(run);
            // After every training, so that one that fails costs no other.
            report::save(out, &device.name(), options.source.name(), &runs)?;
        }
    }
    say!("\n{}", report::table(&runs));
    report::draw(out, &runs)?;
    say!("written to {}: report.json, curves.png, curves.svg, gradients.png, gradients.svg", out.display());
    Ok(())
}

/// One variant from one seed: equal seeds start from equal kernels and see the rows in equal order.
fn train(options: &Options, device: &Device, data: &Split, variant: &'static str, seed: u64) -> Result<Run> {
    let mut model = Sequential::for_data(&data.train).add(Flatten);
    for &units in &options.hidden {
        model = model.add(Dense::new(units).activation(options.activation).auto_rotate(rotation(variant)));
    }
    let mut model = model.add(Dense::new(data.train.targets().width())).build(device, seed)?;
    if seed == 0 && options.summary {
        say!("\n{variant}\n{}", model.summary());
    }

    let optimizer = options.training.optimizer()?;
    let probe = Trainer::new(optimizer, Loss::SoftmaxCrossEntropy);
    let mut gradients = Vec::new();
    let mut saturated = 0.0;
    let history = options
        .training
        .trainer(optimizer, seed)
        .callback(|model: &mut autorot::Model, _: &autorot::train::Epoch| {
            let layers = probe.inspect(model, &data.train, PROBE_ROWS)?;
            gradients::note(&mut gradients, &layers);
            // The output layer has no region to leave.
            let hidden = &layers[..layers.len() - 1];
            saturated = hidden.iter().filter_map(|l| l.saturated).sum::<f64>() / hidden.len() as f64;
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, Some(&data.test))?;
    Ok(Run::new(variant, seed, &history, Extra { saturated, gradients }))
}
