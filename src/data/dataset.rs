//! A data set in memory: rows of inputs and their targets.

use super::pad::Padding;
use super::precise::Precise;
use crate::{Error, Result, shape};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;

/// What a model is to predict, row by row.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Class indices, 0 ≤ label < `names.len()`.
    Classes {
        /// The class indices of a row, one after another: one, or one a time step.
        labels: Vec<u32>,
        /// How many labels a row has.
        steps: usize,
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
            Self::Classes { names, steps, .. } => steps * names.len(),
            Self::Values { shape, .. } => shape.iter().product(),
        }
    }

    /// How many numbers or labels there are in all.
    #[expect(clippy::len_without_is_empty, reason = "targets are never empty")]
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values { values, .. } => values.len(),
        }
    }

    /// How many time steps, or other positions, of a row have targets of their own: 1 for a single target a row.
    pub fn steps(&self) -> usize {
        match self {
            Self::Classes { steps, .. } => *steps,
            Self::Values { shape, .. } => shape.split_last().map_or(1, |(_, steps)| steps.iter().product()),
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
    /// Of padded sequences.
    pub(super) padding: Option<Padding>,
    /// What single precision damages of the inputs, and of the values to regress.
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

    /// A data set of sequences `[T, ...]` every time step of which has a class: `labels` holds T of them a row.
    ///
    /// # Errors
    /// As [`Dataset::classes`]; a number of labels that is no multiple of T.
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
                "a label for every time step, of which there is one at least",
                "pass as many labels a row as it has time steps",
            ));
        }
        check_labels(&labels, &names, steps)?;
        let rows = labels.len() / steps;
        let targets = Targets::Classes { labels, steps, names };
        Self::plain(shape, inputs, targets).checked(rows)
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

    fn plain(shape: Vec<usize>, inputs: Vec<f32>, targets: Targets) -> Self {
        let (exact_inputs, exact_targets) = Default::default();
        Self { shape, inputs, targets, padding: None, exact_inputs, exact_targets }
    }

    fn checked(self, rows: usize) -> Result<Self> {
        let width = shape::elements("data set inputs", &self.shape)?;
        if rows == 0 {
            return Err(Error::invalid(
                "data set",
                "no rows",
                "at least one row",
                "check the source of the data",
            ));
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

    /// The smallest and the largest input value, padded steps left out: where range propagation starts.
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
        data.padding = self.padding;
        (data.exact_inputs, data.exact_targets) =
            (self.exact_inputs.select(rows), self.exact_targets.select(rows));
        data.checked(rows.len())
    }

    /// Splits off a share of the rows for testing, at random; of a classification set the same share of every
    /// class. The same seed gives the same split.
    ///
    /// # Errors
    /// A share outside of 0..1, or one that leaves a part without rows.
    pub fn split(&self, test_share: f64, seed: u64) -> Result<Split> {
        check_share(test_share)?;
        let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for row in 0..self.len() {
            let class = match &self.targets {
                Targets::Classes { labels, steps: 1, .. } => labels[row],
                Targets::Classes { .. } | Targets::Values { .. } => 0,
            };
            groups.entry(class).or_default().push(row);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for rows in groups.values_mut() {
            rows.shuffle(&mut rng);
            let (testing, training) = rows.split_at((rows.len() as f64 * test_share).round() as usize);
            test.extend_from_slice(testing);
            train.extend_from_slice(training);
        }
        train.sort_unstable();
        test.sort_unstable();
        self.parts(&train, &test, test_share)
    }

    /// Splits off the last share of the rows for testing: of rows in the order of time, what came later, as a model
    /// in use meets it.
    ///
    /// # Errors
    /// As [`Dataset::split`].
    pub fn split_last(&self, test_share: f64) -> Result<Split> {
        check_share(test_share)?;
        let testing = (self.len() as f64 * test_share).round() as usize;
        let rows: Vec<usize> = (0..self.len()).collect();
        let (train, test) = rows.split_at(self.len() - testing);
        self.parts(train, test, test_share)
    }

    fn parts(&self, train: &[usize], test: &[usize], test_share: f64) -> Result<Split> {
        if train.is_empty() || test.is_empty() {
            return Err(Error::invalid(
                "data set split",
                format!("{} training and {} test rows from a share of {test_share}", train.len(), test.len()),
                "at least one row in each part",
                "choose another share, or bring more rows of every class",
            ));
        }
        Ok(Split { train: self.select(train)?, test: self.select(test)? })
    }

    /// The same rows with other inputs of the same shape: what a scaler returns. Of padded sequences the mask value
    /// stays.
    ///
    /// # Errors
    /// As [`Dataset::classes`].
    pub fn with_inputs(&self, inputs: Vec<f32>) -> Result<Self> {
        let mut data = Self::plain(self.shape.clone(), inputs, self.targets.clone());
        data.padding = self.padding;
        data.exact_targets = self.exact_targets.clone();
        data.checked(self.len())
    }

    /// The same rows seen in another shape of as many values: gray images `[28, 28]` as `[28, 28, 1]`, say, for
    /// layers that want channels. Costs nothing.
    ///
    /// # Errors
    /// A shape of another number of values.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        if shape::elements("data set shape", &shape)? != self.row_len() {
            return Err(Error::invalid(
                "data set shape",
                format!("{shape:?}"),
                format!("a shape of {} values, as many as {:?} has", self.row_len(), self.shape),
                "keep the number of values of a row",
            ));
        }
        Ok(Self { shape, ..self })
    }
}

/// A training part and a part that training never sees: of a data set, or of a [`Table`](super::Table).
#[derive(Clone, Debug, PartialEq)]
pub struct Split<T = Dataset> {
    /// For training, and for fitting scalers and preparations.
    pub train: T,
    /// For validation or testing.
    pub test: T,
}

fn check_share(test_share: f64) -> Result<()> {
    if test_share > 0.0 && test_share < 1.0 {
        return Ok(());
    }
    Err(Error::invalid(
        "data set split",
        format!("a share of {test_share}"),
        "a share above 0 and below 1",
        "0.2 keeps a fifth for testing",
    ))
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

    #[test]
    fn a_split_keeps_every_row_once_and_the_classes_in_proportion() {
        let labels: Vec<u32> = (0..100).map(|i| u32::from(i % 10 == 0)).collect();
        let inputs: Vec<f32> = (0..100).map(|i| i as f32).collect();
        let data = Dataset::classes([1], inputs, labels, vec!["a".into(), "b".into()]).unwrap();
        let split = data.split(0.2, 1).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (80, 20));
        let Targets::Classes { labels, .. } = split.test.targets() else { panic!("classes stay classes") };
        assert_eq!(labels.iter().sum::<u32>(), 2);
        let mut all = [split.train.inputs(), split.test.inputs()].concat();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, data.inputs());
        assert_eq!(split, data.split(0.2, 1).unwrap());
        assert_ne!(split, data.split(0.2, 2).unwrap());
        assert!(
            data.split(1.0, 0).is_err() && data.split(f64::NAN, 0).is_err() && data.split(0.001, 0).is_err()
        );
    }

    #[test]
    fn the_last_rows_are_split_off_in_their_order() {
        let data = Dataset::values([1], (0..10).map(|i| i as f32).collect(), [1], vec![0.5; 10]).unwrap();
        let split = data.split_last(0.3).unwrap();
        assert_eq!(split.train.inputs(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(split.test.inputs(), [7.0, 8.0, 9.0]);
        for share in [0.0, 1.0, f64::NAN, 0.01, 0.99] {
            let error = data.split_last(share).unwrap_err().to_string();
            assert!(error.starts_with("data set split: found"), "{error}");
        }
    }
}
