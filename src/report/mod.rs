//! What a person sees: progress, tables and figures.

#[cfg(feature = "plot")]
pub mod plot;
mod progress;
mod summary;

pub use progress::Progress;
pub(crate) use progress::{Notice, decimals};
pub(crate) use summary::summary;
