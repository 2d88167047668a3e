//! Measuring the time per step where passes cannot be timed. Not in browsers, where nothing may wait for the device.

use super::Learner;
use super::budget::Budget;
use crate::device::{Executor, Values};
use crate::embed::gpu;
use crate::kernel::clock;
use crate::{Model, Result};
use web_time::Instant;

impl Learner {
    /// Measures the seconds per step with trial steps, which change nothing because the clock is halted.
    pub(super) fn try_out(&mut self, model: &mut Model) -> Result<()> {
        let Some(step) = self.table.steps.first() else { return Ok(()) };
        let (_, program) = self.programs[&(step.rows, step.ending)];
        let (executor, clock) = (gpu(model)?, self.slots.desk().clock());
        let mut halted = [0; clock::LEN];
        halted[clock::HALTED] = 1;
        executor.write(&clock, 0, Values::U32(&halted))?;
        let mut seconds = |steps: usize| {
            let begin = Instant::now();
            if steps > 0 {
                executor.run(program, steps)?;
            }
            pollster::block_on(executor.read_index(&clock, clock::LEN))?;
            Result::Ok(begin.elapsed().as_secs_f64())
        };
        // Seconds that are enough for a measurement, and the maximum number of trial steps.
        const ENOUGH: f64 = 0.004;
        const MOST_TRIED: usize = 64;
        // Drivers may compile during the first run.
        seconds(1)?;
        let waiting = seconds(0)?;
        let (mut steps, mut taken) = (1, seconds(1)?);
        while taken < ENOUGH && steps < MOST_TRIED {
            steps *= 4;
            taken = seconds(steps)?;
        }
        // The minimum: other programs can only make it slower.
        taken = taken.min(seconds(steps)?);
        self.budget = Budget::new(Some((taken - waiting).max(1e-9) / steps as f64));
        Ok(())
    }
}
