//! Reports on a learner's steps.

use super::{Learner, Note};
use crate::embed::readings::{Arrival, Reading, Stretch};
use crate::embed::slots::{is_author, take_back};
use crate::kernel::clock;
use crate::{Error, Metric, Model, Result};
use std::sync::Arc;

/// A report on steps that have run.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The last of these steps, counted from 1 since the model was built.
    pub step: u64,
    /// How many steps have run since the last report.
    pub steps: usize,
    /// How many steps were found to be lost since the last report: later ones have run, so their encoders were dropped or held back. A
    /// held-back step that runs later is not subtracted again.
    pub lost: usize,
    /// The mean loss over the rows of these steps, plus the regularisers' penalties.
    pub loss: f64,
    /// The metrics over the same rows, in the trainer's order.
    pub metrics: Vec<f64>,
    /// Seconds that they took on the device, if it has `Features::TIMESTAMP_QUERY` and none of them was encoded into the caller's pass.
    pub seconds: Option<f64>,
}

/// The running totals for the next [`Progress`] report: sums over the steps that have run since the last one.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The column sums of the tallies.
    sums: Vec<f64>,
    rows: usize,
    steps: usize,
    seconds: Option<f64>,
    /// The number of steps of the timetable that are included so far, here or in earlier reports.
    done: u64,
    /// The number of lost steps at the last report.
    lost: u64,
}

impl Learner {
    /// A report on the steps that have run since the last call; `None` if nothing new has arrived. Does not wait.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a loss or a gradient was not finite: steps from then on change nothing, and the model is left with the last
    /// weights that gave finite ones, except for what was set or written since; to continue, create a new learner. The device's errors.
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

    /// Processes the readbacks that have arrived, and updates the model's counters.
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
                // From before a state was restored.
                Arrival::Lost(_) | Arrival::Read(_) => {}
            }
        }
        if self.failed.is_none() && is_author(model, &self.table) {
            model.set_counters(&self.table, self.account.next());
        }
        Ok(())
    }

    /// Adds up the tallies of the steps that have run since the last readback, unless they have been overwritten.
    fn take(&mut self, model: &mut Model, reading: &Reading<Note>) -> Result<()> {
        let columns = self.task(model).columns();
        let (clock, tallies) = reading.words.split_at(clock::LEN);
        let tallies: &[f32] = bytemuck::cast_slice(tallies);
        let slots = &self.slots;
        let row = |done: u64| &tallies[slots.slot(done) * columns..][..columns];
        let ran = self.table.done(clock[clock::STEP], self.account.ran());
        let halted = clock[clock::HALTED];
        // The clock advances past a failed step.
        let good = if halted == 0 { ran } else { self.table.done(halted - 1, ran) };
        // A stalled step has overwritten the next row, which is the oldest.
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
            // Others may have run besides the timed ones.
            let timed = Some(reading.seconds).filter(|_| reading.timed && own == count);
            let before = if told.steps == 0 { Some(0.0) } else { told.seconds };
            told.seconds = before.zip(timed).map(|(before, seconds)| before + seconds);
            told.steps += count as usize;
            told.done = good;
            // If passes can be timed, untimed ones tell nothing new.
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

    /// Encodes the readback of the clock and all tallies. `own` steps come before it in the same encoder, in a pass of
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
