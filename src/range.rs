//! What is known of values that flow between layers: their range, their centre and their deviation.

use crate::{Error, Result};

/// An interval of values that enter or leave a layer. Of normalised ones and of sums, which have no limits or hardly reach them, it is the
/// interval whose x_Q suits their deviation.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The smallest value, x_min.
    pub min: f32,
    /// The largest value, x_max.
    pub max: f32,
}

impl Range {
    /// The interval from `min` to `max`.
    ///
    /// # Errors
    /// `min` > `max`, NaN or infinite limits.
    pub fn new(min: f32, max: f32) -> Result<Self> {
        if !(min.is_finite() && max.is_finite() && min <= max) {
            return Err(Error::invalid(
                "range",
                format!("{min}..{max}"),
                "finite numbers with x_min <= x_max",
                "give the smaller limit first",
            ));
        }
        Ok(Self { min, max })
    }

    /// x_Q = 2·x_max − x_min.
    pub fn x_q(self) -> f32 {
        2.0 * self.max - self.min
    }

    /// The range of sums of independent values of two ranges: centres add, widths as deviations do, √(a² + b²). The sum of two
    /// normalised branches thus has x_Q = 2·√2, two of its deviations.
    pub(crate) fn of_sum(self, other: Self) -> Self {
        let half = |range: Self| 0.5 * (f64::from(range.max) - f64::from(range.min));
        let (centre, half) = (self.centre() + other.centre(), half(self).hypot(half(other)));
        Self { min: (centre - half) as f32, max: (centre + half) as f32 }
    }

    fn centre(self) -> f64 {
        0.5 * (f64::from(self.min) + f64::from(self.max))
    }

    /// Whether x_Q is closer to 0 than the centre of the range: then most inputs lie beyond it, and units that receive them start
    /// saturated. That happens only if all values are negative, from −1..−0.2 on.
    pub(crate) fn passes_x_q(self) -> bool {
        f64::from(self.x_q()).abs() < self.centre().abs()
    }

    /// Whether the range is so narrow compared with its distance from 0 that units can hardly distinguish its values.
    pub(crate) fn is_aside(self) -> bool {
        let width = f64::from(self.max) - f64::from(self.min);
        width > 0.0 && self.centre().abs() >= 5.0 * width
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4}..{:.4}", self.min, self.max)
    }
}

/// The centre and the deviation of values, from which follows how [`Rule::Critical`](crate::Rule::Critical) sees a layer's inputs: as
/// (x − centre)/deviation between its layers, and what is measured or normalised so that it has the deviation √δ there.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// The centre, a finite number: σ(0) behind an activation, the mean of data.
    pub centre: f32,
    /// The deviation, above 0: that of data; inside a network 1, and that of the sum behind residual blocks.
    pub deviation: f32,
}

impl Default for Frame {
    fn default() -> Self {
        Self::around(0.0)
    }
}

impl Frame {
    /// The frame of this centre and deviation.
    ///
    /// # Errors
    /// NaN, infinite numbers, a deviation of 0 or less, or one so small that its reciprocal is infinite.
    pub fn new(centre: f32, deviation: f32) -> Result<Self> {
        let frame = Self { centre, deviation };
        frame.check("frame")?;
        Ok(frame)
    }

    /// Refuses the same numbers as [`Frame::new`]; `path` names the frame in errors.
    pub(crate) fn check(self, path: &str) -> Result<()> {
        let Self { centre, deviation } = self;
        if centre.is_finite() && deviation.is_finite() && is_deviation(deviation) {
            return Ok(());
        }
        Err(Error::invalid(
            path,
            format!("inputs around the centre {centre} with the deviation {deviation}"),
            "a finite centre, and a finite deviation > 0 whose reciprocal is finite, too",
            "give the inputs' mean and their standard deviation: Sequential::input_frame, or AutoRotate::frame for \
             one layer",
        ))
    }

    /// The frame of this mean and standard deviation. The deviation is taken as 1 if it is too small to divide by.
    pub(crate) fn measured(mean: f64, deviation: f64) -> Self {
        let deviation = deviation as f32;
        Self { centre: mean as f32, deviation: if is_deviation(deviation) { deviation } else { 1.0 } }
    }

    /// The frame of values around this centre with a deviation of 1.
    pub(crate) fn around(centre: f32) -> Self {
        Self { centre, deviation: 1.0 }
    }

    /// The frame of values that are spread evenly over a range.
    pub(crate) fn of(range: Range) -> Self {
        Self::measured(range.centre(), (f64::from(range.max) - f64::from(range.min)) / 12f64.sqrt())
    }

    /// The frame of sums of independent values of two frames. Without the larger deviation, gradients would double with every residual
    /// block of critical layers; with it they grow by a block's share of the sum alone (the scaling by 1/√depth of De and Smith 2020).
    pub(crate) fn of_sum(self, other: Self) -> Self {
        Self { centre: self.centre + other.centre, deviation: self.deviation.hypot(other.deviation) }
    }

    /// Whether the centre is so few deviations from 0 that c·ΣW may be taken from x·W afterwards: what that loses by rounding is a
    /// few digits in the last place.
    pub(crate) fn is_near_zero(self) -> bool {
        self.centre.abs() <= 4.0 * self.deviation
    }

    /// 1/deviation.
    pub(crate) fn factor(self) -> f32 {
        1.0 / self.deviation
    }

    /// −centre/deviation: (x − c)/d is factor·x + shift.
    pub(crate) fn shift(self) -> f32 {
        -self.centre / self.deviation
    }
}

/// Whether one can divide by it.
fn is_deviation(deviation: f32) -> bool {
    deviation > 0.0 && (1.0 / deviation).is_finite()
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self { centre, deviation: 1.0 } => write!(f, "{centre:.4}"),
            Self { centre, deviation } => write!(f, "{centre:.4} ± {deviation:.4}"),
        }
    }
}
