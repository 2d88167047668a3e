//! Training: epochs, validation, early stopping, and layer reports.

mod callback;
mod check;
mod checkpoint;
mod compile;
mod control;
mod description;
mod epoch;
mod evaluate;
mod feed;
mod find_rate;
mod fit;
mod history;
mod inspect;
mod monitor;
mod own_loop;
mod pace;
mod plateau;
#[cfg(not(target_family = "wasm"))]
pub mod processes;
mod recipe;
mod rows;
mod run;
mod snapshot;
mod step;
mod variation;

pub use callback::{BatchEnd, Callback, EarlyStopping};
pub use checkpoint::Checkpoints;
pub use control::Control;
pub use description::{DataDescription, TrainingDescription};
pub use find_rate::{FoundRates, RateFinder};
pub use history::{Epoch, History};
pub use inspect::LayerReport;
pub use own_loop::TrainingLoop;
pub use plateau::Plateau;
pub use snapshot::{Interval, Snapshot};

pub(crate) use epoch::rates_of;
pub(crate) use feed::Feed;
pub(crate) use pace::clock_words;
pub(crate) use recipe::Recipe;
pub(crate) use step::{Desk, OPTIMIZER, Task};

use crate::data::Source;
use crate::metric::WeightedMetric;
use crate::model::Weights;
use crate::{Dataset, Loss, Metric, Model, Optimizer, Result};
use rows::Rows;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

/// Trains and evaluates models. All options except the optimiser and the loss have defaults.
///
/// ```
/// use autorot::{Activation, Adam, AutoRotate, Dense, Device, Loss, Metric, Sequential, Trainer, data::Glyphs};
///
/// let data = autorot::data::Glyphs { train: 256, test: 64, seed: 1 }.load()?;
/// let mut model = Sequential::for_data(&data.train)
///     .add(autorot::Flatten)
///     .add(Dense::new(32).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()))
///     .add(Dense::new(Glyphs::names().len()))
///     .build(&Device::cpu(), 1)?;
/// let history = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
///     .metric(Metric::Accuracy)
///     .epochs(2)
///     .batch(64)
///     .fit(&mut model, &data.train, Some(&data.test))?;
/// assert_eq!(history.epochs.len(), 2);
/// # Ok::<(), autorot::Error>(())
/// ```
pub struct Trainer<'a> {
    recipe: Recipe,
    epochs: usize,
    resident_bytes: u64,
    progress: bool,
    early_stopping: Option<EarlyStopping>,
    plateau: Option<Plateau>,
    /// In a mutex that is never locked: callbacks need not be `Sync`, but the trainer must be.
    callbacks: Mutex<Vec<Box<dyn Callback + Send + 'a>>>,
    history: History,
    interval: Interval,
    snapshot: Option<Arc<Snapshot>>,
    checkpoints: Option<Checkpoints>,
    /// Their folder, where it is taken already.
    opened: Option<checkpoint::Folder>,
    control: Control,
    /// The parameters of the best epoch of the last run.
    best: Option<Weights>,
    /// Those that train together.
    #[cfg(not(target_family = "wasm"))]
    processes: Option<Arc<dyn processes::Processes>>,
}

impl std::fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer")
            .field("optimizer", &self.recipe.optimizer)
            .field("loss", &self.recipe.loss)
            .field("metrics", &self.recipe.metrics)
            .field("epochs", &self.epochs)
            .field("batch", &self.recipe.batch)
            .finish_non_exhaustive()
    }
}

/// A loss and metrics over a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss over the rows, or over the unmasked time steps if each has a target, plus the regularisers' penalties.
    pub loss: f64,
    /// The metrics, in the trainer's order.
    pub metrics: Vec<f64>,
}

impl<'a> Trainer<'a> {
    /// A trainer for 10 epochs in batches of 128.
    pub fn new(optimizer: impl Into<Optimizer>, loss: impl Into<Loss>) -> Self {
        let recipe = Recipe {
            optimizer: optimizer.into(),
            loss: loss.into(),
            metrics: Vec::new(),
            batch: 128,
            shuffle: true,
            seed: 0,
            accumulate: 1,
            label_smoothing: 0.0,
            micro_batches: None,
        };
        Self {
            recipe,
            epochs: 10,
            resident_bytes: 1 << 30,
            progress: true,
            early_stopping: None,
            plateau: None,
            callbacks: Mutex::default(),
            history: History::default(),
            interval: Interval::default(),
            snapshot: None,
            checkpoints: None,
            opened: None,
            control: Control::default(),
            best: None,
            #[cfg(not(target_family = "wasm"))]
            processes: None,
        }
    }

    /// Adds a metric.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.recipe.metrics.push(metric);
        self
    }

    /// Adds a metric in which every row, or time step, counts as much as its weight ([`Dataset::with_weights`]; 1 without weights):
    /// Keras' `weighted_metrics`. Its name begins with `weighted_`.
    pub fn weighted_metric(self, metric: Metric) -> Self {
        self.metric(Metric::Weighted(WeightedMetric::new(metric)))
    }

    /// Sets the share of each class target that is spread evenly over all classes in the loss, from 0 to below 1; default 0. A class
    /// then has the target 1 − s + s/C, and the others s/C; for a loss of answers of yes or no, C is 2 (Keras' `label_smoothing`).
    /// Metrics see the targets as they are.
    pub fn label_smoothing(mut self, share: f32) -> Self {
        self.recipe.label_smoothing = share;
        self
    }

    /// Sets the number of epochs of a training, at least 1.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the number of rows per step, at least 1. An epoch's last step takes the remaining rows and averages over those only.
    pub fn batch(mut self, batch: usize) -> Self {
        self.recipe.batch = batch;
        self
    }

    /// Sets whether the rows are shuffled every epoch; on by default.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.recipe.shuffle = shuffle;
        self
    }

    /// Sets the seed for shuffling; default 0. The row order of an epoch is a Fisher–Yates shuffle, drawn from the first place to the last
    /// with ChaCha8: this is its seed, and its stream is the epoch's number since the model was built, counted from 1.
    pub fn seed(mut self, seed: u64) -> Self {
        self.recipe.seed = seed;
        self
    }

    /// Sets how many steps share one update, at least 1; their gradients are averaged, weighted by their number of rows, or of unmasked
    /// time steps where a mask leaves some out. The last group of an epoch may be smaller.
    pub fn accumulate(mut self, steps: usize) -> Self {
        self.recipe.accumulate = steps;
        self
    }

    /// Sets the maximum size of a data set that is kept on the device as a whole; default 1 GiB. Larger ones, and those that are not in
    /// memory, are sent in parts of 64 MiB, or of a step if that needs more, with the same result.
    pub fn resident_bytes(mut self, bytes: u64) -> Self {
        self.resident_bytes = bytes;
        self
    }

    /// Sets whether progress is shown on standard error; on by default. A terminal gets a bar for the running epoch and a line for each
    /// finished one; a log file or a notebook gets only the lines: epoch n/N, losses, metrics, seconds, rows per second. Compiling
    /// kernels is reported too, with the time that it took ([`History::compile_seconds`]). Training continues if standard error is closed.
    pub fn progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Sets how often a snapshot of the training is copied to the host, so that [`Trainer::resume`] can continue it after a device fault.
    /// By default at the start and every 30 seconds. It is read back while the device works on the next steps, and takes 4 bytes on the
    /// host (8 of the device `cpu-f64`) and 4 in staging buffers per number: parameters, their values before the last update, and optimiser
    /// moments.
    pub fn snapshot_every(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// Takes a snapshot from another trainer with the same options, for [`Trainer::resume`] to continue from.
    pub fn from_snapshot(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = Some(Arc::new(snapshot));
        self
    }

    /// Stops training when the loss no longer falls, and restores the best epoch's weights: see [`EarlyStopping::restore_best`].
    pub fn early_stopping(mut self, options: EarlyStopping) -> Self {
        self.early_stopping = Some(options);
        self
    }

    /// Lowers the learning rate when learning stalls: see [`Plateau`].
    pub fn reduce_on_plateau(mut self, options: Plateau) -> Self {
        self.plateau = Some(options);
        self
    }

    /// Adds a callback. It must be `Send`, as the trainer is: share state through a mutex or an atomic, not through a cell.
    pub fn callback(mut self, callback: impl Callback + Send + 'a) -> Self {
        self.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner).push(Box::new(callback));
        self
    }

    /// Adds a callback for every batch, such as one that sets the learning rate or ends the training by the loss: see
    /// [`Callback::on_batch_end`], and [`Callback::watches_batches`] for what that costs.
    ///
    /// ```
    /// use autorot::{Adam, Loss, Trainer};
    /// use std::ops::ControlFlow;
    ///
    /// let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).on_batch_end(|batch| {
    ///     batch.learning_rate *= 0.999;
    ///     Ok(if batch.loss < 1e-6 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    /// });
    /// ```
    pub fn on_batch_end(
        self,
        callback: impl FnMut(&mut BatchEnd) -> Result<ControlFlow<()>> + Send + 'a,
    ) -> Self {
        self.callback(callback::Batches(callback))
    }

    /// Trains `model` on `train`, and evaluates it on `validation` after every epoch: data sets in memory, or any [`Source`], of which a
    /// thread of its own reads the rows of the next steps while the device works. Both must have the same class names in the same
    /// order as the model, which keeps those that it is first trained with ([`Model::class_names`](crate::Model::class_names)). Another
    /// call with the same kind of optimiser continues with its moments and schedule: see [`Model::reset_optimizer`]. Epochs are numbered since
    /// the model was built, so another call counts on.
    ///
    /// # Errors
    /// Options or data that do not fit, by name. [`Error::NonFinite`](crate::Error::NonFinite) if a loss or a gradient becomes non-finite;
    /// the model is then left with the last weights that gave finite ones, and optimisers are reset. The device's errors:
    /// [`Error::fault`](crate::Error::fault) gives their kind, and [`Trainer::resume`] can continue after them. With early stopping the
    /// model is left with the best epoch's weights instead, if there are any and the device can still be written. The history up to the
    /// error is in [`Trainer::history`].
    #[cfg(not(target_family = "wasm"))]
    pub fn fit(
        &mut self,
        model: &mut Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<History> {
        rows::with_readers(
            (train, validation),
            (self.resident_bytes, self.recipe.batch),
            |train, validation| pollster::block_on(self.fit_rows(model, train, validation)),
        )
    }

    /// [`Trainer::fit`], for callers that may not block. Rows that are not in memory are read between steps instead of ahead of them.
    pub async fn fit_async(
        &mut self,
        model: &mut Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<History> {
        self.fit_rows(model, Rows::here(train), validation.map(Rows::here)).await
    }

    async fn fit_rows(
        &mut self,
        model: &mut Model,
        train: Rows<'_>,
        validation: Option<Rows<'_>>,
    ) -> Result<History> {
        (self.history, self.best) = (History::default(), None);
        self.run(model, (train, validation), false).await
    }

    /// Continues the last training from [`Trainer::snapshot`], possibly in the middle of an epoch. Data and options must be the same,
    /// except for the number of epochs. `model` is restored from the snapshot on its current device; if a fault has made that unusable,
    /// move it to another one with [`Model::rebuild`] first. On the same kind of device, weights and history have the same bits as without
    /// the interruption, provided that callbacks do the same: they are called again for epochs that ended after the snapshot. A training
    /// that failed before its first snapshot leaves the previous training's snapshot in place.
    ///
    /// # Errors
    /// No snapshot; a different network, data set, trainer option, optimiser, schedule, loss or metric, by name, with both values (see
    /// [`Snapshot::description`]); those of [`Trainer::fit`].
    #[cfg(not(target_family = "wasm"))]
    pub fn resume(
        &mut self,
        model: &mut Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<History> {
        rows::with_readers(
            (train, validation),
            (self.resident_bytes, self.recipe.batch),
            |train, validation| pollster::block_on(self.resume_rows(model, train, validation)),
        )
    }

    /// [`Trainer::resume`], for callers that may not block.
    pub async fn resume_async(
        &mut self,
        model: &mut Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<History> {
        self.resume_rows(model, Rows::here(train), validation.map(Rows::here)).await
    }

    async fn resume_rows(
        &mut self,
        model: &mut Model,
        train: Rows<'_>,
        validation: Option<Rows<'_>>,
    ) -> Result<History> {
        self.run(model, (train, validation), true).await
    }

    /// The last snapshot, also after an error: it holds the last weights copied to the host, and [`Trainer::resume`] continues from it.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_deref()
    }

    /// The parameters of the last training's best epoch, if early stopping was to restore them; also available if the device was lost
    /// before that. [`Model::set_weights`] sets them in a newly built model.
    pub fn best_weights(&self) -> Option<&Weights> {
        self.best.as_ref()
    }

    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The history of the last training; after an error, up to the error.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Reports gradients, saturation and ρ of every layer with parameters or an activation, for the first `rows` rows of `data` (fewer if
    /// there are not as many). Other layers, such as flattening, pooling and dropout, are left out; nested layers, such as those of a
    /// residual block, have their own reports. Dropout and augmentation are off, batch normalisation uses the statistics of these rows unless it is frozen, and
    /// the model is not changed.
    ///
    /// # Errors
    /// Data that do not fit the model or the loss; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn inspect(&self, model: &mut Model, data: &Dataset, rows: usize) -> Result<Vec<LayerReport>> {
        pollster::block_on(self.inspect_async(model, data, rows))
    }

    /// [`Trainer::inspect`], for callers that may not block.
    pub async fn inspect_async(
        &self,
        model: &mut Model,
        data: &Dataset,
        rows: usize,
    ) -> Result<Vec<LayerReport>> {
        self.check(model, data)?;
        inspect::inspect(&self.recipe, model, data, rows).await
    }
}
