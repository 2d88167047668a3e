//! Learning rates over time.

use crate::{Error, Result};

/// The learning rate of every update, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Schedule {
    /// Always this rate.
    Constant(f64),
    /// `initial`·`factor`^⌊update/every⌋ (Keras' staircase `ExponentialDecay`, PyTorch's `StepLR`).
    Step {
        /// The first rate.
        initial: f64,
        /// The number of updates between two changes.
        every: u64,
        /// The factor of a change.
        factor: f64,
    },
    /// From `peak` along half a cosine to `floor`·`peak` over `updates` updates, then constant, after `warm_up` updates of linear growth
    /// from `start` (Keras' `CosineDecay`).
    Cosine {
        /// The highest rate.
        peak: f64,
        /// The number of updates of the decay.
        updates: u64,
        /// The share of `peak` that remains, 0..1.
        floor: f64,
        /// The number of updates of linear growth before the decay; 0 for none.
        warm_up: u64,
        /// The rate at which growth begins.
        start: f64,
    },
    /// From `start` linearly to `rate` over `updates` updates, then constant.
    WarmUp {
        /// The rate at which growth begins.
        start: f64,
        /// The rate reached.
        rate: f64,
        /// The number of updates of growth.
        updates: u64,
    },
}

impl From<f64> for Schedule {
    fn from(rate: f64) -> Self {
        Self::Constant(rate)
    }
}

impl Schedule {
    /// The learning rate of an update, counted from 0.
    pub fn rate(self, update: u64) -> f64 {
        let grow = |from: f64, to: f64, over: u64| {
            from + (to - from) * (update as f64 / over.max(1) as f64).min(1.0)
        };
        match self {
            Self::Constant(rate) => rate,
            Self::Step { initial, every, factor } => initial * factor.powf((update / every.max(1)) as f64),
            Self::Cosine { peak, warm_up, start, .. } if update < warm_up => grow(start, peak, warm_up),
            Self::Cosine { peak, updates, floor, warm_up, .. } => {
                let progress = ((update - warm_up) as f64 / updates.max(1) as f64).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                peak * ((1.0 - floor) * cosine + floor)
            }
            Self::WarmUp { start, rate, updates } => grow(start, rate, updates),
        }
    }

    /// Checks that every rate is usable.
    ///
    /// # Errors
    /// A rate that is negative or not finite, or a span of 0 updates.
    pub fn check(self) -> Result<()> {
        // Devices compute in single precision.
        let positive = |v: f64| (0.0..=f64::from(f32::MAX)).contains(&v);
        let fine = match self {
            Self::Constant(rate) => positive(rate),
            Self::Step { initial, every, factor } => positive(initial) && positive(factor) && every > 0,
            Self::Cosine { peak, updates, floor, start, .. } => {
                positive(peak) && positive(start) && (0.0..=1.0).contains(&floor) && updates > 0
            }
            Self::WarmUp { start, rate, updates } => positive(start) && positive(rate) && updates > 0,
        };
        if fine {
            return Ok(());
        }
        Err(Error::invalid(
            "learning rate",
            format!("{self:?}"),
            "finite rates >= 0, floor in 0..1 and spans of at least 1 update",
            "correct the schedule",
        ))
    }
}
