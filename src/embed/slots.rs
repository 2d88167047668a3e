//! The numbers that the host computes for every step, in tables that go round.

use super::gpu;
use super::lease::Lease;
use crate::device::{Executor, GpuExecutor, Values};
use crate::kernel::{Guard, rates};
use crate::model::{Author, Step, Timetable, Written};
use crate::plan::arena::keys;
use crate::train::{Desk, clock_words};
use crate::{Error, Model, Optimizer, Result};
use std::sync::Arc;

/// The most steps that may be encoded and not yet submitted: what the host computes for them waits in tables of so many rows.
/// Of more, the first change nothing when they run at last.
pub const UNSUBMITTED: usize = 256;

/// The clock and the tables of steps that run in the caller's submissions.
#[derive(Debug)]
pub(super) struct Slots {
    /// How the names of the buffers begin.
    name: String,
    /// The rows of the tables.
    pub(super) count: usize,
}

impl Slots {
    pub(super) fn new(name: String, count: usize) -> Self {
        Self { name, count }
    }

    pub(super) fn desk(&self) -> Desk<'_> {
        Desk { name: &self.name, slots: self.count, scheduled: true }
    }

    /// The slot of a step before which so many of its timetable have run.
    pub(super) fn slot(&self, done: u64) -> usize {
        (done % self.count as u64) as usize
    }

    /// The timetable of such steps from where a model stands.
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

    /// Sets the clock to the beginning of a timetable, and takes the parameters as they are for those to go back to. A model that nobody
    /// trains is the timetable's from here on.
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

    /// Says what the steps are, and of which kinds, before the first of which so many have run.
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

/// Records what changes the parameters into a pass, between what finds out which of them others have written meanwhile.
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

/// Gives a model the weights from before the last update: those gave finite numbers, which cannot be said of what the update
/// made of them. What has been written since, by the host or a shader of the application's, stays. `done` steps of the timetable went well.
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

/// Whether the model is where this timetable has left it, or stands where it begins and no step is encoded yet (`fresh`): `false` where a
/// state has been restored since, from which to begin anew.
pub(super) fn take_over(model: &mut Model, table: &Arc<Timetable>, fresh: bool) -> Result<bool> {
    match &model.author {
        Author::Embedded(author) if Arc::ptr_eq(author, table) => return Ok(true),
        Author::Nobody => return Ok(false),
        _ if fresh && model.counters(&table.optimizer) == table.base => {}
        Author::Trainer | Author::Embedded(_) => {
            return Err(Error::invalid(
                "embedding",
                "a model that something else has trained meanwhile",
                "one that this alone trains",
                "close this before anything else trains the model, and make it anew afterwards",
            ));
        }
    }
    model.author = Author::Embedded(table.clone());
    Ok(true)
}

/// Whether a model's counters are those of this timetable.
pub(super) fn is_author(model: &Model, table: &Arc<Timetable>) -> bool {
    matches!(&model.author, Author::Embedded(author) if Arc::ptr_eq(author, table))
}
