//! What settings say of data: tables, time series, folders of images, arrays.

use crate::load::with_channels;
use autorot::data::folder::ImageFolder;
use autorot::data::{Columns, Csv, Impute, Scale, Unknown, Windows};
use autorot::{Dataset, Error, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A table in a CSV file, and what its columns are.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub path: PathBuf,
    #[serde(default)]
    pub numbers: Vec<String>,
    #[serde(default)]
    pub categories: Vec<String>,
    /// The columns to regress.
    #[serde(default)]
    pub targets: Vec<String>,
    /// The column to classify.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    #[serde(default)]
    pub scale: Scaling,
    #[serde(default)]
    pub scale_targets: Scaling,
    #[serde(default)]
    pub missing_numbers: Fill,
    #[serde(default)]
    pub missing_categories: Fill,
    /// Whether inputs with missing values get an extra one that says so.
    #[serde(default)]
    pub mark_missing: bool,
    #[serde(default)]
    pub unknown_categories: OnUnknown,
    #[serde(default)]
    pub case_sensitive: bool,
    #[serde(default)]
    pub many_categories: bool,
    #[serde(default)]
    pub format: Format,
}

/// Time series in a CSV file, for forecasting: rows are time steps in order, which windows are cut from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    pub path: PathBuf,
    pub inputs: Vec<String>,
    pub targets: Vec<String>,
    /// The column that tells several series apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<String>,
    pub sequence_length: usize,
    #[serde(default = "crate::settings::one")]
    pub horizon: usize,
    #[serde(default)]
    pub every_step: bool,
    #[serde(default = "crate::settings::one")]
    pub sequence_stride: usize,
    #[serde(default = "crate::settings::one")]
    pub sampling_rate: usize,
    #[serde(default)]
    pub scale: Scaling,
    #[serde(default)]
    pub scale_targets: Scaling,
    #[serde(default)]
    pub format: Format,
}

/// How a CSV file is written.
#[derive(Clone, Debug, Default, Deserialize, Serialize, clap::Args)]
#[serde(default, deny_unknown_fields)]
pub struct Format {
    /// What separates the fields of a CSV file: a character, `tab` or `whitespace`; by default it is detected.
    #[arg(long, value_name = "CHAR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// Numbers in the CSV file have a decimal comma.
    #[arg(long)]
    pub decimal_comma: bool,
    /// A number or text that stands for a missing value, besides an empty field; may be repeated.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub missing: Vec<String>,
    /// The file's encoding, such as latin1 or utf-16le; by default UTF-8, or what the file's first bytes say.
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The file has no header: columns are named 0, 1 and so on.
    #[arg(long)]
    pub headerless: bool,
    /// Lines that begin with this character are skipped.
    #[arg(long, value_name = "CHAR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A folder with one folder of images per class.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Images {
    pub path: PathBuf,
    /// Height and width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
    #[serde(default)]
    pub gray: bool,
    #[serde(default)]
    pub skip_damaged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
}

/// Arrays of numpy: `.npy` files, or `.npz` files in which they are called `inputs`, `targets` and `labels`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Arrays {
    pub inputs: PathBuf,
    /// Values to regress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<PathBuf>,
    /// Classes from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_names: Option<Vec<String>>,
    #[serde(default)]
    pub scale: Scaling,
    #[serde(default)]
    pub scale_targets: Scaling,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scaling {
    #[default]
    None,
    /// To mean 0 and deviation 1.
    Standard,
    /// To 0..1.
    MinMax,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    #[default]
    Error,
    Ignore,
}

/// What replaces missing values.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Fill {
    Word(String),
    Number(f64),
}

impl Default for Fill {
    fn default() -> Self {
        Self::Word("drop".to_owned())
    }
}

impl Fill {
    fn impute(&self) -> Impute {
        match self {
            Self::Number(number) => Impute::constant(number),
            Self::Word(word) => match word.as_str() {
                "drop" => Impute::Drop,
                "mean" => Impute::Mean,
                "median" => Impute::Median,
                "most_frequent" => Impute::MostFrequent,
                other => Impute::constant(other),
            },
        }
    }
}

impl Scaling {
    fn scale(self) -> Scale {
        match self {
            Self::None => Scale::None,
            Self::Standard => Scale::Standard,
            Self::MinMax => Scale::MinMax { low: 0.0, high: 1.0 },
        }
    }
}

/// The byte that an option names.
fn byte(option: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] => Ok(*byte),
        _ => Err(Error::invalid(
            option,
            format!("{text:?}"),
            "a single character, or tab",
            "correct the option",
        )),
    }
}

impl Format {
    /// The CSV file.
    pub fn csv(&self, path: &Path) -> Result<Csv> {
        let mut csv = Csv::open(path).decimal_comma(self.decimal_comma);
        csv = match self.delimiter.as_deref() {
            None => csv,
            Some("whitespace") => csv.whitespace(),
            Some(text) => csv.delimiter(byte("delimiter", text)?),
        };
        csv = self.missing.iter().fold(csv, Csv::missing);
        if let Some(encoding) = &self.encoding {
            csv = csv.encoding(encoding);
        }
        if self.headerless {
            csv = csv.headerless();
        }
        Ok(match &self.comment {
            Some(text) => csv.comment(byte("comment", text)?),
            None => csv,
        })
    }

    /// This format with what the caller says besides.
    pub fn with(&self, given: &Self) -> Self {
        Self {
            delimiter: given.delimiter.clone().or_else(|| self.delimiter.clone()),
            decimal_comma: given.decimal_comma || self.decimal_comma,
            missing: [self.missing.clone(), given.missing.clone()].concat(),
            encoding: given.encoding.clone().or_else(|| self.encoding.clone()),
            headerless: given.headerless || self.headerless,
            comment: given.comment.clone().or_else(|| self.comment.clone()),
        }
    }
}

impl Table {
    /// What the columns are.
    pub fn columns(&self) -> Columns {
        let mut columns = Columns::new()
            .inputs(&self.numbers)
            .categories(&self.categories)
            .targets(&self.targets)
            .scale(self.scale.scale())
            .scale_targets(self.scale_targets.scale())
            .indicator(self.mark_missing)
            .case_sensitive(self.case_sensitive)
            .many_categories(self.many_categories)
            .impute_for(&self.numbers, self.missing_numbers.impute())
            .impute_for(&self.categories, self.missing_categories.impute());
        if let OnUnknown::Ignore = self.unknown_categories {
            columns = columns.unknown(Unknown::Ignore);
        }
        if let Some(class) = &self.class {
            columns = columns.classes(class);
        }
        match &self.class_names {
            Some(names) => columns.class_names(names),
            None => columns,
        }
    }
}

impl Series {
    /// How the windows are cut.
    pub fn windows(&self) -> Windows {
        let windows = Windows::new(self.sequence_length)
            .inputs(&self.inputs)
            .targets(&self.targets)
            .horizon(self.horizon)
            .every_step(self.every_step)
            .sequence_stride(self.sequence_stride)
            .sampling_rate(self.sampling_rate);
        self.groups.iter().fold(windows, Windows::groups)
    }
}

impl Images {
    /// The images of a folder; gray ones get an axis for their channel.
    pub fn load(&self, path: &Path) -> Result<Dataset> {
        let mut folder = ImageFolder::open(path).gray(self.gray).skip_damaged(self.skip_damaged);
        if let Some((height, width)) = self.size {
            folder = folder.size(height, width);
        }
        if let Some(names) = &self.class_names {
            folder = folder.class_names(names.iter().map(String::as_str));
        }
        with_channels(folder.load()?)
    }
}

impl Arrays {
    /// The paths.
    pub fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        std::iter::once(&mut self.inputs).chain(&mut self.targets).chain(&mut self.labels)
    }
}
