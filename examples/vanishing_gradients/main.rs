//! How gradients vanish on their way through a deep network of saturating neurons, and what batch normalisation (BN)
//! and auto-rotation (AR) do about it: the study of the poster "Auto-Rotating Neural Networks" as a program.
//!
//! Three times a convolution, BN in the nets with BN, and max pooling; then five dense layers. Four nets, with and
//! without BN and AR, start from the same kernels and see the same rows in the same order.
//!
//! `cargo run --release --example vanishing_gradients -- --help`

#[path = "../common/mod.rs"]
mod common;
mod measures;
mod net;
mod options;
mod report;
#[path = "../common/say.rs"]
mod say;
mod verdict;

use autorot::train::{Epoch, LayerReport};
use autorot::{Device, Loss, Model, Result, Split, Trainer};
use common::gradients::{self, PROBE_ROWS};
use net::Net;
use options::Options;
use report::{Extra, Run};
use say::say;
use std::ops::ControlFlow;

fn main() {
    common::main(Options::check, run);
}

fn run(options: &Options) -> Result<()> {
    let device = options.training.device()?;
    let data = options.images.load()?;
    let mut runs = Vec::new();
    for seed in 0..options.training.seeds {
        for net in net::ALL {
            let run = train(options, &device, &data, net, seed)?;
            say!("{}", run.line());
            runs.push(run);
            // After every training, so that one that fails costs no other.
            report::save(options, &device.name(), &runs)?;
        }
    }
    let results = report::results(&runs);
    say!("\n{}\n", report::table(&results));
    report::notes(&results).iter().for_each(|note| say!("{note}"));
    verdict::lines(&results).iter().for_each(|line| say!("{line}"));
    report::draw(&options.training.out, &runs)?;
    say!(
        "\nwritten to {}: report.json, curves.png, curves.svg, gradients.png, gradients.svg",
        options.training.out.display()
    );
    Ok(())
}

fn train(options: &Options, device: &Device, data: &Split, net: Net, seed: u64) -> Result<Run> {
    let mut model = net::build(options, device, &data.train, net, seed)?;
    if seed == 0 && options.summary {
        say!("\n{}\n{}", net.title, model.summary());
    }
    let optimizer = options.training.optimizer()?;
    let probe = Trainer::new(optimizer, Loss::SoftmaxCrossEntropy);
    let mut gradients = Vec::new();
    let history = options
        .training
        .trainer(optimizer, seed)
        .callback(|model: &mut Model, _: &Epoch| {
            let layers = probe.inspect(model, &data.train, PROBE_ROWS)?;
            // All nets are to have the same rows: BN has no kernel.
            let has_kernel = |l: &&LayerReport| !l.path.ends_with("batch_norm");
            gradients::note(&mut gradients, layers.iter().filter(has_kernel));
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, Some(&data.test))?;
    net::name_layers(&mut gradients);
    let seconds = history.epochs.iter().map(|e| e.seconds).collect();
    Ok(Run::new(net.name, seed, &history, Extra { seconds, gradients }))
}
