//! What may happen between epochs.

use super::history::Epoch;
use crate::plan::arena::keys;
use crate::{Error, Model, Result};
use std::ops::ControlFlow;

/// Called by the trainer. Closures `FnMut(&mut Model, &Epoch) -> Result<ControlFlow<()>>` are callbacks, too.
pub trait Callback {
    /// After every epoch, validation included. `Break` ends the training.
    ///
    /// # Errors
    /// An error ends the training and is returned from it.
    fn on_epoch_end(&mut self, model: &mut Model, epoch: &Epoch) -> Result<ControlFlow<()>>;
}

impl<F: FnMut(&mut Model, &Epoch) -> Result<ControlFlow<()>>> Callback for F {
    fn on_epoch_end(&mut self, model: &mut Model, epoch: &Epoch) -> Result<ControlFlow<()>> {
        self(model, epoch)
    }
}

/// Ends the training when a loss no longer falls.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EarlyStopping {
    /// Epochs without improvement before stopping, at least 1.
    pub patience: usize,
    /// What counts as an improvement, at least 0.
    pub min_delta: f64,
    /// Whether the model is left with the weights of the best epoch, running statistics included, in whatever way the training
    /// ends: after the last epoch, because a callback asked for it, or with an error. Where a fault of the device keeps them
    /// from being written back, [`Trainer::best_weights`](super::Trainer::best_weights) has them.
    pub restore_best: bool,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 5, min_delta: 0.0, restore_best: true }
    }
}

/// The state of early stopping: it watches the validation loss, or the training loss without one.
#[derive(Debug)]
pub(super) struct Watch {
    options: EarlyStopping,
    pub(super) standing: Standing,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    best: f64,
    best_epoch: usize,
    /// Its parameters, where they are to be put back.
    weights: Option<Vec<f64>>,
}

impl Standing {
    /// The best epoch and its parameters, where they are to be put back and there was one.
    pub(super) fn best(self) -> Option<(usize, Vec<f64>)> {
        Some((self.best_epoch, self.weights?))
    }
}

impl Watch {
    pub(super) fn new(options: EarlyStopping) -> Result<Self> {
        if options.patience == 0 || !(options.min_delta.is_finite() && options.min_delta >= 0.0) {
            return Err(Error::invalid(
                "early stopping",
                format!("patience {}, min_delta {}", options.patience, options.min_delta),
                "patience >= 1 and a finite min_delta >= 0",
                "correct the options",
            ));
        }
        Ok(Self { options, standing: Standing { best: f64::INFINITY, best_epoch: 0, weights: None } })
    }

    /// Notes an epoch; returns whether to stop. A loss that is not a number is no improvement.
    pub(super) async fn note(&mut self, model: &mut Model, epoch: &Epoch) -> Result<bool> {
        let loss = epoch.val_loss.unwrap_or(epoch.train_loss);
        if loss < self.standing.best - self.options.min_delta {
            // Read before the epoch becomes the best: a read that fails leaves the one before.
            let weights = match self.options.restore_best {
                true => Some(model.read_arena(keys::PARAMETERS).await?),
                false => None,
            };
            self.standing = Standing { best: loss, best_epoch: epoch.epoch, weights };
        }
        Ok(epoch.epoch >= self.standing.best_epoch.saturating_add(self.options.patience))
    }
}
