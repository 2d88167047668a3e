//! What happened, epoch by epoch.

use crate::report::decimals;
use crate::{Error, Result, store};
use serde::Deserialize;
use std::path::Path;

/// One epoch.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean loss over the epoch's rows, each seen with the weights of its step; with the regularisers' penalties.
    #[serde(deserialize_with = "nan_for_null")]
    pub train_loss: f64,
    /// The metrics over the epoch's rows, in the order of [`History::metrics`].
    #[serde(deserialize_with = "nans_for_nulls")]
    pub train_metrics: Vec<f64>,
    /// The loss on the validation set after the epoch.
    pub val_loss: Option<f64>,
    /// The metrics on the validation set after the epoch; empty without one.
    #[serde(deserialize_with = "nans_for_nulls")]
    pub val_metrics: Vec<f64>,
    /// The learning rate of the epoch's last update.
    pub learning_rate: f64,
    /// Seconds spent on training steps, without validation, and without compiling kernels, which comes before the first epoch.
    pub seconds: f64,
    /// Seconds of these that the host spent on preparing and submitting steps; on a CPU device, and on software adapters that
    /// work while they are handed the steps, that is the work itself.
    pub host_seconds: f64,
    /// Training steps.
    pub steps: usize,
    /// Training rows a second.
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

/// JSON has no NaN: it is written as null.
fn nan_for_null<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
}

fn nans_for_nulls<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(from)?;
    Ok(values.into_iter().map(|v| v.unwrap_or(f64::NAN)).collect())
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
    #[serde(default)]
    pub compile_seconds: f64,
}

impl History {
    /// The last epoch, if there was one.
    pub fn last(&self) -> Option<&Epoch> {
        self.epochs.last()
    }

    /// As comma-separated values with a header: epoch, losses, metrics, learning rate, time.
    ///
    /// # Errors
    /// An epoch with other metrics than [`History::metrics`]; what the system says of the file.
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check()?;
        let failed = |e: csv::Error| Error::io(path, std::io::Error::other(e));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let named = |prefix: &str| self.metrics.iter().map(|m| format!("{prefix}_{m}")).collect::<Vec<_>>();
        let mut header = vec!["epoch".to_owned(), "train_loss".into()];
        header.extend(named("train"));
        header.push("val_loss".into());
        header.extend(named("val"));
        header.extend(["learning_rate", "seconds", "host_seconds", "samples_per_second"].map(String::from));
        writer.write_record(&header).map_err(failed)?;
        for epoch in &self.epochs {
            let mut row = vec![epoch.epoch.to_string(), epoch.train_loss.to_string()];
            row.extend(epoch.train_metrics.iter().map(f64::to_string));
            row.push(epoch.val_loss.map_or(String::new(), |l| l.to_string()));
            let missing = self.metrics.len() - epoch.val_metrics.len();
            row.extend(epoch.val_metrics.iter().map(f64::to_string));
            row.extend(std::iter::repeat_n(String::new(), missing));
            row.extend(
                [epoch.learning_rate, epoch.seconds, epoch.host_seconds, epoch.samples_per_second]
                    .map(|v| v.to_string()),
            );
            writer.write_record(&row).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|e| Error::io(path, std::io::Error::other(e.to_string())))?;
        store::write(path, &bytes)
    }

    /// Whether the epochs have the metrics that are named: a history may come from a file.
    fn check(&self) -> Result<()> {
        let names = self.metrics.len();
        let fits = |e: &&Epoch| e.train_metrics.len() == names && [0, names].contains(&e.val_metrics.len());
        match self.epochs.iter().find(|epoch| !fits(epoch)) {
            None => Ok(()),
            Some(Epoch { epoch, train_metrics, val_metrics, .. }) => Err(Error::invalid(
                format!("epoch {epoch} of the history"),
                format!("{} metrics, {} of validation", train_metrics.len(), val_metrics.len()),
                format!("{names}, named {:?}", self.metrics),
                "read a history that was saved whole",
            )),
        }
    }

    /// As JSON. Numbers that are not finite become null.
    ///
    /// # Errors
    /// What the system says of the file.
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = serde_json::to_vec_pretty(self).map_err(|e| Error::io(path, e.into()))?;
        store::write(path, &text)
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
