//! Double precision for the columns that single precision would damage.

use super::{Dataset, Targets};
use crate::{Error, Result};

/// Columns of a row-major `f32` array in double precision: those of which single precision loses something that
/// scaling would keep. Times in seconds since 1970 need it; most columns do not, and cost nothing here.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Precise {
    /// A column's place in a row and its numbers, a number a row.
    columns: Vec<(usize, Vec<f64>)>,
}

/// A column some different numbers of which are the same in single precision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Loss {
    pub column: usize,
    /// How many different numbers the column has.
    pub different: usize,
    /// How many of them are different in single precision.
    pub left: usize,
}

impl Precise {
    /// Rows of `width` numbers in single precision, what that damages, and the columns some of whose numbers it merges.
    pub fn split(values: &[f64], width: usize) -> (Vec<f32>, Self, Vec<Loss>) {
        let single = values.iter().map(|&v| v as f32).collect();
        let (mut columns, mut losses) = (Vec::new(), Vec::new());
        for column in 0..width {
            let numbers = || values.iter().skip(column).step_by(width).copied();
            if numbers().all(|v| f64::from(v as f32) == v) {
                continue;
            }
            let loss = loss(column, numbers().collect());
            if loss.is_some() || damaged(numbers()) {
                columns.push((column, numbers().collect()));
            }
            losses.extend(loss);
        }
        (single, Self { columns }, losses)
    }

    /// These rows, in this order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let pick = |numbers: &[f64]| rows.iter().map(|&row| numbers[row]).collect();
        Self { columns: self.columns.iter().map(|(column, numbers)| (*column, pick(numbers))).collect() }
    }

    /// Visits the rows of `width` numbers of the `f32` array that this belongs to, as exactly as they are known.
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

/// Whether single precision changes whole numbers, or any numbers by what matters beside their spread.
fn damaged(numbers: impl Iterator<Item = f64> + Clone) -> bool {
    let low = numbers.clone().fold(f64::INFINITY, f64::min);
    let high = numbers.clone().fold(f64::NEG_INFINITY, f64::max);
    numbers.into_iter().any(|v| {
        let error = (v - f64::from(v as f32)).abs();
        error > 0.0 && (v.fract() == 0.0 || error > 1e-6 * (high - low))
    })
}

/// What single precision merges of a column that would stay different if the column were scaled to 0..1.
fn loss(column: usize, mut numbers: Vec<f64>) -> Option<Loss> {
    numbers.sort_unstable_by(f64::total_cmp);
    numbers.dedup();
    let (different, low) = (numbers.len(), *numbers.first()?);
    let spread = numbers[different - 1] - low;
    let merged = |pair: &&[f64]| pair[0] as f32 == pair[1] as f32;
    let saved = |pair: &[f64]| ((pair[0] - low) / spread) as f32 != ((pair[1] - low) / spread) as f32;
    let left = different - numbers.windows(2).filter(merged).count();
    numbers.windows(2).filter(merged).any(saved).then_some(Loss { column, different, left })
}

impl Dataset {
    /// The same rows with these inputs of the same shape. A [`Scaler`](super::Scaler) works on the numbers in double precision; everything
    /// else sees them in single precision, which is enough once they are scaled.
    ///
    /// Columns are kept in double precision where single precision damages them: 1,700,000,000 and 1,700,000,010, say, are the same `f32`.
    ///
    /// # Errors
    /// As [`Dataset::classes`]; a number beyond the range of `f32`.
    pub fn with_inputs_f64(&self, inputs: &[f64]) -> Result<Self> {
        let (single, exact, _) = Precise::split(inputs, self.row_len());
        let mut data = self.with_inputs(single)?;
        data.exact_inputs = exact;
        Ok(data)
    }

    /// The same rows with these values to regress, of the same shape: as [`Dataset::with_inputs_f64`] does for inputs.
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
        let (single, exact, _) = Precise::split(values, shape.iter().product());
        let mut data = self.with_values(shape, single)?;
        data.exact_targets = exact;
        Ok(data)
    }

    /// Visits the inputs without padded steps as [`Dataset::counting`] does, as exactly as they are known.
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

    #[test]
    fn only_columns_that_single_precision_damages_are_kept() {
        let times = |i: usize| 1.7e9 + 10.0 * i as f64;
        // Decimal fractions, whole numbers, times, an offset beside a small spread, ids two of which are one.
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
        let (single, exact, losses) = Precise::split(&rows, 5);
        assert_eq!(single[2], 1.7e9);
        let kept: Vec<usize> = exact.columns.iter().map(|(column, _)| *column).collect();
        assert_eq!(kept, [2, 3, 4]);
        let loss = |column, left| Loss { column, different: 4, left };
        assert_eq!(losses, [loss(2, 1), loss(3, 1), loss(4, 3)]);
        let mut seen = Vec::new();
        exact.select(&[3, 0]).each_row(&[single[15..].to_vec(), single[..5].to_vec()].concat(), 5, |row| {
            seen.extend_from_slice(row)
        });
        assert_eq!((seen[2], seen[4], seen[7]), (times(3), 16_777_217.0, times(0)));
        // Numbers that no scaling tells apart in single precision are nothing to tell.
        assert_eq!(Precise::split(&[0.0, 1.0, 1.0 + 1e-9], 1).2, []);
        // A single time has no spread, and is kept all the same: it may be scaled by another part's.
        assert_eq!(Precise::split(&[1_700_000_001.0], 1).1.columns.len(), 1);
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
