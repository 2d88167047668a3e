//! The columns of the table of rates: what the host computes anew for every step.

/// The learning rate.
pub const LEARNING_RATE: usize = 0;
/// The size of the step, which the optimiser makes of the learning rate: with Adam the one with the bias corrections.
pub const STEP_SIZE: usize = 1;
/// The step's share of an accumulated gradient.
pub const WEIGHT: usize = 2;
/// 1 when the step is the first of its group.
pub const FIRST: usize = 3;
/// The number of columns.
pub const LEN: usize = 4;
