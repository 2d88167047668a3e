//! Double precision for columns that would lose information in single precision.

use std::fmt::{self, Display, Formatter};

use super::mask::Padding;
use super::{Dataset, Targets};
use crate::{Error, Result};

/// The largest rounding, as a share of a feature's spread, that is not reported.
const COARSE: f64 = 1e-4;

/// Columns of a row-major `f32` array in double precision: those in which single precision loses something that scaling would keep. Times
/// in seconds since 1970 need it; most columns do not, and cost nothing here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Precise {
    /// A column's index and its numbers, one per row.
    columns: Vec<(usize, Vec<f64>)>,
}

/// A feature that loses information in single precision which scaling would keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loss {
    pub feature: usize,
    /// How many different numbers the feature has, and how many of them remain different in single precision, if it merges some.
    merged: Option<(usize, usize)>,
    /// The largest rounding, as a share of the spread.
    moved: f64,
}

impl Display for Loss {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.merged {
            Some((different, left)) => write!(
                f,
                "of {different} different numbers {left} are left in single precision, in which networks compute"
            ),
            None => write!(
                f,
                "single precision, in which networks compute, moves the numbers by up to {:.2}% of their spread",
                100.0 * self.moved
            ),
        }
    }
}

/// Rows of numbers in single precision, and what that loses.
pub(super) struct Rounded {
    pub single: Vec<f32>,
    pub exact: Precise,
    pub losses: Vec<Loss>,
}

impl Rounded {
    /// Reports the losses in a data set's inputs or targets in one warning.
    pub fn warn(&self, place: impl Display) {
        if let [first, more @ ..] = &self.losses[..] {
            let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            log::warn!(
                "{place}, feature {}{others}: {first}; scale them with a Scaler, which uses double precision",
                first.feature
            );
        }
    }
}

impl Precise {
    /// Splits rows of `width` numbers, in which `features` features with their own scales repeat. Padded steps do not count.
    pub fn split(values: &[f64], width: usize, features: usize, padding: Option<Padding>) -> Rounded {
        let single: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        let step = padding.map_or(1, |padding| padding.step);
        let padded: Vec<bool> = padding
            .map(|padding| single.chunks(step).map(|step| padding.is(step)).collect())
            .unwrap_or_default();
        let counting = |first: usize, stride: usize| {
            let padded = &padded;
            let places = (first..values.len()).step_by(stride);
            places
                .filter(move |place| padded.get(place / step) != Some(&true))
                .map(move |place| values[place])
        };
        let (mut columns, mut losses, mut rounded) = (Vec::new(), Vec::new(), vec![false; features]);
        for column in 0..width {
            if counting(column, width).all(|v| f64::from(v as f32) == v) {
                continue;
            }
            rounded[column % features] = true;
            if damaged(counting(column, width)) || merged(counting(column, width)).is_some() {
                columns.push((column, values.iter().skip(column).step_by(width).copied().collect()));
            }
        }
        for feature in (0..features).filter(|&feature| rounded[feature]) {
            losses.extend(loss(feature, counting(feature, features)));
        }
        Rounded { single, exact: Self { columns }, losses }
    }

    /// These rows, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |numbers: &[f64]| rows.iter().map(|&row| numbers[row]).collect();
        Self { columns: self.columns.iter().map(|(column, numbers)| (*column, pick(numbers))).collect() }
    }

    /// Visits the rows of `width` numbers of the `f32` array that this belongs to, in double precision where known.
    pub fn each_row(&self, values: &[f32], width: usize, mut visit: impl FnMut(&[f64])) {
        let mut row = vec![0.0; width];
        for (index, single) in values.chunks_exact(width).enumerate() {
            row.iter_mut().zip(single).for_each(|(row, &v)| *row = v.into());
            for (column, numbers) in &self.columns {
                row[*column] = numbers[index];
            }
            visit(&row);
        }
    }
}

/// The smallest and the largest of the numbers.
fn ends(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

fn rounding(number: f64) -> f64 {
    (number - f64::from(number as f32)).abs()
}

/// Whether single precision changes whole numbers, or any numbers by more than is negligible compared with their spread.
fn damaged(mut numbers: impl Iterator<Item = f64> + Clone) -> bool {
    let (low, high) = ends(numbers.clone());
    numbers.any(|v| rounding(v) > 0.0 && (v.fract() == 0.0 || rounding(v) > 1e-6 * (high - low)))
}

/// How many different numbers there are, and how many of them remain different in single precision, if it merges some that would stay
/// different after scaling to 0..1.
fn merged(numbers: impl Iterator<Item = f64>) -> Option<(usize, usize)> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.dedup();
    let (different, low) = (numbers.len(), *numbers.first()?);
    let spread = numbers[different - 1] - low;
    let merged = |pair: &&[f64]| pair[0] as f32 == pair[1] as f32;
    let saved = |pair: &[f64]| ((pair[0] - low) / spread) as f32 != ((pair[1] - low) / spread) as f32;
    let left = different - numbers.windows(2).filter(merged).count();
    numbers.windows(2).filter(merged).any(saved).then_some((different, left))
}

/// A feature's loss, if it matters.
fn loss(feature: usize, numbers: impl Iterator<Item = f64> + Clone) -> Option<Loss> {
    if !damaged(numbers.clone()) {
        return None;
    }
    let (low, high) = ends(numbers.clone());
    let moved = numbers.clone().map(rounding).fold(0.0, f64::max) / (high - low);
    let merged = merged(numbers);
    // A single number has no spread, and nothing that it could be confused with.
    (merged.is_some() || moved.is_finite() && moved > COARSE).then_some(Loss { feature, merged, moved })
}

impl Dataset {
    /// The same rows with these inputs of the same shape. A [`Scaler`](super::Scaler) uses the numbers in double precision; everything
    /// else sees them in single precision, which is enough once they are scaled.
    ///
    /// Columns are kept in double precision if single precision loses information: 1,700,000,000 and 1,700,000,010, for example, are the
    /// same `f32`. Unscaled they are rounded. If that merges different numbers of a feature, or moves them by a notable share of their
    /// spread, the feature is reported through `log`.
    ///
    /// # Errors
    /// As [`Dataset::classes`]; a number beyond the range of `f32`.
    pub fn with_inputs_f64(&self, inputs: &[f64]) -> Result<Self> {
        let rounded = Precise::split(inputs, self.row_len(), self.features(), self.padding);
        let mut data = self.with_inputs(rounded.single.clone())?;
        rounded.warn("data set inputs");
        data.exact_inputs = rounded.exact;
        Ok(data)
    }

    /// The same rows with these values to regress, of the same shape, as [`Dataset::with_inputs_f64`] does for inputs.
    ///
    /// # Errors
    /// Targets that are classes; another number of values; a number that is not finite or beyond the range of `f32`.
    pub fn with_targets_f64(&self, values: &[f64]) -> Result<Self> {
        let Targets::Values { shape, .. } = self.targets() else {
            return Err(Error::invalid(
                "data set targets",
                "classes",
                "values to regress",
                "leave classes as they are",
            ));
        };
        let features = shape.last().copied().unwrap_or(1);
        let rounded = Precise::split(values, shape.iter().product(), features, None);
        let mut data = self.with_values(shape, rounded.single.clone())?;
        rounded.warn("data set targets");
        data.exact_targets = rounded.exact;
        Ok(data)
    }

    /// Visits the inputs without padded steps like [`Dataset::counting`], in double precision where known.
    pub(super) fn each_counting(&self, mut visit: impl FnMut(&[f64])) {
        let Some(padding) = self.padding else {
            return self.exact_inputs.each_row(self.inputs(), self.row_len(), visit);
        };
        let mut steps = self.inputs().chunks_exact(padding.step);
        self.exact_inputs.each_row(self.inputs(), self.row_len(), |row| {
            for (exact, step) in row.chunks_exact(padding.step).zip(steps.by_ref()) {
                if !padding.is(step) {
                    visit(exact);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{PadSequences, Scaler};

    #[test]
    fn only_columns_that_single_precision_damages_are_kept() {
        let times = |i: usize| 1.7e9 + 10.0 * i as f64;
        // Decimal fractions, whole numbers, times, an offset with a small spread, ids of which two are merged.
        let rows: Vec<f64> = (0..4)
            .flat_map(|i| {
                [
                    0.1 * i as f64,
                    i as f64,
                    times(i),
                    1e6 + 0.01 * i as f64,
                    [0.0, 1.0, 16_777_216.0, 16_777_217.0][i],
                ]
            })
            .collect();
        let Rounded { single, exact, losses } = Precise::split(&rows, 5, 5, None);
        assert_eq!(single[2], 1.7e9);
        let kept: Vec<usize> = exact.columns.iter().map(|(column, _)| *column).collect();
        assert_eq!(kept, [2, 3, 4]);
        let told: Vec<_> = losses.iter().map(|loss| (loss.feature, loss.merged)).collect();
        assert_eq!(told, [(2, Some((4, 1))), (3, Some((4, 1))), (4, Some((4, 3)))]);
        let mut seen = Vec::new();
        exact.select(&[3, 0]).each_row(&[single[15..].to_vec(), single[..5].to_vec()].concat(), 5, |row| {
            seen.extend_from_slice(row)
        });
        assert_eq!((seen[2], seen[4], seen[7]), (times(3), 16_777_217.0, times(0)));
        // Numbers that stay equal in single precision under any scaling are not reported.
        let losses = |values: &[f64], width| Precise::split(values, width, 1, None).losses;
        assert_eq!(losses(&[0.0, 1.0, 1.0 + 1e-9], 1), []);
        // Nor are those merged by an error that is negligible compared with the spread.
        let near = [1.0, 1.0 + 1e-9, 2.0];
        assert_eq!((merged(near.into_iter()), losses(&near, 1)), (Some((3, 2)), vec![]));
        // Moved far, but still different.
        let moved = losses(&[1_700_000_000.0, 1_700_000_100.0], 1);
        assert!(moved.len() == 1 && moved[0].to_string().contains("by up to 28.00% of"), "{moved:?}");
        // A feature has steps in several columns, each with a single number here.
        assert_eq!(losses(&[1.7e9, 1.7e9 + 10.0, 1.7e9 + 20.0], 3)[0].merged, Some((3, 1)));
        // A single time has no spread, but is kept: it may be scaled with another part's scale.
        let single = Precise::split(&[1_700_000_001.0], 1, 1, None);
        assert_eq!((single.exact.columns.len(), &single.losses[..]), (1, &[][..]));
    }

    #[test]
    fn padding_does_not_count() {
        let sequences = [vec![0.0, 1.0], vec![2.0]];
        let data = PadSequences::new(1, -9.0).values(&sequences, [1], vec![0.0; 2]).unwrap();
        let data = data.with_inputs_f64(&[1.7e9 + 0.5, 1.7e9 + 20.5, 1.7e9 + 10.5, -9.0]).unwrap();
        let scaled = Scaler::min_max(&data, 0.0, 1.0).unwrap().apply(&data).unwrap();
        assert_eq!(scaled.inputs(), [0.0, 1.0, 0.5, -9.0]);
        // Columns with only padding.
        let short = PadSequences::new(1, -9.1).steps(3).values(&sequences[1..], [1], vec![0.0]).unwrap();
        assert!(short.with_inputs_f64(&[0.5, -9.1, -9.1]).unwrap().exact_inputs.columns.is_empty());
    }

    #[test]
    fn inputs_and_targets_in_double_precision_are_checked() {
        let data = Dataset::values([1], vec![0.0, 1.0], [1], vec![0.0, 1.0]).unwrap();
        assert!(data.with_inputs_f64(&[1.0]).is_err());
        assert!(data.with_inputs_f64(&[1e300, 1.0]).is_err());
        assert!(data.with_targets_f64(&[f64::NAN, 1.0]).is_err());
        assert_eq!(data.with_inputs_f64(&[0.0, 1.0]).unwrap(), data);
        let classes = Dataset::classes([1], vec![0.0], vec![0], vec!["a".into()]).unwrap();
        assert!(classes.with_targets_f64(&[1.0]).unwrap_err().to_string().contains("classes"));
    }
}
