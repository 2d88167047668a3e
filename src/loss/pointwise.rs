//! The built-in pointwise losses, one struct each. Like user-defined ones, they implement [`Pointwise`].

use super::Formula;
use crate::kernel::{Pointwise, Trust};
use crate::{Activation, Error, Range, Real, Result};
use std::sync::Arc;

/// (x − t)².
#[derive(Clone, Copy, Debug)]
pub struct SquaredError;

impl Pointwise for SquaredError {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "mean_squared_error".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        (x - t) * (x - t)
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        (x - t) + (x - t)
    }

    fn wgsl(&self) -> [String; 2] {
        ["(x - t) * (x - t)", "2.0 * (x - t)"].map(str::to_owned)
    }
}

/// |x − t|.
#[derive(Clone, Copy, Debug)]
pub struct AbsoluteError;

impl Pointwise for AbsoluteError {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "mean_absolute_error".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        (x - t).abs()
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        (x - t).sign()
    }

    fn wgsl(&self) -> [String; 2] {
        ["abs(x - t)", "sign(x - t)"].map(str::to_owned)
    }
}

/// (x − t)²/2 up to |x − t| = δ, beyond it δ·|x − t| − δ²/2.
#[derive(Clone, Copy, Debug)]
pub struct Huber {
    /// δ > 0.
    pub delta: f32,
}

impl Pointwise for Huber {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "huber".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let (error, delta, half) = (x - t, T::of(self.delta.into()), T::of(0.5));
        if error.abs() <= delta { half * error * error } else { delta * (error.abs() - half * delta) }
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        let delta = T::of(self.delta.into());
        (x - t).max(-delta).min(delta)
    }

    fn wgsl(&self) -> [String; 2] {
        let Self { delta } = self;
        [
            format!(
                "select({delta:?} * (abs(x - t) - 0.5 * {delta:?}), 0.5 * (x - t) * (x - t), abs(x - t) <= {delta:?})"
            ),
            format!("clamp(x - t, -{delta:?}, {delta:?})"),
        ]
    }

    fn check(&self) -> Result<()> {
        let Self { delta } = *self;
        if delta.is_finite() && delta > 0.0 {
            return Ok(());
        }
        Err(Error::invalid("huber loss", format!("δ = {delta}"), "a finite δ > 0", "use δ = 1"))
    }
}

/// −t·log σ(x) − (1 − t)·log(1 − σ(x)), x a logit.
#[derive(Clone, Copy, Debug)]
pub struct BinaryCrossEntropy;

impl Pointwise for BinaryCrossEntropy {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "binary_cross_entropy".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        x.max(T::zero()) - x * t + (-x.abs()).exp().ln_1p()
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        Activation::Sigmoid.value(x) - t
    }

    fn wgsl(&self) -> [String; 2] {
        ["max(x, 0.0) - x * t + log(1.0 + exp(-abs(x)))", "sigmoid(x) - t"].map(str::to_owned)
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: 0.0, max: 1.0 })
    }
}

/// 1 if x is on the same side of the threshold as t is of 1/2, else 0: a metric, without a slope.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agreement {
    /// 0 for logits, 1/2 for probabilities.
    pub(crate) threshold: f32,
}

impl Pointwise for Agreement {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "binary_accuracy".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        if (x > T::of(self.threshold.into())) == (t > T::of(0.5)) { T::one() } else { T::zero() }
    }

    fn derivative<T: Real>(&self, _x: T, _t: T) -> T {
        T::zero()
    }

    fn wgsl(&self) -> [String; 2] {
        [format!("select(0.0, 1.0, (x > {:?}) == (t > 0.5))", self.threshold), "0.0".to_owned()]
    }
}

/// All of them, with options for the registry of kernels.
pub(crate) fn all() -> [Arc<dyn Formula>; 5] {
    [
        Arc::new(SquaredError),
        Arc::new(AbsoluteError),
        Arc::new(Huber { delta: 0.75 }),
        Arc::new(BinaryCrossEntropy),
        Arc::new(Agreement { threshold: 0.25 }),
    ]
}
