//! The options.

use super::common::data::Images;
use super::common::options::{Rotation, Training};
use super::net::Net;
use autorot::{Activation, Optimizer, Result, Schedule};
use serde::Serialize;

/// Trains a small residual network on images: ReLU against saturating neurons, classic and auto-rotating.
#[derive(clap::Parser, Debug, Serialize)]
#[command(mut_arg("rule", |arg| arg.default_value("aligned")))]
#[command(mut_arg("learn_l", |arg| arg.default_value("unit")))]
#[command(mut_arg("seeds", |arg| arg.default_value("1")))]
#[command(mut_arg("out", |arg| arg.default_value("out/images")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub images: Images,
    /// The saturating activation that is compared with ReLU.
    #[arg(long, value_name = "NAME", default_value = "tanh")]
    activation: String,
    #[command(flatten)]
    #[serde(flatten)]
    pub rotation: Rotation,
    /// Train one net only.
    #[arg(long, value_enum, value_name = "NET")]
    pub only: Option<Net>,
    /// Whether batch normalisation follows the convolutions.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub batch_norm: bool,
    /// Leave out shifts, mirrored images and crops.
    #[arg(long)]
    pub no_augment: bool,
    /// Shift by up to so many pixels while training [default: 2, or 4 for images of 32 pixels or more].
    #[arg(long, value_name = "PIXELS")]
    shift: Option<usize>,
    /// Cut out squares of so many pixels: at random while training, else from the middle.
    #[arg(long, value_name = "PIXELS")]
    pub crop: Option<usize>,
    /// Whether the learning rate stays or falls along half a cosine.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = ScheduleName::Cosine)]
    schedule: ScheduleName,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
    /// Print a summary of every net.
    #[arg(long)]
    #[serde(skip)]
    pub summary: bool,
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum ScheduleName {
    Constant,
    Cosine,
}

/// The share of the learning rate that is left in the end.
const FLOOR: f64 = 0.01;

impl Options {
    /// What can be told to be wrong before anything is read or trained.
    pub fn check(&self) -> Result<()> {
        self.activation()?;
        self.images.source.check()?;
        self.training.check()
    }

    pub fn activation(&self) -> Result<Activation> {
        Activation::from_name(&self.activation)
    }

    /// The most pixels that images of this height are shifted by.
    pub fn shift(&self, height: usize) -> usize {
        self.shift.unwrap_or(if height < 32 { 2 } else { 4 })
    }

    /// The optimiser with its schedule for so many rows an epoch.
    pub fn optimizer(&self, rows: usize) -> Result<Optimizer> {
        let optimizer = self.training.optimizer()?;
        let peak = optimizer.learning_rate().rate(0);
        let Training { epochs, batch, .. } = self.training;
        // Where there is nothing to train the trainer says so.
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
