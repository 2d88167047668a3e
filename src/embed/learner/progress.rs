//! What the device tells of a learner's steps.

use super::{Encoded, Learner};
use crate::embed::UNSUBMITTED;
use crate::embed::readings::{Reading, Stretch};
use crate::embed::slots::{halted, take_back};
use crate::kernel::clock;
use crate::{Error, Model, Result};

/// What the device tells of steps that are done.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The last of them, counted from 1 since the model was built.
    pub step: u64,
    /// How many there were since the last report.
    pub steps: usize,
    /// The mean loss over the rows of these steps, with the regularisers' penalties.
    pub loss: f64,
    /// The metrics over the same rows, in the trainer's order.
    pub metrics: Vec<f64>,
    /// Seconds that they took on the device, where it has `Features::TIMESTAMP_QUERY` and the steps were encoded into an encoder.
    pub seconds: Option<f64>,
}

/// What has arrived since the last report.
#[derive(Debug, Default)]
pub(super) struct Told {
    sums: Vec<f64>,
    rows: usize,
    steps: usize,
    /// The number of the last step.
    last: u64,
    seconds: Option<f64>,
}

impl Learner {
    /// What the device tells of steps that have run since the last call; `None` where nothing has arrived. Waits for nothing.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when a loss or a gradient was not finite: no step changes anything from there on, and the model
    /// has the last weights that gave finite ones; to go on, make a new learner. An encoder that was not submitted;
    /// the device's errors.
    pub fn poll(&mut self, model: &mut Model) -> Result<Option<Progress>> {
        self.collect(model)?;
        let Told { sums, rows, steps, last, seconds } = std::mem::take(&mut self.told);
        if steps == 0 {
            return self.failure().map_or(Ok(None), Err);
        }
        let scored = self.task(model).scored;
        let count = scored.count(&sums, rows);
        let mut column = 1;
        let metrics = self.recipe.metrics.iter().map(|metric| {
            let first = column;
            column += metric.columns(scored.outputs);
            sums[first] / count
        });
        Ok(Some(Progress { step: last, steps, metrics: metrics.collect(), loss: sums[0] / count, seconds }))
    }

    /// Adds up what has arrived.
    pub(super) fn collect(&mut self, model: &mut Model) -> Result<()> {
        self.owner.gpu(model)?.notice()?;
        let columns = self.task(model).columns();
        while let Some(reading) = self.readings.next(self.owner.gpu(model)?)? {
            self.note(&reading);
            self.settle(model, &reading)?;
            let told = &mut self.told;
            told.sums.resize(columns, 0.0);
            let tallies: &[f32] = bytemuck::cast_slice(&reading.words[clock::LEN..]);
            for row in tallies.chunks_exact(columns) {
                told.sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let before = if told.steps == 0 { Some(0.0) } else { told.seconds };
            told.seconds = before.filter(|_| reading.timed).map(|sum| sum + reading.seconds);
            told.rows += reading.note.iter().map(|step| step.rows).sum::<usize>();
            told.steps += reading.note.len();
            told.last = reading.note.last().map_or(told.last, |step| step.number);
        }
        Ok(())
    }

    /// Records the copying of the clock and of the tallies of all steps that are not read yet.
    pub(super) fn copy(
        &mut self,
        model: &mut Model,
        encoder: &mut wgpu::CommandEncoder,
        timed: bool,
    ) -> Result<()> {
        let task = self.task(model);
        let (columns, keys) = (task.columns(), [task.desk.clock(), task.tallies()]);
        let executor = self.owner.gpu(model)?;
        let [clock, tallies] = [executor.lend(&keys[0])?, executor.lend(&keys[1])?];
        let steps: Vec<Encoded> = self.unread.iter().copied().collect();
        let mut stretches = vec![Stretch { buffer: clock, offset: 0, len: clock::LEN as u64 * 4 }];
        let (first, until_end) = (steps[0].slot, (UNSUBMITTED - steps[0].slot).min(steps.len()));
        for (slot, count) in [(first, until_end), (0, steps.len() - until_end)] {
            let [offset, len] = [slot, count].map(|rows| (rows * columns) as u64 * 4);
            stretches.push(Stretch { buffer: tallies.clone(), offset, len });
        }
        stretches.retain(|stretch| stretch.len > 0);
        self.readings.begin(executor, encoder, &stretches, timed, steps)?;
        self.unread.clear();
        Ok(())
    }

    /// Learns how long steps take.
    fn note(&mut self, reading: &Reading<Vec<Encoded>>) {
        let steps = reading.note.len();
        // Where passes can be timed, those that were not tell nothing new.
        if steps == 0 || (self.readings.times() && !reading.timed) {
            return;
        }
        let pace = &mut self.pace;
        let seconds = if reading.timed {
            reading.seconds
        } else {
            // What it took beyond the least that any took to be seen.
            pace.least = pace.least.min(reading.seconds);
            reading.seconds - pace.least
        };
        pace.each = Some(seconds / steps as f64);
        pace.most = 2 * steps;
    }

    /// Whether the steps of a reading went well, and what follows if not.
    fn settle(&mut self, model: &mut Model, reading: &Reading<Vec<Encoded>>) -> Result<()> {
        let Some(last) = reading.note.last() else { return Ok(()) };
        if let (Some(number), None) = (halted(&reading.words, last.number)?, self.failed) {
            let place = reading.note.iter().position(|step| step.number == number);
            let columns = self.task(model).columns();
            let loss = place.map(|i| f32::from_bits(reading.words[clock::LEN + i * columns]));
            let layer = match loss {
                Some(loss) if loss.is_finite() => "a gradient",
                Some(_) => "the loss",
                None => "the loss or a gradient",
            };
            self.failed = Some((number, layer));
            model.epochs = reading.note[place.unwrap_or(0)].epochs;
            take_back(model, number)?;
        }
        self.failure().map_or(Ok(()), Err)
    }

    pub(super) fn failure(&self) -> Option<Error> {
        let (step, layer) = self.failed?;
        Some(Error::NonFinite { step, layer: layer.into(), found: "a number that is not finite".into() })
    }
}
