//! A file of settings for data that nobody has described yet.

mod arrays;
mod columns;
mod images;
mod survey;
mod table;
mod text;

use crate::data::Format;
use crate::say::Output;
use autorot::data::folder::is_image;
use autorot::{Error, Result, store};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Looks at data and writes a file of settings for them, with every choice explained: data, network, training.
///
/// DATA is a CSV file, a folder with one folder of images per class, or a .npy file of inputs (with --targets or --labels). Of a table it
/// tells what each column is, its range, and how many values are missing. The network is auto-rotating. Change what you like in the file,
/// then train.
///
/// Examples: autorot new flats.csv --target rent_eur
///           autorot new pets/
///           autorot new x.npy --labels y.npy
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct New {
    /// The data.
    data: PathBuf,
    /// The column to predict, several times for several numbers; by default the last one.
    #[arg(long, short, value_name = "COLUMN")]
    target: Vec<String>,
    /// Whether the target is a class or a number; by default as the column looks.
    #[arg(long, value_enum)]
    task: Option<Task>,
    /// The share of the rows that is kept for validation.
    #[arg(long, value_name = "SHARE", default_value_t = 0.2)]
    split: f64,
    /// Keeps the last rows for validation instead of random ones: for rows in the order of time.
    #[arg(long)]
    time_split: bool,
    /// The targets of an array: numbers to regress.
    #[arg(long, value_name = "FILE", conflicts_with = "labels")]
    targets: Option<PathBuf>,
    /// The labels of an array: classes from 0.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "run.toml")]
    out: PathBuf,
    /// Replaces a file that is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Task {
    Classification,
    Regression,
}

/// What is written, and what is told.
struct Written {
    text: String,
    report: String,
    json: Value,
}

impl New {
    pub fn run(&self, output: &Output) -> Result<()> {
        if !(0.0..1.0).contains(&self.split) {
            let (found, expected) = (self.split, "a share from 0 to below 1");
            return Err(Error::invalid("--split", found, expected, "give a share such as 0.2"));
        }
        if self.out.exists() && !self.force {
            let (found, remedy) =
                ("a file that is there already", "name another with --out, or replace it with --force");
            return Err(Error::invalid(self.out.display(), found, "a new file", remedy));
        }
        let ending = self.data.extension().unwrap_or_default().to_ascii_lowercase();
        let mut written = if self.data.is_dir() {
            images::describe(self)?
        } else if ending == "npy" || ending == "npz" {
            arrays::describe(self)?
        } else if is_image(&self.data) {
            let expected = "a folder with one folder of images per class";
            return Err(Error::invalid(self.data.display(), "a single image", expected, "name the folder"));
        } else {
            table::describe(self)?
        };
        store::write(&self.out, written.text.as_bytes())?;
        written.json["file"] = json!(self.out.display().to_string());
        output.tell(&written.json, || {
            let next = format!("written: {}\nnext: autorot train {}", self.out.display(), self.out.display());
            if output.quiet { next } else { format!("{}\n{next}", written.report) }
        });
        Ok(())
    }

    /// A path as the file of settings has it: relative to the file's folder where it lies below it.
    fn path(&self, path: &Path) -> Result<String> {
        let absolute = |path: &Path| std::path::absolute(path).map_err(|e| Error::io(path, e));
        let (path, out) = (absolute(path)?, absolute(&self.out)?);
        let below = out.parent().and_then(|folder| path.strip_prefix(folder).ok());
        Ok(below.unwrap_or(&path).display().to_string())
    }

    /// The run's name.
    fn name(&self) -> String {
        let name = if self.data.is_dir() { self.data.file_name() } else { self.data.file_stem() };
        let absolute = || {
            std::path::absolute(&self.data).ok()?.file_name().map(|name| name.to_string_lossy().into_owned())
        };
        let name = name.map(|name| name.to_string_lossy().into_owned()).or_else(absolute).unwrap_or_default();
        let name = name.strip_suffix(".csv").unwrap_or(&name).to_owned();
        if name.is_empty() { "run".to_owned() } else { name }
    }
}
