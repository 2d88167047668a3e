//! What must be the same when a training is resumed.

use super::callback::EarlyStopping;
use super::plateau::Plateau;
use super::recipe::Recipe;
use crate::data::Source;
use crate::describe::{Options, difference, flat, value};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The data and all options that determine the steps of a training. [`Trainer::resume`](super::Trainer::resume) compares them, and the
/// network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrainingDescription {
    /// The training data.
    pub train: DataDescription,
    /// The validation data.
    pub validation: Option<DataDescription>,
    /// The rows per step.
    pub batch: usize,
    /// How many steps share an update.
    pub accumulate: usize,
    /// Into how many micro-batches a step is cut, where it is: see [`Trainer::micro_batches`](super::Trainer::micro_batches).
    #[serde(default)]
    pub micro_batches: Option<usize>,
    /// Whether the rows are shuffled every epoch.
    pub shuffle: bool,
    /// The seed for shuffling.
    pub seed: u64,
    /// The share of class targets that is spread over all classes.
    #[serde(default)]
    pub label_smoothing: f32,
    /// When the training ends early.
    pub early_stopping: Option<EarlyStopping>,
    /// When the learning rate falls.
    #[serde(default)]
    pub plateau: Option<Plateau>,
    /// The parameters that training leaves alone.
    #[serde(default)]
    pub frozen: Vec<String>,
    /// The optimiser with all its options, such as learning-rate schedule and clipping.
    pub optimizer: Options,
    /// The loss.
    pub loss: Value,
    /// The metrics, in order.
    pub metrics: Vec<Value>,
}

/// Identifies a data set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DataDescription {
    /// The number of rows.
    pub rows: usize,
    /// The shape of a row of inputs.
    pub shape: Vec<usize>,
    /// What tells these rows from others: see [`Source::fingerprint`].
    pub fingerprint: String,
}

impl DataDescription {
    pub(super) fn of(data: &dyn Source) -> Self {
        Self { rows: data.len(), shape: data.sample().shape().to_vec(), fingerprint: data.fingerprint() }
    }
}

impl std::fmt::Display for DataDescription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows of shape {:?} with the fingerprint {}", self.rows, self.shape, self.fingerprint)
    }
}

impl TrainingDescription {
    pub(super) fn new(
        recipe: &Recipe,
        (early_stopping, plateau): (Option<EarlyStopping>, Option<Plateau>),
        frozen: Vec<String>,
        (train, validation): (&dyn Source, Option<&dyn Source>),
    ) -> Self {
        let Recipe { optimizer, loss, metrics, batch, shuffle, seed, accumulate, .. } = recipe.clone();
        let Recipe { label_smoothing, micro_batches, .. } = *recipe;
        let (train, validation) = (DataDescription::of(train), validation.map(DataDescription::of));
        let optimizer = optimizer.description();
        let (loss, metrics) = (value(&loss), metrics.iter().map(value).collect());
        Self {
            train,
            validation,
            batch,
            accumulate,
            micro_batches,
            shuffle,
            seed,
            label_smoothing,
            early_stopping,
            plateau,
            frozen,
            optimizer,
            loss,
            metrics,
        }
    }

    /// All fields, with their names in errors.
    pub(super) fn terms(&self) -> [(&'static str, Value); 14] {
        let Self { train, validation, batch, accumulate, shuffle, seed, label_smoothing, .. } = self;
        let Self { early_stopping, plateau, frozen, optimizer, loss, metrics, micro_batches, .. } = self;
        [
            ("training data", value(&train.to_string())),
            ("validation data", value(&validation.as_ref().map(DataDescription::to_string))),
            ("trainer option batch", value(batch)),
            ("trainer option accumulate", value(accumulate)),
            ("trainer option micro_batches", value(micro_batches)),
            ("trainer option shuffle", value(shuffle)),
            ("trainer option seed", value(seed)),
            ("trainer option label_smoothing", value(label_smoothing)),
            ("trainer option early_stopping", value(early_stopping)),
            ("trainer option reduce_on_plateau", value(plateau)),
            ("frozen parameters", value(frozen)),
            ("optimizer", value(optimizer)),
            ("loss", value(loss)),
            ("metrics", value(metrics)),
        ]
    }

    /// Checks that data and options are those of `begun`.
    pub(super) fn check(&self, begun: &Self) -> Result<()> {
        for ((name, now), (_, then)) in self.terms().into_iter().zip(begun.terms()) {
            if let Some((now, then)) = difference(&flat(&now), &flat(&then)) {
                return Err(Error::invalid(
                    format!("resume: {name}"),
                    now,
                    format!("{then}, as in the snapshot"),
                    "resume with the data and options that the training began with",
                ));
            }
        }
        Ok(())
    }
}
