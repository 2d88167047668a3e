//! What the table of activations is made of, for either number type, accurate and finite for any finite z.

use crate::Real;

#[inline(always)]
pub(super) fn sigmoid<T: Real>(z: T) -> T {
    // The form that cannot overflow for either sign.
    let e = (-z.abs()).exponential();
    let share = T::one() / (T::one() + e);
    if z < T::zero() { e * share } else { share }
}

/// σ' of the sigmoid, e/(1 + e)² with e = exp(−|z|): no cancellation where it saturates.
#[inline(always)]
pub(super) fn sigmoid_derivative<T: Real>(z: T) -> T {
    let e = (-z.abs()).exponential();
    let share = T::one() / (T::one() + e);
    e * share * share
}

/// 1 − tanh² as 4e/(1 + e)² with e = exp(−2|z|).
#[inline(always)]
pub(super) fn tanh_derivative<T: Real>(z: T) -> T {
    let a = z.abs();
    let e = (-(a + a)).exponential();
    let share = T::one() / (T::one() + e);
    T::of(4.0) * e * share * share
}

/// The normal distribution's Φ(z).
pub(super) fn normal_cdf<T: Real>(z: T) -> T {
    T::of(0.5) * (T::one() + (z * T::FRAC_1_SQRT_2()).erf())
}

pub(super) fn normal_pdf<T: Real>(z: T) -> T {
    (-T::of(0.5) * z * z).exp() * T::of(0.398_942_280_401_432_7)
}

/// tanh(ln(1 + eᶻ)) as a numerator and a denominator, and e = exp(−|z|): (u² − 1)/(u² + 1) with u = 1 + eᶻ, of powers of e alone.
#[inline(always)]
fn mish_parts<T: Real>(z: T) -> [T; 3] {
    let e = (-z.abs()).exponential();
    let two = T::of(2.0);
    if z < T::zero() {
        let top = e * (e + two);
        [top, top + two, e]
    } else {
        let top = T::one() + two * e;
        [top, top + two * e * e, e]
    }
}

#[inline(always)]
pub(super) fn mish<T: Real>(z: T) -> T {
    let [top, bottom, _] = mish_parts(z);
    z * (top / bottom)
}

/// tanh(ln u) + z·4u²/(u² + 1)²·sigmoid(z).
#[inline(always)]
pub(super) fn mish_derivative<T: Real>(z: T) -> T {
    let [top, bottom, e] = mish_parts(z);
    let slope = T::of(4.0) * e * (T::one() + e) / (bottom * bottom);
    top / bottom + z * if z < T::zero() { slope } else { e * slope }
}

/// ln(1 + exp(−|z|)).
#[inline(always)]
pub(super) fn log_one_plus_exponential<T: Real>(z: T) -> T {
    (-z.abs()).exp().ln_1p()
}
