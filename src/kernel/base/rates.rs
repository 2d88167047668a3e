//! The columns of the table of rates: what the host computes for every step.

/// The learning rate.
pub const LEARNING_RATE: usize = 0;
/// The step size, which the optimiser derives from the learning rate: for Adam, with the bias corrections.
pub const STEP_SIZE: usize = 1;
/// The step's share of an accumulated gradient.
pub const WEIGHT: usize = 2;
/// 1 for the first step of its group, else 0.
pub const FIRST: usize = 3;
/// The number of columns.
pub const LEN: usize = 4;
