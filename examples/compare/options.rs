//! The options and the data sets they name.

use autorot::data::{Glyphs, cifar10, idx};
use autorot::{Activation, Error, Optimizer, Result, Split};
use std::path::PathBuf;

/// Trains classic and auto-rotating networks from common initial weights and compares them.
#[derive(clap::Parser, Debug)]
pub struct Options {
    /// The data set; all but glyphs, which is built in, need --dir.
    #[arg(long, value_enum, default_value_t = Data::Glyphs)]
    data: Data,
    /// The folder with the data set's original files.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Turn colour images gray.
    #[arg(long)]
    gray: bool,
    /// The hidden layers' activation.
    #[arg(long, value_name = "NAME", default_value = "sigmoid")]
    pub activation: String,
    /// The hidden layers' units.
    #[arg(long, value_delimiter = ',', default_value = "50,50,40,40,30")]
    pub hidden: Vec<usize>,
    /// Passes over the training part.
    #[arg(long, default_value_t = 30)]
    pub epochs: usize,
    /// Rows of a step.
    #[arg(long, default_value_t = 128)]
    pub batch: usize,
    /// sgd, rmsprop, adam or adamw, with Keras' defaults.
    #[arg(long, value_name = "NAME", default_value = "rmsprop")]
    optimizer: String,
    /// Another learning rate than the optimiser's default.
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// How many seeds to train every variant from.
    #[arg(long, default_value_t = 3)]
    pub seeds: u64,
    /// auto, gpu, software, cpu, cpu-f64 or part of an adapter's name.
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Where the report and the figures go.
    #[arg(long, value_name = "DIR", default_value = "out/compare")]
    pub out: PathBuf,
    /// Print a summary of every variant's network.
    #[arg(long)]
    pub summary: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
enum Data {
    Glyphs,
    Mnist,
    FashionMnist,
    Cifar10,
}

impl Options {
    /// The data set's name for the report.
    pub fn data_name(&self) -> &'static str {
        match (self.data, self.gray) {
            (Data::Glyphs, _) => "glyphs",
            (Data::Mnist, _) => "mnist",
            (Data::FashionMnist, _) => "fashion-mnist",
            (Data::Cifar10, true) => "cifar10 gray",
            (Data::Cifar10, false) => "cifar10",
        }
    }

    /// What can be told to be wrong before anything is read or trained.
    pub fn check(&self) -> Result<()> {
        Activation::from_name(&self.activation)?;
        std::fs::create_dir_all(&self.out).map_err(|e| Error::io(&self.out, e))?;
        if self.data == Data::Glyphs && self.dir.is_some() {
            return Err(Error::invalid(
                "--dir",
                "a folder for glyphs",
                "no folder",
                "name its data set with --data",
            ));
        }
        self.optimizer()?.check()?;
        if self.seeds == 0 {
            return Err(Error::invalid("--seeds", 0, "at least 1", "train from at least one seed"));
        }
        if self.hidden.is_empty() {
            return Err(Error::invalid(
                "--hidden",
                "no layers",
                "at least one number",
                "such as --hidden 50,30",
            ));
        }
        Ok(())
    }

    /// The optimiser with its learning rate.
    pub fn optimizer(&self) -> Result<Optimizer> {
        let optimizer = Optimizer::from_name(&self.optimizer)?;
        Ok(match self.learning_rate {
            Some(rate) => optimizer.with_learning_rate(rate),
            None => optimizer,
        })
    }

    /// Reads or draws the data.
    pub fn load(&self) -> Result<Split> {
        if self.data == Data::Glyphs {
            return Glyphs::default().load();
        }
        let dir = self.dir.as_ref().ok_or_else(|| {
            Error::invalid(
                "--dir",
                "nothing",
                format!("the folder with the files of {}", self.data_name()),
                "add --dir PATH, or use the built-in --data glyphs",
            )
        })?;
        match self.data {
            Data::Mnist => idx::mnist(dir),
            Data::FashionMnist => idx::fashion_mnist(dir),
            _ => cifar10::load(dir, self.gray),
        }
    }
}
