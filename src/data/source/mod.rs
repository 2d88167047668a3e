//! Data of any size: rows that are read when they are needed.

mod indexed;
mod pool;
mod stream;

pub use indexed::Indexed;
pub use stream::Stream;

use super::{Dataset, Order, Targets};
use crate::{Error, Result};
use std::fmt::Debug;

/// Rows to train on or to evaluate: a [`Dataset`] in memory, or anything of any size that reads its rows when they are needed.
///
/// [`Indexed`] makes a source of a function that reads rows by their numbers, and [`Stream`] one of a function that opens a stream of them;
/// the loaders of this module have a `source` beside their `load` where files can be read in parts.
/// [`Trainer::fit`](crate::Trainer::fit) reads a few steps ahead on another thread while the device works. Rows and results are the same
/// to the bit as from memory where a source reads rows by number; a stream has an order of its own. A training that continues begins where
/// it ended, also within an epoch.
#[expect(clippy::len_without_is_empty, reason = "a source is never empty")]
pub trait Source: Debug + Send + Sync {
    /// A few rows, at least one, that show what all are like: the shape of their inputs, the kind of targets with all class names, the mask
    /// value, and whether rows have weights. Layers that take their range from data observe it in these.
    fn sample(&self) -> &Dataset;

    /// The number of rows of an epoch, at least 1.
    fn len(&self) -> usize;

    /// Begins to read an epoch's rows in this order. A source that cannot reach every row at any time may choose another order, which must
    /// be the same whenever it is asked for the same one.
    ///
    /// # Errors
    /// Rows that cannot be read.
    fn begin(&self, order: Order) -> Result<Box<dyn Reader + '_>>;

    /// All rows, if they are in memory anyway. Devices then hold them as a whole where they have room.
    fn in_memory(&self) -> Option<&Dataset> {
        None
    }

    /// What tells these rows from others when a training is continued: by default from the sample.
    fn fingerprint(&self) -> String {
        self.sample().fingerprint()
    }
}

/// Reads an epoch's rows one after another.
pub trait Reader: Send {
    /// The next `rows` rows. There are as many: no more are asked for than the epoch has.
    ///
    /// # Errors
    /// Rows that cannot be read, or that are missing.
    fn next(&mut self, rows: usize) -> Result<Dataset>;

    /// Passes over the next `rows` rows, which another process reads: see
    /// [`Trainer::processes`](crate::Trainer::processes). By default they are read and dropped, a thousand at a time; what reads rows by
    /// their numbers passes over them for nothing.
    ///
    /// # Errors
    /// Those of [`Reader::next`].
    fn skip(&mut self, rows: usize) -> Result<()> {
        let mut left = rows;
        while left > 0 {
            let rows = left.min(indexed::SAMPLE);
            self.next(rows)?;
            left -= rows;
        }
        Ok(())
    }
}

impl Source for Dataset {
    fn sample(&self) -> &Dataset {
        self
    }

    fn len(&self) -> usize {
        Self::len(self)
    }

    fn begin(&self, order: Order) -> Result<Box<dyn Reader + '_>> {
        Ok(indexed::reader(order, |rows| self.select(rows)))
    }

    fn in_memory(&self) -> Option<&Dataset> {
        Some(self)
    }
}

macro_rules! forward {
    ($($of:ty),+) => {$(
        impl<S: Source + ?Sized> Source for $of {
            fn sample(&self) -> &Dataset {
                (**self).sample()
            }

            fn len(&self) -> usize {
                (**self).len()
            }

            fn begin(&self, order: Order) -> Result<Box<dyn Reader + '_>> {
                (**self).begin(order)
            }

            fn in_memory(&self) -> Option<&Dataset> {
                (**self).in_memory()
            }

            fn fingerprint(&self) -> String {
                (**self).fingerprint()
            }
        }
    )+};
}

forward!(&S, Box<S>, std::sync::Arc<S>);

/// The rows of a source as they come, in blocks of `rows` rows, the last of which may be smaller: for predictions of more rows than memory
/// holds.
///
/// # Errors
/// Blocks of 0 rows; rows that cannot be read.
///
/// ```
/// use autorot::{Dataset, data};
///
/// let data = Dataset::values([1], vec![1.0, 2.0, 3.0], [1], vec![0.0; 3])?;
/// let lens = data::blocks(&data, 2)?.map(|block| Ok(block?.len())).collect::<autorot::Result<Vec<_>>>()?;
/// assert_eq!(lens, [2, 1]);
/// # Ok::<(), autorot::Error>(())
/// ```
pub fn blocks(source: &dyn Source, rows: usize) -> Result<impl Iterator<Item = Result<Dataset>> + '_> {
    if rows == 0 {
        return Err(Error::invalid("blocks of data", "0 rows", "at least 1 row", "ask for some"));
    }
    let mut reader = source.begin(Order::plain(source.len()))?;
    let mut first = 0;
    Ok(std::iter::from_fn(move || {
        let count = rows.min(source.len() - first);
        let block =
            (count > 0).then(|| reader.next(count).and_then(|rows| checked(source, rows, first, count)));
        // Nothing follows rows that could not be read.
        first = if matches!(block, Some(Ok(_))) { first + count } else { source.len() };
        block
    }))
}

/// Checks that a reader's rows are as many as were asked for, and as the source's sample tells.
pub(crate) fn checked(source: &dyn Source, block: Dataset, first: usize, count: usize) -> Result<Dataset> {
    let sample = source.sample();
    let kind = |data: &Dataset| match data.targets() {
        Targets::Classes { steps, names, .. } => {
            let labels = if *steps == 1 { "a label".to_owned() } else { format!("{steps} labels") };
            format!("{labels} of the classes {names:?}")
        }
        Targets::Values { shape, .. } => format!("values of shape {shape:?}"),
    };
    let like = |data: &Dataset| {
        let weights =
            data.weights_per_row().map_or_else(|| "no weight".to_owned(), |n| format!("weights: {n}"));
        let mask = data.mask_value().map_or_else(String::new, |value| format!(", padded with {value}"));
        format!("inputs of shape {:?}, targets: {}, {weights}{mask}", data.shape(), kind(data))
    };
    let same = |a: &Targets, b: &Targets| match (a, b) {
        (Targets::Classes { steps: a, names: x, .. }, Targets::Classes { steps: b, names: y, .. }) => {
            a == b && x == y
        }
        (Targets::Values { shape: a, .. }, Targets::Values { shape: b, .. }) => a == b,
        _ => false,
    };
    let fits = block.shape() == sample.shape()
        && block.weights_per_row() == sample.weights_per_row()
        && block.mask_value() == sample.mask_value()
        && same(block.targets(), sample.targets());
    let (found, expected) = if block.len() != count {
        (format!("{} rows", block.len()), format!("{count}"))
    } else if !fits {
        (like(&block), format!("as in the sample {}", like(sample)))
    } else {
        return Ok(block);
    };
    let place = format!("data source, rows from {first} on");
    Err(Error::invalid(place, found, expected, "let the source return the rows that it is asked for"))
}
