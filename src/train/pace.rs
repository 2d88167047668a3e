//! Submissions: the number of steps in each, and the clock at its start.

use crate::kernel::clock;
use crate::model::STEPS;

/// The number of steps per submission. Long submissions would block other programs on the GPU, and a driver may reset it. Results do not
/// depend on this number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) steps: usize,
}

impl Pace {
    /// How many seconds a submission should take.
    const SECONDS: f64 = 0.2;

    pub(super) fn new() -> Self {
        Self { steps: 1 }
    }

    /// Adjusts the number to the time that a submission took.
    pub(super) fn note(&mut self, steps: usize, seconds: f64) {
        let fitting = Self::SECONDS * steps as f64 / seconds.max(1e-9);
        self.steps = (fitting as usize).clamp(1, STEPS);
    }
}

/// The clock at the start of an epoch, or of a step that is repeated.
pub(crate) fn clock_words(step: u64, cursor: usize) -> [u32; clock::LEN] {
    let mut words = [0; clock::LEN];
    words[clock::STEP] = step as u32;
    words[clock::CURSOR] = cursor as u32;
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_submission_takes_a_fifth_of_a_second() {
        let after = |steps, seconds| {
            let mut pace = Pace::new();
            pace.note(steps, seconds);
            pace.steps
        };
        assert_eq!(Pace::new().steps, 1);
        assert_eq!([after(10, 0.1), after(10, 0.4), after(1, 0.03), after(4, 100.0)], [20, 5, 6, 1]);
        assert_eq!([after(1, 0.0), after(100, 1e-6)], [STEPS; 2], "no more than a table has rows");
    }
}
