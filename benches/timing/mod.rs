//! How the example `benchmark` times steps and products, and the table that it makes of them.

pub mod peak;
pub mod predict;
pub mod product;
pub mod report;
pub mod step;
