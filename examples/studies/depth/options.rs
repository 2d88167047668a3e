//! The options.

use super::methods::{self, Method};
use crate::data::Images;
use crate::given::Given;
use crate::named::activations;
use crate::options::{Training, once, positive};
use autorot::{Activation, Result};
use serde::Serialize;

/// Trains plain nets of growing depth, each kind of neuron with its own best learning rate: test accuracy over depth, and gradients
/// over the layers. Finished trainings are kept in results.jsonl and not trained again with the same options.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("rows", |arg| arg.default_value("2000").help("The first training rows; a fifth of them validates")))]
#[command(mut_arg("batch", |arg| arg.default_value("64")))]
#[command(mut_arg("seeds", |arg| arg.default_value("1")))]
#[command(mut_arg("out", |arg| arg.default_value("out/depth")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub images: Images,
    /// The hidden layers' activation, for all methods but those with one of their own.
    #[arg(long, value_name = "NAME", default_value = "sigmoid", value_parser = activations())]
    pub activation: Activation,
    /// The kind of the hidden layers: dense ones, or convolutions with a global average behind the last.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Layers::Dense)]
    pub layers: Layers,
    /// The units of each dense layer.
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub units: usize,
    /// The filters of each convolution.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub filters: usize,
    /// The size of the squares over which convolutional nets average the images first, so that they cost less.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub pool: usize,
    /// The numbers of hidden layers, separated by commas.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "5,20,50")]
    depths: Vec<usize>,
    /// The learning rates of which each method gets the best for each depth, separated by commas.
    #[arg(long, value_name = "RATES", value_delimiter = ',', default_value = "0.0003,0.001,0.003")]
    rates: Vec<f64>,
    /// The methods: how neurons are made, separated by commas; all by default.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_default_value = true)]
    #[arg(value_parser = methods::named(), default_values_t = methods::ALL)]
    methods: Vec<Method>,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
}

/// The kind of the hidden layers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    Dense,
    Conv,
}

impl Options {
    /// Checks the options before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        given.refuse(&["learning_rate"], "--rates", "--rates, of which every method gets its best")?;
        match self.layers {
            Layers::Dense => given.refuse(&["filters", "pool"], "--layers dense", "--layers conv")?,
            Layers::Conv => given.refuse(&["units"], "--layers conv", "--layers dense")?,
        }
        for &depth in &self.depths {
            positive("--depths", depth)?;
        }
        positive("--units", self.units)?;
        positive("--filters", self.filters)?;
        positive("--pool", self.pool)?;
        self.images.source.check(given)?;
        self.training.check()?;
        for &rate in &self.rates {
            self.training.optimizer()?.with_learning_rate(rate).check()?;
        }
        Ok(())
    }

    /// The depths in ascending order, each once.
    pub fn depths(&self) -> Vec<usize> {
        let mut depths = once(&self.depths);
        depths.sort_unstable();
        depths
    }

    /// The rates, each once.
    pub fn rates(&self) -> Vec<f64> {
        once(&self.rates)
    }

    /// The methods, each once.
    pub fn methods(&self) -> Vec<Method> {
        once(&self.methods)
    }

    /// What a training depends on besides its method, depth, rate and seed, in one line.
    pub fn of_a_training(&self, rows: usize, device: &str) -> Result<String> {
        let Self { images, activation, layers, units, filters, pool, training, .. } = self;
        let layers = match layers {
            Layers::Dense => format!("dense layers of {units} units"),
            Layers::Conv => {
                format!("convolutions of {filters} filters over means of {pool} by {pool} pixels")
            }
        };
        let (data, Training { epochs, batch, .. }) = (images.source.name(), training);
        // The rate is one of its own.
        let optimizer = training.optimizer()?.with_learning_rate(0.0);
        Ok(format!(
            "{data}, {rows} rows; {activation}, {layers}; {epochs} epochs, batch {batch}, {optimizer:?}; on {device}"
        ))
    }
}
