//! Where a run begins, and what it keeps on its way: snapshots and checkpoints.

use super::Fit;
use crate::model::{Author, Saving};
use crate::plan::arena::keys;
use crate::real::Numbers;
use crate::train::History;
use crate::train::snapshot::{Done, Position, Snapshot};
use crate::{Error, Result};
use std::sync::Arc;

impl Fit<'_, '_, '_> {
    /// Whether a training that is resumed had ended.
    pub(super) fn is_over(&self) -> bool {
        let last = self.trainer.history.epochs.last();
        let stopped = self.watch.as_ref().zip(last).is_some_and(|(watch, last)| watch.stops(last.epoch));
        stopped || self.trainer.snapshot.as_ref().is_some_and(|snapshot| snapshot.position.ended)
    }

    /// Begins a training, with a first snapshot unless they are turned off.
    pub(super) async fn set_out(&mut self) -> Result<()> {
        let names = self.trainer.recipe.metrics.iter().map(|m| m.name()).collect();
        let (compile_seconds, dispatches) = (self.compile_seconds, self.dispatches);
        self.trainer.history = History { metrics: names, compile_seconds, dispatches, ..History::default() };
        if self.due.ever() {
            let saving = self.model.begin_state();
            self.keep_snapshot(saving, (self.begun.saturating_add(1), Done::default()), false).await?;
        } else {
            self.trainer.snapshot = None;
        }
        Ok(())
    }

    /// Restores the snapshot; returns its epoch and what has been done of it.
    pub(super) fn take_up(&mut self) -> Result<(usize, Done)> {
        let Some(snapshot) = self.trainer.snapshot.clone() else {
            return Ok((self.begun.saturating_add(1), Done::default()));
        };
        let (done, all) = (snapshot.position.done.steps, self.steps.len());
        if done > all {
            let (found, expected) = (format!("{done} steps of an epoch"), format!("at most {all}"));
            return Err(Error::invalid("snapshot", found, expected, "use the checkpoint as it was written"));
        }
        self.model.set_state(&snapshot.model)?;
        self.model.author = Author::Trainer;
        let position = &snapshot.position;
        (self.trainer.history, self.trainer.best) = (position.history.clone(), None);
        self.trainer.history.compile_seconds += self.compile_seconds;
        self.trainer.history.dispatches = self.dispatches;
        if let (Some(watch), Some(standing)) = (&mut self.watch, &position.standing) {
            watch.standing = standing.clone();
        }
        if let (Some(reduction), Some(stalls)) = (&mut self.reduction, &position.stalls) {
            reduction.stalls = stalls.clone();
        }
        self.rate = position.rate;
        Ok((position.epoch, position.done.clone()))
    }

    /// Waits for the model's state to arrive on the host, and keeps it as the snapshot.
    pub(super) async fn keep_snapshot(
        &mut self,
        saving: Saving,
        (epoch, done): (usize, Done),
        ended: bool,
    ) -> Result<()> {
        let model = self.model.finish_state(saving).await?;
        let terms = self.terms.clone();
        let standing = self.watch.as_ref().map(|watch| watch.standing.clone());
        let stalls = self.reduction.as_ref().map(|reduction| reduction.stalls.clone());
        let history = self.trainer.history.clone();
        let is_best = done.steps == 0 && self.trainer.monitor()?.is_best(&history);
        let (begun, rate) = (self.begun, self.rate);
        let position = Position { terms, begun, epoch, done, history, standing, stalls, rate, ended };
        let snapshot = Arc::new(Snapshot { model, position });
        if let Some(folder) = &mut self.folder {
            folder.keep(self.model, &snapshot, is_best);
        }
        self.trainer.snapshot = Some(snapshot);
        Ok(())
    }

    /// Restores the weights of early stopping's best epoch, if requested and if there are any.
    pub(super) fn restore_best(&mut self) -> Result<()> {
        let Some((epoch, weights)) = self.watch.take().and_then(|watch| watch.standing.best()) else {
            return Ok(());
        };
        let mut best = self.model.bare_state();
        let restored = self.model.write_parameters(&weights);
        best.buffers.insert(keys::PARAMETERS.to_owned(), Numbers::Double(weights));
        self.trainer.best = Some(best.weights());
        restored?;
        self.trainer.history.restored_epoch = Some(epoch);
        Ok(())
    }

    /// After a non-finite validation loss: undoes the last update if the loss was finite before it.
    pub(super) async fn blame_update(&mut self) -> Result<()> {
        if self.validation.is_none() {
            return Ok(());
        }
        let present = self.model.read_arena(keys::PARAMETERS).await?;
        self.model.take_back_update().await?;
        if self.validate().await?.is_some_and(|again| again.loss.is_finite()) {
            self.model.reset_optimizer()
        } else {
            self.model.write_parameters(&present)
        }
    }
}
