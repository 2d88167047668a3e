//! Training: epochs, validation, early stopping, and reports on the layers.

mod callback;
mod check;
mod compile;
mod course;
mod description;
mod epoch;
mod evaluate;
mod feed;
mod history;
mod inspect;
mod own_loop;
mod pace;
mod recipe;
mod snapshot;
mod step;

pub use callback::{Callback, EarlyStopping};
pub use description::{DataDescription, TrainingDescription};
pub use history::{Epoch, History};
pub use inspect::LayerReport;
pub use own_loop::TrainingLoop;
pub use snapshot::{Interval, Snapshot};

pub(crate) use epoch::{Draw, rates_of};
pub(crate) use feed::Feed;
pub(crate) use pace::clock_words;
pub(crate) use recipe::Recipe;
pub(crate) use step::{Desk, Task};

use crate::model::Weights;
use crate::{Dataset, Loss, Metric, Model, Optimizer, Result};
use compile::Compiler;
use course::Course;
use std::sync::{Arc, Mutex, PoisonError};

/// Trains and evaluates models. Every option has a default but the optimiser and the loss.
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
    /// In a mutex, which nobody locks, so that threads may share a trainer whose callbacks they may not.
    callbacks: Mutex<Vec<Box<dyn Callback + Send + 'a>>>,
    history: History,
    interval: Interval,
    snapshot: Option<Arc<Snapshot>>,
    /// The parameters of the best epoch of the last training.
    best: Option<Weights>,
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
    /// The mean loss over the rows, or over all time steps that count where each has a target, with the regularisers' penalties.
    pub loss: f64,
    /// The metrics in the trainer's order.
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
        };
        Self {
            recipe,
            epochs: 10,
            resident_bytes: 1 << 30,
            progress: true,
            early_stopping: None,
            callbacks: Mutex::default(),
            history: History::default(),
            interval: Interval::default(),
            snapshot: None,
            best: None,
        }
    }

    /// Adds a metric.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.recipe.metrics.push(metric);
        self
    }

    /// Sets the number of epochs, at least 1.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the rows of a step, at least 1. An epoch's last step takes what remains, and its mean is over
    /// those rows alone.
    pub fn batch(mut self, batch: usize) -> Self {
        self.recipe.batch = batch;
        self
    }

    /// Sets whether the rows are drawn in a new order every epoch; default on.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.recipe.shuffle = shuffle;
        self
    }

    /// Sets the seed of the order of rows; default 0. An epoch's order is drawn place by place, each among the rows that are left
    /// (Fisher and Yates), by ChaCha8 with this seed, and the number of the epoch since the model was built, from 1, as its stream.
    pub fn seed(mut self, seed: u64) -> Self {
        self.recipe.seed = seed;
        self
    }

    /// Sets how many steps share one update, at least 1: their gradients are averaged, weighted by rows. What
    /// remains at the end of an epoch makes a smaller group. Not for losses of masked sequences.
    pub fn accumulate(mut self, steps: usize) -> Self {
        self.recipe.accumulate = steps;
        self
    }

    /// Sets how large a data set may be to be kept on the device as a whole; default 1 GiB. Larger ones
    /// are sent there in parts, with the same result.
    pub fn resident_bytes(mut self, bytes: u64) -> Self {
        self.resident_bytes = bytes;
        self
    }

    /// Sets whether progress is shown on standard error; default on. At a terminal that is a bar for the running epoch and a line for
    /// each finished one; elsewhere, such as in a log file or a notebook, just the lines: epoch n/N, losses, metrics, seconds and rows
    /// a second. While kernels are being compiled it says so, and then how long that took ([`History::compile_seconds`]). If
    /// standard error is closed, training goes on.
    pub fn progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Sets how often the training is copied to the host, so that it can go on after a fault of the device: see
    /// [`Trainer::resume`]. Default every 30 seconds, and at its beginning. A copy is read while the device works on the next
    /// steps; it takes eight bytes on the host, and four in buffers of the device that the host can read, for every parameter, its value
    /// before the last update, and every moment of the optimiser.
    pub fn snapshot_every(mut self, interval: Interval) -> Self {
        self.interval = interval;
        self
    }

    /// Takes over a training that another trainer with the same options began: [`Trainer::resume`] goes on with it.
    pub fn resume_from(mut self, snapshot: Snapshot) -> Self {
        self.snapshot = Some(Arc::new(snapshot));
        self
    }

    /// Ends the training when the loss no longer falls, and leaves the model with the best epoch's weights; see
    /// [`EarlyStopping::restore_best`].
    pub fn early_stopping(mut self, options: EarlyStopping) -> Self {
        self.early_stopping = Some(options);
        self
    }

    /// Adds a callback. It is `Send`, so that the trainer is: what it shares with its surroundings lies in a mutex or an atomic, not in a cell.
    pub fn callback(mut self, callback: impl Callback + Send + 'a) -> Self {
        self.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner).push(Box::new(callback));
        self
    }

    /// Trains `model` on `train`, evaluating on `validation` after every epoch. The classes of both must have the same names in the
    /// same order, and be those of the model, which keeps the names that it is first trained with
    /// ([`Model::class_names`](crate::Model::class_names)). Called again with the same kind of
    /// optimiser, it goes on with that optimiser's moments and schedule; see [`Model::reset_optimizer`].
    ///
    /// # Errors
    /// Options or data that do not fit, by name; [`Error::NonFinite`](crate::Error::NonFinite) when a loss or a gradient is not finite any
    /// more, in which case the model has the last weights that gave finite ones, and optimisers begin anew;
    /// the device's errors, of which [`Error::fault`](crate::Error::fault) tells the kind, and after which [`Trainer::resume`] goes on.
    /// With early stopping the model has the best epoch's weights instead, if there was one and the device can still be written.
    /// What there was of the history before is at [`Trainer::history`].
    #[cfg(not(target_family = "wasm"))]
    pub fn fit(
        &mut self,
        model: &mut Model,
        train: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<History> {
        pollster::block_on(self.fit_async(model, train, validation))
    }

    /// [`Trainer::fit`], for callers that may not block.
    pub async fn fit_async(
        &mut self,
        model: &mut Model,
        train: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<History> {
        (self.history, self.best) = (History::default(), None);
        self.check_all(model, train, validation)?;
        Course::new(self, model, train, validation)?.run(false).await
    }

    /// Goes on with the last training from [`Trainer::snapshot`], in the midst of an epoch, with the same data and options; only more
    /// epochs may be asked for. `model` is made what it was then, wherever it is: after a fault that leaves its device
    /// unusable, move it to another with [`Model::rebuild`] first. On the same kind of device weights and history come out
    /// with the same bits as without an interruption, whatever else they depend on being the same, such as callbacks, which are called again for
    /// epochs that ended after the snapshot. A training that failed before its first snapshot leaves that of the training before.
    ///
    /// # Errors
    /// No snapshot, another network, other data, another option of the trainer, its optimiser, schedule, loss or metrics, by
    /// name, with both values: see [`Snapshot::description`]; and as [`Trainer::fit`].
    #[cfg(not(target_family = "wasm"))]
    pub fn resume(
        &mut self,
        model: &mut Model,
        train: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<History> {
        pollster::block_on(self.resume_async(model, train, validation))
    }

    /// [`Trainer::resume`], for callers that may not block.
    pub async fn resume_async(
        &mut self,
        model: &mut Model,
        train: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<History> {
        self.check_all(model, train, validation)?;
        self.check_snapshot(model, train, validation)?;
        Course::new(self, model, train, validation)?.run(true).await
    }

    /// The last copy of the training, also after an error: the weights that can still be had, and where
    /// [`Trainer::resume`] goes on.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_deref()
    }

    /// The parameters of the best epoch of the last training, where early stopping was to put them back: also when the device
    /// was lost and could not take them. [`Model::set_weights`] gives them to a model that was built anew.
    pub fn best_weights(&self) -> Option<&Weights> {
        self.best.as_ref()
    }

    /// What its steps are made of.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The course of the last training so far: what there is of it after an error.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The loss and the metrics of `model` on `data`. Of the options those alone matter that training and evaluation have in common: loss,
    /// metrics, batch and [`resident_bytes`](Trainer::resident_bytes).
    ///
    /// # Errors
    /// Data that do not fit the model or the loss, or whose classes are not the model's; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn evaluate(&self, model: &mut Model, data: &Dataset) -> Result<Evaluation> {
        pollster::block_on(self.evaluate_async(model, data))
    }

    /// [`Trainer::evaluate`], for callers that may not block.
    pub async fn evaluate_async(&self, model: &mut Model, data: &Dataset) -> Result<Evaluation> {
        self.check(model, data)?;
        self.check_course(model, data, false)?;
        let mut compiler = Compiler::new(self.progress);
        let evaluator = evaluate::Evaluator::new(self, model, "evaluation", data, &mut compiler)?;
        let evaluation = match compiler.finish(model).await {
            Ok(_) => evaluator.run(model, data).await,
            Err(error) => Err(error),
        };
        evaluator.close(model);
        evaluation
    }

    /// What every layer that has parameters, or an activation of its own, does with the first rows of `data` (at most `rows`):
    /// gradients, saturation, ρ. Others, such as flattening, pooling and dropout, are left out; layers inside of others, such as those of a
    /// residual block, have reports of their own. Dropout and augmentation are off, batch normalisation uses the rows' own statistics, and
    /// nothing is changed.
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
