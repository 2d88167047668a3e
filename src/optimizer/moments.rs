//! What Adam and the rules that follow it have in common: the moving means of the gradients and of their squares.

use super::{in_ranges, positive};
use crate::{Real, Result};

/// 1 − β₁ and 1 − β₂, computed before rounding to f32, so that no digits are lost.
pub(super) fn shares(betas: [f64; 2]) -> [f32; 2] {
    betas.map(|beta| (1.0 - beta) as f32)
}

/// Moves the means towards a gradient and its square.
#[inline(always)]
pub(super) fn move_means<T: Real>(betas: [f64; 2], gradient: T, m: &mut T, v: &mut T) {
    let [first, second] = shares(betas).map(|share| T::of(share.into()));
    *m = *m + first * (gradient - *m);
    *v = *v + second * (gradient * gradient - *v);
}

/// Refuses decays outside 0..1 and an ε that is not positive.
pub(super) fn check(options: &impl std::fmt::Debug, betas: [f64; 2], epsilon: f32) -> Result<()> {
    let [first, second] = betas.map(|beta| (0.0..1.0).contains(&beta));
    in_ranges(options, &[("beta_1", first), ("beta_2", second), ("epsilon", positive(epsilon))])
}
