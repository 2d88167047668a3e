//! What the device tells of a learner's steps.

use super::{Learner, Note};
use crate::embed::readings::{Arrival, Reading, Stretch};
use crate::embed::slots::{is_author, take_back};
use crate::kernel::clock;
use crate::{Error, Metric, Model, Result};
use std::sync::Arc;

/// What the device tells of steps that are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The last of them, counted from 1 since the model was built.
    pub step: u64,
    /// How many there were since the last report.
    pub steps: usize,
    /// Steps found since the last report not to have run, although later ones did: their encoders were dropped, or are held back. One that
    /// is held back and runs later is not taken off again.
    pub lost: usize,
    /// The mean loss over the rows of these steps, with the regularisers' penalties.
    pub loss: f64,
    /// The metrics over the same rows, in the trainer's order.
    pub metrics: Vec<f64>,
    /// Seconds that they took on the device, where it has `Features::TIMESTAMP_QUERY` and the steps were encoded into an encoder.
    pub seconds: Option<f64>,
}

/// What has arrived.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Since the last report.
    sums: Vec<f64>,
    rows: usize,
    steps: usize,
    seconds: Option<f64>,
    /// The steps that have run so far.
    done: u64,
    /// Those that were lost by the last report.
    lost: u64,
}

impl Learner {
    /// What the device tells of steps that have run since the last call; `None` where nothing has arrived. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when a loss or a gradient was not finite: no step changes anything from there on, and the model
    /// has the last weights that gave finite ones, beside those that were set or written since; to go on, make a new learner.
    /// The device's errors.
    pub fn poll(&mut self, model: &mut Model) -> Result<Option<Progress>> {
        self.collect(model)?;
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let scored = self.task(model).scored;
        let told = &mut self.told;
        let (sums, rows) = (std::mem::take(&mut told.sums), std::mem::take(&mut told.rows));
        let (steps, seconds) = (std::mem::take(&mut told.steps), told.seconds.take());
        if steps == 0 {
            return Ok(None);
        }
        let lost = self.account.lost();
        let newly = lost.saturating_sub(std::mem::replace(&mut told.lost, lost)) as usize;
        let count = scored.count(&sums, rows);
        let mean = |metric: &Metric, sums: &[f64]| metric.mean(sums, count);
        let metrics = Metric::values(&self.recipe.metrics, &sums, scored.outputs, mean);
        Ok(Some(Progress {
            step: self.table.at(told.done).steps,
            steps,
            lost: newly,
            metrics,
            loss: sums[0] / count,
            seconds,
        }))
    }

    /// Looks at what has arrived, and tells the model how far it has come.
    pub(super) fn collect(&mut self, model: &mut Model) -> Result<()> {
        self.lease.gpu(model)?.notice()?;
        while let Some(arrival) = self.readings.next(self.lease.gpu(model)?)? {
            match arrival {
                Arrival::Lost(note) if Arc::ptr_eq(&note.table, &self.table) => {
                    self.account.drop(note.encoded, note.own);
                }
                Arrival::Read(reading) if Arc::ptr_eq(&reading.note.table, &self.table) => {
                    self.take(model, &reading)?;
                }
                // Of steps before a state was restored.
                Arrival::Lost(_) | Arrival::Read(_) => {}
            }
        }
        if self.failed.is_none() && is_author(model, &self.table) {
            model.set_counters(&self.table, self.account.next());
        }
        Ok(())
    }

    /// Adds up what a reading tells: the steps that have run since the one before it, as far as their tallies are still there.
    fn take(&mut self, model: &mut Model, reading: &Reading<Note>) -> Result<()> {
        let columns = self.task(model).columns();
        let (clock, tallies) = reading.words.split_at(clock::LEN);
        let tallies: &[f32] = bytemuck::cast_slice(tallies);
        let slots = &self.slots;
        let row = |done: u64| &tallies[slots.slot(done) * columns..][..columns];
        let ran = self.table.done(clock[clock::STEP], self.account.ran());
        let halted = clock[clock::HALTED];
        // The clock runs on behind a step that failed.
        let good = if halted == 0 { ran } else { self.table.done(halted - 1, ran) };
        // A step that stalled has left its numbers in the row that is to come.
        let kept = ran.saturating_sub((slots.count as u64 - 1).max(1));
        let told = &mut self.told;
        let first = told.done.max(kept);
        let steps = &self.table.steps;
        let own = reading.note.own;
        if good > first {
            told.sums.resize(columns, 0.0);
            for done in first..good {
                told.sums.iter_mut().zip(row(done)).for_each(|(sum, &value)| *sum += f64::from(value));
                told.rows += steps[(done % steps.len() as u64) as usize].rows;
            }
            let count = good - first;
            // Others may have run beside those that were timed.
            let timed = Some(reading.seconds).filter(|_| reading.timed && own == count);
            let before = if told.steps == 0 { Some(0.0) } else { told.seconds };
            told.seconds = before.zip(timed).map(|(before, seconds)| before + seconds);
            told.steps += count as usize;
            told.done = good;
            // Where passes can be timed, those that were not tell nothing new.
            if own > 0 && (reading.timed || !self.readings.times()) {
                self.budget.note(own as usize, reading.seconds, reading.timed);
            }
        }
        self.account.read(reading.note.encoded, ran);
        if halted != 0 && self.failed.is_none() {
            let loss = (ran - good <= slots.count as u64).then(|| row(good)[0]);
            let layer = match loss {
                Some(loss) if loss.is_finite() => "a gradient",
                Some(_) => "the loss",
                None => "the loss or a gradient",
            };
            self.failed = Some((self.table.at(good).steps + 1, layer));
            take_back(model, &self.table, good)?;
        }
        Ok(())
    }

    /// Records the copying of the clock and of all tallies. `own` steps lie before it in the same encoder, in a pass of
    /// [`Readings::pass`](crate::embed::readings::Readings::pass).
    pub(super) fn copy(
        &mut self,
        model: &mut Model,
        encoder: &mut wgpu::CommandEncoder,
        own: u64,
    ) -> Result<()> {
        let (clock, tallies) = (self.slots.desk().clock(), self.task(model).tallies());
        let executor = self.lease.gpu(model)?;
        let all = |key: &str| {
            let buffer = executor.lend(key)?;
            Ok(Stretch { len: buffer.size(), offset: 0, buffer })
        };
        let stretches = [all(&clock)?, all(&tallies)?];
        let note = Note { table: self.table.clone(), encoded: self.account.encoded(), own };
        self.readings.begin(executor, encoder, &stretches, own > 0, note)
    }

    pub(super) fn failure(&self) -> Option<Error> {
        let (step, layer) = self.failed?;
        Some(Error::NonFinite { step, layer: layer.into(), found: "a number that is not finite".into() })
    }
}
