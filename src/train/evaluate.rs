//! Evaluation: forward passes over a data set.

use super::compile::Compiler;
use super::feed::Feed;
use super::pace::{Pace, clock_words};
use super::rows::Rows;
#[cfg(not(target_family = "wasm"))]
use super::rows::with_readers;
use super::step::Scored;
use super::variation::variation;
use super::{Evaluation, LayerReport, Recipe, Trainer};
use crate::data::{Order, Source};
use crate::device::{Program, Values};
use crate::model::STEPS;
use crate::plan::Course;
use crate::plan::arena::keys;
use crate::{Dataset, Loss, Metric, Model, Result, Sgd};
use web_time::Instant;

/// The loss and the metrics, from the column sums of the scores of `count` unmasked predictions. `variation` is what [`super::variation`] gives.
pub(super) fn evaluation(
    sums: &[f64],
    metrics: &[Metric],
    variation: &[f64],
    scored: Scored,
    count: f64,
) -> Evaluation {
    let value = |metric: &Metric, sums: &[f64]| metric.value_beside(sums, variation, count);
    Evaluation { loss: sums[0] / count, metrics: Metric::values(metrics, sums, scored.outputs, value) }
}

/// The programs that evaluate one data set.
#[derive(Debug)]
pub(super) struct Evaluator {
    feed: Feed,
    rows: usize,
    /// The variation of all targets, if a metric needs it: found in the first run.
    variation: Option<Vec<f64>>,
    metrics: Vec<Metric>,
    /// Rows per step, number of steps, and program: first whole batches, then the rest.
    parts: Vec<(usize, usize, Program)>,
    columns: usize,
    scored: Scored,
    tallies: String,
}

impl Evaluator {
    pub(super) fn new(
        trainer: &Trainer<'_>,
        model: &mut Model,
        name: &'static str,
        data: &dyn Source,
        compiler: &mut Compiler,
    ) -> Result<Self> {
        let task = trainer.recipe.task_for(&model.network, data.sample());
        let (columns, scored, tallies) = (task.columns(), task.scored, task.tallies());
        task.allocate(model)?;
        let (rows, metrics) = (data.len(), trainer.recipe.metrics.clone());
        let batch = trainer.recipe.batch.min(rows);
        let feed = Feed::new(model, name, data, Some(trainer.resident_bytes), (batch, STEPS))?;
        let parts = Vec::new();
        let mut evaluator = Self { feed, rows, variation: None, metrics, parts, columns, scored, tallies };
        match evaluator.bind(trainer, model, compiler) {
            Ok(()) => Ok(evaluator),
            Err(error) => {
                evaluator.close(model);
                Err(error)
            }
        }
    }

    fn bind(&mut self, trainer: &Trainer<'_>, model: &mut Model, compiler: &mut Compiler) -> Result<()> {
        let plans = trainer.recipe.evaluation_plans(&model.network, &self.feed, self.rows)?;
        for (rows, count, plan) in plans {
            self.parts.push((rows, count, compiler.bind(model, &plan)?));
        }
        Ok(())
    }

    pub(super) async fn run(
        &mut self,
        recipe: &Recipe,
        model: &mut Model,
        data: &mut Rows<'_>,
    ) -> Result<Evaluation> {
        let variation = match self.variation.take() {
            Some(found) => found,
            None => variation(recipe, model, &self.feed, data, (Order::plain(self.rows), self.rows)).await?,
        };
        let variation = self.variation.insert(variation);
        model.begin_sequences(Course::Evaluation)?;
        let executor = &mut *model.executor;
        let steps = self.parts.iter().flat_map(|&(rows, count, _)| std::iter::repeat_n(rows, count));
        data.begin(&self.feed, executor, Order::plain(self.rows), steps)?;
        let mut sums = vec![0.0; self.columns];
        let mut first = 0;
        let mut pace = Pace::new();
        for &(rows, count, program) in &self.parts {
            let mut done = 0;
            while done < count {
                let times = pace.steps.min(count - done).min(self.feed.steps_at_once());
                let since = Instant::now();
                let steps = std::iter::repeat_n(rows, times);
                let (cursor, _) = data.stage(&self.feed, model, first, steps)?;
                let executor = &mut *model.executor;
                executor.write(keys::CLOCK, 0, Values::U32(&clock_words(model.steps, cursor)))?;
                executor.run(program, times)?;
                for row in
                    executor.read(&self.tallies, 0, times * self.columns).await?.chunks_exact(self.columns)
                {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                first += rows * times;
                done += times;
                pace.note(times, since.elapsed().as_secs_f64());
            }
        }
        let count = self.scored.count(&sums, self.rows);
        Ok(evaluation(&sums, &self.metrics, variation, self.scored, count))
    }

    /// Frees what the device held for the evaluation.
    pub(super) fn close(self, model: &mut Model) {
        self.parts.iter().for_each(|&(_, _, program)| model.executor.release(program));
        self.feed.free(&mut *model.executor);
    }
}

impl Trainer<'_> {
    /// The loss and the metrics of `model` on `data`. Uses only the options that matter for evaluation: loss, metrics, batch, progress and
    /// [`resident_bytes`](Trainer::resident_bytes).
    ///
    /// # Errors
    /// Data that do not fit the model or the loss, or have other classes than the model; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn evaluate(&self, model: &mut Model, data: &dyn Source) -> Result<Evaluation> {
        with_readers((data, None), (self.resident_bytes, self.recipe.batch), |data, _| {
            pollster::block_on(self.evaluate_rows(model, data))
        })
    }

    /// [`Trainer::evaluate`], for callers that may not block.
    pub async fn evaluate_async(&self, model: &mut Model, data: &dyn Source) -> Result<Evaluation> {
        self.evaluate_rows(model, Rows::here(data)).await
    }

    async fn evaluate_rows(&self, model: &mut Model, mut data: Rows<'_>) -> Result<Evaluation> {
        let source = data.source();
        self.check(model, source)?;
        self.check_order(model, source, false)?;
        let mut compiler = Compiler::new(self.progress);
        let mut evaluator = Evaluator::new(self, model, "evaluation", source, &mut compiler)?;
        let evaluation = match compiler.finish(model).await {
            Ok(_) => evaluator.run(&self.recipe, model, &mut data).await,
            Err(error) => Err(error),
        };
        evaluator.close(model);
        evaluation
    }
}

/// A trainer that only evaluates: its optimiser is never used.
fn evaluator<'a>(loss: impl Into<Loss>, metrics: &[Metric]) -> Trainer<'a> {
    metrics.iter().cloned().fold(Trainer::new(Sgd::default(), loss), Trainer::metric).progress(false)
}

impl Model {
    /// The loss and the metrics on `data`, in batches of 128 rows: [`Trainer::evaluate`] without a trainer.
    ///
    /// # Errors
    /// Data that do not fit the model or the loss, or have other classes than the model; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn evaluate(
        &mut self,
        data: &dyn Source,
        loss: impl Into<Loss>,
        metrics: &[Metric],
    ) -> Result<Evaluation> {
        evaluator(loss, metrics).evaluate(self, data)
    }

    /// [`Model::evaluate`], for callers that may not block.
    pub async fn evaluate_async(
        &mut self,
        data: &dyn Source,
        loss: impl Into<Loss>,
        metrics: &[Metric],
    ) -> Result<Evaluation> {
        evaluator(loss, metrics).evaluate_async(self, data).await
    }

    /// Reports on the layers for the first rows of `data`: [`Trainer::inspect`] without a trainer.
    ///
    /// # Errors
    /// Data that do not fit the model or the loss; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn inspect(
        &mut self,
        data: &Dataset,
        loss: impl Into<Loss>,
        rows: usize,
    ) -> Result<Vec<LayerReport>> {
        evaluator(loss, &[]).inspect(self, data, rows)
    }

    /// [`Model::inspect`], for callers that may not block.
    pub async fn inspect_async(
        &mut self,
        data: &Dataset,
        loss: impl Into<Loss>,
        rows: usize,
    ) -> Result<Vec<LayerReport>> {
        evaluator(loss, &[]).inspect_async(self, data, rows).await
    }
}
