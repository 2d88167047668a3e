//! What happened, epoch by epoch.

mod table;

use crate::report::decimals;
use crate::{Error, Result, store};
use std::path::Path;

/// One epoch.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's rows, each seen with the weights of its step; with the regularisers' penalties.
    #[serde(with = "store::number")]
    pub train_loss: f64,
    /// The metrics over the epoch's rows, in the order of [`History::metrics`].
    #[serde(with = "store::number")]
    pub train_metrics: Vec<f64>,
    /// The loss on the validation set after the epoch.
    #[serde(with = "store::number")]
    pub val_loss: Option<f64>,
    /// The metrics on the validation set after the epoch; empty without one.
    #[serde(with = "store::number")]
    pub val_metrics: Vec<f64>,
    /// The learning rate of the epoch's last update.
    #[serde(with = "store::number")]
    pub learning_rate: f64,
    /// Seconds spent on training steps, without validation, and without compiling kernels, which comes before the first epoch.
    #[serde(with = "store::number")]
    pub seconds: f64,
    /// Seconds of these that the host spent on preparing and submitting steps; on a CPU device, and on software adapters that
    /// work while they are handed the steps, that is the work itself.
    #[serde(with = "store::number")]
    pub host_seconds: f64,
    /// Training steps.
    pub steps: usize,
    /// Training rows a second; infinite where the clock saw no time pass.
    #[serde(with = "store::number")]
    pub samples_per_second: f64,
}

impl Epoch {
    /// A line for people, which begins with `label`; `metrics` are their names.
    pub(super) fn line(&self, label: &str, metrics: &[String]) -> String {
        let mut text = label.to_owned();
        let mut add = |before: &str, loss: f64, values: &[f64]| {
            text += &format!("  {before}loss {}", decimals(loss));
            for (name, value) in metrics.iter().zip(values) {
                text += &format!("  {name} {}", decimals(*value));
            }
        };
        add("", self.train_loss, &self.train_metrics);
        if let Some(loss) = self.val_loss {
            add("validation: ", loss, &self.val_metrics);
        }
        text + &format!("  {:.3} s  {:.0} rows/s", self.seconds, self.samples_per_second)
    }
}

/// The course of a training.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct History {
    /// The metrics' names.
    pub metrics: Vec<String>,
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights the model holds when early stopping restored the best.
    pub restored_epoch: Option<usize>,
    /// Seconds before the first epoch in which the device's kernels were compiled, their variants timed
    /// ([`Tuning`](crate::device::Tuning)), and steps of new kernels tried out; next to none where the device has had all kernels
    /// before, and on a CPU. After a resumption, of all parts of the training.
    #[serde(default, with = "store::number")]
    pub compile_seconds: f64,
}

impl History {
    /// The last epoch, if there was one.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// As JSON. Numbers that are not finite, which JSON does not have, are written as the strings `"NaN"`, `"Infinity"` and
    /// `"-Infinity"`, and what is missing as null: [`History::load_json`] gives the same history.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::io(path, e.into()))?;
        store::write(path, &text)
    }

    /// A history from a file that [`History::save_json`] wrote. A null where a number is expected is taken for NaN.
    ///
    /// # Errors
    /// What the system says of the file; content that is no history.
    pub fn load_json(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        serde_json::from_slice(&store::read(path)?).map_err(|e| {
            Error::invalid(
                path.display(),
                e,
                "a history as JSON",
                "read a file that History::save_json wrote",
            )
        })
    }

    /// Draws the loss and every metric over the epochs, training and validation, as `.png` or `.svg`.
    ///
    /// # Errors
    /// No epochs, another ending, what the system says of the file.
    #[cfg(feature = "plot")]
    pub fn plot(&self, path: impl AsRef<Path>) -> Result<()> {
        use crate::report::plot::{Curve, CurvePanel, curves};
        let curve = |label: &str, value: &dyn Fn(&Epoch) -> Option<f64>| Curve {
            label: label.to_owned(),
            points: self.epochs.iter().filter_map(|e| Some((e.epoch as f64, value(e)?))).collect(),
            spread: None,
        };
        let panel =
            |title: &str, train: &dyn Fn(&Epoch) -> Option<f64>, val: &dyn Fn(&Epoch) -> Option<f64>| {
                let both = [curve("training", train), curve("validation", val)];
                CurvePanel {
                    title: title.to_owned(),
                    x_label: "epoch".into(),
                    y_label: title.to_owned(),
                    curves: both.into_iter().filter(|c| !c.points.is_empty()).collect(),
                    log_y: false,
                }
            };
        let mut panels = vec![panel("loss", &|e| Some(e.train_loss), &|e| e.val_loss)];
        for (i, name) in self.metrics.iter().enumerate() {
            let (train, val) = (
                move |e: &Epoch| e.train_metrics.get(i).copied(),
                move |e: &Epoch| e.val_metrics.get(i).copied(),
            );
            panels.push(panel(name, &train, &val));
        }
        curves(path, &panels)
    }
}
