//! The scale of one column, and its fit.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How a column of numbers is scaled. Everything is fitted on training rows, in double precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// Unchanged.
    #[default]
    None,
    /// To mean 0 and standard deviation 1 (of the population: divided by the number of rows). A constant column
    /// becomes 0.
    Standard,
    /// The smallest number to `low` and the largest to `high`. A constant column becomes `low`; numbers beyond the training rows' range
    /// land outside.
    MinMax {
        /// What the smallest number becomes.
        low: f32,
        /// What the largest number becomes.
        high: f32,
    },
}

/// `(x − shift) / width · span + low`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Linear {
    pub(crate) shift: f64,
    pub(crate) width: f64,
    pub(crate) low: f64,
    pub(crate) span: f64,
}

impl Linear {
    /// The scale that changes nothing.
    #[cfg(feature = "onnx")]
    pub(crate) const SAME: Self = Self { shift: 0.0, width: 1.0, low: 0.0, span: 1.0 };

    pub fn apply(&self, v: f64) -> f64 {
        (v - self.shift) / self.width * self.span + self.low
    }

    pub fn is_finite(&self) -> bool {
        [self.shift, self.width, self.low, self.span].iter().all(|v| v.is_finite())
    }

    /// Whether it can be applied and inverted.
    pub fn is_sound(&self) -> bool {
        self.is_finite() && self.width != 0.0 && self.span != 0.0
    }

    pub fn invert(&self, v: f64) -> f64 {
        (v - self.low) / self.span * self.width + self.shift
    }
}

impl Scale {
    /// Refuses an invalid range.
    pub(in crate::data) fn checked(self) -> Result<Self> {
        match self {
            Self::MinMax { low, high } if !(low.is_finite() && high.is_finite() && low < high) => {
                Err(Error::invalid(
                    "scaler range",
                    format!("{low} to {high}"),
                    "two finite numbers, the smaller first",
                    "pass a range such as 0 to 1",
                ))
            }
            _ => Ok(self),
        }
    }

    /// Fits one scale per column. On every call `each` visits all numbers in whole rows of `columns` columns, at least one row. Empty for
    /// [`Scale::None`].
    pub(in crate::data) fn fit(self, columns: usize, each: impl Fn(&mut dyn FnMut(&[f64]))) -> Vec<Linear> {
        let mut extremes = vec![(f64::INFINITY, f64::NEG_INFINITY); columns];
        let mut rows = 0.0;
        if self != Self::None {
            each(&mut |values| {
                for row in values.chunks_exact(columns) {
                    extremes.iter_mut().zip(row).for_each(|(e, &v)| *e = (e.0.min(v), e.1.max(v)));
                    rows += 1.0;
                }
            });
        }
        let linear = |(least, greatest): (f64, f64), shift, width, low, span| match least == greatest
            || width <= 0.0
        {
            // Rounding may give a constant column a tiny deviation, so its extremes decide.
            true => Linear { shift: least, width: 1.0, low, span },
            false => Linear { shift, width, low, span },
        };
        match self {
            Self::None => Vec::new(),
            Self::MinMax { low, high } => {
                let (low, high) = (f64::from(low), f64::from(high));
                extremes.into_iter().map(|e| linear(e, e.0, e.1 - e.0, low, high - low)).collect()
            }
            Self::Standard => {
                // The mean first, then the squares around it: no cancellation for large offsets.
                let mut moments = vec![(0.0, 0.0); columns];
                each(&mut |values| {
                    for row in values.chunks_exact(columns) {
                        moments.iter_mut().zip(row).for_each(|(m, &v)| m.0 += v / rows);
                    }
                });
                each(&mut |values| {
                    for row in values.chunks_exact(columns) {
                        moments.iter_mut().zip(row).for_each(|(m, &v)| m.1 += (v - m.0).powi(2) / rows);
                    }
                });
                let both = extremes.into_iter().zip(moments);
                both.map(|(e, (mean, square))| linear(e, mean, f64::sqrt(square), 0.0, 1.0)).collect()
            }
        }
    }
}
