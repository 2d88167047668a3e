//! A small residual network that classifies images, its neurons saturating and auto-rotating (AR) against ReLU, with
//! batch normalisation, augmentation on the device and a falling learning rate.
//!
//! Three nets start from the same kernels and see the same rows, augmented alike, in the same order: ReLU, the saturating
//! activation classic, and the same auto-rotating.
//!
//! `cargo run --release --example images -- --help`

#[path = "../common/mod.rs"]
mod common;
mod net;
mod options;
mod report;
#[path = "../common/say.rs"]
mod say;

use autorot::{Device, Result, Split};
use net::Net;
use options::Options;
use report::{Extra, Run};
use say::say;

fn main() {
    common::main(Options::check, run);
}

fn run(options: &Options) -> Result<()> {
    let device = options.training.device()?;
    let data = options.images.load()?;
    let mut runs = Vec::new();
    for seed in 0..options.training.seeds {
        for net in Net::ALL.into_iter().filter(|net| options.only.is_none_or(|only| only == *net)) {
            let run = train(options, &device, &data, net, seed)?;
            say!("{}", run.line());
            runs.push(run);
            // After every training, so that one that fails costs no other.
            report::save(options, &device.name(), &runs)?;
        }
    }
    say!("\n{}", report::table(options, &runs)?);
    let out = &options.training.out;
    report::draw(options, &runs)?;
    say!("written to {}: report.json, curves.png, curves.svg", out.display());
    say!("{}", report::last_line(options, &runs)?);
    Ok(())
}

fn train(options: &Options, device: &Device, data: &Split, net: Net, seed: u64) -> Result<Run> {
    let mut model = net::layers(options, &data.train, net)?.build(device, seed)?;
    if seed == 0 && options.summary {
        say!("\n{}\n{}", net.title(options.activation), model.summary());
    }
    let optimizer = options.optimizer(data.train.len())?;
    let history = options.training.trainer(optimizer, seed).fit(&mut model, &data.train, Some(&data.test))?;
    let seconds = history.epochs.iter().map(|e| e.seconds).collect();
    let extra = Extra { parameters: model.parameter_count(), seconds };
    Ok(Run::new(net.name(), seed, &history, extra))
}
