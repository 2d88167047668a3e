//! How gradients vanish on their way through a deep network of saturating neurons, and what batch normalisation (BN)
//! and auto-rotation (AR) do about it: the study of the poster "Auto-Rotating Neural Networks".
//!
//! Three blocks of convolution, BN (in the nets with BN) and max pooling, then five dense layers. The poster's four nets, with and
//! without BN and AR, start from the same kernels, two critical ones from theirs; all see the same rows in the same order.

mod measures;
mod net;
mod report;
mod verdict;

use crate::data::Images;
use crate::given::Given;
use crate::gradients::{self, PROBE_ROWS};
use crate::named::activations;
use crate::options::{Rotation, Training};
use crate::run::{self, Run, from_every_seed};
use crate::say::say;
use autorot::train::{Epoch, LayerReport};
use autorot::{Activation, Device, Error, Loss, Model, Result, Split};
use net::Net;
use report::Extra;
use serde::Serialize;
use std::ops::ControlFlow;

/// Trains a deep network with and without batch normalisation and auto-rotation, and measures its gradients.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("batch", |arg| arg.default_value("64")))]
#[command(mut_arg("out", |arg| arg.default_value("out/vanishing_gradients")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    images: Images,
    /// The activation of all layers but the last.
    #[arg(long, value_name = "NAME", default_value = "sigmoid", value_parser = activations())]
    activation: Activation,
    #[command(flatten)]
    #[serde(flatten)]
    rotation: Rotation,
    #[command(flatten)]
    #[serde(flatten)]
    training: Training,
}

pub fn run(options: &Options, given: &Given) -> Result<()> {
    let Options { images, training, .. } = options;
    images.source.check(given)?;
    training.check()?;
    if options.rotation.is_critical() {
        let remedy = "leave it out: critical nets are always among the six";
        return Err(Error::invalid(
            "--rule",
            "critical",
            "diagonal or aligned, for the nets AR and AR + BN",
            remedy,
        ));
    }
    let device = training.device()?;
    let data = images.load()?;
    let train = |net, seed| train(options, &device, &data, net, seed).map(Some);
    let save = |runs: &[_]| report::save(options, &device, runs);
    let runs = from_every_seed(training.seeds, &net::ALL, train, Run::line, save)?;
    let results = report::results(&runs);
    say!("\n{}\n", report::table(&results));
    report::notes(&results).iter().for_each(|note| say!("{note}"));
    verdict::lines(&results).iter().for_each(|line| say!("{line}"));
    report::draw(&training.out(), &runs)?;
    say!("\n{}", training.written(&["curves", "gradients"]));
    Ok(())
}

fn train(options: &Options, device: &Device, data: &Split, net: Net, seed: u64) -> Result<Run<Extra>> {
    let training = &options.training;
    let mut model = net::build(options, device, &data.train, net, seed)?;
    training.summarize(seed, net.title, &model);
    let optimizer = training.optimizer()?;
    let mut gradients = Vec::new();
    let history = training
        .trainer(optimizer, seed)
        .callback(|model: &mut Model, _: &Epoch| {
            let layers = model.inspect(&data.train, Loss::SoftmaxCrossEntropy, PROBE_ROWS)?;
            // BN has no kernel: without it, all nets have the same layers in the map.
            let has_kernel = |l: &&LayerReport| !l.path.ends_with("batch_norm");
            gradients::note(&mut gradients, layers.iter().filter(has_kernel));
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, Some(&data.test))?;
    net::name_layers(&mut gradients);
    Ok(Run::new(net.name, seed, &history, Extra { seconds: run::seconds(&history), gradients }))
}
