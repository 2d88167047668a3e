//! The built-in pointwise losses, one struct each. Like user-defined ones, they implement [`Pointwise`](crate::kernel::Pointwise).

mod classes;
mod scores;
mod shares;
mod values;

pub use classes::{BinaryCrossEntropy, BinaryFocalCrossEntropy, Hinge, SquaredHinge};
pub(crate) use scores::{Agreement, Claimed, Found, Percentage, Positive};
pub(crate) use shares::{Divergence, FocalEntropy};
pub use values::{AbsoluteError, Huber, LogCosh, Poisson, Quantile, SquaredError};

use super::Formula;
use crate::{Error, Result};
use std::sync::Arc;

/// Checks γ and α of a focal loss. The slope of a power between 0 and 1 has no bound where predictions are right.
fn check_focus(place: &str, gamma: f32, alpha: Option<f32>) -> Result<()> {
    let (found, expected) = if !(gamma == 0.0 || (1.0..=100.0).contains(&gamma)) {
        (format!("γ = {gamma}"), "a γ of 0, or from 1 to 100")
    } else if let Some(alpha) = alpha.filter(|alpha| !(0.0..=1.0).contains(alpha)) {
        (format!("α = {alpha}"), "an α from 0 to 1")
    } else {
        return Ok(());
    };
    Err(Error::invalid(place, found, expected, "use γ = 2, and α = 0.25 or none"))
}

/// All of them, with options for the registry of kernels.
pub(crate) fn all() -> [Arc<dyn Formula>; 18] {
    [
        Arc::new(SquaredError),
        Arc::new(AbsoluteError),
        Arc::new(Huber { delta: 0.75 }),
        Arc::new(LogCosh),
        Arc::new(Quantile { quantile: 0.9 }),
        Arc::new(Poisson),
        Arc::new(BinaryCrossEntropy),
        Arc::new(BinaryFocalCrossEntropy { gamma: 2.0, alpha: Some(0.25) }),
        Arc::new(BinaryFocalCrossEntropy { gamma: 1.0, alpha: None }),
        Arc::new(Hinge),
        Arc::new(SquaredHinge),
        Arc::new(Divergence),
        Arc::new(FocalEntropy { gamma: 2.0, alpha: Some(0.25) }),
        Arc::new(Agreement { threshold: 0.25 }),
        Arc::new(Found { threshold: 0.25 }),
        Arc::new(Claimed { threshold: 0.25 }),
        Arc::new(Positive {}),
        Arc::new(Percentage {}),
    ]
}
