//! The options.

use super::task::Source;
use crate::given::Given;
use crate::named::cells;
use crate::options::{Rotation, Training, once, positive};
use autorot::{Cell, Clip, Optimizer, Result, RotatedPart};
use clap::Arg;
use serde::Serialize;

/// Trains recurrent networks, classic and auto-rotating, from common initial weights unless --rule critical has its own, and compares them.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("epochs", |arg| by_task(arg, ["5", "10", "60"])))]
#[command(mut_arg("batch", |arg| arg.default_value("32")))]
#[command(mut_arg("seeds", |arg| by_task(arg, ["1", "1", "3"])))]
#[command(mut_arg("clip_norm", |arg| by_task(arg, ["1", "0", "0"])))]
#[command(mut_arg("out", |arg| arg.default_value("out/sequence")))]
pub struct Options {
    #[command(flatten)]
    #[serde(flatten)]
    pub source: Source,
    /// The recurrent layer's cells, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "simple_rnn,lstm,gru", value_parser = cells())]
    #[serde(serialize_with = "names")]
    cells: Vec<Cell>,
    /// The recurrent layer's units.
    #[arg(long, default_value_t = 64)]
    pub units: usize,
    /// What auto-rotation multiplies: the input part of each gate, or the gate's whole pre-activation.
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Part::Input)]
    rotated_part: Part,
    #[command(flatten)]
    #[serde(flatten)]
    pub rotation: Rotation,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
    /// The largest norm of a step's gradients; larger ones are scaled down to it. 0 for no limit.
    #[arg(long, value_name = "NORM", default_value_t = 1.0)]
    clip_norm: f32,
}

/// An option's default for the adding problem, for glyphs and for the vowels.
fn by_task(arg: Arg, [adding, glyphs, vowels]: [&'static str; 3]) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.default_value(adding)
        .default_value_ifs([("task", "glyphs", glyphs), ("task", "vowels", vowels)])
        .hide_default_value(true)
        .help(format!("{help} [default: {adding} for adding, {glyphs} for glyphs, {vowels} for vowels]"))
}

#[derive(Clone, Copy, Debug, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Part {
    Input,
    Gate,
}

fn names<S: serde::Serializer>(cells: &[Cell], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(cells.iter().map(|cell| cell.name()))
}

impl Options {
    /// Checks the options before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        self.source.check(given)?;
        self.training.check()?;
        self.optimizer()?.check()?;
        positive("--units", self.units)
    }

    /// The cells, each once.
    pub fn cells(&self) -> Vec<Cell> {
        once(&self.cells)
    }

    pub fn rotated_part(&self) -> RotatedPart {
        match self.rotated_part {
            Part::Input => RotatedPart::Input,
            Part::Gate => RotatedPart::Gate,
        }
    }

    /// The optimiser with its learning rate and gradient clipping.
    pub fn optimizer(&self) -> Result<Optimizer> {
        let norm = (self.clip_norm != 0.0).then_some(self.clip_norm);
        Ok(self.training.optimizer()?.with_clip(Clip { norm, value: None }))
    }
}
