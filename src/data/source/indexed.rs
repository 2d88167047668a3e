//! Rows that are read by their numbers.

use super::{Dataset, Order, Reader, Source};
use crate::data::observed::spread;
use crate::{Error, Result};
use std::fmt;

/// The most rows of a sample.
pub(super) const SAMPLE: usize = 1024;

/// A source of a function that reads rows by their numbers, from a file or a database, or computes them. Every epoch takes them in another
/// order, the same as for rows in memory.
///
/// ```
/// use autorot::data::{Indexed, Source};
/// use autorot::{Adam, Dataset, Dense, Device, Loss, Sequential, Trainer};
///
/// // A million rows that nobody stores.
/// let rows = Indexed::new(1_000_000, |rows: &[usize]| {
///     let x: Vec<f32> = rows.iter().map(|&row| row as f32 / 1e6).collect();
///     let y = x.iter().map(|x| 2.0 * x).collect();
///     Dataset::values([1], x, [1], y)
/// })?;
/// let mut model = Sequential::for_data(rows.sample()).add(Dense::new(1)).build(&Device::cpu(), 0)?;
/// let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).batch(4096);
/// # let rows = Indexed::new(8192, |rows: &[usize]| Dataset::values([1], vec![0.5; rows.len()], [1], vec![1.0; rows.len()]))?;
/// trainer.fit(&mut model, &rows, None)?;
/// # Ok::<(), autorot::Error>(())
/// ```
pub struct Indexed<F> {
    sample: Dataset,
    rows: usize,
    read: F,
}

impl<F> fmt::Debug for Indexed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexed").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl<F: Fn(&[usize]) -> Result<Dataset> + Send + Sync> Indexed<F> {
    /// `rows` rows that `read` reads: it is given numbers below `rows`, and returns these rows in this order. Up to 1,024 rows, spread over
    /// all, are read at once as the sample.
    ///
    /// # Errors
    /// No rows, or more than 4,294,967,295; those of `read`.
    pub fn new(rows: usize, read: F) -> Result<Self> {
        check(rows)?;
        let sample = read(&spread(rows, SAMPLE))?;
        Ok(Self { sample, rows, read })
    }
}

/// Checks that this many rows can be numbered.
pub(super) fn check(rows: usize) -> Result<()> {
    if rows > 0 && u32::try_from(rows).is_ok() {
        return Ok(());
    }
    let (found, expected) = (format!("{rows} rows"), "1 to 4,294,967,295 rows");
    Err(Error::invalid("data source", found, expected, "divide the rows among several epochs"))
}

impl<F: Fn(&[usize]) -> Result<Dataset> + Send + Sync> Source for Indexed<F> {
    fn sample(&self) -> &Dataset {
        &self.sample
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn begin(&self, order: Order) -> Result<Box<dyn Reader + '_>> {
        Ok(reader(order, &self.read))
    }
}

/// Reads the rows of an order by their numbers.
pub(super) fn reader<'a>(
    order: Order,
    read: impl Fn(&[usize]) -> Result<Dataset> + Send + 'a,
) -> Box<dyn Reader + 'a> {
    Box::new(Numbered { order: order.indices(), first: order.first(), read })
}

struct Numbered<F> {
    order: Vec<u32>,
    first: usize,
    read: F,
}

impl<F: Fn(&[usize]) -> Result<Dataset> + Send> Reader for Numbered<F> {
    fn next(&mut self, rows: usize) -> Result<Dataset> {
        let end = self.order.len().min(self.first.saturating_add(rows));
        let numbers: Vec<usize> =
            self.order[self.first.min(end)..end].iter().map(|&row| row as usize).collect();
        self.first = end;
        (self.read)(&numbers)
    }

    fn skip(&mut self, rows: usize) -> Result<()> {
        self.first = self.order.len().min(self.first.saturating_add(rows));
        Ok(())
    }
}
