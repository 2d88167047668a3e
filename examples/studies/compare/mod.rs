//! The experiment of the arpkeras notebook: multilayer perceptrons, classic and auto-rotating in four ways.

mod report;

use crate::data::Source;
use crate::given::Given;
use crate::gradients::{self, PROBE_ROWS};
use crate::named::activations;
use crate::options::Training;
use crate::perceptron::{Hidden, rotation, saturated};
use crate::run::{Run, from_every_seed};
use crate::say::say;
use autorot::train::Epoch;
use autorot::{Activation, Device, Flatten, LearnL, Loss, Model, Result, Sequential, Split};
use report::Extra;
use std::ops::ControlFlow;

/// Trains classic and auto-rotating networks from common initial weights, a critical one from its own, and compares them.
#[derive(clap::Args, Debug)]
#[command(mut_arg("epochs", |arg| arg.default_value("30")))]
#[command(mut_arg("optimizer", |arg| arg.default_value("rmsprop")))]
#[command(mut_arg("out", |arg| arg.default_value("out/compare")))]
pub struct Options {
    #[command(flatten)]
    source: Source,
    /// The hidden layers' activation.
    #[arg(long, value_name = "NAME", default_value = "sigmoid", value_parser = activations())]
    activation: Activation,
    #[command(flatten)]
    hidden: Hidden,
    #[command(flatten)]
    training: Training,
}

/// What is compared: name in the report and title.
const VARIANTS: [(&str, &str); 5] = [
    ("classic", "classic"),
    ("arp", "auto-rotating"),
    ("arp-learn-l", "auto-rotating, L learnt per layer"),
    ("arp-aligned", "aligned, L learnt per unit"),
    ("arp-critical", "critical"),
];

pub fn run(options: &Options, given: &Given) -> Result<()> {
    let Options { source, hidden, training, .. } = options;
    source.check(given)?;
    training.check()?;
    hidden.check()?;
    let device = training.device()?;
    let data = source.load()?;
    let train = |(variant, _), seed| train(options, &device, &data, variant, seed).map(Some);
    let save = |runs: &[_]| report::save(options, &device, runs);
    let runs = from_every_seed(training.seeds, &VARIANTS, train, Run::line, save)?;
    say!("\n{}", report::table(&runs));
    report::draw(&training.out(), &runs)?;
    say!("{}", training.written(&["curves", "gradients"]));
    Ok(())
}

/// One variant from one seed: with the same seed, variants start from equal kernels, which critical auto-rotation has of its own, and
/// see the rows in the same order.
fn train(
    options: &Options,
    device: &Device,
    data: &Split,
    variant: &'static str,
    seed: u64,
) -> Result<Run<Extra>> {
    let Options { activation, hidden, training, .. } = options;
    let model = Sequential::for_data(&data.train).add(Flatten);
    let rotation = rotation(variant, LearnL::PerLayer);
    let model = hidden.add_to(model, *activation, rotation, data.train.targets().width());
    let mut model = model.build(device, seed)?;
    training.summarize(seed, variant, &model);

    let optimizer = training.optimizer()?;
    let mut gradients = Vec::new();
    let mut saturation = 0.0;
    let history = training
        .trainer(optimizer, seed)
        .callback(|model: &mut Model, _: &Epoch| {
            let layers = model.inspect(&data.train, Loss::SoftmaxCrossEntropy, PROBE_ROWS)?;
            gradients::note(&mut gradients, &layers);
            saturation = saturated(&layers);
            Ok(ControlFlow::Continue(()))
        })
        .fit(&mut model, &data.train, Some(&data.test))?;
    Ok(Run::new(variant, seed, &history, Extra { saturated: saturation, gradients }))
}
