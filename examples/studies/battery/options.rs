//! The options.

use super::arms::{self, Arm};
use super::nets::Net;
use super::sets::Set;
use crate::given::Given;
use crate::options::Training;
use crate::perceptron::Hidden;
use autorot::data::Scaler;
use autorot::{Dataset, Error, Result};
use clap::Arg;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Compares ways to make neurons over many small data sets, each with its own best learning rate: mean ranks, Friedman's test,
/// critical differences.
///
/// The folder holds CSV files (.csv or .csv.gz) with a header, numeric columns without gaps, and `target` as the last one. If the
/// targets are the whole numbers 0 to k − 1, all of them, they are classes and scored by accuracy; otherwise they are values, scored by
/// R² (one below 0 counts as 0). NAME_TRAIN and NAME_TEST are the two parts of a set of series, one series per row, step by step: columns
/// t0, t1, … or, with several channels, t0_c0, t0_c1, …, t1_c0, …. Every other file is a table; each seed tests on a fifth of its own.
#[derive(clap::Args, Debug, Serialize)]
#[command(mut_arg("hidden", |arg| arg.default_value("32,32,32").help("The hidden layers' units of dense nets")))]
#[command(mut_arg("batch", |arg| arg.default_value("32")))]
#[command(mut_arg("out", |arg| arg.default_value("out/battery")))]
#[command(mut_arg("epochs", |arg| or_quick(arg, "30", "8")))]
#[command(mut_arg("seeds", |arg| or_quick(arg, "5", "1")))]
#[command(mut_arg("steps", |arg| or_quick(arg, "300", "50")))]
#[command(mut_arg("nets", |arg| or_quick(arg, "dense,conv1d,gru", "dense,conv1d")))]
#[command(mut_arg("scalings", |arg| or_quick(arg, "unit,deviation", "unit")))]
#[command(mut_arg("rates", |arg| or_quick(arg, "0.0003,0.001,0.003,0.01,0.03", "0.001,0.01")))]
#[command(mut_arg("shares", |arg| or_quick(arg, "0.1,0.3", "0.3")))]
#[command(mut_arg("rows", |arg| or_quick(arg, "2000", "300")))]
pub struct Options {
    /// The folder of the data sets.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// A first look, in minutes.
    #[arg(long)]
    quick: bool,
    /// Only these data sets, by the names of their files without endings and parts, separated by commas.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// The nets, separated by commas: dense ones for tables, the others for series.
    #[arg(long, value_enum, value_name = "NAMES", value_delimiter = ',')]
    pub nets: Vec<Net>,
    /// How inputs are scaled, separated by commas: every feature to 0..1, or to mean 0 and deviation 1, over the training rows.
    #[arg(long, value_enum, value_name = "NAMES", value_delimiter = ',')]
    pub scalings: Vec<Scaling>,
    /// The arms: how neurons are made, separated by commas; all by default.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', hide_default_value = true)]
    #[arg(value_parser = arms::named(), default_values_t = arms::all())]
    pub arms: Vec<Arm>,
    /// The learning rates of which each arm gets the best, separated by commas.
    #[arg(long, value_name = "RATES", value_delimiter = ',')]
    pub rates: Vec<f64>,
    /// Shares of the training rows on which the best rate is trained again, separated by commas; --shares alone for none.
    #[arg(long, value_name = "SHARES", value_delimiter = ',', num_args = 0..=1)]
    pub shares: Vec<f64>,
    /// The least steps of a training: with few rows it has more epochs than --epochs says.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub steps: usize,
    /// The most rows of a data set: of larger ones as many are drawn.
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub rows: usize,
    #[command(flatten)]
    #[serde(flatten)]
    pub hidden: Hidden,
    #[command(flatten)]
    #[serde(flatten)]
    pub training: Training,
}

/// An option's default, and the one with `--quick`.
fn or_quick(arg: Arg, usual: &'static str, quick: &'static str) -> Arg {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    arg.default_value(usual)
        .default_value_if("quick", "true", quick)
        .hide_default_value(true)
        .help(format!("{help} [default: {usual}, with --quick {quick}]"))
}

/// How inputs are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scaling {
    Unit,
    Deviation,
}

impl Scaling {
    /// A scaler fitted on these rows.
    pub fn fit(self, train: &Dataset) -> Result<Scaler> {
        match self {
            Self::Unit => Scaler::min_max(train, 0.0, 1.0),
            Self::Deviation => Ok(Scaler::standard(train)),
        }
    }
}

impl Options {
    /// Checks the options before anything is read or trained.
    pub fn check(&self, given: &Given) -> Result<()> {
        given.refuse(&["learning_rate"], "--rates", "--rates, of which every arm gets its best")?;
        self.training.check()?;
        self.hidden.check()?;
        for &rate in &self.rates {
            self.training.optimizer()?.with_learning_rate(rate).check()?;
        }
        if let Some(share) = self.shares.iter().find(|share| !(**share > 0.0 && **share < 1.0)) {
            return Err(Error::invalid(
                "--shares",
                share,
                "shares between 0 and 1",
                "all rows are trained on anyway",
            ));
        }
        match self.rows {
            0..20 => Err(Error::invalid("--rows", self.rows, "at least 20", "give more, or leave it out")),
            _ => Ok(()),
        }
    }

    /// The epochs of a training on so many rows.
    pub fn epochs(&self, rows: usize) -> usize {
        let steps = rows.div_ceil(self.training.batch).max(1);
        self.training.epochs.max(self.steps.div_ceil(steps))
    }

    /// What else a training on this set depends on, in one line: only results of the same are used again.
    pub fn of_a_training(&self, set: &Set) -> Result<String> {
        let Self { rows, steps, hidden, training, .. } = self;
        let (epochs, batch, optimizer) =
            (training.epochs, training.batch, training.optimizer()?.with_learning_rate(0.0));
        let (there, shape) = (set.rows(), set.shape());
        Ok(format!(
            "{there} rows of {shape:?} of at most {rows}; {epochs} epochs, at least {steps} steps, batch {batch}, hidden {:?}, {optimizer:?}",
            hidden.units()
        ))
    }
}
