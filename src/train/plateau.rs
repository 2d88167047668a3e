//! A learning rate that falls when learning stalls.

use super::history::Epoch;
use super::monitor::Monitor;
use crate::{Error, Metric, Result, store};
use serde::{Deserialize, Serialize};

/// Lowers the learning rate when the validation loss, or the number that it watches, no longer improves (Keras' `ReduceLROnPlateau`):
/// the schedule's rates are multiplied by the factor, again after every further stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plateau {
    /// By what the rate is multiplied, above 0 and below 1; default 0.1.
    pub factor: f64,
    /// Epochs without improvement before it is, at least 1; default 10.
    pub patience: usize,
    /// By how much the number must improve to count, at least 0; default 0.0001.
    pub min_delta: f64,
    /// Epochs after a reduction in which nothing is counted; default 0.
    pub cooldown: usize,
    /// The rate below which none is lowered, at least 0; default 0.
    pub min_rate: f64,
    /// The name of the metric to watch, on the validation set where there is one; the loss by default.
    pub monitor: Option<String>,
}

impl Default for Plateau {
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, min_delta: 1e-4, cooldown: 0, min_rate: 0.0, monitor: None }
    }
}

impl Plateau {
    /// Checks the options for a trainer with these metrics.
    pub(super) fn check(&self, metrics: &[Metric]) -> Result<Monitor> {
        let Self { factor, patience, min_delta, min_rate, .. } = *self;
        let fine = (0.0..1.0).contains(&factor) && factor > 0.0;
        let at_least_0 = |v: f64| v.is_finite() && v >= 0.0;
        if !fine || patience == 0 || !at_least_0(min_delta) || !at_least_0(min_rate) {
            return Err(Error::invalid(
                PLACE,
                format!("factor {factor}, patience {patience}, min_delta {min_delta}, min_rate {min_rate}"),
                "a factor between 0 and 1, patience >= 1, finite min_delta and min_rate >= 0",
                "correct the options",
            ));
        }
        Monitor::new(PLACE, self.monitor.as_deref(), metrics)
    }
}

const PLACE: &str = "trainer option reduce_on_plateau";

/// How far a plateau has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stalls {
    /// By what the schedule's rates are multiplied.
    #[serde(with = "store::number")]
    scale: f64,
    #[serde(with = "store::number")]
    best: f64,
    waited: usize,
    cooldown: usize,
}

/// The state of a learning rate that falls when learning stalls.
#[derive(Debug)]
pub(super) struct Reduction {
    options: Plateau,
    monitor: Monitor,
    pub(super) stalls: Stalls,
}

impl Reduction {
    pub(super) fn new(options: &Plateau, metrics: &[Metric]) -> Result<Self> {
        let stalls = Stalls { scale: 1.0, best: f64::INFINITY, waited: 0, cooldown: 0 };
        Ok(Self { options: options.clone(), monitor: options.check(metrics)?, stalls })
    }

    /// The rate to use where the schedule has this one.
    pub(super) fn rate(&self, scheduled: f64) -> f64 {
        (scheduled * self.stalls.scale).max(scheduled.min(self.options.min_rate))
    }

    /// Records an epoch, whose last rate the schedule had as `scheduled`. NaN is no improvement.
    pub(super) fn note(&mut self, epoch: &Epoch, scheduled: f64) {
        let value = self.monitor.value(epoch);
        let rate = self.rate(scheduled);
        let Plateau { factor, patience, min_delta, cooldown, min_rate, .. } = self.options;
        let stalls = &mut self.stalls;
        if stalls.cooldown > 0 {
            (stalls.cooldown, stalls.waited) = (stalls.cooldown - 1, 0);
        }
        if value < stalls.best - min_delta {
            (stalls.best, stalls.waited) = (value, 0);
            return;
        }
        if stalls.cooldown > 0 {
            return;
        }
        stalls.waited += 1;
        if stalls.waited >= patience && rate > min_rate {
            stalls.scale *= factor;
            (stalls.cooldown, stalls.waited) = (cooldown, 0);
            log::info!("epoch {}: the learning rate falls from {rate:e}", epoch.epoch);
        }
    }
}
