//! The settings of a run: the file `run.toml`.

use crate::data::{Arrays, Images, Series, Table};
use crate::layers::{Bag, Layer};
use autorot::{
    Dataset, Device, EarlyStopping, Error, Loss, Metric, Optimizer, Plateau, Result, Sequential, Trainer,
    store,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// All settings; one of `table`, `series`, `images` and `arrays` says where the data are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub run: Run,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Series>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrays: Option<Arrays>,
    #[serde(default)]
    pub split: Split,
    pub training: Training,
    pub network: Network,
    /// The file, and its text.
    #[serde(skip)]
    pub file: PathBuf,
    #[serde(skip)]
    text: String,
}

/// Where a run takes place.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// The folder for everything that the run leaves.
    pub folder: PathBuf,
    /// A device's name.
    pub device: String,
    /// How many checkpoints stay.
    pub checkpoints: usize,
}

impl Default for Run {
    fn default() -> Self {
        Self { folder: "runs/run".into(), device: "auto".to_owned(), checkpoints: 3 }
    }
}

/// Which rows are kept for validation.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// Their share; 0 for none.
    pub validation: f64,
    /// Random unless set; series are always split in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<By>,
    pub seed: u64,
    /// Another file or folder with the rows for validation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation_path: Option<PathBuf>,
}

impl Default for Split {
    fn default() -> Self {
        Self { validation: 0.2, by: None, seed: 0, validation_path: None }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    #[default]
    Random,
    /// The last rows.
    Last,
}

/// How the network is trained.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    pub loss: Loss,
    #[serde(default)]
    pub metrics: Vec<Metric>,
    pub epochs: usize,
    #[serde(default = "batch")]
    pub batch: usize,
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Into how many micro-batches a step is cut: by default 8 where several processes train together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batches: Option<usize>,
    #[serde(default)]
    pub label_smoothing: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    #[serde(default = "yes")]
    pub shuffle: bool,
    #[serde(default)]
    pub seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce_on_plateau: Option<Plateau>,
    #[serde(default)]
    pub optimizer: Bag,
}

/// What the classes count in training.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ClassWeights {
    /// A rule's name: `balanced`.
    Rule(Rule),
    /// A weight for every class by name.
    Named(BTreeMap<String, f32>),
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All classes together count the same.
    Balanced,
}

impl ClassWeights {
    /// The data with these weights.
    pub fn apply(&self, data: Dataset) -> Result<Dataset> {
        let weights = match self {
            Self::Rule(Rule::Balanced) => data.balanced_class_weights()?,
            Self::Named(weights) => {
                let names = data.targets().class_names().unwrap_or_default();
                let unknown = weights.keys().find(|name| !names.contains(name));
                let missing = names.iter().find(|name| !weights.contains_key(*name));
                if let Some(name) = unknown.or(missing) {
                    return Err(Error::invalid(
                        "training.class_weights",
                        format!(
                            "{} for the class {name:?}",
                            if unknown.is_some() { "a weight" } else { "no weight" }
                        ),
                        format!("a weight for each class of {names:?}"),
                        "name exactly these classes, or write \"balanced\"",
                    ));
                }
                names.iter().map(|name| weights[name]).collect()
            }
        };
        data.with_class_weights(&weights)
    }
}

fn batch() -> usize {
    32
}

/// The default of what counts from 1.
pub fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// The layers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    #[serde(default)]
    pub seed: u64,
    /// The range of the inputs, instead of that of the training rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_range: Option<(f32, f32)>,
    pub layers: Vec<Layer>,
}

impl Settings {
    /// Reads a file of settings. Relative paths in it start from its folder.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(file, std::fs::read_to_string(file).map_err(|e| Error::io(file, e))?)
    }

    /// The settings in the text of a file.
    pub fn parse(file: &Path, text: String) -> Result<Self> {
        let mut settings: Self = toml::from_str(&text).map_err(|e| {
            let place = match e.span() {
                Some(span) => place(file, &text, span.start),
                None => file.display().to_string(),
            };
            let remedy = "correct the line; `autorot new` writes a file that explains the settings";
            Error::invalid(place, e.message().trim().replace('\n', " "), "settings of a run", remedy)
        })?;
        (settings.file, settings.text) = (file.to_owned(), text);
        let given = [
            settings.table.is_some(),
            settings.series.is_some(),
            settings.images.is_some(),
            settings.arrays.is_some(),
        ];
        match given.iter().filter(|given| **given).count() {
            1 => Ok(settings),
            count => Err(Error::invalid(
                file.display(),
                format!("{count} of the sections [table], [series], [images] and [arrays]"),
                "one of them, which says where the data are",
                "write one of them; `autorot new DATA` does",
            )),
        }
    }

    /// A path in the settings.
    pub fn path(&self, path: &Path) -> PathBuf {
        match self.file.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        }
    }

    /// The run's folder.
    pub fn folder(&self) -> PathBuf {
        self.path(&self.run.folder)
    }

    /// An error in an option, with the line on which it stands.
    fn at(&self, offset: usize, error: Error) -> Error {
        match error {
            Error::Invalid { place: what, found, expected, remedy } => Error::invalid(
                format!("{}, {what}", place(&self.file, &self.text, offset)),
                found,
                expected,
                remedy,
            ),
            other => other,
        }
    }

    /// The device: the one named by the caller, else that of the settings.
    pub fn device(&self, named: Option<&str>) -> Result<Device> {
        device(Some(named.unwrap_or(&self.run.device)))
    }

    /// The network for these data.
    pub fn network(&self, data: &Dataset) -> Result<Sequential> {
        let mut net = Sequential::for_data(data);
        if let Some((min, max)) = self.network.input_range {
            net = net.input_range(min, max);
        }
        for layer in &self.network.layers {
            let added = net.add_drafts(std::slice::from_ref(&layer.draft));
            net = added.map_err(|error| self.at(layer.place(&error), error))?;
        }
        Ok(net)
    }

    /// The optimiser.
    pub fn optimizer(&self) -> Result<Optimizer> {
        let mut options = self.training.optimizer.clone();
        let kind = options.take_text("kind").unwrap_or_else(|| "adam".to_owned());
        let optimizer = Optimizer::from_options(&kind, &options.json());
        let optimizer = optimizer.and_then(|optimizer| optimizer.check().map(|()| optimizer));
        optimizer.map_err(|error| self.at(self.training.optimizer.place(&error), error))
    }

    /// The trainer, without what belongs to a run.
    pub fn trainer<'a>(&self) -> Result<Trainer<'a>> {
        let training = &self.training;
        let trainer = Trainer::new(self.optimizer()?, training.loss.clone())
            .epochs(training.epochs)
            .batch(training.batch)
            .accumulate(training.accumulate)
            .label_smoothing(training.label_smoothing)
            .shuffle(training.shuffle)
            .seed(training.seed);
        let trainer = training.micro_batches.into_iter().fold(trainer, Trainer::micro_batches);
        let trainer = training.metrics.iter().cloned().fold(trainer, Trainer::metric);
        let trainer = training.early_stopping.iter().cloned().fold(trainer, Trainer::early_stopping);
        Ok(training.reduce_on_plateau.iter().cloned().fold(trainer, Trainer::reduce_on_plateau))
    }

    /// The same settings with every option, and with paths that hold wherever the file lies.
    pub fn resolved(&self) -> Result<Self> {
        let mut settings = self.clone();
        let layers = self.network.layers.iter().enumerate();
        let complete = |(i, layer): (usize, &Layer)| {
            layer.complete(i).map_err(|error| self.at(layer.place(&error), error))
        };
        settings.network.layers = layers.map(complete).collect::<Result<_>>()?;
        let optimizer = self.optimizer()?;
        let kind = self.training.optimizer.clone().take_text("kind").unwrap_or_else(|| "adam".to_owned());
        let mut options: Vec<_> = vec![("kind".to_owned(), kind.into())];
        for value in optimizer.description().into_values() {
            options.extend(
                value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        settings.training.optimizer = Bag::of(options);
        let whole = |path: &mut PathBuf| -> Result<()> {
            let found = self.path(path);
            *path = std::path::absolute(&found).map_err(|e| Error::io(&found, e))?;
            Ok(())
        };
        settings.table.iter_mut().try_for_each(|table| whole(&mut table.path))?;
        settings.series.iter_mut().try_for_each(|series| whole(&mut series.path))?;
        settings.images.iter_mut().try_for_each(|images| whole(&mut images.path))?;
        settings.arrays.iter_mut().try_for_each(|arrays| arrays.paths().try_for_each(whole))?;
        settings.split.validation_path.iter_mut().try_for_each(whole)?;
        let usual = if settings.series.is_some() { By::Last } else { By::Random };
        settings.split.by.get_or_insert(usual);
        settings.run.folder = PathBuf::from(".");
        Ok(settings)
    }

    /// Writes the settings to a file.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|e| Error::invalid(file.display(), e, "settings", "report this as a bug of autorot"))?;
        store::write(
            file,
            format!("# The settings of this run with every option, for `autorot resume`.\n\n{text}")
                .as_bytes(),
        )
    }
}

/// A file with the line of a place in its text.
fn place(file: &Path, text: &str, offset: usize) -> String {
    let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    format!("{}, line {line}", file.display())
}

/// The device of this name; without one, or for `auto`, that of the environment or the best.
pub fn device(name: Option<&str>) -> Result<Device> {
    match name {
        None | Some("auto") => Device::auto(),
        Some(name) => Device::named(name),
    }
}
