//! A submission: how many steps it holds, and the clock at its beginning.

use crate::kernel::clock;
use crate::model::STEPS;

/// How many steps go out in one submission: long ones would starve other programs of the GPU, and a driver may
/// reset it. The results do not depend on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) steps: usize,
}

impl Pace {
    /// Seconds that a submission should take.
    const SECONDS: f64 = 0.2;

    pub(super) fn new() -> Self {
        Self { steps: 1 }
    }

    /// Learns from a submission.
    pub(super) fn note(&mut self, steps: usize, seconds: f64) {
        let fitting = Self::SECONDS * steps as f64 / seconds.max(1e-9);
        self.steps = (fitting as usize).clamp(1, STEPS);
    }
}

/// The clock at the beginning of an epoch, or of a step that is repeated.
pub(crate) fn clock_words(step: u64, cursor: usize) -> [u32; clock::LEN] {
    let mut words = [0; clock::LEN];
    words[clock::STEP] = step as u32;
    words[clock::CURSOR] = cursor as u32;
    words
}
