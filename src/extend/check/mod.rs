//! Tests for your own extensions: that shader and Rust compute the same, and that gradients are correct.
//!
//! Every check takes a device, a GPU or [`Device::cpu`](crate::Device::cpu), and compares its results with those of the CPU in f64. If they
//! differ, the error says where and by how much.

mod formulas;
mod kernel;
mod network;

pub use formulas::{activation, pointwise, update_rule};
pub use kernel::KernelCheck;
pub use network::{layer, network};

use crate::{Error, Result};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Uniform random numbers in −1..1 from this seed.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// Checks that `found` differs from `wanted` by at most `limit` times the norm of `wanted`.
fn close(place: &str, found: &[f64], wanted: &[f64], limit: f64, remedy: &str) -> Result<()> {
    let off = norm(found.iter().zip(wanted).map(|(f, w)| f - w));
    let size = norm(wanted.iter().copied());
    if found.len() == wanted.len() && off <= limit * size {
        return Ok(());
    }
    let furthest = found
        .iter()
        .zip(wanted)
        .enumerate()
        .max_by(|(_, (a, b)), (_, (c, d))| (*a - *b).abs().total_cmp(&(*c - *d).abs()));
    let at = furthest.map_or(String::new(), |(i, (f, w))| format!(", furthest at {i}: {f} for {w}"));
    Err(Error::invalid(
        place,
        format!("numbers that are off by {:.3e} of their norm{at}", off / size),
        format!("at most {limit:.0e}"),
        remedy,
    ))
}
