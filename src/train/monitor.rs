//! The number that early stopping and the learning rate watch.

use super::Trainer;
use super::history::{Epoch, History};
use crate::{Error, Metric, Result};

/// The loss or a metric of every epoch, on the validation set where there is one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Monitor {
    /// The metric's place; `None` for the loss.
    metric: Option<usize>,
    /// 1 where less is better, else −1.
    sign: f64,
}

impl Monitor {
    /// The monitor of the metric of this name, or of the loss. `place` is the option that asks for it.
    pub(super) fn new(place: &str, name: Option<&str>, metrics: &[Metric]) -> Result<Self> {
        let Some(name) = name.filter(|name| *name != "loss") else {
            return Ok(Self { metric: None, sign: 1.0 });
        };
        let Some(found) = metrics.iter().position(|metric| metric.name() == name) else {
            let known: Vec<String> =
                ["loss".to_owned()].into_iter().chain(metrics.iter().map(Metric::name)).collect();
            return Err(Error::invalid(
                place,
                format!("the metric {name:?}"),
                known.join(", "),
                "watch one of these, or give the trainer that metric",
            ));
        };
        let sign = if metrics[found].is_better_if_higher() { -1.0 } else { 1.0 };
        Ok(Self { metric: Some(found), sign })
    }

    /// Whether the last epoch is better than all before it.
    pub(super) fn is_best(self, history: &History) -> bool {
        let Some((last, before)) = history.epochs.split_last() else { return false };
        before.iter().map(|epoch| self.value(epoch)).all(|value| self.value(last) < value || value.is_nan())
    }

    /// The epoch's number, with its sign changed where more is better: less is better then, too.
    pub(super) fn value(self, epoch: &Epoch) -> f64 {
        let value = match (self.metric, epoch.val_loss) {
            (None, Some(loss)) => loss,
            (None, None) => epoch.train_loss,
            (Some(i), Some(_)) => epoch.val_metrics.get(i).copied().unwrap_or(f64::NAN),
            (Some(i), None) => epoch.train_metrics.get(i).copied().unwrap_or(f64::NAN),
        };
        self.sign * value
    }
}

impl Trainer<'_> {
    /// By what the best epoch is told: what early stopping watches, the loss without it.
    pub(super) fn monitor(&self) -> Result<Monitor> {
        let name = self.early_stopping.as_ref().and_then(|options| options.monitor.as_deref());
        Monitor::new("early stopping", name, &self.recipe.metrics)
    }
}
