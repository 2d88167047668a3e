//! The range of a data set's inputs for building a network: a few odd values do not decide it.

use super::Dataset;
use crate::{Frame, Range};

/// The range of a data set's inputs, which determines x_Q of the first rotated layer, with possible problems: see [`Dataset::observe`].
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The range of all inputs except the outliers.
    pub range: Range,
    /// The mean and the standard deviation of all inputs except the outliers; a deviation of 1 if they are all the same.
    pub frame: Frame,
    /// From the smallest to the largest input.
    pub whole: Range,
    /// Inputs far beyond the rest, in few rows. `range` leaves them out.
    pub outliers: Option<Outliers>,
    /// Inputs far beyond those of most rows, in too many rows to be left out. They are in `range`, compared with which the other rows are
    /// small.
    pub sparse: Option<Outliers>,
}

/// Inputs far from the median of their feature, compared with the distances of other rows: see [`Dataset::observe`].
#[derive(Clone, Debug, PartialEq)]
pub struct Outliers {
    /// The farthest one.
    pub value: f32,
    /// Its row.
    pub row: usize,
    /// Its feature: the index in the row's shape. In a sequence or an image this includes the position.
    pub feature: Vec<usize>,
    /// How many rows have such inputs.
    pub rows: usize,
    /// The largest distance of the other rows from the medians of their features.
    pub distance: f32,
}

/// Inputs are outliers if they lie more than this many times as far from the median of their feature as the other rows.
const OUTLYING: f64 = 10.0;

/// One in this many rows may have outliers, and at least one if at least [`FEW`] rows differ from the medians.
const RARE: usize = 100;

/// With fewer rows, outliers cannot be recognised.
const FEW: usize = 10;

/// The range is doubtful if it extends more than this many times as far as half of the rows.
const SPARSE: f64 = 50.0;

/// The maximum number of rows for the medians, and of values, unless [`FEWEST`] rows have more.
const SAMPLE: usize = 4096;
const NUMBERS: usize = 1 << 24;
const FEWEST: usize = 256;

/// Columns that are gathered together, so that whole cache lines are read.
const TOGETHER: usize = 16;

impl Dataset {
    /// The range of the inputs without outliers, so that one rare column or one odd row does not decide x_Q (= 2·x_max − x_min).
    /// [`Sequential::for_data`](crate::Sequential::for_data) uses it.
    ///
    /// The distance of a row is the largest distance of one of its inputs from the median of its feature. Of the rows with a distance
    /// above 0 the farthest hundredth is set aside (at least one row of ten or more; none of fewer). Inputs that lie more than 10 times
    /// as far from their feature's median as the remaining rows are [`outliers`](Observed::outliers), and the range is that of all other
    /// inputs. Without outliers, as in images, one-hot columns and ordinary tables, scaled or not, it is exactly [`Dataset::range`].
    ///
    /// A feature is a position in a row; in sequences padded by [`PadSequences`](super::PadSequences) it is a feature over all steps,
    /// without the padding. Medians are taken over all rows of small data sets, and over 4,096 rows of large ones, always the same
    /// (fewer, but at least 256, if rows are very wide). Distances and the range always come from all rows. Takes two passes over the
    /// inputs, and at most three more if some lie far out.
    pub fn observe(&self) -> Observed {
        let (min, max) = self.range();
        let whole = Range { min, max };
        let columns = self.columns();
        let rows = sample(self.len(), self.row_len());
        let medians = medians(self, &rows, columns);
        let of_rows = (0..self.len()).map(|row| self.distance(row, &medians));
        let mut distances: Vec<f64> = of_rows.filter(|&distance| distance > 0.0).collect();
        let nothing = |frame| Observed { range: whole, frame, whole, outliers: None, sparse: None };
        if distances.is_empty() {
            return nothing(self.frame(&medians, f64::INFINITY));
        }
        let aside = if distances.len() < FEW { 0 } else { (distances.len() / RARE).max(1) };
        let [farthest, most, half] = [0, aside, distances.len() / 2]
            .map(|n| *distances.select_nth_unstable_by(n, |a, b| b.total_cmp(a)).1);

        let beyond = if farthest > OUTLYING * most { self.beyond(&medians, OUTLYING * most) } else { None };
        let frame = self.frame(&medians, if beyond.is_some() { OUTLYING * most } else { f64::INFINITY });
        let mut range = whole;
        if beyond.is_some() {
            let inside = self.each(&medians).filter(|(_, _, _, distance)| *distance <= OUTLYING * most);
            let (min, max) = inside
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), (_, _, v, _)| (lo.min(v), hi.max(v)));
            if min > max {
                return nothing(frame);
            }
            range = Range { min, max };
        }
        let outliers = beyond.map(|found| Outliers { distance: most as f32, ..found });
        // With few rows half of them say little, and a range without outliers is limited anyway.
        let sparse = if distances.len() < FEW || farthest.min(OUTLYING * most) <= SPARSE * half {
            None
        } else {
            self.between(&medians, SPARSE * half, OUTLYING * most)
        };
        let sparse = sparse.map(|found| Outliers { distance: half as f32, ..found });
        Observed { range, frame, whole, outliers, sparse }
    }

    /// The mean and the standard deviation of the unpadded inputs no farther from the medians than `most`.
    fn frame(&self, medians: &[f32], most: f64) -> Frame {
        let inside = || self.each(medians).filter(|(_, _, _, distance)| *distance <= most);
        let mean_of = |values: &mut dyn Iterator<Item = f64>| {
            let (count, sum) = values.fold((0u64, 0.0), |(count, sum), value| (count + 1, sum + value));
            sum / count.max(1) as f64
        };
        let mean = mean_of(&mut inside().map(|(_, _, value, _)| f64::from(value)));
        let variance = mean_of(&mut inside().map(|(_, _, value, _)| (f64::from(value) - mean).powi(2)));
        Frame::measured(mean, variance.sqrt())
    }

    /// The number of features with a median each.
    fn columns(&self) -> usize {
        self.padding.map_or(self.row_len(), |padding| padding.step)
    }

    /// The row's unpadded steps, each with the index of its first value; without padding the whole row is one step.
    fn steps(&self, row: usize) -> impl Iterator<Item = (usize, &[f32])> {
        let (width, step) = (self.row_len(), self.columns());
        let values = &self.inputs()[row * width..(row + 1) * width];
        let padded = move |values: &[f32]| self.padding.is_some_and(|padding| padding.is(values));
        let steps = values.chunks(step).enumerate().map(move |(i, values)| (i * step, values));
        steps.filter(move |(_, values)| !padded(values))
    }

    /// The row's distance: see [`Dataset::observe`].
    fn distance(&self, row: usize, medians: &[f32]) -> f64 {
        let steps = self.steps(row).flat_map(|(_, values)| values.iter().zip(medians));
        steps.fold(0.0, |most, (&v, &median)| most.max(distance(v, median)))
    }

    /// Every unpadded input with its row, its index there and its distance from the median.
    fn each<'a>(&'a self, medians: &'a [f32]) -> impl Iterator<Item = (usize, usize, f32, f64)> + 'a {
        let of_step = move |row: usize, first: usize, values: &'a [f32]| {
            let pairs = values.iter().zip(medians).enumerate();
            pairs.map(move |(i, (&v, &median))| (row, first + i, v, distance(v, median)))
        };
        let of_row =
            move |row: usize| self.steps(row).flat_map(move |(first, values)| of_step(row, first, values));
        (0..self.len()).flat_map(of_row)
    }

    fn beyond(&self, medians: &[f32], distance: f64) -> Option<Outliers> {
        self.between(medians, distance, f64::INFINITY)
    }

    /// Inputs that lie farther from the medians than `least`, but no farther than `most`.
    fn between(&self, medians: &[f32], least: f64, most: f64) -> Option<Outliers> {
        let mut found: Option<(Outliers, f64)> = None;
        let mut last = None;
        let mut rows = 0;
        for (row, place, value, distance) in self.each(medians) {
            if distance <= least || distance > most {
                continue;
            }
            rows += usize::from(last != Some(row));
            last = Some(row);
            if found.as_ref().is_none_or(|(_, farthest)| distance > *farthest) {
                let feature = index(place, self.shape());
                found = Some((Outliers { value, row, feature, rows: 0, distance: 0.0 }, distance));
            }
        }
        found.map(|(outliers, _)| Outliers { rows, ..outliers })
    }
}

/// The distance of an input from the median of its feature.
fn distance(value: f32, median: f32) -> f64 {
    (f64::from(value) - f64::from(median)).abs()
}

/// The rows used as a sample: all of them, or a number of them spread over the set.
fn sample(rows: usize, width: usize) -> Vec<usize> {
    spread(rows, (NUMBERS / width).clamp(FEWEST, SAMPLE))
}

/// All rows, or about `count` of them spread over the set without a period, in ascending order.
pub(super) fn spread(rows: usize, count: usize) -> Vec<usize> {
    if rows <= count {
        return (0..rows).collect();
    }
    // Multiples of the golden ratio, modulo 1: the most evenly spread sequence.
    let golden = 0.618_033_988_749_894_9;
    let mut chosen: Vec<usize> =
        (0..count).map(|i| ((i as f64 * golden).fract() * rows as f64) as usize).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

/// The median of every feature over these rows; the lower one if there are two.
fn medians(data: &Dataset, rows: &[usize], columns: usize) -> Vec<f32> {
    let mut medians = Vec::with_capacity(columns);
    let mut gathered: Vec<Vec<f32>> = vec![Vec::new(); TOGETHER];
    for first in (0..columns).step_by(TOGETHER) {
        let end = (first + TOGETHER).min(columns);
        gathered.iter_mut().for_each(Vec::clear);
        for (_, step) in rows.iter().flat_map(|&row| data.steps(row)) {
            for (column, &value) in gathered.iter_mut().zip(&step[first..end]) {
                column.push(value);
            }
        }
        for column in &mut gathered[..end - first] {
            // 0 if all of these rows are padded there.
            medians.push(match column.len().checked_sub(1) {
                Some(last) => *column.select_nth_unstable_by(last / 2, f32::total_cmp).1,
                None => 0.0,
            });
        }
    }
    medians
}

/// The index in a row of this shape.
pub(crate) fn index(mut place: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (index, &len) in index.iter_mut().zip(shape).rev() {
        (*index, place) = (place % len, place / len);
    }
    index
}

impl Observed {
    /// The problems of the range, one sentence each, for warnings.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if let Some(Outliers { value, row, feature, rows, distance }) = &self.outliers {
            doubts.push(format!(
                "the input range is taken as {}, ignoring outliers in {} such as {value} (row {row}, feature {}); all other \
                 inputs lie within {:.4} of the medians of their features; correct or scale such numbers, or declare the \
                 range with Sequential::input_range",
                self.range,
                counted(*rows),
                named(feature),
                OUTLYING * f64::from(*distance),
            ));
        }
        if let Some(Outliers { value, row, feature, rows, distance }) = &self.sparse {
            doubts.push(format!(
                "the input range is taken as {} because of inputs in {} such as {value} (row {row}, feature {}); half of the \
                 rows lie within {distance:.4} of the medians of their features and are small against x_Q; scale every \
                 feature (Scaler::standard, a logarithm), or declare the range with Sequential::input_range",
                self.range,
                counted(*rows),
                named(feature),
            ));
        }
        if self.range.is_aside() {
            doubts.push(format!(
                "inputs in {} lie far to one side of 0, where differences between them are small against x_Q; scale them \
                 with Scaler::standard or Scaler::min_max",
                self.range
            ));
        }
        doubts
    }
}

fn named(feature: &[usize]) -> String {
    match feature {
        [single] => single.to_string(),
        several => format!("{several:?}"),
    }
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}
