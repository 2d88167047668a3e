//! The columns of the table of rates: what the host computes for every step. Mirrored in `base/parts/rates.wgsl`.

/// The learning rate.
pub const LEARNING_RATE: usize = 0;
/// The step size, which the optimiser derives from the learning rate: for Adam, with the bias corrections.
pub const STEP_SIZE: usize = 1;
/// The first of two further numbers that the optimiser derives from the number of the update.
pub const FACTORS: usize = 2;
/// The step's share of an accumulated gradient.
pub const WEIGHT: usize = 4;
/// 1 for the first step of its group, else 0.
pub const FIRST: usize = 5;
/// The number of columns.
pub const LEN: usize = 6;

/// A row of the table: the optimiser's numbers, the step's weight, and whether it begins a group.
pub fn row([rate, size, a, b]: [f64; 4], weight: f64, begins: bool) -> [f64; LEN] {
    [rate, size, a, b, weight, f64::from(u8::from(begins))]
}
