//! Tests for things of your own: that shader and Rust compute the same, and that gradients are those of what is computed.
//!
//! Every check takes the device whose results are compared with those of the CPU in f64: a GPU, or [`Device::cpu`](crate::Device::cpu).
//! What does not agree is an error that says where, and by how much.

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

/// Numbers uniform in −1..1 by this seed.
fn numbers(seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

/// Refuses numbers that lie further from those wanted than this share of their norm.
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
