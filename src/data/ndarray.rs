//! Arrays of the crate `ndarray` as data sets, and back.

use super::Dataset;
use crate::{Error, Result};
use ::ndarray::{ArrayRef, ArrayViewD, Dimension};

impl Dataset {
    /// A regression data set from arrays whose first axis counts the rows (feature `ndarray`): [`Dataset::values`] with the shapes of the
    /// rest. Targets with one axis are one value per row. Arrays may have any layout, and single or double precision: see
    /// [`Dataset::with_inputs_f64`].
    ///
    /// ```
    /// use autorot::Dataset;
    /// use autorot::ndarray::{array, s};
    ///
    /// let table = array![[0.1, 0.2, 1.0], [0.3, 0.4, 2.0]];
    /// let data = Dataset::from_ndarray(&table.slice(s![.., ..2]), &table.column(2))?;
    /// assert_eq!((data.len(), data.shape()), (2, &[2][..]));
    /// assert_eq!(data.inputs_ndarray()?[[1, 0]], 0.3);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// Arrays without rows, or with different numbers of them; NaN or infinite numbers.
    pub fn from_ndarray<T, D, S, E>(inputs: &ArrayRef<T, D>, targets: &ArrayRef<S, E>) -> Result<Self>
    where
        T: Copy + Into<f64>,
        D: Dimension,
        S: Copy + Into<f64>,
        E: Dimension,
    {
        let rows = rows_of(inputs, targets)?;
        let (inputs, shape) = (numbers(inputs), inputs.shape()[1..].to_vec());
        let (values, each) = (numbers(targets), targets.shape()[1..].to_vec());
        let each = if each.is_empty() { vec![values.len() / rows] } else { each };
        let data = Self::values(shape, single(&inputs), each, single(&values))?;
        data.with_inputs_f64(&inputs)?.with_targets_f64(&values)
    }

    /// A classification data set from arrays whose first axis counts the rows (feature `ndarray`): [`Dataset::classes`] with one label per row,
    /// or with labels `[rows, T]` [`Dataset::step_classes`].
    ///
    /// # Errors
    /// As [`Dataset::from_ndarray`]; labels with more axes, or that are no class.
    pub fn classes_from_ndarray<T: Copy + Into<f64>, D: Dimension, E: Dimension>(
        inputs: &ArrayRef<T, D>,
        labels: &ArrayRef<u32, E>,
        names: Vec<String>,
    ) -> Result<Self> {
        rows_of(inputs, labels)?;
        let (inputs, shape) = (numbers(inputs), inputs.shape()[1..].to_vec());
        let all = labels.iter().copied().collect();
        let data = match *labels.shape() {
            [_] => Self::classes(shape, single(&inputs), all, names),
            [_, steps] if shape.first() == Some(&steps) => {
                Self::step_classes(shape, single(&inputs), all, names)
            }
            _ => Err(Error::invalid(
                "data set labels",
                format!("an array of shape {:?} for rows of shape {shape:?}", labels.shape()),
                "a label per row, or one for every time step",
                "pass labels [rows] or [rows, T]",
            )),
        };
        data?.with_inputs_f64(&inputs)
    }

    /// The inputs as an array `[rows, …]` (feature `ndarray`), without a copy.
    ///
    /// # Errors
    /// More numbers than an array may have.
    pub fn inputs_ndarray(&self) -> Result<ArrayViewD<'_, f32>> {
        let shape = [&[self.len()], self.shape()].concat();
        ArrayViewD::from_shape(shape, self.inputs())
            .map_err(|error| Error::invalid("data set inputs", error, "an array's shape", "use fewer rows"))
    }
}

/// The number of rows of both arrays.
fn rows_of<T, D: Dimension, S, E: Dimension>(
    inputs: &ArrayRef<T, D>,
    targets: &ArrayRef<S, E>,
) -> Result<usize> {
    match (inputs.shape(), targets.shape()) {
        (&[rows, ..], &[others, ..]) if rows == others && rows > 0 => Ok(rows),
        (inputs, targets) => Err(Error::invalid(
            "data set",
            format!("arrays of shape {inputs:?} and {targets:?}"),
            "the same number of rows along the first axis of both, at least one",
            "pass one target for every row of inputs",
        )),
    }
}

/// All numbers in row-major order, whatever the layout.
fn numbers<T: Copy + Into<f64>, D: Dimension>(array: &ArrayRef<T, D>) -> Vec<f64> {
    array.iter().map(|&v| v.into()).collect()
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&v| v as f32).collect()
}
