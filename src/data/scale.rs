//! Scaling of inputs and targets.

mod linear;

use serde::{Deserialize, Serialize};

pub(crate) use linear::Linear;
pub use linear::Scale;

use super::{Dataset, Targets};
use crate::{Error, Result};

/// An invertible scaling `(x − shift) / width · span + low` of a data set's inputs, or of its values to regress.
///
/// It is fitted on the training part and applied to both parts, so that nothing about the test part leaks into the training. A feature is
/// a position in the last dimension of a row and has one scale everywhere (as in Keras' `Normalization`): a column of a table, a channel
/// of images `[H, W, C]`, or a feature of sequences `[T, F]` at every time step. Padded steps are left out of the fit and stay unchanged.
/// `…_overall` uses one scale for all values, which preserves the look of gray images. A feature that is constant in the training part is
/// only shifted, never divided by zero. Numbers that would lose information in single precision, such as times in seconds, are scaled in
/// double precision where the data set holds them so: those from files do, and [`Dataset::with_inputs_f64`] takes others.
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
#[serde(deny_unknown_fields)]
pub struct Scaler {
    part: Part,
    shape: Vec<usize>,
    /// One per feature, or a single one for all of them.
    features: Vec<Linear>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Part {
    Inputs,
    Targets,
}

impl Scaler {
    /// One scale per feature, or a single one for all of them.
    #[cfg(feature = "onnx")]
    pub(crate) fn linear(&self) -> &[Linear] {
        &self.features
    }

    /// Fits every feature of the inputs to mean 0 and standard deviation 1 (of the population: divided by the number of rows, or of all
    /// steps of all rows).
    pub fn standard(train: &Dataset) -> Self {
        Self::fit_inputs(train, train.features(), Scale::Standard)
    }

    /// Fits all inputs together to mean 0 and standard deviation 1.
    pub fn standard_overall(train: &Dataset) -> Self {
        Self::fit_inputs(train, 1, Scale::Standard)
    }

    /// Fits every feature of the values to regress to mean 0 and standard deviation 1.
    ///
    /// # Errors
    /// A data set whose targets are classes, or one target per step of padded sequences.
    pub fn standard_targets(train: &Dataset) -> Result<Self> {
        Self::fit_targets(train, Scale::Standard)
    }

    /// Maps the smallest value of every input feature to `low` and the largest to `high`. A constant feature becomes `low`. Values beyond
    /// the training part's range land outside `low..high`.
    ///
    /// # Errors
    /// `low` not below `high`, or either not finite.
    pub fn min_max(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        Ok(Self::fit_inputs(train, train.features(), Scale::MinMax { low, high }.checked()?))
    }

    /// Maps the smallest of all inputs to `low` and the largest to `high`.
    ///
    /// # Errors
    /// As [`Scaler::min_max`].
    pub fn min_max_overall(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        Ok(Self::fit_inputs(train, 1, Scale::MinMax { low, high }.checked()?))
    }

    /// Maps the smallest value of every target feature to `low` and the largest to `high`.
    ///
    /// # Errors
    /// As [`Scaler::min_max`] and [`Scaler::standard_targets`].
    pub fn min_max_targets(train: &Dataset, low: f32, high: f32) -> Result<Self> {
        Self::fit_targets(train, Scale::MinMax { low, high }.checked()?)
    }

    /// The same rows with scaled inputs, or with scaled targets if the scaler was fitted on targets.
    ///
    /// # Errors
    /// Rows of another shape than in the fit, classes where values are to be scaled, values too large once scaled, and a step of a padded
    /// sequence that looks like padding after scaling.
    pub fn apply(&self, data: &Dataset) -> Result<Dataset> {
        let (shape, values, exact) = match self.part {
            Part::Inputs => (data.shape(), data.inputs(), &data.exact_inputs),
            Part::Targets => {
                let (shape, values) = regression(data)?;
                (shape, values, &data.exact_targets)
            }
        };
        if shape != self.shape {
            return Err(Error::invalid(
                "scaler",
                format!("rows of shape {shape:?}"),
                format!("{:?}, the shape it was fitted on", self.shape),
                "apply it to data of the same shape or fit another scaler",
            ));
        }
        let mut scaled = Vec::with_capacity(values.len());
        exact.each_row(values, shape.iter().product(), |row| {
            let numbers = row.iter().zip(self.features.iter().cycle());
            scaled.extend(numbers.map(|(&v, feature)| feature.apply(v) as f32));
        });
        match self.part {
            Part::Inputs => data.with_inputs(data.with_padding(scaled)?),
            Part::Targets => data.with_values(shape, scaled),
        }
    }

    /// Scales whole rows outside a data set, in single or double precision, for predictions on new inputs. For tables,
    /// [`Preparation::inputs_f64`](super::Preparation::inputs_f64) returns them in double precision. It does not handle padding; use
    /// [`Scaler::apply`] for that.
    ///
    /// # Errors
    /// A length that is not a multiple of the row length.
    pub fn scale<T: Into<f64> + Copy>(&self, values: &[T]) -> Result<Vec<f32>> {
        self.whole(values.len())?;
        let numbers = values.iter().zip(self.features.iter().cycle());
        Ok(numbers.map(|(&v, feature)| feature.apply(v.into()) as f32).collect())
    }

    /// Whether it was fitted on targets.
    pub(crate) fn is_of_targets(&self) -> bool {
        self.part == Part::Targets
    }

    /// Whether it can have come of a fit.
    pub(crate) fn is_sound(&self) -> bool {
        let (features, row) =
            (self.features.len(), self.shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n)));
        let divides = row.is_some_and(|row| row > 0 && features > 0 && row.is_multiple_of(features));
        divides && self.features.iter().all(Linear::is_sound)
    }

    /// The numbers of a row that it scales.
    pub(crate) fn row_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inverts the scaling of whole rows: predictions in the units of the original targets.
    ///
    /// # Errors
    /// A length that is not a multiple of the row length.
    pub fn invert(&self, values: &[f32]) -> Result<Vec<f32>> {
        Ok(self.invert_f64(values)?.into_iter().map(|v| v as f32).collect())
    }

    /// As [`Scaler::invert`], in double precision: for values with more digits than an `f32` has, such as times.
    ///
    /// # Errors
    /// As [`Scaler::invert`].
    pub fn invert_f64(&self, values: &[f32]) -> Result<Vec<f64>> {
        self.whole(values.len())?;
        let numbers = values.iter().zip(self.features.iter().cycle());
        Ok(numbers.map(|(&v, feature)| feature.invert(v.into())).collect())
    }

    fn whole(&self, values: usize) -> Result<()> {
        let row: usize = self.shape.iter().product();
        if values.is_multiple_of(row) {
            return Ok(());
        }
        Err(Error::invalid(
            "scaler",
            format!("{values} values"),
            format!("whole rows of shape {:?}", self.shape),
            "pass whole rows",
        ))
    }

    fn fit_inputs(train: &Dataset, features: usize, scale: Scale) -> Self {
        let features = scale.fit(features, |visit| train.each_counting(visit));
        Self { part: Part::Inputs, shape: train.shape().to_vec(), features }
    }

    fn fit_targets(train: &Dataset, scale: Scale) -> Result<Self> {
        let (shape, values) = regression(train)?;
        let features = scale.fit(shape.last().copied().unwrap_or(1), |visit| {
            train.exact_targets.each_row(values, shape.iter().product(), visit);
        });
        Ok(Self { part: Part::Targets, shape: shape.to_vec(), features })
    }
}

impl Dataset {
    /// The number of features with their own scales: the last dimension, or a step of padded sequences.
    pub(super) fn features(&self) -> usize {
        let last = self.shape().last().copied().unwrap_or(1);
        self.padding.map_or(last, |padding| padding.step)
    }
}

fn regression(data: &Dataset) -> Result<(&[usize], &[f32])> {
    match data.targets() {
        Targets::Values { shape, .. }
            if data.mask_value().is_some() && shape.len() > 1 && shape[0] == data.shape()[0] =>
        {
            Err(Error::invalid(
                "scaler of targets",
                "targets of all steps of padded sequences, some of which are padding",
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
        // 0.1 has no exact sum, but its column is exactly 0.
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
    fn a_feature_of_sequences_has_one_scale_at_every_step() {
        // Two rows of three steps of two features, one of them constant at every single step.
        let inputs = vec![1.0, 10.0, 2.0, 20.0, 3.0, 60.0, 1.0, 12.0, 2.0, 30.0, 3.0, 50.0];
        let data = Dataset::values([3, 2], inputs, [3, 1], vec![0.0, 1.0, 2.0, 0.0, 1.0, 4.0]).unwrap();
        let scaler = Scaler::min_max(&data, 0.0, 1.0).unwrap();
        let scaled = scaler.apply(&data).unwrap();
        assert_eq!(scaled.inputs(), [0.0, 0.0, 0.5, 0.2, 1.0, 1.0, 0.0, 0.04, 0.5, 0.4, 1.0, 0.8]);
        assert_eq!(scaler.scale(&[3.0, 35.0, 2.0, 10.0, 1.0, 10.0]).unwrap(), [1.0, 0.5, 0.5, 0.0, 0.0, 0.0]);
        let standard = Scaler::standard(&data).apply(&data).unwrap();
        let (mean, deviation) = moments(standard.inputs().iter().copied().step_by(2));
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6, "{mean} {deviation}");
        let targets = Scaler::min_max_targets(&data, 0.0, 1.0).unwrap();
        let Targets::Values { values, .. } = targets.apply(&data).unwrap().targets().clone() else {
            panic!("values")
        };
        assert_eq!(values, [0.0, 0.25, 0.5, 0.0, 0.25, 1.0]);
        assert_eq!(targets.invert(&values).unwrap(), [0.0, 1.0, 2.0, 0.0, 1.0, 4.0]);
    }

    #[test]
    fn times_are_scaled_in_double_precision() {
        let times: Vec<f64> = (0..6).map(|i| 1_700_000_000.0 + f64::from(10 * i)).collect();
        let data = Dataset::values([1], vec![0.0; 6], [1], vec![0.0; 6]).unwrap();
        let data = data.with_inputs_f64(&times).unwrap().with_targets_f64(&times).unwrap();
        let (inputs, targets) =
            (Scaler::min_max(&data, 0.0, 1.0).unwrap(), Scaler::min_max_targets(&data, 0.0, 1.0).unwrap());
        let wanted = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
        // In either order, and on rows that were selected.
        let scaled = targets.apply(&inputs.apply(&data).unwrap()).unwrap();
        let Targets::Values { values, .. } = scaled.targets() else { panic!("values") };
        assert_eq!((scaled.inputs(), &values[..]), (&wanted[..], &wanted[..]));
        let some = data.select(&[4, 1]).unwrap();
        assert_eq!(inputs.apply(&targets.apply(&some).unwrap()).unwrap().inputs(), [0.8, 0.2]);
        assert_eq!(inputs.scale(&times).unwrap(), wanted);
        let back = targets.invert_f64(values).unwrap();
        assert!(back.iter().zip(&times).all(|(a, b)| (a - b).abs() < 1e-4), "{back:?}");
        let standard = Scaler::standard(&data).apply(&data).unwrap();
        let (mean, deviation) = moments(standard.inputs().iter().copied());
        assert!(mean.abs() < 1e-6 && (deviation - 1.0).abs() < 1e-6, "{mean} {deviation}");
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
