//! The history of a training, epoch by epoch.

mod table;

use crate::report::decimals;
use crate::{Error, Result, store};
use std::path::Path;

/// One epoch.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// The epoch's number since the model was built, counted from 1: a further training of the model counts on.
    pub epoch: usize,
    /// The mean loss over the epoch's rows, each with the weights of its step, plus the regularisers' penalties.
    #[serde(with = "store::number")]
    pub train_loss: f64,
    /// The metrics over the epoch's rows, in the order of [`History::metrics`].
    #[serde(with = "store::number")]
    pub train_metrics: Vec<f64>,
    /// The loss on the validation set after the epoch.
    #[serde(with = "store::number")]
    pub val_loss: Option<f64>,
    /// The metrics on the validation set after the epoch; empty without a validation set.
    #[serde(with = "store::number")]
    pub val_metrics: Vec<f64>,
    /// The learning rate of the epoch's last update.
    #[serde(with = "store::number")]
    pub learning_rate: f64,
    /// Seconds spent on training steps, without validation and without compiling kernels.
    #[serde(with = "store::number")]
    pub seconds: f64,
    /// How many of these seconds the host spent preparing and submitting steps. On a CPU device, and on software adapters that run steps
    /// during submission, this includes the computation itself.
    #[serde(with = "store::number")]
    pub host_seconds: f64,
    /// The number of training steps.
    pub steps: usize,
    /// Training rows per second; infinite if no time has passed on the clock.
    #[serde(with = "store::number")]
    pub samples_per_second: f64,
}

impl Epoch {
    /// The epoch as a progress line that begins with `label`; `metrics` are the metrics' names.
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

/// The history of a training.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct History {
    /// The metrics' names.
    pub metrics: Vec<String>,
    /// The epochs in order.
    pub epochs: Vec<Epoch>,
    /// The epoch whose weights early stopping has restored, if any.
    pub restored_epoch: Option<usize>,
    /// Seconds before the first epoch for compiling kernels, timing their variants ([`Tuning`](crate::device::Tuning)) and trial runs of
    /// programs with new kernels. Close to 0 on a CPU, and if the device has compiled all kernels before. After a resumption, the total.
    #[serde(default, with = "store::number")]
    pub compile_seconds: f64,
    /// The kernels of a training step, each of which is a dispatch on a GPU and waits for the one before; the most that a kind of step has.
    /// Of several processes each notes its own, which depends on how many there are.
    #[serde(default)]
    pub dispatches: usize,
}

impl History {
    /// The last epoch, if there is one.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// Saves the history as JSON. Non-finite numbers, which JSON lacks, become the strings `"NaN"`, `"Infinity"` and `"-Infinity"`, and
    /// missing values null. [`History::load_json`] returns the same history.
    ///
    /// # Errors
    /// I/O errors.
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::io(path, e.into()))?;
        store::write(path, &text)
    }

    /// Loads a history that [`History::save_json`] wrote. A null in place of a number is read as NaN.
    ///
    /// # Errors
    /// I/O errors; a file that is not a history.
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

    /// Plots the loss and every metric over the epochs, for training and validation, as `.png` or `.svg`.
    ///
    /// # Errors
    /// No epochs; another file extension; I/O errors.
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
                    ..CurvePanel::default()
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
