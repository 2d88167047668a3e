//! What a person sees: progress, tables and figures.

#[cfg(feature = "plot")]
pub mod plot;
mod progress;

pub use progress::Bar;
pub(crate) use progress::{Notice, decimals};
