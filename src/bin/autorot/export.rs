//! Models in other formats.

use crate::say::Output;
use crate::source::Source;
use autorot::file::{KerasFormat, Layout, Onnx};
use autorot::{Result, store};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes a model in another format.
///
/// Example: autorot export runs/flats --format onnx -o flats.onnx
#[derive(clap::Args, Debug)]
pub struct Export {
    /// The folder of a run, a model file, or a file of Keras.
    model: PathBuf,
    /// The format.
    #[arg(long, short, value_enum)]
    format: Format,
    /// The file to write, by default the model's name with the format's ending, in the current folder.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folds ρ and batch normalisation into the kernels: the same outputs from classic layers, up to rounding. ONNX and Keras files are
    /// always folded.
    #[arg(long)]
    fold: bool,
    /// Has an ONNX file take prepared inputs, as the network does, instead of data in their own units.
    #[arg(long)]
    prepared: bool,
    /// Names and shapes of weights in npz files.
    #[arg(long, value_enum, default_value_t)]
    layout: Names,
}

/// Whose names and shapes weights have.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Names {
    /// This crate's and Keras'.
    #[default]
    Keras,
    /// PyTorch's.
    Pytorch,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// A model file of this crate.
    Safetensors,
    /// The weights alone, as arrays of numpy.
    Npz,
    /// The network without weights, as JSON.
    Description,
    /// For onnxruntime and others.
    Onnx,
    /// For Keras 2.15 and 3.
    Keras,
    /// The older format for Keras.
    H5,
}

impl Format {
    fn ending(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Npz => "npz",
            Self::Description => "json",
            Self::Onnx => "onnx",
            Self::Keras => "keras",
            Self::H5 => "h5",
        }
    }
}

impl Export {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut model = Source::open(&self.model, Some("cpu"))?.model;
        if self.fold || matches!(self.format, Format::Keras | Format::H5) {
            model = model.fold()?;
        }
        let stem =
            self.model.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned());
        let named = || PathBuf::from(format!("{stem}.{}", self.format.ending()));
        let path = self.output.clone().unwrap_or_else(named);
        check_free(&path, self.output.is_some())?;
        match self.format {
            Format::Safetensors => model.save(&path)?,
            Format::Npz => {
                let layout = match self.layout {
                    Names::Keras => Layout::Keras,
                    Names::Pytorch => Layout::PyTorch,
                };
                model.weights()?.to_layout(layout, model.network())?.save(&path)?;
            }
            Format::Onnx => {
                let converted = !self.prepared && model.conversion().is_some();
                Onnx::new().conversion(converted).name(&stem).save(&mut model, &path)?;
            }
            Format::Keras => store::write(&path, &model.to_keras(KerasFormat::Keras)?)?,
            Format::H5 => store::write(&path, &model.to_keras(KerasFormat::H5)?)?,
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
