//! The options.

use super::net::Net;
use crate::data::Images;
use crate::given::Given;
use crate::named::activations;
use crate::options::{Rotation, Training};
use autorot::{Activation, Optimizer, Result, Schedule};
use serde::Serialize;

/// Trains a small residual network on images: ReLU against saturating neurons, classic and auto-rotating.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("rule", |arg| arg.default_value("aligned")))]
#[command(mut_arg("learn_l", |arg| arg.default_value("unit")))]
#[command(mut_arg("seeds", |arg| arg.default_value("1")))]
#[command(mut_arg("out", |arg| arg.default_value("out/images")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub images: Images,
    /// The saturating activation to compare with ReLU.
    #[arg(long, value_name = "NAME", default_value = "tanh", value_parser = activations())]
    pub activation: Activation,
    #[command(flatten)]
    #[serde(flatten)]
    pub rotation: Rotation,
    /// Train only this net.
    #[arg(long, value_enum, value_name = "NET")]
    pub only: Option<Net>,
    /// Whether batch normalisation follows the convolutions.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub batch_norm: bool,
    /// Do not shift, mirror or crop images.
    #[arg(long, conflicts_with_all = ["shift", "crop"])]
    pub no_augment: bool,
    /// Shift by up to this many pixels during training [default: 2, or 4 for images of 32 pixels or more].
    #[arg(long, value_name = "PIXELS")]
    shift: Option<usize>,
    /// Crop to squares of this many pixels: at random during training, else in the middle.
    #[arg(long, value_name = "PIXELS")]
    pub crop: Option<usize>,
    /// Whether the learning rate stays constant or falls along half a cosine.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = ScheduleName::Cosine)]
    schedule: ScheduleName,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum ScheduleName {
    Constant,
    Cosine,
}

/// The share of the learning rate that is left at the end.
const FLOOR: f64 = 0.01;

impl Options {
    /// Checks the options before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        let rotation = ["rule", "learn_l", "l"];
        match self.only {
            Some(Net::Relu) => {
                given.refuse(&["activation"], "--only relu", "a net with the saturating activation")?;
                given.refuse(&rotation, "--only relu", "an auto-rotating net")?;
            }
            Some(Net::Classic) => given.refuse(&rotation, "--only classic", "an auto-rotating net")?,
            Some(Net::Ar) | None => {}
        }
        self.images.source.check(given)?;
        self.training.check()
    }

    /// The nets to train.
    pub fn nets(&self) -> Vec<Net> {
        self.only.map_or_else(|| Net::ALL.to_vec(), |only| vec![only])
    }

    /// The maximum shift in pixels for images of this height.
    pub fn shift(&self, height: usize) -> usize {
        self.shift.unwrap_or(if height < 32 { 2 } else { 4 })
    }

    /// The optimiser with its schedule for this many rows per epoch.
    pub fn optimizer(&self, rows: usize) -> Result<Optimizer> {
        let optimizer = self.training.optimizer()?;
        let peak = optimizer.learning_rate().rate(0);
        let Training { epochs, batch, .. } = self.training;
        // If there is nothing to train, the trainer says so.
        let updates = (epochs * rows.div_ceil(batch.max(1))).max(1) as u64;
        Ok(match self.schedule {
            ScheduleName::Constant => optimizer,
            ScheduleName::Cosine => {
                let cosine = Schedule::Cosine { peak, updates, floor: FLOOR, warm_up: 0, start: peak };
                optimizer.with_learning_rate(cosine)
            }
        })
    }
}
