//! A model's training progress, and who counts it.

use super::Model;
use super::timetable::{Counters, Timetable};
use crate::Result;
use crate::device::Values;
use crate::plan::arena::keys;
use std::sync::Arc;

/// Who changed a model's counters last.
#[derive(Clone, Debug)]
pub(crate) enum Author {
    /// Nobody since the model was built or a state was restored.
    Nobody,
    /// A trainer.
    Trainer,
    /// Training in the application's submissions, by this timetable.
    Embedded(Arc<Timetable>),
}

impl Model {
    /// The counters, with the updates by one kind of optimiser.
    pub(crate) fn counters(&self, optimizer: &str) -> Counters {
        let updates = self.updates.get(optimizer).copied().unwrap_or(0);
        Counters { steps: self.steps, epochs: self.epochs, updates }
    }

    /// Counts steps that a trainer has run, with their updates by this kind of optimiser.
    pub(crate) fn count(&mut self, optimizer: &str, steps: usize, updates: u64) {
        self.steps += steps as u64;
        *self.updates.entry(optimizer.to_owned()).or_default() += updates;
        if updates > 0 {
            (self.updated, self.author) = (true, Author::Trainer);
        }
    }

    /// Sets the counters to those after `done` steps of a timetable, as far as is known.
    pub(crate) fn set_counters(&mut self, table: &Timetable, done: u64) {
        let Counters { steps, epochs, updates } = table.at(done);
        self.updated |= updates > self.counters(&table.optimizer).updates;
        (self.steps, self.epochs) = (steps, epochs);
        self.updates.insert(table.optimizer.clone(), updates);
    }

    /// The timetable whose clock counts the model's steps on the device, if one does.
    pub(crate) fn timetable(&self) -> Option<&Arc<Timetable>> {
        match &self.author {
            Author::Embedded(table) if table.lives() => Some(table),
            _ => None,
        }
    }

    /// Restarts training in the application's submissions from the model's current state: until it does, steps that were already
    /// encoded change nothing.
    pub(crate) fn begin_anew(&mut self) -> Result<()> {
        if let Some(table) = self.timetable().cloned() {
            let (key, slots) = &table.due;
            self.executor.write(key, 0, Values::U32(&vec![Timetable::NONE_DUE; *slots]))?;
        }
        self.author = Author::Nobody;
        Ok(())
    }

    /// Resets the optimisers' moments, moving averages and schedules, so that training continues as for a new model, but from these weights.
    /// Training in an application's submissions ([`embed`](crate::embed)) continues with a new epoch.
    ///
    /// # Errors
    /// Device errors.
    pub fn reset_optimizer(&mut self) -> Result<()> {
        self.updates.clear();
        if let Author::Embedded(_) = self.author {
            self.begin_anew()?;
        }
        let others = [keys::PARAMETERS, keys::PREVIOUS, keys::AVERAGES];
        let moments = self.kept.keys().filter(|key| !others.contains(&key.as_str()));
        moments.into_iter().try_for_each(|key| self.executor.clear(key))?;
        self.begin_averages()
    }
}
