//! A small residual network that classifies images, with saturating and auto-rotating (AR) neurons against ReLU, with batch
//! normalisation, augmentation on the device and a falling learning rate.
//!
//! Three nets start from the same kernels and see the same rows, with the same augmentation, in the same order: ReLU, a
//! saturating activation in classic layers, and the same activation in auto-rotating layers.

mod net;
mod options;
mod report;

use crate::given::Given;
use crate::run::{self, Run, from_every_seed};
use crate::say::say;
use autorot::{Device, Result, Split};
use net::Net;
pub use options::Options;
use report::Extra;

pub fn run(options: &Options, given: &Given) -> Result<()> {
    options.check(given)?;
    let training = &options.training;
    let device = training.device()?;
    let data = options.images.load()?;
    let train = |net, seed| train(options, &device, &data, net, seed).map(Some);
    let save = |runs: &[_]| report::save(options, &device, runs);
    let runs = from_every_seed(training.seeds, &options.nets(), train, Run::line, save)?;
    say!("\n{}", report::table(options, &runs));
    report::draw(options, &runs)?;
    say!("{}", training.written(&["curves"]));
    say!("{}", report::last_line(options, &runs));
    Ok(())
}

fn train(options: &Options, device: &Device, data: &Split, net: Net, seed: u64) -> Result<Run<Extra>> {
    let training = &options.training;
    let mut model = net::layers(options, &data.train, net)?.build(device, seed)?;
    training.summarize(seed, &net.title(options.activation), &model);
    let optimizer = options.optimizer(data.train.len())?;
    let history = training.trainer(optimizer, seed).fit(&mut model, &data.train, Some(&data.test))?;
    let extra = Extra { parameters: model.parameter_count(), seconds: run::seconds(&history) };
    Ok(Run::new(net.name(), seed, &history, extra))
}
