//! What a person sees: progress, scores, tables and figures.

mod classification;
#[cfg(feature = "plot")]
pub mod plot;
mod progress;
mod regression;

pub use classification::{Average, CalibrationBin, Classification};
pub use progress::Bar;
pub(crate) use progress::{Notice, decimals};
pub use regression::Regression;
