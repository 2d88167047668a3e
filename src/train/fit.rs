//! One run of `Trainer::fit`: the loop over epochs and steps.

mod batches;
mod keep;

use super::callback::Watch;
use super::checkpoint::Folder;
use super::compile::Compiler;
use super::description::TrainingDescription;
use super::epoch::rates_of;
use super::evaluate::{Evaluator, evaluation};
use super::feed::Feed;
use super::history::{Epoch, History};
use super::pace::{Pace, clock_words};
use super::plateau::Reduction;
use super::rows::Rows;
use super::snapshot::{Done, Due};
use super::step::{Desk, Task};
use super::variation::variation;
use super::{Trainer, inspect};
use crate::data::Order;
use crate::device::{Pending, Program, Values};
use crate::kernel::{clock, rates};
use crate::model::{Author, Ending, STEPS, Saving, Step, steps};
use crate::plan;
use crate::plan::arena::keys;
use crate::report::Bar;
use crate::{Dataset, Error, Model, Result};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use web_time::Instant;

/// Steps submitted to the device, and their pending readbacks.
struct Submission {
    span: std::ops::Range<usize>,
    /// The slot of the first step.
    slot: usize,
    /// The steps' rows, where the device does not hold all: to repeat a step that failed.
    staged: Vec<Dataset>,
    tallies: Pending<'static, Result<Vec<f64>>>,
    clock: Pending<'static, Result<Vec<u32>>>,
    /// The model after these steps, if a snapshot is due.
    saving: Option<Saving>,
}

pub(super) struct Fit<'t, 'a, 'm> {
    trainer: &'t mut Trainer<'a>,
    model: &'m mut Model,
    train: Rows<'m>,
    validation: Option<Rows<'m>>,
    feed: Feed,
    /// The variation of all targets, if a metric needs it.
    variation: Vec<f64>,
    steps: Vec<Step>,
    programs: HashMap<(usize, Ending), Program>,
    evaluator: Option<Evaluator>,
    pace: Pace,
    watch: Option<Watch>,
    reduction: Option<Reduction>,
    due: Due,
    /// The model's epochs before this training.
    begun: usize,
    /// The learning rate that a callback has set.
    rate: Option<f64>,
    /// Whether a callback has ended the training.
    ended: bool,
    compile_seconds: f64,
    dispatches: usize,
    terms: Arc<TrainingDescription>,
    /// Where checkpoints go.
    folder: Option<Folder>,
}

impl<'t, 'a, 'm> Fit<'t, 'a, 'm> {
    pub(super) fn new(
        trainer: &'t mut Trainer<'a>,
        model: &'m mut Model,
        train: Rows<'m>,
        validation: Option<Rows<'m>>,
    ) -> Result<Self> {
        let source = train.source();
        let batch = trainer.recipe.batch.min(train.len());
        let task = trainer.recipe.task_for(&model.network, source.sample());
        trainer.recipe.allocate(model)?;
        task.allocate(model)?;
        let feed = Feed::new(model, "training", source, Some(trainer.resident_bytes), (batch, STEPS))?;
        let steps = steps(train.len(), batch, trainer.recipe.accumulate);
        let due = Due::new(trainer.interval);
        let begun = model.epochs as usize;
        model.author = Author::Trainer;
        let terms = trainer.terms(model, source, validation.as_ref().map(Rows::source));
        let terms = Arc::new(terms);
        Ok(Self {
            trainer,
            model,
            train,
            validation,
            feed,
            variation: Vec::new(),
            steps,
            programs: HashMap::new(),
            evaluator: None,
            pace: Pace::new(),
            watch: None,
            reduction: None,
            due,
            begun,
            rate: None,
            ended: false,
            compile_seconds: 0.0,
            dispatches: 0,
            terms,
            folder: None,
        })
    }

    fn task(&self) -> Task<'_> {
        self.trainer.recipe.task(&self.model.network, &self.feed)
    }

    /// Binds the programs of an epoch: training steps, and validation if there is any.
    async fn compile(&mut self) -> Result<()> {
        let mut compiler = Compiler::new(self.trainer.progress);
        let (recipe, all) = (&self.trainer.recipe, (Order::plain(self.train.len()), self.train.len()));
        self.variation = variation(recipe, self.model, &self.feed, &mut self.train, all).await?;
        let plans = recipe.plans(&self.model.network, &self.feed, Desk::MODEL, &self.steps)?;
        for (kind, plan) in plans {
            self.dispatches = self.dispatches.max(plan.ops.len());
            self.programs.insert(kind, compiler.bind(self.model, &plan)?);
        }
        if let Some(data) = &self.validation {
            let source = data.source();
            self.evaluator =
                Some(Evaluator::new(self.trainer, self.model, "validation", source, &mut compiler)?);
        }
        self.compile_seconds = compiler.finish(self.model).await?;
        Ok(())
    }

    /// Trains from the beginning, or from the trainer's snapshot.
    pub(super) async fn run(mut self, resumed: bool) -> Result<History> {
        let snapshot = self.trainer.snapshot.clone().filter(|_| resumed);
        if let Some(checkpoints) = self.trainer.checkpoints.clone() {
            let folder = self.trainer.opened.take().map_or_else(|| Folder::lock(checkpoints), Ok)?;
            folder.prepare(snapshot.as_deref(), self.trainer.monitor()?)?;
            self.folder = Some(folder);
        }
        let ended = match self.compile().await {
            Ok(()) => self.epochs(resumed).await,
            Err(error) => Err(error),
        };
        let ended = ended.and_then(|()| match self.trainer.recipe.optimizer.ema_momentum() {
            Some(_) => self.model.take_averages(),
            None => Ok(()),
        });
        let restored = self.restore_best();
        if let (Err(_), Err(error)) = (&ended, &restored) {
            log::warn!(
                "the best epoch's weights cannot be restored ({error}): Trainer::best_weights has them"
            );
        }
        let closed = self.folder.take().map_or(Ok(()), Folder::close);
        if let Err(Error::Interrupted { .. }) = &ended {
            self.trainer.control.stopped();
        }
        match (ended, closed) {
            // Without the checkpoint there may be nothing to continue from: that is the error.
            (Err(Error::Interrupted { .. }), Err(checkpoint)) => Err(checkpoint),
            (Err(error), Err(checkpoint)) => {
                log::warn!("the last checkpoint is missing: {checkpoint}");
                Err(error)
            }
            (ended, closed) => ended.and(restored).and(closed),
        }?;
        Ok(self.trainer.history.clone())
    }

    async fn epochs(&mut self, resumed: bool) -> Result<()> {
        if let Some(snapshot) = self.trainer.snapshot.as_ref().filter(|_| resumed) {
            self.begun = snapshot.position.begun;
        }
        if let Some(options) = self.trainer.early_stopping.clone() {
            self.watch = Some(Watch::new(options, &self.trainer.recipe.metrics, self.begun)?);
        }
        if let Some(options) = &self.trainer.plateau {
            self.reduction = Some(Reduction::new(options, &self.trainer.recipe.metrics)?);
        }
        let (first, mut done) =
            if resumed { self.take_up()? } else { (self.begun.saturating_add(1), Done::default()) };
        self.model.remember_outputs(&self.trainer.recipe.loss, Some(self.train.source().sample()));
        if !resumed {
            self.set_out().await?;
        }
        if self.is_over() {
            return Ok(());
        }
        for number in first..=self.last() {
            let epoch = self.epoch(number, std::mem::take(&mut done)).await?;
            self.trainer.history.epochs.push(epoch.clone());
            let mut stop = false;
            if let Some(watch) = &mut self.watch {
                stop = watch.note(self.model, &self.trainer.recipe.optimizer, &epoch).await?;
            }
            let scheduled = self.scheduled();
            if let Some(reduction) = &mut self.reduction {
                reduction.note(&epoch, scheduled);
            }
            let mut ended = false;
            for callback in self.trainer.callbacks.get_mut().unwrap_or_else(PoisonError::into_inner) {
                ended = ended || callback.on_epoch_end(self.model, &epoch)?.is_break();
            }
            ended |= self.ended;
            if self.folder.is_some() || self.trainer.control.is_asked() {
                self.trainer.control.taken();
                let saving = self.model.begin_state();
                self.keep_snapshot(saving, (number + 1, Done::default()), ended).await?;
            }
            if stop || ended {
                break;
            }
            if self.trainer.control.stops() && number < self.last() {
                return Err(Error::Interrupted { step: self.model.steps });
            }
        }
        Ok(())
    }

    async fn epoch(&mut self, number: usize, done: Done) -> Result<Epoch> {
        let order = self.trainer.recipe.order(self.train.len(), self.model.epochs);
        let label = format!("epoch {number}/{}", self.last());
        let progress = Bar::new(&label, self.train.len() as u64, self.trainer.progress);
        let (columns, scored) = (self.task().columns(), self.task().scored);
        let mut sums = done.sums;
        sums.resize(columns, 0.0);
        let mut rows_done = self.steps[..done.steps].iter().map(|s| s.rows).sum::<usize>();
        if rows_done > 0 {
            progress.advance(rows_done as u64, sums[0] / scored.count(&sums, rows_done));
        }
        let begin = Instant::now();
        if done.steps == 0 {
            self.model.begin_sequences(plan::Course::Training)?;
        }
        let left = self.steps[done.steps..].iter().map(|step| step.rows);
        self.train.begin(&self.feed, &mut *self.model.executor, order.from(rows_done), left)?;
        self.model.adopt_parameters()?;
        let words = clock_words(self.model.steps, 0);
        self.model.executor.write(keys::CLOCK, 0, Values::U32(&words))?;
        let kind = self.trainer.recipe.optimizer.name();
        let mut updates = self.model.counters(kind).updates;
        let (mut from, mut host, mut since) = (done.steps, done.host_seconds, begin);
        // The next submission is prepared while the device works on this one.
        let mut running: Option<Submission> = None;
        let mut stopping = false;
        let watched = self.watches_batches();
        while (from < self.steps.len() && !stopping && !self.ended) || running.is_some() {
            let mut next = None;
            if from < self.steps.len() && !stopping && !self.ended {
                let at_once = if watched { 1 } else { self.pace.steps.min(self.feed.steps_at_once()) };
                let most = (from + at_once).min(self.steps.len());
                let asked = self.trainer.control.is_asked();
                let (to, due) = self.due.end(&self.steps, from, most, asked);
                stopping = due && self.trainer.control.stops();
                if due {
                    self.trainer.control.taken();
                }
                let slot = running.as_ref().map_or(0, |r| STEPS - r.slot);
                let prepared = Instant::now();
                next = match self.submit(from..to, slot, due, &mut updates) {
                    Ok(submission) => Some(submission),
                    Err(error) => {
                        // Steps that already run change the parameters, so they must be counted.
                        if let Some(running) = running {
                            self.settle(running).await?;
                        }
                        return Err(error);
                    }
                };
                host += prepared.elapsed().as_secs_f64();
                from = to;
            }
            if watched {
                // A callback may change what comes next.
                running = next.take();
            }
            if let Some(mut settling) = std::mem::replace(&mut running, next) {
                let (span, saving) = (settling.span.clone(), settling.saving.take());
                let tallies = self.settle(settling).await?;
                self.pace.note(span.len(), since.elapsed().as_secs_f64());
                since = Instant::now();
                for row in tallies.chunks_exact(columns) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                let (steps, rows) = (span.end, self.steps[span].iter().map(|s| s.rows).sum::<usize>());
                rows_done += rows;
                progress.advance(rows as u64, sums[0] / scored.count(&sums, rows_done));
                if watched {
                    self.tell_batch((number, steps), tallies[0] / scored.count(&tallies, rows))?;
                }
                if let Some(saving) = saving {
                    let seconds = done.seconds + begin.elapsed().as_secs_f64();
                    let done = Done { steps, sums: sums.clone(), seconds, host_seconds: host };
                    self.keep_snapshot(saving, (number, done), false).await?;
                }
            }
        }
        self.model.seal_parameters()?;
        if stopping {
            return Err(Error::Interrupted { step: self.model.steps });
        }
        let seconds = done.seconds + begin.elapsed().as_secs_f64();
        let count = scored.count(&sums, rows_done);
        // A callback may have ended the epoch early.
        if rows_done < self.train.len() {
            let (recipe, rows) = (&self.trainer.recipe, (order, rows_done));
            self.variation = variation(recipe, self.model, &self.feed, &mut self.train, rows).await?;
        }
        let trained = evaluation(&sums, &self.trainer.recipe.metrics, &self.variation, scored, count);
        let validated = match (&mut self.evaluator, &mut self.validation) {
            (Some(evaluator), Some(data)) => {
                Some(evaluator.run(&self.trainer.recipe, self.model, data).await?)
            }
            _ => None,
        };
        if let Some(loss) = validated.as_ref().map(|v| v.loss).filter(|loss| !loss.is_finite()) {
            self.blame_update().await?;
            let layer = "the validation loss".to_owned();
            return Err(Error::NonFinite { step: self.model.steps, layer, found: loss.to_string() });
        }
        self.model.epochs += 1;
        let epoch = Epoch {
            epoch: number,
            train_loss: trained.loss,
            train_metrics: trained.metrics,
            val_loss: validated.as_ref().map(|v| v.loss),
            val_metrics: validated.map(|v| v.metrics).unwrap_or_default(),
            learning_rate: self.used(self.scheduled()),
            seconds,
            host_seconds: host,
            steps: from,
            samples_per_second: rows_done as f64 / seconds,
        };
        progress.finish(&epoch.line(&label, &self.trainer.history.metrics));
        Ok(epoch)
    }

    /// Submits steps that use the slots from `slot` on, and starts to read back their tallies, and the model if a snapshot is due.
    fn submit(
        &mut self,
        span: std::ops::Range<usize>,
        slot: usize,
        due: bool,
        updates: &mut u64,
    ) -> Result<Submission> {
        let steps = &self.steps[span.clone()];
        let rows = steps.iter().map(|step| step.rows);
        let (cursor, staged) = self.train.stage(&self.feed, self.model, steps[0].first, rows)?;
        let table = rates_of(&self.trainer.recipe.optimizer, steps, updates, |rate| self.used(rate));
        let (columns, tallies) = (self.task().columns(), self.task().tallies());
        let executor = &mut *self.model.executor;
        executor.write(keys::RATES, slot * rates::LEN, Values::F64(&table))?;
        // The other words continue from the last submission.
        executor.write(keys::CLOCK, clock::CURSOR, Values::U32(&[cursor as u32, slot as u32]))?;
        for run in steps.chunk_by(|a, b| (a.rows, a.ending) == (b.rows, b.ending)) {
            executor.run(self.programs[&(run[0].rows, run[0].ending)], run.len())?;
        }
        let tallies = executor.read(&tallies, slot * columns, steps.len() * columns);
        let clock = executor.read_index(keys::CLOCK, clock::LEN);
        let saving = due.then(|| self.model.begin_state());
        self.due.note(span.len(), due);
        Ok(Submission { span, slot, staged, tallies, clock, saving })
    }

    /// Waits for a submission and counts its steps; returns their tallies.
    async fn settle(&mut self, submission: Submission) -> Result<Vec<f64>> {
        let tallies = submission.tallies.await?;
        let halted = submission.clock.await?[clock::HALTED];
        let span = submission.span;
        let begin = self.model.steps;
        // The word counts modulo 2³². Steps after the failed one have changed nothing.
        let done = if halted == 0 { span.len() } else { (halted - 1).wrapping_sub(begin as u32) as usize };
        let updates = self.steps[span.clone()][..done].iter().filter(|s| s.updates()).count() as u64;
        self.model.count(self.trainer.recipe.optimizer.name(), done, updates);
        if halted != 0 {
            let (first, failed) = (self.steps[span.start].first, self.steps[span.start + done]);
            let mut cursor = failed.first;
            if !self.feed.is_resident() {
                self.feed.stage(&mut *self.model.executor, &submission.staged)?;
                cursor -= first;
            }
            let words = clock_words(self.model.steps, cursor);
            let step = self.model.steps + 1;
            return Err(inspect::diagnose(
                &self.trainer.recipe,
                self.model,
                &self.feed,
                failed.rows,
                words,
                step,
            )
            .await?);
        }
        Ok(tallies)
    }
}

impl Drop for Fit<'_, '_, '_> {
    /// Frees what the device held for this run. `run` has already restored the best weights, unless its future was dropped or a callback
    /// panicked: then they are restored here.
    fn drop(&mut self) {
        if let Err(error) = self.restore_best() {
            log::warn!("the best epoch's weights cannot be restored: {error}");
        }
        let executor = &mut *self.model.executor;
        self.programs.drain().for_each(|(_, program)| executor.release(program));
        self.feed.free(executor);
        if let Some(evaluator) = self.evaluator.take() {
            evaluator.close(self.model);
        }
    }
}
