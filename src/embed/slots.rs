//! The numbers that the host computes for every step, in a table that goes round.

use super::gpu;
use crate::device::{Executor, GpuExecutor, Values};
use crate::kernel::{clock, rates};
use crate::plan::arena::keys;
use crate::train::{Desk, clock_words};
use crate::{Error, Model, Result};

/// The most steps that may be encoded and not yet submitted: their learning rates wait in a table of so many rows. That more
/// wait is not noticed.
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

    /// Goes back to a slot: steps that in the end cannot be encoded leave theirs to others.
    pub(super) fn set_next(&mut self, slot: usize) {
        self.next = slot;
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

/// The step that met a number that is not finite, if one did, from the words of a clock that should stand behind step `last`.
pub(super) fn halted(words: &[u32], last: u64) -> Result<Option<u64>> {
    // The clock counts modulo 2³².
    let (step, halted) = (words[clock::STEP], words[clock::HALTED]);
    if step != last as u32 {
        return Err(Error::invalid(
            "embedding",
            format!("a device that has done {step} steps"),
            format!("{}, those that were encoded", last as u32),
            "submit every encoder once, in the order in which steps were encoded into them; make what encoded them anew",
        ));
    }
    Ok((halted != 0).then(|| last - u64::from((last as u32).wrapping_sub(halted))))
}

/// Gives a model the weights from before the last update: those gave finite numbers, which cannot be said of what the update
/// made of them. `failed` is the step that found out.
pub(super) fn take_back(model: &mut Model, failed: u64) -> Result<()> {
    gpu(model)?.copy(keys::PREVIOUS, keys::PARAMETERS)?;
    model.steps = failed - 1;
    model.updated = false;
    model.reset_optimizer()
}
