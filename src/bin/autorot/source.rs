//! Models to evaluate, predict with and look at, and the data that are given for them.

use crate::data::{Format, Series};
use crate::folder::Folder;
use crate::load::{array, rows, with_channels};
use crate::settings::{Settings, device};
use autorot::data::folder::{ImageFolder, Options, is_image, read_image};
use autorot::data::{Conversion, Table};
use autorot::model::{Outputs, Tensor};
use autorot::{Dataset, Error, Loss, Model, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A model, and the settings of its run where its folder is known.
pub struct Source {
    pub model: Model,
    pub settings: Option<Settings>,
}

/// Data without targets.
pub enum Rows {
    Table(Table),
    Array(Tensor<f64>),
    /// An array whose rows have names, under a heading.
    Named {
        heading: String,
        names: Vec<String>,
        array: Tensor<f64>,
    },
}

impl Source {
    /// The model of a run's folder, of a model file, or of a file of Keras.
    pub fn open(path: &Path, named: Option<&str>) -> Result<Self> {
        let (file, settings) = if path.is_dir() {
            let folder = Folder::new(path);
            let file = folder.finished()?;
            let settings = folder.settings();
            (file, if settings.is_file() { Some(Settings::read(&settings)?) } else { None })
        } else {
            (path.to_owned(), None)
        };
        let asked = named.or_else(|| settings.as_ref().map(|settings| settings.run.device.as_str()));
        let device = device(asked)?;
        let foreign = ["keras", "h5"].iter().any(|ending| has_ending(&file, ending));
        let model = if foreign { Model::load_keras(file, &device)? } else { Model::load(file, &device)? };
        Ok(Self { model, settings })
    }

    /// The loss that belongs to the outputs.
    pub fn loss(&self) -> Loss {
        match (&self.settings, self.model.outputs()) {
            (Some(settings), _) => settings.training.loss.clone(),
            (None, Outputs::Logits) => Loss::SoftmaxCrossEntropy,
            (None, Outputs::BinaryLogits) => Loss::BinaryCrossEntropy,
            (None, Outputs::LogRates) => Loss::Poisson,
            (None, Outputs::Values | Outputs::Probabilities) => Loss::MeanSquaredError,
        }
    }

    fn table(&self, path: &Path, format: &Format) -> Result<Table> {
        let settings = self.settings.as_ref();
        let of_table = settings.and_then(|settings| settings.table.as_ref()).map(|table| &table.format);
        let own = of_table.or(self.series().map(|series| &series.format));
        own.map_or_else(|| format.clone(), |own| own.with(format)).csv(path)?.table()
    }

    /// What windows over series are cut by, for a model that was trained on them.
    fn series(&self) -> Option<&Series> {
        self.settings.as_ref()?.series.as_ref()
    }

    /// What the values of a prediction are called: by the columns of series, or as the model calls them.
    pub fn names<'n>(&'n self, own: &'n [String]) -> &'n [String] {
        self.series().map(|series| &*series.targets).filter(|names| names.len() == own.len()).unwrap_or(own)
    }

    /// How images become the model's inputs.
    fn images(&self) -> Result<Options> {
        let shape = &self.model.network().input().shape;
        match **shape {
            [height, width, 3] => Ok(Options { gray: false, size: Some((height, width)) }),
            [height, width] | [height, width, 1] => Ok(Options { gray: true, size: Some((height, width)) }),
            _ => Err(Error::invalid(
                "images",
                format!("a model for inputs of the shape {shape:?}"),
                "inputs of the shape [height, width, 3], [height, width, 1] or [height, width]",
                "name a table or an array",
            )),
        }
    }

    /// Rows with targets.
    pub fn labelled(&self, path: &Path, targets: Option<&Path>, format: &Format) -> Result<Dataset> {
        if path.is_dir() {
            let mut folder = ImageFolder::open(path).options(self.images()?);
            if let Some(names) = self.model.class_names() {
                folder = folder.class_names(names.iter().map(String::as_str));
            }
            let images = folder.load()?;
            return if self.model.network().input().shape.len() == 2 {
                Ok(images)
            } else {
                with_channels(images)
            };
        }
        if is_array(path) {
            let classes = self.model.outputs().of_one_class() || self.model.class_names().is_some();
            let inside = has_ending(path, "npz").then_some(path);
            let Some(file) = targets.or(inside) else {
                let expected = "a file of targets, too";
                return Err(Error::invalid(
                    path.display(),
                    "inputs alone",
                    expected,
                    "name it with --targets",
                ));
            };
            let (targets, labels) = if classes { (None, Some(file)) } else { (Some(file), None) };
            return self.scaled(rows(path, targets, labels, self.model.class_names())?);
        }
        if let Some(series) = self.series() {
            return self.scaled(series.windows().table(&self.table(path, format)?)?);
        }
        match self.model.conversion() {
            Some(Conversion::Table(preparation)) => preparation.apply(&self.table(path, format)?),
            _ => Err(Error::invalid(
                path.display(),
                "a table, for a model that was not trained on one",
                "a folder of images, or an array",
                "name data of the kind that the model was trained on, and for windows over series the folder of the run",
            )),
        }
    }

    /// Data in the model's units.
    fn scaled(&self, mut data: Dataset) -> Result<Dataset> {
        if let Some(Conversion::Scaled { inputs, targets }) = self.model.conversion() {
            for scaler in inputs.iter().chain(targets) {
                data = scaler.apply(&data)?;
            }
        }
        Ok(data)
    }

    /// Rows without targets; of series, the newest window of each.
    pub fn rows(&self, paths: &[PathBuf], format: &Format) -> Result<Rows> {
        let [path] = paths else { return self.read_images(paths) };
        if path.is_dir() {
            let files = listed(path)?;
            if files.is_empty() {
                let expected = "a folder of images";
                return Err(Error::invalid(path.display(), "no image", expected, "name another folder"));
            }
            return self.read_images(&files);
        }
        if is_image(path) {
            return self.read_images(paths);
        }
        if is_array(path) {
            let array = array(path, "inputs")?;
            let width = self.model.network().input().len();
            if array.shape.len() < 2 || array.shape[1..].iter().product::<usize>() != width {
                return Err(Error::invalid(
                    path.display(),
                    format!("an array of the shape {:?}", array.shape),
                    format!("rows of the shape {:?}", self.model.network().input().shape),
                    "save rows as the model was trained on",
                ));
            }
            return Ok(Rows::Array(array));
        }
        let table = self.table(path, format)?;
        let Some(series) = self.series() else { return Ok(Rows::Table(table)) };
        let values = series.windows().latest(&table)?;
        let (heading, names) = match &series.groups {
            Some(column) => {
                let all = table.fields(column)?.into_iter();
                let mut seen = HashSet::new();
                (column.clone(), all.filter(|name| seen.insert(*name)).map(str::to_owned).collect())
            }
            None => ("file".to_owned(), vec![path.display().to_string()]),
        };
        let shape = vec![names.len(), series.sequence_length, series.inputs.len()];
        Ok(Rows::Named { heading, names, array: Tensor { shape, values } })
    }

    fn read_images(&self, files: &[PathBuf]) -> Result<Rows> {
        let options = self.images()?;
        let mut values = Vec::new();
        for file in files {
            values.extend(read_image(file, options)?.1.into_iter().map(f64::from));
        }
        let shape = [vec![files.len()], self.model.network().input().shape.clone()].concat();
        let names = files.iter().map(|file| file.display().to_string()).collect();
        Ok(Rows::Named { heading: "file".to_owned(), names, array: Tensor { shape, values } })
    }
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn is_array(path: &Path) -> bool {
    has_ending(path, "npy") || has_ending(path, "npz")
}

/// The images of a folder and of the folders in it, sorted.
fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|e| Error::io(folder, e))?;
    entries.sort();
    for path in entries {
        if path.is_dir() {
            found.extend(listed(&path)?);
        } else if is_image(&path) {
            found.push(path);
        }
    }
    Ok(found)
}
