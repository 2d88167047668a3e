//! Scaling of inputs and targets.

use serde::{Deserialize, Serialize};

use super::{Dataset, Targets};
use crate::{Error, Result};

/// An invertible scaling `(x − shift) / width · span + low` of a data set's inputs, or of its values
/// to regress.
///
/// It is fitted on the training part and applied to both parts, so that nothing about the test part
/// leaks into the training. Tables want one scale a column; images want one common scale for all
/// their pixels (`…_overall`), which keeps their look. A column that is constant in the training part
/// is only shifted, never divided by zero. Padded sequences keep their padding, which no fit counts; their columns are
/// the features, over all steps. Targets of their steps are to be scaled before they are padded.
///
/// ```
/// use autorot::data::{Dataset, Scaler};
///
/// let train = Dataset::values([2], vec![1.0, 500.0, 3.0, 700.0], [1], vec![10.0, 30.0])?;
/// let (inputs, targets) = (Scaler::min_max(&train, 0.0, 1.0)?, Scaler::standard_targets(&train)?);
/// let scaled = targets.apply(&inputs.apply(&train)?)?;
/// assert_eq!(scaled.inputs(), [0.0, 0.0, 1.0, 1.0]);
/// // A prediction of 1 is one standard deviation above the mean.
/// assert_eq!(targets.invert(&[1.0])?, [30.0]);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    part: Part,
    shape: Vec<usize>,
    /// One entry a column, or a single one for all of them.
    columns: Vec<Column>,
    low: f64,
    span: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    Inputs,
    Targets,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    shift: f64,
    width: f64,
}

impl Scaler {
    /// Fits every input column to mean 0 and standard deviation 1 (of the population: divided by the
    /// number of rows).
    pub fn standard(train: &Dataset) -> Self {
        Self::fit_inputs(train, columns(train), standard, None)
    }

    /// Fits all inputs together to mean 0 and standard deviation 1.
    pub fn standard_overall(train: &Dataset) -> Self {
        Self::fit_inputs(train, 1, standard, None)
    }

    /// Fits every column of the values to regress to mean 0 and standard deviation 1.
    ///
    /// # Errors
    /// A data set whose targets are classes.
    pub fn standard_targets(train: &Dataset) -> Result<Self> {
        let (shape, values) = regression(train)?;
        Ok(Self::fit(Part::Targets, shape, values, shape.iter().product(), standard, None))
    }

    /// Fits the smallest value of every input column to `low` and its largest to `high`. A constant
    /// column becomes `low`. Values beyond the training part's range land outside `low..high`.
    ///
    /// # Errors
    /// `low` not below `high`, or either not finite.
    pub fn min_max(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        let range = checked(low, high)?;
        Ok(Self::fit_inputs(train, columns(train), min_max, range))
    }

    /// Fits the smallest of all inputs to `low` and the largest to `high`.
    ///
    /// # Errors
    /// As [`Scaler::min_max`].
    pub fn min_max_overall(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        let range = checked(low, high)?;
        Ok(Self::fit_inputs(train, 1, min_max, range))
    }

    /// Fits the smallest value of every column to regress to `low` and its largest to `high`.
    ///
    /// # Errors
    /// As [`Scaler::min_max`], and a data set whose targets are classes.
    pub fn min_max_targets(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        let range = checked(low, high)?;
        let (shape, values) = regression(train)?;
        Ok(Self::fit(Part::Targets, shape, values, shape.iter().product(), min_max, range))
    }

    /// The same rows with scaled inputs, or with scaled targets if the scaler was fitted on targets.
    ///
    /// # Errors
    /// Rows of another shape than those of the fit, classes where values are to be scaled, values too large once
    /// scaled, and a step of a padded sequence that scaling makes look like padding.
    pub fn apply(&self, data: &Dataset) -> Result<Dataset> {
        let (shape, values) = match self.part {
            Part::Inputs => (data.shape(), data.inputs()),
            Part::Targets => regression(data)?,
        };
        if shape != self.shape {
            return Err(Error::invalid(
                "scaler",
                format!("rows of shape {shape:?}"),
                format!("{:?}, the shape it was fitted on", self.shape),
                "apply it to data of the same shape or fit another scaler",
            ));
        }
        let scaled = self.scale(values)?;
        match self.part {
            Part::Inputs => data.with_inputs(data.with_padding(scaled)?),
            Part::Targets => data.with_values(shape, scaled),
        }
    }

    /// Scales whole rows outside a data set: what a prediction on new inputs needs. Knows of no padding; that takes
    /// [`Scaler::apply`].
    ///
    /// # Errors
    /// A length that is not a multiple of the row length.
    pub fn scale(&self, values: &[f32]) -> Result<Vec<f32>> {
        self.map(values, |c, v| (v - c.shift) / c.width * self.span + self.low)
    }

    /// Takes the scaling of whole rows back: predictions in the units of the original targets.
    ///
    /// # Errors
    /// A length that is not a multiple of the row length.
    pub fn invert(&self, values: &[f32]) -> Result<Vec<f32>> {
        self.map(values, |c, v| (v - self.low) / self.span * c.width + c.shift)
    }

    fn map(&self, values: &[f32], f: impl Fn(&Column, f64) -> f64) -> Result<Vec<f32>> {
        let row: usize = self.shape.iter().product();
        if !values.len().is_multiple_of(row) {
            return Err(Error::invalid(
                "scaler",
                format!("{} values", values.len()),
                format!("whole rows of shape {:?}", self.shape),
                "pass whole rows",
            ));
        }
        Ok(values.iter().zip(self.columns.iter().cycle()).map(|(&v, c)| f(c, f64::from(v)) as f32).collect())
    }

    fn fit_inputs(
        train: &Dataset,
        columns: usize,
        fit: fn(&[f32], usize) -> Vec<Column>,
        range: Option<(f64, f64)>,
    ) -> Self {
        if train.mask_value().is_none() {
            return Self::fit(Part::Inputs, train.shape(), train.inputs(), columns, fit, range);
        }
        let values: Vec<f32> = train.counting().flatten().copied().collect();
        Self::fit(Part::Inputs, train.shape(), &values, columns, fit, range)
    }

    fn fit(
        part: Part,
        shape: &[usize],
        values: &[f32],
        columns: usize,
        fit: fn(&[f32], usize) -> Vec<Column>,
        range: Option<(f64, f64)>,
    ) -> Self {
        let (low, high) = range.unwrap_or((0.0, 1.0));
        Self { part, shape: shape.to_vec(), columns: fit(values, columns), low, span: high - low }
    }
}

/// The values of a row, or of a step of padded sequences.
fn columns(train: &Dataset) -> usize {
    train.padding.map_or(train.row_len(), |padding| padding.step)
}

fn regression(data: &Dataset) -> Result<(&[usize], &[f32])> {
    match data.targets() {
        Targets::Values { shape, .. }
            if data.mask_value().is_some() && shape.len() > 1 && shape[0] == data.shape()[0] =>
        {
            Err(Error::invalid(
                "scaler of targets",
                "targets of all steps of padded sequences, some of which stand for nothing",
                "a target for every sequence",
                "scale the targets of steps before they are padded",
            ))
        }
        Targets::Values { shape, values } => Ok((shape, values)),
        Targets::Classes { .. } => Err(Error::invalid(
            "scaler of targets",
            "classes",
            "values to regress",
            "leave classes as they are, or scale the inputs",
        )),
    }
}

fn checked(low: f32, high: f32) -> Result<Option<(f64, f64)>> {
    if low.is_finite() && high.is_finite() && low < high {
        return Ok(Some((low.into(), high.into())));
    }
    Err(Error::invalid(
        "scaler range",
        format!("{low} to {high}"),
        "two finite numbers, the smaller first",
        "pass a range such as 0 to 1",
    ))
}

/// The smallest and the largest value of every column.
fn extremes(values: &[f32], columns: usize) -> Vec<(f32, f32)> {
    let mut found = vec![(f32::INFINITY, f32::NEG_INFINITY); columns];
    for row in values.chunks_exact(columns) {
        found.iter_mut().zip(row).for_each(|(e, &v)| *e = (e.0.min(v), e.1.max(v)));
    }
    found
}

fn min_max(values: &[f32], columns: usize) -> Vec<Column> {
    let column = |(low, high): (f32, f32)| Column {
        shift: low.into(),
        width: if low == high { 1.0 } else { f64::from(high) - f64::from(low) },
    };
    extremes(values, columns).into_iter().map(column).collect()
}

fn standard(values: &[f32], columns: usize) -> Vec<Column> {
    let rows = (values.len() / columns) as f64;
    let mut fitted = vec![Column { shift: 0.0, width: 0.0 }; columns];
    // The mean first, then the squares around it: no cancellation for large offsets.
    for row in values.chunks_exact(columns) {
        fitted.iter_mut().zip(row).for_each(|(c, &v)| c.shift += f64::from(v) / rows);
    }
    for row in values.chunks_exact(columns) {
        fitted.iter_mut().zip(row).for_each(|(c, &v)| c.width += (f64::from(v) - c.shift).powi(2) / rows);
    }
    // Rounding may leave a constant column a tiny deviation, so its extremes decide.
    for (c, (low, high)) in fitted.iter_mut().zip(extremes(values, columns)) {
        *c = if low == high {
            Column { shift: low.into(), width: 1.0 }
        } else {
            Column { width: c.width.sqrt(), ..*c }
        };
    }
    fitted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three rows with a growing, a constant and a shifted column; two targets.
    fn table() -> Dataset {
        let inputs = vec![1.0, 0.1, -4.0, 2.0, 0.1, 0.0, 6.0, 0.1, 4.0];
        Dataset::values([3], inputs, [2], vec![10.0, 5.0, 20.0, 5.0, 60.0, 5.0]).unwrap()
    }

    fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
        let n = values.clone().count() as f32;
        let mean = values.clone().sum::<f32>() / n;
        (mean, (values.map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt())
    }

    #[test]
    fn standard_columns_have_mean_0_and_deviation_1() {
        let data = table();
        let scaled = Scaler::standard(&data).apply(&data).unwrap();
        for column in [0, 2] {
            let (mean, deviation) = moments(scaled.inputs().iter().copied().skip(column).step_by(3));
            assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6, "{column}: {mean} {deviation}");
        }
        // 0.1 has no exact sum: its column is still exactly 0.
        assert!(scaled.inputs().iter().skip(1).step_by(3).all(|&v| v == 0.0));
        assert_eq!(scaled.targets(), data.targets());
    }

    #[test]
    fn overall_scaling_keeps_the_order_of_all_values() {
        let data = table();
        let scaled = Scaler::standard_overall(&data).apply(&data).unwrap();
        let (mean, deviation) = moments(scaled.inputs().iter().copied());
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6, "{mean} {deviation}");
        let scaled = Scaler::min_max_overall(&data, 0.0, 1.0).unwrap().apply(&data).unwrap();
        assert_eq!(scaled.inputs(), [0.5, 0.41, 0.0, 0.6, 0.41, 0.4, 1.0, 0.41, 0.8]);
    }

    #[test]
    fn min_max_columns_fill_the_range() {
        let data = table();
        let scaler = Scaler::min_max(&data, -1.0, 1.0).unwrap();
        let scaled = scaler.apply(&data).unwrap();
        assert_eq!(scaled.inputs(), [-1.0, -1.0, -1.0, -0.6, -1.0, 0.0, 1.0, -1.0, 1.0]);
        // Another part is scaled by the training part's range.
        assert_eq!(scaler.scale(&[11.0, 1.1, -12.0]).unwrap(), [3.0, 1.0, -3.0]);
    }

    #[test]
    fn large_offsets_do_not_cancel() {
        let data = Dataset::values([1], vec![1e7, 1e7 + 1.0, 1e7 + 2.0], [1], vec![0.0; 3]).unwrap();
        let scaled = Scaler::standard(&data).apply(&data).unwrap();
        assert_eq!(scaled.inputs(), [-1.224_744_9, 0.0, 1.224_744_9]);
    }

    #[test]
    fn targets_are_scaled_and_predictions_scaled_back() {
        let data = table();
        let Targets::Values { values, .. } = data.targets() else { panic!("values") };
        for scaler in
            [Scaler::standard_targets(&data).unwrap(), Scaler::min_max_targets(&data, -1.0, 1.0).unwrap()]
        {
            let scaled = scaler.apply(&data).unwrap();
            assert_eq!(scaled.inputs(), data.inputs());
            let Targets::Values { values: small, .. } = scaled.targets() else { panic!("values") };
            assert!(small.iter().all(|v| v.abs() < 1.5));
            let back = scaler.invert(small).unwrap();
            assert!(back.iter().zip(values).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let data = table();
        let classes = Dataset::classes([2], vec![0.0, 1.0], vec![0], vec!["a".into()]).unwrap();
        assert!(Scaler::standard_targets(&classes).is_err());
        assert!(Scaler::min_max_targets(&classes, 0.0, 1.0).is_err());
        assert!(Scaler::standard_targets(&data).unwrap().apply(&classes).is_err());
        let message = Scaler::standard_overall(&data).apply(&classes).unwrap_err().to_string();
        assert!(message.contains("[2]") && message.contains("[3]"), "{message}");
        assert!(Scaler::standard(&data).invert(&[1.0; 4]).is_err());
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY)] {
            assert!(Scaler::min_max(&data, low, high).is_err(), "{low} {high}");
        }
    }
}
