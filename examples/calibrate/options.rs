//! The options.

use super::common::given::Given;
use super::common::options::Training;
use super::data::Source;
use autorot::{Error, Result};
use serde::Serialize;

/// Calibrates cheap sensors with classic and auto-rotating sigmoid networks and compares them.
#[derive(clap::Parser, Debug, Serialize)]
#[command(mut_arg("epochs", |arg| arg.default_value("200")))]
#[command(mut_arg("batch", |arg| arg.default_value("32")))]
#[command(mut_arg("out", |arg| arg.default_value("out/calibrate")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub source: Source,
    /// The hidden layers' units.
    #[arg(long, value_delimiter = ',', default_value = "20,20,20,20,20")]
    pub hidden: Vec<usize>,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
    /// Print a summary of every variant's network.
    #[arg(long)]
    #[serde(skip)]
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
                "such as --hidden 20,20",
            ));
        }
        Ok(())
    }
}
