//! Learning rates over time.

use crate::{Error, Result};

/// The learning rate of every update, counted from 0.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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
    /// `initial`·`factor`^(update/every), changing with every update (Keras' `ExponentialDecay`).
    Exponential {
        /// The first rate.
        initial: f64,
        /// The number of updates in which the rate changes by `factor`.
        every: u64,
        /// The factor.
        factor: f64,
    },
    /// From `initial` to `end` over `updates` updates, then constant: end + (initial − end)·(1 − update/updates)^power (Keras'
    /// `PolynomialDecay`).
    Polynomial {
        /// The first rate.
        initial: f64,
        /// The last rate.
        end: f64,
        /// The number of updates of the decay.
        updates: u64,
        /// The power, above 0; 1 for a straight line.
        power: f64,
    },
    /// Half a cosine from `start` up to `peak` over `warm_up` updates, then another down to `end` by update `updates`, then constant (Smith
    /// and Topin 2019; PyTorch's `OneCycleLR` without its change of momentum).
    OneCycle {
        /// The highest rate.
        peak: f64,
        /// The number of updates of both halves.
        updates: u64,
        /// The number of updates of growth, below `updates`; usually 0.3 of them.
        warm_up: u64,
        /// The first rate; usually `peak`/25.
        start: f64,
        /// The last rate; usually `start`/10,000.
        end: f64,
    },
    /// Half a cosine from `peak` to `floor`·`peak` over `updates` updates, and again with periods `stretch` times as long (Loshchilov and
    /// Hutter 2017; Keras' `CosineDecayRestarts`).
    CosineRestarts {
        /// The highest rate of the first period.
        peak: f64,
        /// The number of updates of the first period.
        updates: u64,
        /// By what each period is longer than the one before, at least 1; Keras' default is 2.
        stretch: f64,
        /// By what each period's highest rate is multiplied, above 0; Keras' default is 1.
        factor: f64,
        /// The share of a period's highest rate that remains, 0..1.
        floor: f64,
    },
    /// One value after another: the first up to update `boundaries[0]`, the second up to `boundaries[1]`, and so on; the last from then on
    /// (Keras' `PiecewiseConstantDecay`).
    Piecewise {
        /// The last update of every value but the last, in ascending order.
        boundaries: Vec<u64>,
        /// The rates, one more than boundaries.
        values: Vec<f64>,
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

/// Along half a cosine.
fn halfway(from: f64, to: f64, progress: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

impl Schedule {
    /// The learning rate of an update, counted from 0.
    pub fn rate(&self, update: u64) -> f64 {
        let grow = |from: f64, to: f64, over: u64| {
            from + (to - from) * (update as f64 / over.max(1) as f64).min(1.0)
        };
        match *self {
            Self::Constant(rate) => rate,
            Self::Step { initial, every, factor } => initial * factor.powf((update / every.max(1)) as f64),
            Self::Cosine { peak, warm_up, start, .. } if update < warm_up => grow(start, peak, warm_up),
            Self::Cosine { peak, updates, floor, warm_up, .. } => {
                let progress = ((update - warm_up) as f64 / updates.max(1) as f64).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
                peak * ((1.0 - floor) * cosine + floor)
            }
            Self::Exponential { initial, every, factor } => {
                initial * factor.powf(update as f64 / every.max(1) as f64)
            }
            Self::Polynomial { initial, end, updates, power } => {
                let left = 1.0 - (update as f64 / updates.max(1) as f64).min(1.0);
                end + (initial - end) * left.powf(power)
            }
            Self::OneCycle { peak, warm_up, start, .. } if update < warm_up => {
                halfway(start, peak, update as f64 / warm_up as f64)
            }
            Self::OneCycle { peak, updates, warm_up, end, .. } => {
                let span = updates.saturating_sub(warm_up).max(1) as f64;
                halfway(peak, end, ((update - warm_up) as f64 / span).min(1.0))
            }
            Self::CosineRestarts { peak, updates, stretch, factor, floor } => {
                let progress = update as f64 / updates.max(1) as f64;
                // Periods that are over, and the share of this one: their lengths are 1, s, s², ...
                let (over, share) = if stretch == 1.0 {
                    (progress.floor(), progress.fract())
                } else {
                    let over = ((progress * (stretch - 1.0) + 1.0).ln() / stretch.ln() + 1e-12).floor();
                    let begun = (stretch.powf(over) - 1.0) / (stretch - 1.0);
                    (over, (progress - begun) / stretch.powf(over))
                };
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
                peak * ((1.0 - floor) * factor.powf(over) * cosine + floor)
            }
            Self::Piecewise { ref boundaries, ref values } => {
                let over = boundaries.partition_point(|&last| last < update);
                values.get(over).copied().unwrap_or_default()
            }
            Self::WarmUp { start, rate, updates } => grow(start, rate, updates),
        }
    }

    /// Checks that every rate is usable.
    ///
    /// # Errors
    /// A rate that is negative or not finite, or a span of 0 updates.
    pub fn check(&self) -> Result<()> {
        // Devices compute in single precision.
        let positive = |v: f64| (0.0..=f64::from(f32::MAX)).contains(&v);
        let fine = match *self {
            Self::Constant(rate) => positive(rate),
            Self::Step { initial, every, factor } => positive(initial) && positive(factor) && every > 0,
            Self::Cosine { peak, updates, floor, start, .. } => {
                positive(peak) && positive(start) && (0.0..=1.0).contains(&floor) && updates > 0
            }
            Self::Exponential { initial, every, factor } => {
                positive(initial) && positive(factor) && every > 0
            }
            Self::Polynomial { initial, end, updates, power } => {
                positive(initial) && positive(end) && updates > 0 && positive(power) && power > 0.0
            }
            Self::OneCycle { peak, updates, warm_up, start, end } => {
                positive(peak) && positive(start) && positive(end) && warm_up < updates
            }
            Self::CosineRestarts { peak, updates, stretch, factor, floor } => {
                positive(peak)
                    && updates > 0
                    && positive(stretch)
                    && stretch >= 1.0
                    && positive(factor)
                    && factor > 0.0
                    && (0.0..=1.0).contains(&floor)
            }
            Self::Piecewise { ref boundaries, ref values } => {
                let ascending = boundaries.is_sorted_by(|a, b| a < b);
                ascending && values.len() == boundaries.len() + 1 && values.iter().copied().all(positive)
            }
            Self::WarmUp { start, rate, updates } => positive(start) && positive(rate) && updates > 0,
        };
        if fine {
            return Ok(());
        }
        Err(Error::invalid(
            "learning rate",
            format!("{self:?}"),
            "finite rates >= 0, floor in 0..1, stretch >= 1, a power above 0, spans of at least 1 update, and one value more than \
             ascending boundaries",
            "correct the schedule",
        ))
    }
}
