//! What callbacks see and change between batches, and the learning rate that follows.

use super::Fit;
use crate::train::BatchEnd;
use crate::{Result, Schedule};
use std::sync::PoisonError;

impl Fit<'_, '_, '_> {
    /// The number of the training's last epoch.
    pub(super) fn last(&self) -> usize {
        self.begun.saturating_add(self.trainer.epochs)
    }

    /// Whether a callback watches every batch.
    pub(super) fn watches_batches(&mut self) -> bool {
        let callbacks = self.trainer.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner);
        callbacks.iter().any(|callback| callback.watches_batches())
    }

    /// Tells the callbacks of a batch, by its epoch and its number there.
    pub(super) fn tell_batch(&mut self, (epoch, batch): (usize, usize), loss: f64) -> Result<()> {
        let learning_rate = self.used(self.scheduled());
        let mut told = BatchEnd { epoch, batch, batches: self.steps.len(), loss, learning_rate };
        let callbacks = self.trainer.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for callback in callbacks.iter_mut().filter(|callback| callback.watches_batches()) {
            self.ended |= callback.on_batch_end(&mut told)?.is_break();
        }
        if told.learning_rate.to_bits() != learning_rate.to_bits() {
            Schedule::Constant(told.learning_rate).check()?;
            self.rate = Some(told.learning_rate);
        }
        Ok(())
    }

    /// The schedule's rate at the last update.
    pub(super) fn scheduled(&self) -> f64 {
        let optimizer = &self.trainer.recipe.optimizer;
        let updates = self.model.counters(optimizer.name()).updates;
        optimizer.learning_rate().rate(updates.saturating_sub(1))
    }

    /// The rate to use where the schedule has this one: the one that a callback has set, or the schedule's as a plateau has left it.
    pub(super) fn used(&self, scheduled: f64) -> f64 {
        let reduced = || self.reduction.as_ref().map_or(scheduled, |reduction| reduction.rate(scheduled));
        self.rate.unwrap_or_else(reduced)
    }
}
