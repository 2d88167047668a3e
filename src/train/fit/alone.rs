//! The steps of an epoch that one process trains on: several to a submission, the next one prepared while the device works.

use super::{Fit, Pass};
use crate::device::{Pending, Values};
use crate::kernel::{clock, rates};
use crate::model::{STEPS, Saving};
use crate::plan::arena::keys;
use crate::train::epoch::rates_of;
use crate::train::inspect;
use crate::train::pace::clock_words;
use crate::{Dataset, Result};
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

impl Fit<'_, '_, '_> {
    /// Runs what is left of the epoch's steps.
    pub(super) async fn steps_alone(&mut self, pass: &mut Pass) -> Result<()> {
        let kind = self.trainer.recipe.optimizer.name();
        let mut updates = self.model.counters(kind).updates;
        let (columns, scored) = pass.scored;
        let mut since = pass.begin;
        // The next submission is prepared while the device works on this one.
        let mut running: Option<Submission> = None;
        let watched = self.watches_batches();
        while (pass.from < self.steps.len() && !pass.stopping && !self.ended) || running.is_some() {
            let mut next = None;
            if pass.from < self.steps.len() && !pass.stopping && !self.ended {
                let at_once = if watched { 1 } else { self.pace.steps.min(self.feed.steps_at_once()) };
                let most = (pass.from + at_once).min(self.steps.len());
                let asked = self.trainer.control.is_asked();
                let (to, due) = self.due.end(&self.steps, pass.from, most, asked);
                pass.stopping = due && self.trainer.control.stops();
                if due {
                    self.trainer.control.taken();
                }
                let slot = running.as_ref().map_or(0, |r| STEPS - r.slot);
                let prepared = Instant::now();
                next = match self.submit(pass.from..to, slot, due, &mut updates) {
                    Ok(submission) => Some(submission),
                    Err(error) => {
                        // Steps that already run change the parameters, so they must be counted.
                        if let Some(running) = running {
                            self.settle(running).await?;
                        }
                        return Err(error);
                    }
                };
                pass.host += prepared.elapsed().as_secs_f64();
                pass.from = to;
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
                    pass.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                let (steps, rows) = (span.end, self.steps[span].iter().map(|s| s.rows).sum::<usize>());
                pass.advance(rows);
                if watched {
                    self.tell_batch((pass.number, steps), tallies[0] / scored.count(&tallies, rows))?;
                }
                if let Some(saving) = saving {
                    let done = pass.done(steps);
                    self.keep_snapshot(saving, (pass.number, done), false).await?;
                }
            }
        }
        Ok(())
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
