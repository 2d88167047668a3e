//! The data sets and the options that choose them.

use crate::given::{self, Given};
use crate::say::say;
use autorot::data::{Glyphs, cifar10, idx};
use autorot::{Error, Result, Split};
use serde::Serialize;
use std::path::PathBuf;

/// Which data set.
#[derive(clap::Args, Debug, Serialize)]
pub struct Source {
    /// The data set; all but glyphs, which is built in, need --dir.
    #[arg(long, value_enum, default_value_t = Data::Glyphs)]
    data: Data,
    /// The folder with the data set's original files.
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Convert cifar10's colour images to gray.
    #[arg(long)]
    gray: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Data {
    Glyphs,
    Mnist,
    FashionMnist,
    Cifar10,
}

impl Source {
    /// The data set's name for the report.
    pub fn name(&self) -> String {
        given::word(self.data) + if self.gray { " gray" } else { "" }
    }

    /// Whether mirrored images still show the same; letters and digits do not.
    pub fn mirrors(&self) -> bool {
        matches!(self.data, Data::FashionMnist | Data::Cifar10)
    }

    /// Checks the options before anything is read.
    pub fn check(&self, given: &Given) -> Result<()> {
        let chosen = format!("--data {}", given::word(self.data));
        if self.data == Data::Glyphs {
            given.refuse(&["dir"], &chosen, "a data set that is not built in")?;
        }
        if self.data != Data::Cifar10 {
            given.refuse(&["gray"], &chosen, "--data cifar10, whose images have colours")?;
        }
        self.folder().map(drop)
    }

    /// The folder of the data's files; `None` for built-in data.
    fn folder(&self) -> Result<Option<&PathBuf>> {
        if self.data == Data::Glyphs || self.dir.is_some() {
            return Ok(self.dir.as_ref());
        }
        let files = format!("the files of {}", self.name());
        Err(given::no_folder(&files, "the built-in --data glyphs"))
    }

    /// Reads or draws the data, and prints what they are.
    pub fn load(&self) -> Result<Split> {
        let data = self.read()?;
        announce(&self.name(), &data);
        Ok(data)
    }

    fn read(&self) -> Result<Split> {
        let Some(dir) = self.folder()? else { return Glyphs::default().load() };
        match self.data {
            Data::Mnist => idx::mnist(dir),
            Data::FashionMnist => idx::fashion_mnist(dir),
            _ => cifar10::load(dir, self.gray),
        }
    }
}

/// Prints what the data are.
pub fn announce(name: &str, Split { train, test }: &Split) {
    say!("data:   {name}, {} training and {} test rows of {:?}", train.len(), test.len(), train.shape());
}

/// Which images, for convolutional networks.
#[derive(clap::Args, Debug, Serialize)]
pub struct Images {
    #[command(flatten)]
    #[serde(flatten)]
    pub source: Source,
    /// Train on the first rows only.
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
}

impl Images {
    /// Reads or draws the images, `[height, width, channels]`, and prints what they are.
    pub fn load(&self) -> Result<Split> {
        let Split { mut train, mut test } = self.source.read()?;
        if let Some(rows) = self.rows {
            if rows == 0 || rows > train.len() {
                let there = format!("1 to {}, the number of training rows", train.len());
                return Err(Error::invalid("--rows", rows, there, "give such a number, or leave --rows out"));
            }
            train = train.select(&(0..rows).collect::<Vec<_>>())?;
        }
        if let [height, width] = *train.shape() {
            // Convolutions need channels; gray images have one.
            (train, test) = (train.reshape([height, width, 1])?, test.reshape([height, width, 1])?);
        }
        let data = Split { train, test };
        announce(&self.source.name(), &data);
        Ok(data)
    }
}
