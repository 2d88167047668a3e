//! How the example `benchmark` times steps and products, and the table that it makes of them.

pub mod peak;
pub mod predict;
pub mod product;
pub mod report;
pub mod step;

/// The median of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
