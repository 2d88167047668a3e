//! How many steps fit into a frame.

use crate::embed::slots::UNSUBMITTED;
use web_time::Duration;

/// An estimate of the time per step.
#[derive(Debug)]
pub(super) struct Budget {
    /// Seconds per step, if known.
    each: Option<f64>,
    /// The maximum number of steps in the next frame: twice as many as were measured last.
    most: usize,
}

impl Budget {
    /// The maximum number of steps for any budget.
    const MOST: usize = UNSUBMITTED / 4;

    /// With the seconds per trial step, if there were trials.
    pub(super) fn new(each: Option<f64>) -> Self {
        Self { each, most: 1 }
    }

    pub(super) fn steps(&self, budget: Duration) -> usize {
        let fitting = self.each.map_or(1.0, |each| budget.as_secs_f64() / each.max(1e-9));
        (fitting as usize).clamp(1, self.most.min(Self::MOST))
    }

    /// Updates the estimate from steps that were timed, or were seen to be finished after `seconds`.
    pub(super) fn note(&mut self, steps: usize, seconds: f64, timed: bool) {
        let each = seconds / steps as f64;
        // Untimed steps took at most this long.
        self.each = Some(self.each.filter(|_| !timed).map_or(each, |known| known.min(each)));
        self.most = 2 * steps;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_filled_and_not_exceeded() {
        let frame = Duration::from_millis(8);
        // A step takes a millisecond. If steps cannot be timed, there are trials beforehand.
        for (timed, first) in [(true, None), (false, Some(0.001))] {
            let mut budget = Budget::new(first);
            let mut counts = Vec::new();
            for _ in 0..6 {
                let steps = budget.steps(frame);
                counts.push(steps);
                // A host that polls once per frame of 16 ms sees everything late.
                let seconds = 0.001 * steps as f64;
                budget.note(steps, if timed { seconds } else { seconds.max(0.016) }, timed);
            }
            assert_eq!(counts, [1, 2, 4, 8, 8, 8], "timed: {timed}");
            assert_eq!(budget.steps(Duration::from_micros(1)), 1);
        }
    }

    #[test]
    fn a_step_that_is_faster_than_it_was_tried_out_is_found_out() {
        let mut budget = Budget::new(Some(0.004));
        (0..8).for_each(|_| budget.note(64, 0.064, false));
        assert_eq!(budget.steps(Duration::from_millis(8)), 8);
    }
}
