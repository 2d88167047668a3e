//! How long a step takes, where passes cannot be timed. In a browser nothing may wait for the device, and it is not known.

use super::Learner;
use super::budget::Budget;
use crate::device::{Executor, Values};
use crate::embed::gpu;
use crate::kernel::clock;
use crate::{Model, Result};
use web_time::Instant;

impl Learner {
    /// Finds the seconds that a step takes by running some that change nothing: the clock has halted.
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
        // Seconds in which steps can be measured, and how many are tried at most.
        const ENOUGH: f64 = 0.004;
        const MOST_TRIED: usize = 64;
        // The first time drivers may compile.
        seconds(1)?;
        let waiting = seconds(0)?;
        let (mut steps, mut taken) = (1, seconds(1)?);
        while taken < ENOUGH && steps < MOST_TRIED {
            steps *= 4;
            taken = seconds(steps)?;
        }
        // Other programs only make it slower.
        taken = taken.min(seconds(steps)?);
        self.budget = Budget::new(Some((taken - waiting).max(1e-9) / steps as f64));
        Ok(())
    }
}
