//! Losses of values to regress.

use crate::kernel::{Pointwise, Trust};
use crate::{Error, Range, Real, Result};

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

/// log cosh(x − t).
#[derive(Clone, Copy, Debug)]
pub struct LogCosh;

impl Pointwise for LogCosh {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "log_cosh".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let error = (x - t).abs();
        if error < T::of(SMALL) {
            let square = error * error;
            return SERIES.iter().rev().fold(T::zero(), |sum, &term| square * (T::of(term) + sum));
        }
        error + (-(error + error)).exp().ln_1p() - T::of(std::f64::consts::LN_2)
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        (x - t).hyperbolic_tangent()
    }

    fn wgsl(&self) -> [String; 2] {
        let square = "(x - t) * (x - t)";
        let series = SERIES
            .iter()
            .rev()
            .fold("0.0".to_owned(), |sum, &term| format!("{square} * ({:?} + {sum})", term as f32));
        let ln_2 = std::f32::consts::LN_2;
        [
            format!(
                "select(abs(x - t) + log_one_plus(exp(-2.0 * abs(x - t))) - {ln_2:?}, {series}, abs(x - t) < {SMALL:?})"
            ),
            "hyperbolic_tangent(x - t)".to_owned(),
        ]
    }
}

/// Errors below it take the series: e + log(1 + exp(−2e)) − log 2 cancels near 0.
const SMALL: f64 = 0.4;

/// The factors of e², e⁴, … in the series of log cosh.
const SERIES: [f64; 5] = [0.5, -1.0 / 12.0, 1.0 / 45.0, -17.0 / 2520.0, 31.0 / 14175.0];

/// max(q·(t − x), (q − 1)·(t − x)): the mean is least where the share q of the targets lies below x.
#[derive(Clone, Copy, Debug)]
pub struct Quantile {
    /// q, between 0 and 1.
    pub quantile: f32,
}

impl Pointwise for Quantile {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        format!("quantile_{}", self.quantile)
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let (above, q) = (t - x, T::of(self.quantile.into()));
        (q * above).max((q - T::one()) * above)
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        let q = T::of(self.quantile.into());
        if x == t { T::zero() } else { if t > x { -q } else { T::one() - q } }
    }

    fn wgsl(&self) -> [String; 2] {
        let q = self.quantile;
        [
            format!("max({q:?} * (t - x), ({q:?} - 1.0) * (t - x))"),
            format!("select(select(1.0 - {q:?}, -{q:?}, t > x), 0.0, x == t)"),
        ]
    }

    fn check(&self) -> Result<()> {
        let Self { quantile } = *self;
        if 0.0 < quantile && quantile < 1.0 {
            return Ok(());
        }
        Err(Error::invalid(
            "quantile loss",
            format!("the quantile {quantile}"),
            "a quantile between 0 and 1",
            "use 0.5 for the median, 0.9 for what nine of ten targets stay below",
        ))
    }
}

/// exp(x) − t·x: x is the logarithm of the rate at which the events occur that t counts.
#[derive(Clone, Copy, Debug)]
pub struct Poisson;

impl Pointwise for Poisson {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "poisson".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        x.exp() - t * x
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        x.exp() - t
    }

    fn wgsl(&self) -> [String; 2] {
        ["exp(x) - t * x", "exp(x) - t"].map(str::to_owned)
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: 0.0, max: f32::MAX })
    }
}
