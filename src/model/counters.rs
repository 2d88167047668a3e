//! How far a model has come, and who counts it.

use super::Model;
use super::timetable::{Counters, Timetable};
use crate::Result;
use crate::device::Values;
use crate::plan::arena::keys;
use std::sync::Arc;

/// Who has changed a model's counters last.
#[derive(Clone, Debug)]
pub(crate) enum Author {
    /// They are what they were when the model was built, or a state was copied.
    Nobody,
    /// A trainer.
    Trainer,
    /// What trains it in its application's submissions, by this timetable.
    Embedded(Arc<Timetable>),
}

impl Model {
    /// How far it has come, with the updates by one kind of optimiser.
    pub(crate) fn counters(&self, optimizer: &str) -> Counters {
        let updates = self.updates.get(optimizer).copied().unwrap_or(0);
        Counters { steps: self.steps, epochs: self.epochs, updates }
    }

    /// Says that so many steps of a timetable have run, as far as is known.
    pub(crate) fn set_counters(&mut self, table: &Timetable, done: u64) {
        let Counters { steps, epochs, updates } = table.at(done);
        self.updated |= updates > self.counters(&table.optimizer).updates;
        (self.steps, self.epochs) = (steps, epochs);
        self.updates.insert(table.optimizer.clone(), updates);
    }

    /// The timetable by whose clock the device counts the model's steps, where it does.
    pub(crate) fn timetable(&self) -> Option<&Arc<Timetable>> {
        match &self.author {
            Author::Embedded(table) if table.lives() => Some(table),
            _ => None,
        }
    }

    /// Has what trains the model in its application's submissions begin anew from where the model stands: steps that were encoded before change
    /// nothing until then.
    pub(crate) fn begin_anew(&mut self) -> Result<()> {
        if let Some(table) = self.timetable().cloned() {
            let (key, slots) = &table.due;
            self.executor.write(key, 0, Values::U32(&vec![Timetable::NONE_DUE; *slots]))?;
        }
        self.author = Author::Nobody;
        Ok(())
    }

    /// Forgets the optimisers' moments and how far their schedules have gone, so that training goes on as on a
    /// new model, but from these weights. What trains it in an application's submissions ([`embed`](crate::embed)) goes on with a new epoch.
    ///
    /// # Errors
    /// The device's.
    pub fn reset_optimizer(&mut self) -> Result<()> {
        self.updates.clear();
        if let Author::Embedded(_) = self.author {
            self.begin_anew()?;
        }
        let moments =
            self.kept.keys().filter(|key| ![keys::PARAMETERS, keys::PREVIOUS].contains(&key.as_str()));
        moments.into_iter().try_for_each(|key| self.executor.clear(key))
    }
}
