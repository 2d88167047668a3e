//! The record of one training, trainings from every seed and by turns, and statistics over several trainings.

use crate::job;
use crate::say::say;
use autorot::report::Bar;
use autorot::train::Epoch;
use autorot::{History, Model, Result, Split, Trainer};
use serde::Serialize;

/// One training; `extra` is what only some studies record.
#[derive(Debug, Serialize)]
pub struct Run<E> {
    pub variant: &'static str,
    pub seed: u64,
    /// Milliseconds per training step.
    pub step_ms: f64,
    pub epochs: Vec<Point>,
    /// Training seconds per epoch.
    pub epoch_seconds: f64,
    #[serde(flatten)]
    pub extra: E,
}

/// One epoch of one training.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Point {
    pub train_loss: f64,
    pub val_loss: f64,
    /// NaN if nothing is classified.
    #[serde(skip_serializing_if = "is_nan")]
    pub val_accuracy: f64,
}

fn is_nan(value: &f64) -> bool {
    value.is_nan()
}

/// A missing epoch.
const NONE: Point = Point { train_loss: f64::NAN, val_loss: f64::NAN, val_accuracy: f64::NAN };

impl From<&Epoch> for Point {
    fn from(epoch: &Epoch) -> Self {
        Self {
            train_loss: epoch.train_loss,
            val_loss: epoch.val_loss.unwrap_or(f64::NAN),
            val_accuracy: epoch.val_metrics.first().copied().unwrap_or(f64::NAN),
        }
    }
}

impl<E> Run<E> {
    pub fn new(variant: &'static str, seed: u64, history: &History, extra: E) -> Self {
        Self {
            variant,
            seed,
            step_ms: step_ms(history),
            epochs: history.epochs.iter().map(Point::from).collect(),
            epoch_seconds: seconds(history).iter().sum::<f64>() / history.epochs.len() as f64,
            extra,
        }
    }

    /// The last epoch's numbers, in one line.
    pub fn line(&self) -> String {
        let Point { val_loss, val_accuracy, .. } = self.last();
        let Self { seed, variant, epoch_seconds, .. } = self;
        format!(
            "seed {seed}  {variant:13} loss {val_loss:.4}  accuracy {val_accuracy:.4}  {epoch_seconds:.2} s per epoch"
        )
    }

    pub fn first(&self) -> Point {
        self.epochs.first().copied().unwrap_or(NONE)
    }

    pub fn last(&self) -> Point {
        self.epochs.last().copied().unwrap_or(NONE)
    }
}

/// Trains every subject from every seed and prints a line for each training. Saves after each subject, so that a training that
/// fails costs no other.
pub fn from_every_seed<S: Copy, E, R: IntoIterator<Item = Run<E>>>(
    seeds: u64,
    subjects: &[S],
    train: impl Fn(S, u64) -> Result<R>,
    line: impl Fn(&Run<E>) -> String,
    save: impl Fn(&[Run<E>]) -> Result<()>,
) -> Result<Vec<Run<E>>> {
    let mut runs = Vec::new();
    for seed in 0..seeds {
        for &subject in subjects {
            for run in train(subject, seed)? {
                say!("{}", line(&run));
                runs.push(run);
            }
            save(&runs)?;
        }
    }
    Ok(runs)
}

/// Trains models by turns, one epoch each, so that other load on the machine affects all of them. Equal layers start from equal
/// kernels, and all models see the rows in the same order. The progress line shows their losses by name.
pub fn by_turns(
    trainer: Trainer<'_>,
    epochs: usize,
    names: &[&str],
    models: &mut [Model],
    data: &Split,
) -> Result<Vec<History>> {
    let mut trainer = trainer.epochs(1).progress(false);
    let mut histories = vec![History::default(); models.len()];
    let rows = data.train.len() as u64;
    for epoch in 1..=epochs {
        let label = format!("epoch {epoch}/{epochs}");
        let progress = Bar::new(&label, rows * models.len() as u64, job::leads());
        // Alternating the order, so that no model always follows the same one.
        let mut turns: Vec<usize> = (0..models.len()).collect();
        if epoch % 2 == 1 {
            turns.reverse();
        }
        for i in turns {
            for mut done in trainer.fit(&mut models[i], &data.train, Some(&data.test))?.epochs {
                done.epoch = epoch;
                progress.advance(rows, done.train_loss);
                histories[i].epochs.push(done);
            }
        }
        let line = names.iter().zip(&histories).map(|(name, history)| last_epoch(name, history));
        progress.finish(&format!("{label}  test loss: {}", line.collect::<Vec<_>>().join("  ")));
    }
    Ok(histories)
}

fn last_epoch(name: &str, history: &History) -> String {
    let (loss, seconds) =
        history.last().map_or((f64::NAN, f64::NAN), |e| (Point::from(e).val_loss, e.seconds));
    format!("{name} {loss:.5}, {seconds:.3} s")
}

/// The trainings of one variant.
pub fn of<'r, E>(runs: &'r [Run<E>], variant: &'r str) -> impl Iterator<Item = &'r Run<E>> + Clone {
    runs.iter().filter(move |r| r.variant == variant)
}

/// The seconds of training, epoch by epoch.
pub fn seconds(history: &History) -> Vec<f64> {
    history.epochs.iter().map(|e| e.seconds).collect()
}

/// Milliseconds per training step; NaN without a finished epoch.
pub fn step_ms(history: &History) -> f64 {
    let steps: usize = history.epochs.iter().map(|e| e.steps).sum();
    1e3 * seconds(history).iter().sum::<f64>() / steps as f64
}

/// The time of a training divided by that of another one: the median over the epochs, which they trained by turns.
pub fn time_ratio(seconds: &[f64], others: &[f64]) -> f64 {
    median(seconds.iter().zip(others).map(|(a, b)| a / b).collect())
}

/// The middle value; of an even number, the mean of the middle two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n.is_multiple_of(2) => 0.5 * (values[middle - 1] + values[middle]),
        _ => values[middle],
    }
}

/// Statistics over the seeds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Statistic {
    pub mean: f64,
    /// The standard deviation; that of a single value is 0.
    pub deviation: f64,
}

impl Statistic {
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let count = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / count;
        let squares = values.map(|v| (v - mean).powi(2)).sum::<f64>();
        Self { mean, deviation: if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { 0.0 } }
    }

    /// Whether two means differ by at most the larger of their deviations.
    pub fn is_near(self, other: Self) -> bool {
        (self.mean - other.mean).abs() <= self.deviation.max(other.deviation)
    }
}

/// With the decimals that the format asks for; a dash if there is no number.
impl std::fmt::Display for Statistic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        if self.mean.is_finite() {
            write!(f, "{:.decimals$} ± {:.decimals$}", self.mean, self.deviation)
        } else {
            f.write_str("–")
        }
    }
}
