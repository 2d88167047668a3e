//! The words of the clock, mirrored in `base/parts/clock.wgsl`.

/// Steps since the model was built.
pub const STEP: usize = 0;
/// Where in the order of rows the batch begins.
pub const CURSOR: usize = 1;
/// The current row of the tallies and of the table of rates.
pub const SLOT: usize = 2;
/// 0 while training runs, else [`STALLED`] or 1 + the step that met a non-finite number.
pub const HALTED: usize = 3;
/// The step is not the one that is due: it changes nothing, and the clock does not advance.
pub const STALLED: u32 = u32::MAX;
/// The number of words.
pub const LEN: usize = 4;
