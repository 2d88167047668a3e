//! The words of the clock (the shaders' side is `base/parts/clock.wgsl`).

/// Steps since the model was built.
pub const STEP: usize = 0;
/// Where in the order of rows the batch begins.
pub const CURSOR: usize = 1;
/// The row of the tallies and of the rates.
pub const SLOT: usize = 2;
/// 0, or 1 + the step that met a number that is not finite, or [`STALLED`].
pub const HALTED: usize = 3;
/// Another step than the one at hand is due: it changes nothing, and the clock stays.
pub const STALLED: u32 = u32::MAX;
/// The number of words.
pub const LEN: usize = 4;
