//! Custom training loops: step by step, with access to losses, gradients and weights.

use super::evaluate::evaluation;
use super::feed::Feed;
use super::pace::clock_words;
use super::step::{OPTIMIZER, Task};
use super::variation::variation_of_step;
use super::{Evaluation, Recipe, Trainer, inspect};
use crate::device::{Program, Values};
use crate::kernel::{clock, rates};
use crate::model::{Author, Ending, Tensor};
use crate::plan::Purpose;
use crate::plan::arena::keys;
use crate::{Dataset, Error, Model, Result, plan};
use std::collections::HashMap;

/// A custom training loop: see [`Trainer::begin`].
///
/// ```
/// use autorot::{Adam, Dense, Device, Flatten, Loss, Sequential, Trainer, data::Glyphs};
///
/// let data = Glyphs { train: 256, test: 64, seed: 1 }.load()?.train;
/// let mut model =
///     Sequential::for_data(&data).add(Flatten).add(Dense::new(Glyphs::names().len())).build(&Device::cpu(), 1)?;
/// let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).batch(64);
/// let mut training = trainer.begin(&mut model, &data)?;
/// for rows in training.epoch() {
///     let loss = training.step(&rows)?.loss;
///     if loss < 0.5 {
///         training.set_learning_rate(1e-4)?;
///     }
/// }
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Debug)]
pub struct TrainingLoop<'m> {
    recipe: &'m Recipe,
    model: &'m mut Model,
    data: &'m Dataset,
    feed: Feed,
    /// By number of rows: the program, and the index of its update's first op.
    programs: HashMap<usize, (Program, usize)>,
    learning_rate: Option<f64>,
    /// The step whose gradients wait for their update.
    pending: Option<Begun>,
}

/// A step whose rows are on the device.
#[derive(Clone, Copy, Debug)]
struct Begun {
    rows: usize,
    cursor: usize,
    program: Program,
    /// The index of its update's first op.
    update: usize,
}

impl Trainer<'_> {
    /// Begins a custom training loop. It uses the trainer's optimiser, loss, metrics, batch, seed, shuffling and
    /// [`resident_bytes`](Trainer::resident_bytes). A loop over [`TrainingLoop::epoch`] with [`TrainingLoop::step`] gives the same bits as
    /// [`Trainer::fit`].
    ///
    /// # Errors
    /// Options, data and model that do not fit, by name; the device's errors.
    pub fn begin<'m>(&'m self, model: &'m mut Model, data: &'m Dataset) -> Result<TrainingLoop<'m>> {
        self.recipe.check_uncut("Trainer::begin")?;
        self.check(model, data)?;
        self.check_order(model, data, self.recipe.shuffle)?;
        self.recipe.check_updates(model.network())?;
        if self.recipe.accumulate > 1 {
            return Err(Error::invalid(
                "trainer option accumulate",
                format!("{} in a custom loop", self.recipe.accumulate),
                "1",
                "sum gradients with TrainingLoop::gradient and set_gradient, or use a larger batch",
            ));
        }
        self.recipe.allocate(model)?;
        self.recipe.task_for(model.network(), data).allocate(model)?;
        let batch = self.recipe.batch.min(data.len());
        let feed = Feed::new(model, "training", data, Some(self.resident_bytes), (batch, 1))?;
        let training = TrainingLoop {
            recipe: &self.recipe,
            model,
            data,
            feed,
            programs: HashMap::new(),
            learning_rate: None,
            pending: None,
        };
        training.model.author = Author::Trainer;
        training.model.remember_outputs(&self.recipe.loss, Some(data));
        training.model.begin_sequences(plan::Course::Training)?;
        Ok(training)
    }
}

impl TrainingLoop<'_> {
    /// The rows of each step of the next epoch, as in [`Trainer::fit`]: shuffled, unless that is off, in batches, the last of which may be
    /// smaller. Counts as an epoch of the model.
    pub fn epoch(&mut self) -> Vec<Vec<u32>> {
        let order = self.recipe.order(self.data.len(), self.model.epochs).indices();
        self.model.epochs += 1;
        order.chunks(self.recipe.batch.min(self.data.len())).map(<[u32]>::to_vec).collect()
    }

    /// The learning rate of the next update.
    pub fn learning_rate(&self) -> f64 {
        let schedule = self.recipe.optimizer.learning_rate();
        self.learning_rate.unwrap_or_else(|| schedule.rate(self.updates()))
    }

    /// Sets the learning rate of all further updates; the optimiser's schedule no longer applies.
    ///
    /// # Errors
    /// A negative, infinite or NaN rate.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        crate::Schedule::Constant(rate).check()?;
        self.learning_rate = Some(rate);
        Ok(())
    }

    /// Runs one step on these rows of the data: forward pass, backward pass and update. Loss and metrics are from before the update.
    ///
    /// # Errors
    /// No rows, too many, or rows that the data do not have; [`Error::NonFinite`] if the loss or a gradient is not finite, in which case
    /// the update that led to this is undone; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn step(&mut self, rows: &[u32]) -> Result<Evaluation> {
        pollster::block_on(self.step_async(rows))
    }

    /// [`TrainingLoop::step`], for callers that may not block.
    pub async fn step_async(&mut self, rows: &[u32]) -> Result<Evaluation> {
        let begun = self.stage(rows)?;
        self.prepare_update()?;
        self.model.executor.run_ops(begun.program, 0..usize::MAX)?;
        let sums = self.read_sums().await?;
        self.finish_update(begun).await?;
        self.evaluation(&sums, rows).await
    }

    /// Runs the forward and backward pass on these rows of the data; [`TrainingLoop::update`] may follow. Parameters do not change.
    ///
    /// # Errors
    /// Those of [`TrainingLoop::step`], but non-finite numbers are only reported by an update.
    #[cfg(not(target_family = "wasm"))]
    pub fn gradients(&mut self, rows: &[u32]) -> Result<Evaluation> {
        pollster::block_on(self.gradients_async(rows))
    }

    /// [`TrainingLoop::gradients`], for callers that may not block.
    pub async fn gradients_async(&mut self, rows: &[u32]) -> Result<Evaluation> {
        let begun = self.stage(rows)?;
        self.model.executor.run_ops(begun.program, 0..begun.update)?;
        let sums = self.read_sums().await?;
        self.pending = Some(begun);
        self.evaluation(&sums, rows).await
    }

    /// Updates the parameters with the current gradients: those of [`TrainingLoop::gradients`], as changed by
    /// [`TrainingLoop::set_gradient`].
    ///
    /// # Errors
    /// No gradients from [`TrainingLoop::gradients`]; those of [`TrainingLoop::step`].
    #[cfg(not(target_family = "wasm"))]
    pub fn update(&mut self) -> Result<()> {
        pollster::block_on(self.update_async())
    }

    /// [`TrainingLoop::update`], for callers that may not block.
    pub async fn update_async(&mut self) -> Result<()> {
        let begun = self.waiting("update")?;
        self.pending = None;
        self.prepare_update()?;
        self.model.executor.run_ops(begun.program, begun.update..usize::MAX)?;
        self.finish_update(begun).await
    }

    /// The gradient of the parameter at this path, such as `1.dense.kernel`, from the last backward pass: that of the mean loss over its
    /// rows plus the regularisers' penalties, before clipping.
    ///
    /// # Errors
    /// No such parameter; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn gradient(&mut self, path: &str) -> Result<Tensor<f64>> {
        pollster::block_on(self.gradient_async(path))
    }

    /// [`TrainingLoop::gradient`], for callers that may not block.
    pub async fn gradient_async(&mut self, path: &str) -> Result<Tensor<f64>> {
        let parameter = self.model.network.arena().named(path)?;
        let (shape, offset, len) = (parameter.shape.clone(), parameter.offset, parameter.len());
        let values = self.model.executor.read(keys::GRADIENTS, offset, len).await?;
        Ok(Tensor { shape, values })
    }

    /// Replaces the gradient of the parameter at this path for the next update. With zeros, and without weight decay, a parameter that no
    /// update has changed yet stays as it is.
    ///
    /// # Errors
    /// No gradients from [`TrainingLoop::gradients`]; no such parameter, or a frozen one; a wrong number of values; the device's errors.
    pub fn set_gradient(&mut self, path: &str, values: &[f64]) -> Result<()> {
        self.waiting("set_gradient")?;
        let parameter = self.model.network.arena().named(path)?;
        if parameter.frozen {
            return Err(Error::invalid(
                format!("gradient of {path}"),
                "a frozen parameter",
                "one that training changes",
                "call Model::set_trainable first",
            ));
        }
        if values.len() != parameter.len() {
            return Err(Error::invalid(
                format!("gradient of {path}"),
                format!("{} values", values.len()),
                format!("{} for the shape {:?}", parameter.len(), parameter.shape),
                "give one gradient per number of the parameter",
            ));
        }
        self.model.executor.write(keys::GRADIENTS, parameter.offset, Values::F64(values))
    }

    /// The model, for reading, evaluating or changing it between steps. Discards gradients that wait for an update.
    pub fn model(&mut self) -> &mut Model {
        self.pending = None;
        self.model
    }

    fn task(&self) -> Task<'_> {
        self.recipe.task(&self.model.network, &self.feed)
    }

    /// The number of updates by this kind of optimiser so far.
    fn updates(&self) -> u64 {
        self.model.counters(self.recipe.optimizer.name()).updates
    }

    /// Prepares a step on these rows.
    fn stage(&mut self, rows: &[u32]) -> Result<Begun> {
        self.pending = None;
        self.check_rows(rows)?;
        let (program, update) = self.program(rows.len())?;
        let executor = &mut *self.model.executor;
        if self.feed.is_resident() {
            self.feed.begin(executor, rows)?;
        } else {
            let chosen = self.data.select(&rows.iter().map(|&row| row as usize).collect::<Vec<_>>())?;
            self.feed.stage(executor, &[chosen])?;
        }
        let cursor = 0;
        executor.write(keys::CLOCK, 0, Values::U32(&clock_words(self.model.steps, cursor)))?;
        Ok(Begun { rows: rows.len(), cursor, program, update })
    }

    /// Writes the rates of the next update.
    fn prepare_update(&mut self) -> Result<()> {
        let rates = self.recipe.optimizer.rates_from(self.learning_rate(), self.updates());
        self.model.executor.write(keys::RATES, 0, Values::F64(&rates::row(rates, 1.0, true)))?;
        self.model.adopt_parameters()
    }

    /// Waits for an update, and counts it.
    async fn finish_update(&mut self, begun: Begun) -> Result<()> {
        self.model.seal_parameters()?;
        let halted = self.model.executor.read_index(keys::CLOCK, clock::LEN).await?[clock::HALTED];
        if halted != 0 {
            let (words, step) = (clock_words(self.model.steps, begun.cursor), self.model.steps + 1);
            let Self { recipe, model, feed, .. } = self;
            return Err(inspect::diagnose(recipe, model, feed, begun.rows, words, step).await?);
        }
        self.model.count(self.recipe.optimizer.name(), 1, 1);
        Ok(())
    }

    /// The sums of the current step's scores.
    async fn read_sums(&mut self) -> Result<Vec<f64>> {
        let (columns, tallies) = (self.task().columns(), self.task().tallies());
        self.model.executor.read(&tallies, 0, columns).await
    }

    async fn evaluation(&mut self, sums: &[f64], rows: &[u32]) -> Result<Evaluation> {
        let (recipe, scored) = (self.recipe, self.task().scored);
        let variation = variation_of_step(recipe, self.model, &self.feed, self.data, rows).await?;
        Ok(evaluation(sums, &recipe.metrics, &variation, scored, scored.count(sums, rows.len())))
    }

    /// The step whose gradients wait for their update, which the method `what` needs.
    fn waiting(&self, what: &str) -> Result<Begun> {
        self.pending.ok_or_else(|| {
            Error::invalid(
                format!("TrainingLoop::{what}"),
                "no gradients",
                "those of a backward pass",
                "call TrainingLoop::gradients first, and TrainingLoop::model not in between",
            )
        })
    }

    fn check_rows(&self, rows: &[u32]) -> Result<()> {
        let (most, all) = (self.feed.rows(), self.data.len());
        let found = match rows.iter().find(|&&row| row as usize >= all) {
            Some(row) => format!("row {row} of {all}"),
            None if rows.is_empty() || rows.len() > most => format!("{} rows", rows.len()),
            None => return self.model.network.check_batch(rows.len()),
        };
        let expected = format!("1 to {most} rows of the data, numbered from 0");
        Err(Error::invalid("rows of a step", found, expected, "choose other rows, or set a larger batch"))
    }

    /// The program for this many rows, and the index of its update's first op.
    fn program(&mut self, rows: usize) -> Result<(Program, usize)> {
        if let Some(&bound) = self.programs.get(&rows) {
            return Ok(bound);
        }
        let (plan, _) =
            self.task().record(&self.model.network, &self.feed, rows, Purpose::Train, Ending::UpdateApart)?;
        let update = plan.ops.iter().position(|op| op.scope == OPTIMIZER).unwrap_or(plan.ops.len());
        let bound = (self.model.bind(&plan)?, update);
        self.programs.insert(rows, bound);
        Ok(bound)
    }
}

impl Drop for TrainingLoop<'_> {
    /// Frees what the device held for the loop.
    fn drop(&mut self) {
        let executor = &mut *self.model.executor;
        self.programs.drain().for_each(|(_, (program, _))| executor.release(program));
        self.feed.free(executor);
    }
}
