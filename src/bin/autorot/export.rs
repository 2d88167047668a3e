//! Models in other formats.

use crate::say::Output;
use crate::source::Source;
use autorot::{Result, store};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes a model in another format.
///
/// Example: autorot export runs/flats --format npz -o flats.npz
#[derive(clap::Args, Debug)]
pub struct Export {
    /// The folder of a run, or a model file.
    model: PathBuf,
    /// The format.
    #[arg(long, short, value_enum)]
    format: Format,
    /// The file to write, by default the model's name with the format's ending, in the current folder.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folds ρ and batch normalisation into the kernels: the same outputs from classic layers, up to rounding.
    #[arg(long)]
    fold: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A model file of this crate.
    Safetensors,
    /// The weights alone, as arrays of numpy.
    Npz,
    /// The network without weights, as JSON.
    Description,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Npz => "npz",
            Self::Description => "json",
        }
    }
}

impl Export {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut model = Source::open(&self.model, Some("cpu"))?.model;
        if self.fold {
            model = model.fold()?;
        }
        let stem =
            self.model.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned());
        let named = || PathBuf::from(format!("{stem}.{}", self.format.ending()));
        let path = self.output.clone().unwrap_or_else(named);
        check_free(&path, self.output.is_some())?;
        match self.format {
            Format::Safetensors => model.save(&path)?,
            Format::Npz => model.weights()?.save(&path)?,
            Format::Description => store::write(&path, model.to_description().as_bytes())?,
        }
        let file = path.display().to_string();
        output.tell(&json!({ "file": file, "parameters": model.parameter_count() }), || {
            format!("written: {file}")
        });
        Ok(())
    }
}

/// A file that nobody named is not replaced.
fn check_free(path: &Path, named: bool) -> Result<()> {
    if named || !path.exists() {
        return Ok(());
    }
    let remedy = "name the file with -o to replace it, or name another";
    Err(autorot::Error::invalid(path.display(), "a file that is there already", "a new file", remedy))
}
