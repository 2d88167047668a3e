//! The options.

use super::common::data::Images;
use super::common::given::Given;
use super::common::named::activations;
use super::common::options::{Rotation, Training};
use autorot::{Activation, Result};
use serde::Serialize;

/// Trains a deep network with and without batch normalisation and auto-rotation, and looks at its gradients.
#[derive(clap::Parser, Debug, Serialize)]
#[command(mut_arg("batch", |arg| arg.default_value("64")))]
#[command(mut_arg("out", |arg| arg.default_value("out/vanishing_gradients")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub images: Images,
    /// The activation of all layers but the last.
    #[arg(long, value_name = "NAME", default_value = "sigmoid", value_parser = activations())]
    pub activation: Activation,
    #[command(flatten)]
    #[serde(flatten)]
    pub rotation: Rotation,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
    /// Print a summary of every net.
    #[arg(long)]
    #[serde(skip)]
    pub summary: bool,
}

impl Options {
    /// What can be told to be wrong before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        self.images.source.check(given)?;
        self.training.check()
    }
}
