//! How much random layers change images.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// How much a random layer changes images: a number drawn evenly between two limits, anew for every image and step. One number f stands
/// for −f..f, a pair for the limits themselves, as in Keras; equal limits always give that number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Factor {
    /// Between −f and f.
    Around(f32),
    /// Between the lower limit and the upper one.
    Between([f32; 2]),
}

impl From<f32> for Factor {
    fn from(factor: f32) -> Self {
        Self::Around(factor)
    }
}

impl From<(f32, f32)> for Factor {
    fn from((lower, upper): (f32, f32)) -> Self {
        Self::Between([lower, upper])
    }
}

impl Factor {
    /// The lower and the upper limit, which must lie within `allowed`.
    pub(super) fn limits(self, path: &str, name: &str, allowed: [f32; 2]) -> Result<[f32; 2]> {
        let [lower, upper] = match self {
            Self::Around(factor) => [-factor, factor],
            Self::Between(limits) => limits,
        };
        if lower <= upper && allowed[0] <= lower && upper <= allowed[1] {
            return Ok([lower, upper]);
        }
        Err(Error::invalid(
            path,
            format!("a {name} from {lower} to {upper}"),
            format!("the lower limit first, and both between {} and {}", allowed[0], allowed[1]),
            "correct the factor: one number that is not negative, or two",
        ))
    }
}
