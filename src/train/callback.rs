//! Callbacks and early stopping.

use super::history::Epoch;
use super::monitor::Monitor;
use crate::plan::arena::keys;
use crate::{Error, Metric, Model, Result};
use std::ops::ControlFlow;

/// Called by the trainer. Closures `FnMut(&mut Model, &Epoch) -> Result<ControlFlow<()>>` are callbacks too.
pub trait Callback {
    /// Called after every epoch and its validation. `Break` ends the training.
    ///
    /// # Errors
    /// Any error ends the training, which returns it.
    fn on_epoch_end(&mut self, model: &mut Model, epoch: &Epoch) -> Result<ControlFlow<()>>;
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
    /// a callback or with an error. If a device fault prevents it, [`Trainer::best_weights`](super::Trainer::best_weights) has them.
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
    pub(super) fn new(options: EarlyStopping, metrics: &[Metric]) -> Result<Self> {
        if options.patience == 0 || !(options.min_delta.is_finite() && options.min_delta >= 0.0) {
            return Err(Error::invalid(
                "early stopping",
                format!("patience {}, min_delta {}", options.patience, options.min_delta),
                "patience >= 1 and a finite min_delta >= 0",
                "correct the options",
            ));
        }
        let monitor = Monitor::new("early stopping", options.monitor.as_deref(), metrics)?;
        let standing = Standing { best: f64::INFINITY, best_epoch: 0, weights: None };
        Ok(Self { options, monitor, standing })
    }

    /// Records an epoch; returns whether to stop. NaN is no improvement.
    pub(super) async fn note(&mut self, model: &mut Model, epoch: &Epoch) -> Result<bool> {
        let value = self.monitor.value(epoch);
        if value < self.standing.best - self.options.min_delta {
            // Read first: if that fails, the previous best epoch remains.
            let weights = match self.options.restore_best {
                true => Some(model.read_arena(keys::PARAMETERS).await?),
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
