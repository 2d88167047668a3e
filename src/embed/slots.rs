//! The numbers that the host computes for every step, in a table that goes round.

use crate::Result;
use crate::device::{Executor, GpuExecutor, Values};
use crate::kernel::rates;
use crate::train::{Desk, clock_words};

/// The most steps that may be encoded and not yet submitted: their learning rates wait in a table of so many rows.
pub const UNSUBMITTED: usize = 256;

/// The clock and the table of rates of steps that run in the caller's submissions.
#[derive(Debug)]
pub(super) struct Slots {
    /// How the names of the buffers begin.
    name: String,
    /// The slot of the next step.
    next: usize,
}

impl Slots {
    pub(super) fn new(name: String) -> Self {
        Self { name, next: 0 }
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk { name: &self.name, slots: UNSUBMITTED }
    }

    /// Sets the clock to the beginning.
    pub(super) fn begin(&self, gpu: &mut GpuExecutor, step: u64) -> Result<()> {
        gpu.write(&self.desk().clock(), 0, Values::U32(&clock_words(step, 0)))
    }

    /// The slot of the next step.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Gives the rows of a table to the next slots; returns the first of them.
    pub(super) fn fill(&mut self, gpu: &mut GpuExecutor, table: &[f64]) -> Result<usize> {
        let (first, count) = (self.next, table.len() / rates::LEN);
        let until_end = (UNSUBMITTED - first).min(count) * rates::LEN;
        let key = self.desk().rates();
        for (slot, part) in [(first, &table[..until_end]), (0, &table[until_end..])] {
            if !part.is_empty() {
                gpu.write(&key, slot * rates::LEN, Values::F64(part))?;
            }
        }
        self.next = (first + count) % UNSUBMITTED;
        Ok(first)
    }
}
