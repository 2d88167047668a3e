//! A data set in memory: rows of inputs and their targets.

use crate::{Error, Result};

/// What a model is to predict, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Class indices, 0 ≤ label < `names.len()`.
    Classes {
        /// One class index a row.
        labels: Vec<u32>,
        /// The name of each class; their number is the number of classes.
        names: Vec<String>,
    },
    /// Numbers to regress, or a distribution over classes: `shape` values a row.
    Values {
        /// The shape of one row's target.
        shape: Vec<usize>,
        /// All rows, one after another.
        values: Vec<f32>,
    },
}

impl Targets {
    /// How many numbers a model's output needs for these targets: the number of classes, or the
    /// number of values a row.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { names, .. } => names.len(),
            Self::Values { shape, .. } => shape.iter().product(),
        }
    }
}

/// Rows of inputs (each of one `shape`, row-major) with their targets. All values are finite and at
/// least one row exists: the constructors refuse anything else.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    shape: Vec<usize>,
    inputs: Vec<f32>,
    targets: Targets,
}

impl Dataset {
    /// A classification data set from arrays: `inputs` holds `labels.len()` rows of `shape`; every
    /// label is below `names.len()`.
    ///
    /// # Errors
    /// An empty set, lengths that do not fit together, a label out of range, NaN or infinite inputs.
    pub fn classes(
        shape: impl Into<Vec<usize>>,
        inputs: Vec<f32>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Result<Self> {
        if let Some(row) = labels.iter().position(|&l| l as usize >= names.len()) {
            return Err(Error::invalid(
                "data set labels",
                format!("label {} in row {row}", labels[row]),
                format!("labels below the number of classes, {}", names.len()),
                "correct the label or name every class",
            ));
        }
        let rows = labels.len();
        Self { shape: shape.into(), inputs, targets: Targets::Classes { labels, names } }.checked(rows)
    }

    /// A regression data set (or one with distributions as targets) from arrays: `inputs` holds rows of `shape`,
    /// `values` as many rows of `target_shape`.
    ///
    /// # Errors
    /// An empty set, lengths that do not fit together, NaN or infinite numbers.
    pub fn values(
        shape: impl Into<Vec<usize>>,
        inputs: Vec<f32>,
        target_shape: impl Into<Vec<usize>>,
        values: Vec<f32>,
    ) -> Result<Self> {
        let target_shape = target_shape.into();
        let width = target_shape.iter().product::<usize>();
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(Error::invalid(
                "data set targets",
                format!("{} values", values.len()),
                format!("whole rows of shape {target_shape:?}"),
                "pass one target row for every input row",
            ));
        }
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(not_finite("data set targets", values[i], i / width));
        }
        let rows = values.len() / width;
        Self { shape: shape.into(), inputs, targets: Targets::Values { shape: target_shape, values } }
            .checked(rows)
    }

    fn checked(self, rows: usize) -> Result<Self> {
        let width = self.row_len();
        if width == 0 || self.shape.is_empty() {
            return Err(Error::invalid(
                "data set inputs",
                format!("row shape {:?}", self.shape),
                "a shape with at least one value",
                "pass the shape of one row, without the batch",
            ));
        }
        if rows == 0 {
            return Err(Error::invalid(
                "data set",
                "no rows",
                "at least one row",
                "check the source of the data",
            ));
        }
        if self.inputs.len() != rows * width {
            return Err(Error::invalid(
                "data set inputs",
                format!("{} values", self.inputs.len()),
                format!("{rows} rows of shape {:?}, {} values", self.shape, rows * width),
                "pass one input row for every target row",
            ));
        }
        if let Some(i) = self.inputs.iter().position(|v| !v.is_finite()) {
            return Err(not_finite("data set inputs", self.inputs[i], i / width));
        }
        Ok(self)
    }

    /// The number of rows, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.inputs.len() / self.row_len()
    }

    /// The shape of one input row.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of values in one input row.
    pub fn row_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// All inputs, row after row.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs
    }

    /// The targets, row after row.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// One input row, or `None` past the end.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.inputs.chunks_exact(self.row_len()).nth(index)
    }

    /// The smallest and the largest input value: where range propagation starts.
    pub fn range(&self) -> (f32, f32) {
        self.inputs.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
    }

    /// The rows with these indices, in this order.
    ///
    /// # Errors
    /// An index past the end, or no index at all.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(&row) = rows.iter().find(|&&r| r >= self.len()) {
            return Err(Error::invalid(
                "data set selection",
                format!("row {row}"),
                format!("rows below {}", self.len()),
                "select existing rows",
            ));
        }
        let pick = |values: &[f32], width: usize| -> Vec<f32> {
            rows.iter().flat_map(|&r| &values[r * width..(r + 1) * width]).copied().collect()
        };
        let targets = match &self.targets {
            Targets::Classes { labels, names } => {
                Targets::Classes { labels: rows.iter().map(|&r| labels[r]).collect(), names: names.clone() }
            }
            Targets::Values { shape, values } => {
                Targets::Values { shape: shape.clone(), values: pick(values, shape.iter().product()) }
            }
        };
        Self { shape: self.shape.clone(), inputs: pick(&self.inputs, self.row_len()), targets }
            .checked(rows.len())
    }

    /// The same rows with other inputs of the same shape: what a scaler returns.
    ///
    /// # Errors
    /// As [`Dataset::classes`].
    pub fn with_inputs(&self, inputs: Vec<f32>) -> Result<Self> {
        Self { shape: self.shape.clone(), inputs, targets: self.targets.clone() }.checked(self.len())
    }
}

/// A training part and a part that training never sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// For training, and for fitting scalers.
    pub train: Dataset,
    /// For validation or testing.
    pub test: Dataset,
}

fn not_finite(place: &str, value: f32, row: usize) -> Error {
    Error::invalid(
        place,
        format!("{value} in row {row}"),
        "finite numbers",
        "drop the rows with missing values or fill them in",
    )
}
