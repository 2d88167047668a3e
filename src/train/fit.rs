//! One run of `Trainer::fit`: the loop over epochs and steps.

mod alone;
mod batches;
mod keep;
mod pass;
#[cfg(not(target_family = "wasm"))]
mod together;

use super::Trainer;
use super::callback::Watch;
use super::checkpoint::Folder;
use super::compile::Compiler;
use super::description::TrainingDescription;
use super::evaluate::{Evaluator, evaluation, variation};
use super::feed::Feed;
use super::history::{Epoch, History};
use super::pace::Pace;
use super::plateau::Reduction;
#[cfg(not(target_family = "wasm"))]
use super::processes::{Share, SharedEvaluator, Team};
use super::rows::Rows;
use super::snapshot::{Done, Due};
use super::step::{Desk, Task};
use crate::data::Order;
use crate::device::Program;
use crate::model::{Author, Ending, STEPS, Step, steps};
use crate::report::Bar;
use crate::{Error, Model, Result};
use pass::Pass;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// What a process wants after an epoch.
#[derive(Clone, Copy, Debug)]
struct Agreed {
    /// Whether a callback has ended the training.
    ended: bool,
    /// Whether a snapshot was asked for, or the end.
    asked: bool,
    stops: bool,
}

/// Several processes need threads.
#[cfg(target_family = "wasm")]
type Share = std::convert::Infallible;

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
    /// This process's share, where steps are cut into micro-batches.
    share: Option<Share>,
    #[cfg(not(target_family = "wasm"))]
    shared_evaluator: Option<SharedEvaluator>,
}

impl<'t, 'a, 'm> Fit<'t, 'a, 'm> {
    pub(super) fn new(
        trainer: &'t mut Trainer<'a>,
        model: &'m mut Model,
        train: Rows<'m>,
        validation: Option<Rows<'m>>,
        #[cfg(not(target_family = "wasm"))] team: Option<Arc<Team>>,
    ) -> Result<Self> {
        let source = train.source();
        let batch = trainer.recipe.batch.min(train.len());
        let task = trainer.recipe.task_for(&model.network, source.sample());
        let scored = task.scored;
        trainer.recipe.allocate(model)?;
        task.allocate(model)?;
        let all = (Order::plain(train.len()), train.len());
        let variation = variation(&trainer.recipe.metrics, source, scored, all)?;
        #[cfg(not(target_family = "wasm"))]
        let share = team.map(|team| Share::new(team, &trainer.recipe, model)).transpose()?;
        #[cfg(target_family = "wasm")]
        let share: Option<Share> = None;
        let at_once = match &share {
            #[cfg(not(target_family = "wasm"))]
            Some(share) => (share.rows_of(batch), 1),
            _ => (batch, STEPS),
        };
        let feed = Feed::new(model, "training", source, Some(trainer.resident_bytes), at_once)?;
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
            variation,
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
            share,
            #[cfg(not(target_family = "wasm"))]
            shared_evaluator: None,
        })
    }

    fn task(&self) -> Task<'_> {
        self.trainer.recipe.task(&self.model.network, &self.feed)
    }

    /// Binds the programs of an epoch: training steps, and validation if there is any.
    async fn compile(&mut self) -> Result<()> {
        let mut compiler = Compiler::new(self.trainer.shows());
        #[cfg(not(target_family = "wasm"))]
        if let Some(share) = &mut self.share {
            let on = (&mut *self.model, &self.feed);
            self.dispatches = share.compile(&self.trainer.recipe, on, &self.steps, &mut compiler)?;
            if let Some(data) = &self.validation {
                let (trainer, source) = (&*self.trainer, data.source());
                let evaluator = SharedEvaluator::new(trainer, share, self.model, source, &mut compiler)?;
                self.shared_evaluator = Some(evaluator);
            }
            self.compile_seconds = compiler.finish(self.model).await?;
            return Ok(());
        }
        let recipe = &self.trainer.recipe;
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
        #[cfg(not(target_family = "wasm"))]
        self.agree(resumed)?;
        if let Some(checkpoints) = self.trainer.checkpoints.clone().filter(|_| self.trainer.leads()) {
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
        #[cfg(not(target_family = "wasm"))]
        self.start_alike().await?;
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
            let (asked, stops) = (self.trainer.control.is_asked(), self.trainer.control.stops());
            let agreed = Agreed { ended: ended || self.ended, asked, stops };
            #[cfg(not(target_family = "wasm"))]
            let agreed = self.agreed_end(agreed)?;
            let Agreed { ended, asked, stops } = agreed;
            if self.trainer.checkpoints.is_some() || asked {
                self.trainer.control.taken();
                let saving = self.model.begin_state();
                self.keep_snapshot(saving, (number + 1, Done::default()), ended).await?;
            }
            if stop || ended {
                break;
            }
            if stops && number < self.last() {
                return Err(Error::Interrupted { step: self.model.steps });
            }
        }
        Ok(())
    }

    async fn epoch(&mut self, number: usize, done: Done) -> Result<Epoch> {
        let order = self.trainer.recipe.order(self.train.len(), self.model.epochs);
        let label = format!("epoch {number}/{}", self.last());
        let progress = Bar::new(&label, self.train.len() as u64, self.trainer.shows());
        let (columns, scored) = (self.task().columns(), self.task().scored);
        let mut pass = Pass::new((number, progress), done, (columns, scored), &self.steps);
        self.begin_pass(&pass, order)?;
        self.run_steps(&mut pass).await?;
        self.model.seal_parameters()?;
        let Pass { progress, sums, rows: rows_done, from, host, stopping, .. } = pass;
        let seconds = pass.seconds + pass.begin.elapsed().as_secs_f64();
        if stopping {
            return Err(Error::Interrupted { step: self.model.steps });
        }
        let count = scored.count(&sums, rows_done);
        // A callback may have ended the epoch early.
        if rows_done < self.train.len() {
            self.variation =
                variation(&self.trainer.recipe.metrics, self.train.source(), scored, (order, rows_done))?;
        }
        let trained = evaluation(&sums, &self.trainer.recipe.metrics, &self.variation, scored, count);
        let validated = self.validate().await?;
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
        #[cfg(not(target_family = "wasm"))]
        let epoch = self.agreed(epoch).await?;
        progress.finish(&epoch.line(&label, &self.trainer.history.metrics));
        Ok(epoch)
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
        #[cfg(not(target_family = "wasm"))]
        {
            if let Some(evaluator) = self.shared_evaluator.take() {
                evaluator.close(self.model);
            }
            if let Some(share) = self.share.take() {
                share.close(self.model);
            }
        }
    }
}
