//! A data set in memory: rows of inputs and their targets.

use super::mask::Padding;
use super::precise::Precise;
use crate::{Error, Result, shape};

/// What a model predicts for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Class indices, 0 ≤ label < `names.len()`.
    Classes {
        /// The class indices, row after row: one per row, or one per time step.
        labels: Vec<u32>,
        /// The number of labels per row.
        steps: usize,
        /// The name of each class; their number is the number of classes.
        names: Vec<String>,
    },
    /// Numbers to regress, or a distribution over classes: `shape` values per row.
    Values {
        /// The shape of one row's target.
        shape: Vec<usize>,
        /// All rows, one after another.
        values: Vec<f32>,
    },
}

impl Targets {
    /// How many outputs a model needs for these targets: the number of classes, or the number of values per row.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { names, steps, .. } => steps * names.len(),
            Self::Values { shape, .. } => shape.iter().product(),
        }
    }

    /// The total number of values or labels.
    #[expect(clippy::len_without_is_empty, reason = "targets are never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values { values, .. } => values.len(),
        }
    }

    /// How many time steps, or other positions, of a row have their own targets: 1 for a single target per row.
    pub fn steps(&self) -> usize {
        match self {
            Self::Classes { steps, .. } => *steps,
            Self::Values { shape, .. } => shape.split_last().map_or(1, |(_, steps)| steps.iter().product()),
        }
    }
}

/// Rows of inputs (each of one `shape`, row-major) with their targets. All values are finite and there is at least one row: the
/// constructors refuse anything else.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    shape: Vec<usize>,
    inputs: Vec<f32>,
    targets: Targets,
    /// What rows, or their steps, count.
    pub(super) weights: Option<Vec<f32>>,
    /// For padded sequences.
    pub(super) padding: Option<Padding>,
    /// What single precision loses of the inputs, and of the values to regress.
    pub(super) exact_inputs: Precise,
    pub(super) exact_targets: Precise,
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
        check_labels(&labels, &names, 1)?;
        let rows = labels.len();
        let targets = Targets::Classes { labels, steps: 1, names };
        Self::plain(shape.into(), inputs, targets).checked(rows)
    }

    /// A data set of sequences `[T, ...]` with a class for every time step: `labels` holds T of them per row.
    ///
    /// # Errors
    /// As [`Dataset::classes`]; a number of labels that is not a multiple of T.
    pub fn step_classes(
        shape: impl Into<Vec<usize>>,
        inputs: Vec<f32>,
        labels: Vec<u32>,
        names: Vec<String>,
    ) -> Result<Self> {
        let shape = shape.into();
        let steps = shape.first().copied().unwrap_or(0);
        if steps == 0 || !labels.len().is_multiple_of(steps) {
            return Err(Error::invalid(
                "data set labels",
                format!("{} labels for sequences of shape {shape:?}", labels.len()),
                "a label for every time step, and at least one time step",
                "pass as many labels per row as it has time steps",
            ));
        }
        check_labels(&labels, &names, steps)?;
        let rows = labels.len() / steps;
        let targets = Targets::Classes { labels, steps, names };
        Self::plain(shape, inputs, targets).checked(rows)
    }

    /// A regression data set (or one with distributions as targets) from arrays: `inputs` holds rows of `shape`, `values` the same number
    /// of rows of `target_shape`.
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
        let width = shape::elements("data set targets", &target_shape)?;
        if !values.len().is_multiple_of(width) {
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
        let targets = Targets::Values { shape: target_shape, values };
        Self::plain(shape.into(), inputs, targets).checked(rows)
    }

    /// Rows of inputs with any kind of targets.
    ///
    /// # Errors
    /// As [`Dataset::classes`] and [`Dataset::values`].
    pub(super) fn with_targets(shape: Vec<usize>, inputs: Vec<f32>, targets: Targets) -> Result<Self> {
        match targets {
            Targets::Classes { labels, steps: 1, names } => Self::classes(shape, inputs, labels, names),
            Targets::Classes { labels, names, .. } => Self::step_classes(shape, inputs, labels, names),
            Targets::Values { shape: of_target, values } => Self::values(shape, inputs, of_target, values),
        }
    }

    fn plain(shape: Vec<usize>, inputs: Vec<f32>, targets: Targets) -> Self {
        let (exact_inputs, exact_targets) = Default::default();
        Self { shape, inputs, targets, weights: None, padding: None, exact_inputs, exact_targets }
    }

    fn checked(self, rows: usize) -> Result<Self> {
        let width = shape::elements("data set inputs", &self.shape)?;
        if rows == 0 {
            return Err(no_rows());
        }
        if self.inputs.len() / width != rows || !self.inputs.len().is_multiple_of(width) {
            return Err(Error::invalid(
                "data set inputs",
                format!("{} values", self.inputs.len()),
                format!("{rows} rows of shape {:?}, {width} values each", self.shape),
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

    /// The smallest and the largest input value, without padded steps. A network for these data uses this range, unless a few values lie
    /// far beyond the rest: see [`Dataset::observe`].
    pub fn range(&self) -> (f32, f32) {
        let values = self.counting().flatten();
        values.fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
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
        if rows.is_empty() {
            return Err(no_rows());
        }
        Ok(self.picked(rows))
    }

    /// The rows with these indices: at least one, and all in range.
    pub(super) fn picked(&self, rows: &[usize]) -> Self {
        let pick = |values: &[f32], width: usize| -> Vec<f32> {
            rows.iter().flat_map(|&r| &values[r * width..(r + 1) * width]).copied().collect()
        };
        let targets = match &self.targets {
            Targets::Classes { labels, steps, names } => {
                let labels =
                    rows.iter().flat_map(|&r| &labels[r * steps..(r + 1) * steps]).copied().collect();
                Targets::Classes { labels, steps: *steps, names: names.clone() }
            }
            Targets::Values { shape, values } => {
                Targets::Values { shape: shape.clone(), values: pick(values, shape.iter().product()) }
            }
        };
        let inputs = pick(&self.inputs, self.row_len());
        let mut data = Self::plain(self.shape.clone(), inputs, targets);
        let per_row = self.weights_per_row();
        data.weights = self.weights().zip(per_row).map(|(weights, per_row)| pick(weights, per_row));
        data.padding = self.padding;
        (data.exact_inputs, data.exact_targets) =
            (self.exact_inputs.select(rows), self.exact_targets.select(rows));
        data
    }

    /// Other rows of the same kind, which have been checked.
    pub(super) fn with_rows(&self, inputs: Vec<f32>, targets: Targets, weights: Option<Vec<f32>>) -> Self {
        let rows = Self::plain(self.shape.clone(), inputs, targets);
        Self { weights, padding: self.padding, ..rows }
    }

    /// The same rows with other inputs of the same shape, as returned by a scaler. In padded sequences the mask value stays, and the
    /// padding must be where it was.
    ///
    /// # Errors
    /// As [`Dataset::classes`]; steps that are padded in one and not in the other.
    pub fn with_inputs(&self, inputs: Vec<f32>) -> Result<Self> {
        let mut data = Self::plain(self.shape.clone(), inputs, self.targets.clone());
        (data.weights, data.padding) = (self.weights.clone(), self.padding);
        data.exact_targets = self.exact_targets.clone();
        let data = data.checked(self.len())?;
        self.check_padding_of(&data)?;
        Ok(data)
    }

    /// The same rows in another shape with the same number of values, such as gray images `[28, 28]` as `[28, 28, 1]` for layers that
    /// need channels. Costs nothing.
    ///
    /// # Errors
    /// A shape with another number of values.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if shape::elements("data set shape", &shape)? != self.row_len() {
            return Err(Error::invalid(
                "data set shape",
                format!("{shape:?}"),
                format!("a shape of {} values, like {:?}", self.row_len(), self.shape),
                "keep the number of values per row",
            ));
        }
        Ok(Self { shape, ..self })
    }
}

fn check_labels(labels: &[u32], names: &[String], steps: usize) -> Result<()> {
    match labels.iter().position(|&l| l as usize >= names.len()) {
        None => Ok(()),
        Some(i) => Err(Error::invalid(
            "data set labels",
            format!("label {} in row {}", labels[i], i / steps),
            format!("labels below the number of classes, {}", names.len()),
            "correct the label or name every class",
        )),
    }
}

fn no_rows() -> Error {
    Error::invalid("data set", "no rows", "at least one row", "check the source of the data")
}

fn not_finite(place: &str, value: f32, row: usize) -> Error {
    Error::invalid(
        place,
        format!("{value} in row {row}"),
        "finite numbers",
        "drop the rows with missing values or fill them in",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_shape_keeps_the_values() {
        let data = Dataset::values([2, 3], (0..12).map(|i| i as f32).collect(), [1], vec![0.0, 1.0]).unwrap();
        let shaped = data.clone().reshape([2, 3, 1]).unwrap();
        assert_eq!((shaped.shape(), shaped.len()), (&[2, 3, 1][..], 2));
        assert_eq!((shaped.inputs(), shaped.targets()), (data.inputs(), data.targets()));
        let error = data.reshape([2, 2]).unwrap_err().to_string();
        assert!(error.contains("[2, 2]") && error.contains("[2, 3]"), "{error}");
    }
}
