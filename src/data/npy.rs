//! Arrays in numpy's `.npy` files, in memory or read when they are needed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use npyz::{NpyHeader, Order};

use super::classes::check_distinct;
use super::numbers::Numbers;
use super::{Dataset, Indexed, Source, Targets};
use crate::store::npy::{MOST_HEADER, check_header};
use crate::{Error, Result};

/// A data set in `.npy` files, as `numpy.save` writes them: inputs of the shape `[rows, ...]`, and targets in another file.
///
/// Numbers may be of any type of integers or floats and become single precision, unscaled unless they are [divided](Npy::divide).
///
/// ```no_run
/// use autorot::data::Npy;
///
/// // Images as bytes, of which a million need not fit into memory.
/// let images = Npy::open("images.npy").divide(255.0).labels("labels.npy").source()?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before load or source"]
pub struct Npy {
    inputs: PathBuf,
    values: Option<PathBuf>,
    labels: Option<PathBuf>,
    class_names: Option<Vec<String>>,
    weights: Option<PathBuf>,
    divisor: f32,
}

impl Npy {
    /// Starts with this file of inputs. Nothing is read yet.
    pub fn open(inputs: impl AsRef<Path>) -> Self {
        let inputs = inputs.as_ref().to_path_buf();
        Self { inputs, values: None, labels: None, class_names: None, weights: None, divisor: 1.0 }
    }

    /// The file of values to regress, `[rows, ...]`; `[rows]` is one value per row.
    pub fn values(mut self, path: impl AsRef<Path>) -> Self {
        self.values = Some(path.as_ref().to_path_buf());
        self
    }

    /// The file of class labels, whole numbers from 0 on: `[rows]`, or `[rows, steps]` for one per time step. It is read as a whole.
    pub fn labels(mut self, path: impl AsRef<Path>) -> Self {
        self.labels = Some(path.as_ref().to_path_buf());
        self
    }

    /// The names of the classes, in the order of the labels; without them classes are named by their numbers, up to the largest label.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The file of the rows' weights, `[rows]`, or `[rows, steps]`: see [`Dataset::with_weights`]. It is read as a whole.
    pub fn weights(mut self, path: impl AsRef<Path>) -> Self {
        self.weights = Some(path.as_ref().to_path_buf());
        self
    }

    /// Divides all inputs by this number: 255 brings bytes to 0..1.
    pub fn divide(mut self, divisor: f32) -> Self {
        self.divisor = divisor;
        self
    }

    /// Reads all rows.
    ///
    /// # Errors
    /// As [`Npy::source`]; numbers that are not finite.
    pub fn load(&self) -> Result<Dataset> {
        let rows = self.rows()?;
        rows.read(&(0..rows.inputs.len()).collect::<Vec<_>>())
    }

    /// The rows as a source that reads them by their place in the files, in any order, and holds none but the labels and weights in memory.
    /// What the system has read before it keeps as long as memory is free. A file that changes meanwhile gives other numbers, and one that
    /// becomes shorter an error.
    ///
    /// # Errors
    /// A file that cannot be read, is no array of numbers, is truncated, or is in column-major order; neither values nor labels, or both;
    /// different numbers of rows; labels that are not whole, negative, or without a name.
    pub fn source(&self) -> Result<Box<dyn Source>> {
        let rows = self.rows()?;
        Ok(Box::new(Indexed::new(rows.inputs.len(), move |numbers: &[usize]| rows.read(numbers))?))
    }

    fn rows(&self) -> Result<Rows> {
        let inputs = array(&self.inputs)?.divided_by(self.divisor);
        let beside = |path: &Path, numbers: &Numbers| {
            if numbers.len() == inputs.len() {
                return Ok(());
            }
            Err(Error::invalid(
                path.display(),
                format!("{} rows", numbers.len()),
                format!("{}, one for each of {}", inputs.len(), self.inputs.display()),
                "pass files that belong together",
            ))
        };
        let whole = |path: &Path| {
            let numbers = array(path)?;
            beside(path, &numbers)?;
            Ok::<_, Error>((numbers.read(&(0..numbers.len()).collect::<Vec<_>>())?, numbers))
        };
        let targets = match (&self.values, &self.labels) {
            (Some(path), None) => {
                let values = array(path)?;
                beside(path, &values)?;
                Answers::Values(values)
            }
            (None, Some(path)) => {
                let (values, numbers) = whole(path)?;
                let steps = numbers.shape().iter().product();
                let (labels, names) = self.classes(path, &values, steps)?;
                Answers::Labels { labels, steps, names }
            }
            (values, _) => {
                let found =
                    if values.is_some() { "both values and labels" } else { "neither values nor labels" };
                let remedy = "call Npy::values or Npy::labels";
                return Err(Error::invalid(self.inputs.display(), found, "one file of targets", remedy));
            }
        };
        let weights = self.weights.as_ref().map(|path| whole(path)).transpose()?;
        let weights = weights.map(|(weights, numbers)| (weights, numbers.shape().iter().product()));
        Ok(Rows { inputs, targets, weights })
    }

    /// The classes of these labels, and their names.
    fn classes(&self, path: &Path, labels: &[f32], steps: usize) -> Result<(Vec<u32>, Vec<String>)> {
        if let Some(names) = &self.class_names {
            check_distinct("npy option class_names", names)?;
        }
        let most = self.class_names.as_ref().map_or(1 << 24, Vec::len) as f32;
        let wrong = labels.iter().position(|&label| label.fract() != 0.0 || !(0.0..most).contains(&label));
        if let Some(place) = wrong {
            return Err(Error::invalid(
                path.display(),
                format!("label {} in row {}", labels[place], place / steps.max(1)),
                format!("whole numbers from 0 to below {most}"),
                "number the classes from 0, and name every class",
            ));
        }
        let labels: Vec<u32> = labels.iter().map(|&label| label as u32).collect();
        let count = labels.iter().max().map_or(0, |&most| most + 1);
        let names =
            self.class_names.clone().unwrap_or_else(|| (0..count).map(|class| class.to_string()).collect());
        Ok((labels, names))
    }
}

/// The files of a data set.
struct Rows {
    inputs: Numbers,
    targets: Answers,
    /// With how many a row has.
    weights: Option<(Vec<f32>, usize)>,
}

enum Answers {
    Values(Numbers),
    Labels { labels: Vec<u32>, steps: usize, names: Vec<String> },
}

impl Rows {
    fn read(&self, rows: &[usize]) -> Result<Dataset> {
        let shape = |numbers: &Numbers| match numbers.shape() {
            [] => vec![1],
            shape => shape.to_vec(),
        };
        let inputs = self.inputs.read(rows)?;
        let data = match &self.targets {
            Answers::Values(values) => {
                Dataset::values(shape(&self.inputs), inputs, shape(values), values.read(rows)?)
            }
            Answers::Labels { labels, steps, names } => {
                let labels = gathered(labels, *steps, rows);
                let targets = Targets::Classes { labels, steps: *steps, names: names.clone() };
                Dataset::with_targets(shape(&self.inputs), inputs, targets)
            }
        }?;
        match &self.weights {
            Some((weights, width)) => data.with_weights(gathered(weights, *width, rows)),
            None => Ok(data),
        }
    }
}

/// The parts of these rows.
fn gathered<T: Copy>(values: &[T], width: usize, rows: &[usize]) -> Vec<T> {
    rows.iter().flat_map(|&row| &values[row * width..(row + 1) * width]).copied().collect()
}

/// The array in a file.
fn array(path: &Path) -> Result<Numbers> {
    let wrong = |found: String, remedy: &str| {
        let expected = "an array of numbers, as numpy.save writes it";
        Error::invalid(path.display(), found, expected, remedy)
    };
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut head = Vec::new();
    (&file).take(MOST_HEADER as u64 + 12).read_to_end(&mut head).map_err(|e| Error::io(path, e))?;
    let again = "save the array again with numpy.save";
    check_header(&head).ok_or_else(|| wrong("no header of an array".to_owned(), again))?;
    let mut rest = &head[..];
    let header = NpyHeader::from_reader(&mut rest).map_err(|e| wrong(e.to_string(), again))?;
    let kind = header.dtype().descr();
    let shape: Vec<usize> =
        header.shape().iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
    if header.order() == Order::Fortran && shape.len() > 1 {
        return Err(wrong("rows in column-major order".to_owned(), "save numpy.ascontiguousarray of it"));
    }
    Numbers::new((path, file), (head.len() - rest.len()) as u64, &shape, kind.trim_matches('\''))
}
