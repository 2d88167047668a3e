//! Tables on the device with what the host computes for each step, used as ring buffers.

use super::gpu;
use super::lease::Lease;
use crate::device::{Executor, GpuExecutor, Values};
use crate::kernel::{Guard, rates};
use crate::model::{Author, Step, Timetable, Written};
use crate::plan::arena::keys;
use crate::train::{Desk, clock_words};
use crate::{Error, Model, Optimizer, Result};
use std::sync::Arc;

/// The maximum number of steps that may be encoded but not yet submitted: the tables of what the host computes for them have this many
/// rows. If there are more, the first ones change nothing when they run.
pub const UNSUBMITTED: usize = 256;

/// The clock and the tables of steps that run in the caller's submissions. Each table is a ring buffer with one row, or slot, per step.
#[derive(Debug)]
pub(super) struct Slots {
    /// The prefix of the buffers' names.
    name: String,
    /// The number of slots.
    pub(super) count: usize,
}

impl Slots {
    pub(super) fn new(name: String, count: usize) -> Self {
        Self { name, count }
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk { name: &self.name, slots: self.count, scheduled: true }
    }

    /// The slot of the step that follows the first `done` steps of its timetable.
    pub(super) fn slot(&self, done: u64) -> usize {
        (done % self.count as u64) as usize
    }

    /// The timetable of these steps, starting from the model's current counters.
    pub(super) fn timetable(
        &self,
        lease: &Lease,
        model: &Model,
        optimizer: &Optimizer,
        (steps, accumulate): (Vec<Step>, usize),
    ) -> Timetable {
        Timetable {
            owner: lease.life(),
            clock: self.desk().clock(),
            due: (self.desk().due(), self.count),
            optimizer: optimizer.name().to_owned(),
            base: model.counters(optimizer.name()),
            steps,
            accumulate,
        }
    }

    /// Sets the clock to the start of a timetable, and saves the current parameters as those to return to when an update is undone. If
    /// nothing has trained the model since it was built or restored, the timetable becomes its author.
    pub(super) fn begin(&self, model: &mut Model, table: &Arc<Timetable>) -> Result<()> {
        let gpu = gpu(model)?;
        gpu.copy(keys::PARAMETERS, keys::PREVIOUS)?;
        gpu.write(&self.desk().clock(), 0, Values::U32(&clock_words(table.base.steps, 0)))?;
        gpu.write(&self.desk().due(), 0, Values::U32(&vec![Timetable::NONE_DUE; self.count]))?;
        model.seal_parameters()?;
        if let Author::Nobody = model.author {
            model.author = Author::Embedded(table.clone());
        }
        Ok(())
    }

    /// Writes to their slots the rates (`rows`) and the kinds of the steps that follow the first `done` ones.
    pub(super) fn fill(
        &self,
        gpu: &mut GpuExecutor,
        table: &Timetable,
        done: u64,
        rows: &[f64],
        kinds: impl Iterator<Item = u32>,
    ) -> Result<()> {
        let number = table.base.steps + done;
        let due: Vec<u32> =
            kinds.zip(number..).map(|(kind, number)| Guard::due(number as u32, kind)).collect();
        let (first, desk) = (self.slot(done), self.desk());
        let (here, there) = due.split_at(due.len().min(self.count - first));
        let (rows_here, rows_there) = rows.split_at(here.len() * rates::LEN);
        for (slot, due, rows) in [(first, here, rows_here), (0, there, rows_there)] {
            if !due.is_empty() {
                gpu.write(&desk.rates(), slot * rates::LEN, Values::F64(rows))?;
                gpu.write(&desk.due(), slot, Values::U32(due))?;
            }
        }
        Ok(())
    }
}

/// Encodes parameter updates into a pass, between the two programs that detect what others write to the parameters, if there are any.
pub(super) fn encode_updates(
    gpu: &GpuExecutor,
    written: Option<Written>,
    pass: &mut wgpu::ComputePass<'_>,
    updates: impl FnOnce(&mut wgpu::ComputePass<'_>) -> Result<()>,
) -> Result<()> {
    written.map_or(Ok(()), |written| gpu.encode(written.adopt, .., pass))?;
    updates(pass)?;
    written.map_or(Ok(()), |written| gpu.encode(written.seal, .., pass))
}

/// Undoes the last update, since the weights that it made may have caused the non-finite number. What the host or the application's
/// shaders have written since stays. `done` steps of the timetable have succeeded.
pub(super) fn take_back(model: &mut Model, table: &Arc<Timetable>, done: u64) -> Result<()> {
    if !is_author(model, table) {
        return Ok(());
    }
    model.adopt_parameters()?;
    gpu(model)?.copy(keys::PREVIOUS, keys::PARAMETERS)?;
    model.seal_parameters()?;
    model.set_counters(table, done);
    model.updated = false;
    model.reset_optimizer()
}

/// Makes this timetable the model's author. Returns `true` if it was already, or if no step is encoded yet (`fresh`) and the model still
/// has the counters that it starts from; `false` if a state was restored since, for which a new timetable must begin.
pub(super) fn take_over(model: &mut Model, table: &Arc<Timetable>, fresh: bool) -> Result<bool> {
    match &model.author {
        Author::Embedded(author) if Arc::ptr_eq(author, table) => return Ok(true),
        Author::Nobody => return Ok(false),
        _ if fresh && model.counters(&table.optimizer) == table.base => {}
        Author::Trainer | Author::Embedded(_) => {
            return Err(Error::invalid(
                "embedding",
                "a model that something else has trained in the meantime",
                "one that nothing else trains",
                "close this before anything else trains the model, and make it anew afterwards",
            ));
        }
    }
    model.author = Author::Embedded(table.clone());
    Ok(true)
}

/// Whether the model's counters come from this timetable.
pub(super) fn is_author(model: &Model, table: &Arc<Timetable>) -> bool {
    matches!(&model.author, Author::Embedded(author) if Arc::ptr_eq(author, table))
}
