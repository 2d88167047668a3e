//! Rows that come one after another.

use super::indexed::{SAMPLE, check};
use super::pool::Pool;
use super::{Dataset, Order, Reader, Source, checked};
use crate::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::fmt;
use std::marker::PhantomData;

/// The most bytes and rows of a buffer for shuffling unless it is set.
const BUFFER_BYTES: usize = 64 << 20;
const BUFFER_ROWS: usize = 8192;

/// A source of a function that opens a stream of rows: an iterator over blocks of them, each a [`Dataset`] of any number of rows. Files that
/// can only be read from their beginning, such as compressed ones, and endless generators come this way.
///
/// Shuffling is done by a buffer as in `tf.data`: every row is drawn from the buffer at random, and the next one of the stream takes its
/// place. So rows that lie farther apart than the buffer is long are not mixed; a training that continues within an epoch reads the stream
/// from its beginning again.
///
/// ```
/// use autorot::data::{Source, Stream};
/// use autorot::{Dataset, Result};
///
/// // One block after another from wherever they come; the epoch's number tells them apart where that is wanted.
/// let stream = Stream::new(6, |_epoch: u64| {
///     let block = |first: u8| Dataset::values([1], vec![f32::from(first), 0.5], [1], vec![0.0; 2]);
///     Ok([0, 1, 2].into_iter().map(block))
/// })?
/// .shuffle_buffer(4);
/// assert_eq!((stream.len(), stream.sample().len()), (6, 6));
/// # Ok::<(), autorot::Error>(())
/// ```
pub struct Stream<F, I> {
    sample: Dataset,
    rows: usize,
    buffer: usize,
    open: F,
    /// What `open` returns: it may borrow what lives as long as the stream.
    blocks: PhantomData<fn() -> I>,
}

impl<F, I> fmt::Debug for Stream<F, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("rows", &self.rows)
            .field("buffer", &self.buffer)
            .finish_non_exhaustive()
    }
}

impl<F, I> Stream<F, I>
where
    F: Fn(u64) -> Result<I> + Send + Sync,
    I: Iterator<Item = Result<Dataset>> + Send,
{
    /// A stream of which an epoch takes `rows` rows: all, or as many as are to be called an epoch of an endless one. `open` is given the
    /// number of the epoch, counted from 1, or 0 for validation and for the sample: the first blocks with up to 1,024 rows, which are read
    /// at once. It must return the same rows whenever it is given the same number.
    ///
    /// # Errors
    /// No rows, or more than 4,294,967,295; a stream without rows; those of `open` and of its blocks.
    pub fn new(rows: usize, open: F) -> Result<Self> {
        check(rows)?;
        let mut blocks = open(0)?;
        let first = blocks.next().ok_or_else(|| ended(0, rows))??;
        let (most, mut pool) = (SAMPLE.min(rows), Pool::like(&first));
        let mut slots = pool.push(&first);
        while slots.len() < most {
            let Some(block) = blocks.next() else { break };
            let block = block?;
            let count = block.len();
            slots.extend(pool.push(&checked(&first, block, slots.len(), count)?));
        }
        slots.truncate(most);
        let sample = pool.take(&slots);
        let bytes = 4 * (sample.inputs().len() + sample.targets().len()) / sample.len();
        let buffer = (BUFFER_BYTES / bytes).clamp(1, BUFFER_ROWS);
        drop(blocks);
        Ok(Self { sample, rows, buffer, open, blocks: PhantomData })
    }

    /// Sets the number of rows, at least 1, of the buffer from which rows are drawn at random where a trainer shuffles; default 8,192, or
    /// as many as take 64 MiB. 1 leaves the rows as they come.
    pub fn shuffle_buffer(mut self, rows: usize) -> Self {
        self.buffer = rows.max(1);
        self
    }
}

impl<F, I> Source for Stream<F, I>
where
    F: Fn(u64) -> Result<I> + Send + Sync,
    I: Iterator<Item = Result<Dataset>> + Send,
{
    fn sample(&self) -> &Dataset {
        &self.sample
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn begin(&self, order: Order) -> Result<Box<dyn Reader + '_>> {
        let buffer = if order.seed().is_some() { self.buffer } else { 1 };
        let mut reader = Streaming {
            source: self,
            blocks: (self.open)(order.epoch())?,
            pool: Pool::like(&self.sample),
            waiting: Vec::new(),
            buffer,
            random: order.random(),
            done: 0,
        };
        reader.skip(order.first())?;
        Ok(Box::new(reader))
    }
}

/// A stream in the middle of an epoch.
struct Streaming<'a, F, I> {
    source: &'a Stream<F, I>,
    blocks: I,
    pool: Pool,
    /// The slots of the rows from which the next one is drawn, then of those that follow.
    waiting: Vec<usize>,
    buffer: usize,
    random: ChaCha8Rng,
    /// How many rows have been returned.
    done: usize,
}

impl<F, I> Reader for Streaming<'_, F, I>
where
    F: Fn(u64) -> Result<I> + Send + Sync,
    I: Iterator<Item = Result<Dataset>> + Send,
{
    fn next(&mut self, rows: usize) -> Result<Dataset> {
        // A row is drawn from a full buffer, except at the end of the epoch.
        let all = self.source.rows - self.done;
        let needed = all.min(rows + self.buffer - 1);
        while self.waiting.len() < needed {
            let found = self.done + self.waiting.len();
            let block = self.blocks.next().ok_or_else(|| ended(found, self.source.rows))??;
            let count = block.len();
            self.waiting.extend(self.pool.push(&checked(self.source, block, found, count)?));
        }
        let rows = rows.min(all);
        for next in 0..rows {
            // The one that is drawn changes places with the first, behind which the buffer moves on.
            let held = self.buffer.min(self.waiting.len().min(all) - next);
            if held > 1 {
                self.waiting.swap(next, next + self.random.random_range(0..held as u32) as usize);
            }
        }
        self.done += rows;
        let taken: Vec<usize> = self.waiting.drain(..rows).collect();
        Ok(self.pool.take(&taken))
    }
}

fn ended(found: usize, expected: usize) -> Error {
    Error::invalid(
        "data stream",
        format!("{found} rows before its end"),
        format!("{expected} rows for an epoch"),
        "give Stream::new the number of rows that there are",
    )
}
