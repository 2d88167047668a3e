//! The options.

use super::common::data::Source;
use super::common::given::Given;
use super::common::named::activations;
use super::common::options::Training;
use autorot::{Activation, Error, Result};

/// Trains classic and auto-rotating networks from common initial weights and compares them.
#[derive(clap::Parser, Debug)]
#[command(mut_arg("epochs", |arg| arg.default_value("30")))]
#[command(mut_arg("optimizer", |arg| arg.default_value("rmsprop")))]
#[command(mut_arg("out", |arg| arg.default_value("out/compare")))]
pub struct Options {
    #[command(flatten)]
    pub source: Source,
    /// The hidden layers' activation.
    #[arg(long, value_name = "NAME", default_value = "sigmoid", value_parser = activations())]
    pub activation: Activation,
    /// The hidden layers' units.
    #[arg(long, value_delimiter = ',', default_value = "50,50,40,40,30")]
    pub hidden: Vec<usize>,
    #[command(flatten)]
    pub training: Training,
    /// Print a summary of every variant's network.
    #[arg(long)]
    pub summary: bool,
}

impl Options {
    /// What can be told to be wrong before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        self.source.check(given)?;
        self.training.check()?;
        if self.hidden.is_empty() || self.hidden.contains(&0) {
            return Err(Error::invalid(
                "--hidden",
                format!("{:?}", self.hidden),
                "at least one layer, and at least one unit in each",
                "such as --hidden 50,30",
            ));
        }
        Ok(())
    }
}
