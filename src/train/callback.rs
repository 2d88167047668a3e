//! Callbacks and early stopping.

use super::history::Epoch;
use super::monitor::Monitor;
use crate::{Error, Metric, Model, Optimizer, Result};
use std::ops::ControlFlow;

/// Called by the trainer. Closures `FnMut(&mut Model, &Epoch) -> Result<ControlFlow<()>>` are callbacks too; for batches alone there is
/// [`Trainer::on_batch_end`](super::Trainer::on_batch_end).
pub trait Callback {
    /// Called after every epoch and its validation. `Break` ends the training.
    ///
    /// # Errors
    /// Any error ends the training, which returns it.
    fn on_epoch_end(&mut self, model: &mut Model, epoch: &Epoch) -> Result<ControlFlow<()>>;

    /// Whether [`Callback::on_batch_end`] is to be called. Steps then go to the device one by one, each waiting for the loss of the one
    /// before, instead of up to 32 at once: small networks train much more slowly on a GPU, with the same bits. Default: no.
    fn watches_batches(&self) -> bool {
        false
    }

    /// Called after every batch, where [`Callback::watches_batches`]. May set the learning rate of the batches that follow. `Break` ends
    /// the training after a validation, with an epoch of the batches so far; a group of accumulated steps that is not complete then
    /// changes nothing.
    ///
    /// # Errors
    /// Any error ends the training, which returns it.
    fn on_batch_end(&mut self, batch: &mut BatchEnd) -> Result<ControlFlow<()>> {
        let _ = batch;
        Ok(ControlFlow::Continue(()))
    }
}

/// A batch of a training, after its step: see [`Callback::on_batch_end`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchEnd {
    /// The epoch's number, as in [`Epoch::epoch`].
    pub epoch: usize,
    /// The batch's number in the epoch, counted from 1.
    pub batch: usize,
    /// The number of batches of an epoch.
    pub batches: usize,
    /// The mean loss over the batch, before the update, plus the regularisers' penalties.
    pub loss: f64,
    /// The learning rate of the last update. A callback that changes it sets that of all further updates of the training, in place of the
    /// schedule's and of [`Trainer::reduce_on_plateau`](super::Trainer::reduce_on_plateau)'s.
    pub learning_rate: f64,
}

/// A callback for batches alone.
pub(super) struct Batches<F>(pub(super) F);

impl<F: FnMut(&mut BatchEnd) -> Result<ControlFlow<()>>> Callback for Batches<F> {
    fn on_epoch_end(&mut self, _: &mut Model, _: &Epoch) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }

    fn watches_batches(&self) -> bool {
        true
    }

    fn on_batch_end(&mut self, batch: &mut BatchEnd) -> Result<ControlFlow<()>> {
        self.0(batch)
    }
}

impl<F: FnMut(&mut Model, &Epoch) -> Result<ControlFlow<()>>> Callback for F {
    fn on_epoch_end(&mut self, model: &mut Model, epoch: &Epoch) -> Result<ControlFlow<()>> {
        self(model, epoch)
    }
}

/// Stops training when the validation loss no longer falls, or the training loss if there is no validation set, or when a metric no
/// longer improves.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without improvement before stopping, at least 1.
    pub patience: usize,
    /// By how much the loss must fall, or the metric improve, to count as an improvement, at least 0.
    pub min_delta: f64,
    /// Whether the best epoch's weights, including running statistics, are restored, however the training ends: after the last epoch, by
    /// a callback or with an error. Of an optimiser with moving averages these are the averages at that epoch's end. If a device fault prevents it, [`Trainer::best_weights`](super::Trainer::best_weights) has them.
    pub restore_best: bool,
    /// The name of the metric to watch, on the validation set where there is one; the loss by default.
    pub monitor: Option<String>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0, restore_best: true, monitor: None }
    }
}

/// The state of early stopping.
#[derive(Debug)]
pub(super) struct Watch {
    options: EarlyStopping,
    monitor: Monitor,
    pub(super) standing: Standing,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    #[serde(with = "crate::store::number")]
    best: f64,
    best_epoch: usize,
    /// Its parameters, if they are to be restored.
    #[serde(skip)]
    pub(super) weights: Option<Vec<f64>>,
}

impl Standing {
    /// The best epoch and its parameters, if there is one and they are to be restored.
    pub(super) fn best(self) -> Option<(usize, Vec<f64>)> {
        Some((self.best_epoch, self.weights?))
    }
}

impl Watch {
    /// For a training that begins after so many epochs.
    pub(super) fn new(options: EarlyStopping, metrics: &[Metric], begun: usize) -> Result<Self> {
        if options.patience == 0 || !(options.min_delta.is_finite() && options.min_delta >= 0.0) {
            return Err(Error::invalid(
                "early stopping",
                format!("patience {}, min_delta {}", options.patience, options.min_delta),
                "patience >= 1 and a finite min_delta >= 0",
                "correct the options",
            ));
        }
        let monitor = Monitor::new("early stopping", options.monitor.as_deref(), metrics)?;
        let standing = Standing { best: f64::INFINITY, best_epoch: begun, weights: None };
        Ok(Self { options, monitor, standing })
    }

    /// Records an epoch; returns whether to stop. NaN is no improvement.
    pub(super) async fn note(
        &mut self,
        model: &mut Model,
        optimizer: &Optimizer,
        epoch: &Epoch,
    ) -> Result<bool> {
        let value = self.monitor.value(epoch);
        if value < self.standing.best - self.options.min_delta {
            // Read first: if that fails, the previous best epoch remains.
            let weights = match self.options.restore_best {
                true => Some(model.read_result(optimizer).await?),
                false => None,
            };
            self.standing = Standing { best: value, best_epoch: epoch.epoch, weights };
        }
        Ok(self.stops(epoch.epoch))
    }

    /// Whether the training stops after this epoch.
    pub(super) fn stops(&self, epoch: usize) -> bool {
        epoch >= self.standing.best_epoch.saturating_add(self.options.patience)
    }
}
