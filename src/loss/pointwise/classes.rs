//! Losses, and a metric, of answers that are each a yes or a no.

use super::check_focus;
use crate::kernel::{Pointwise, Trust};
use crate::{Activation, Range, Real, Result};

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

/// The cross-entropy of a logit, times (1 − p)^γ, p being the probability that the prediction gives the target: what is right already
/// counts less. With α, yeses weigh α and noes 1 − α.
#[derive(Clone, Copy, Debug)]
pub struct BinaryFocalCrossEntropy {
    /// γ >= 1, or 0.
    pub gamma: f32,
    /// α, between 0 and 1.
    pub alpha: Option<f32>,
}

impl BinaryFocalCrossEntropy {
    /// 1 − p, kept off 0, where its logarithm would be taken; and the weight.
    fn parts<T: Real>(&self, x: T, t: T) -> (T, T) {
        let (one, yes) = (T::one(), Activation::Sigmoid.value(x));
        let no = Activation::Sigmoid.value(-x);
        let weight = self.alpha.map_or(one, |alpha| {
            let alpha = T::of(alpha.into());
            t * alpha + (one - t) * (one - alpha)
        });
        ((t * no + (one - t) * yes).max(T::of(LEAST)), weight)
    }
}

impl Pointwise for BinaryFocalCrossEntropy {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "binary_focal_cross_entropy".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let (wrong, weight) = self.parts(x, t);
        weight * wrong.powf(T::of(self.gamma.into())) * BinaryCrossEntropy.value(x, t)
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        let (wrong, weight) = self.parts(x, t);
        let (one, gamma) = (T::one(), T::of(self.gamma.into()));
        let slope = Activation::Sigmoid.derivative(x) * (one - t - t);
        let focus = gamma * wrong.powf(gamma - one) * slope;
        weight
            * (focus * BinaryCrossEntropy.value(x, t)
                + wrong.powf(gamma) * BinaryCrossEntropy.derivative(x, t))
    }

    fn wgsl(&self) -> [String; 2] {
        let Self { gamma, alpha } = *self;
        let [value, derivative] = BinaryCrossEntropy.wgsl();
        let weight = alpha
            .map_or("1.0".to_owned(), |alpha| format!("(t * {alpha:?} + (1.0 - t) * (1.0 - {alpha:?}))"));
        let wrong = format!("max(t * sigmoid(-x) + (1.0 - t) * sigmoid(x), {LEAST:?})");
        [
            format!("{weight} * pow({wrong}, {gamma:?}) * ({value})"),
            format!(
                "{weight} * ({gamma:?} * pow({wrong}, {gamma:?} - 1.0) * sigmoid_derivative(x) * (1.0 - t - t) * ({value}) \
                 + pow({wrong}, {gamma:?}) * ({derivative}))"
            ),
        ]
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: 0.0, max: 1.0 })
    }

    fn check(&self) -> Result<()> {
        check_focus("binary focal cross-entropy", self.gamma, self.alpha)
    }
}

/// The least probability that a power is taken of.
pub(super) const LEAST: f64 = 1e-30;

/// 1 for a yes, −1 for a no: targets of 0 and 1 and those of −1 and 1 mean the same.
fn side<T: Real>(t: T) -> T {
    if t > T::zero() { T::one() } else { -T::one() }
}

const SIDE: &str = "select(-1.0, 1.0, t > 0.0)";

/// max(1 − s·x, 0), where s is 1 for a target above 0 and −1 for any other.
#[derive(Clone, Copy, Debug)]
pub struct Hinge;

impl Pointwise for Hinge {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "hinge".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        (T::one() - side(t) * x).max(T::zero())
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        if side(t) * x < T::one() { -side(t) } else { T::zero() }
    }

    fn wgsl(&self) -> [String; 2] {
        [format!("max(1.0 - {SIDE} * x, 0.0)"), format!("select(0.0, -{SIDE}, {SIDE} * x < 1.0)")]
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: -1.0, max: 1.0 })
    }
}

/// max(1 − s·x, 0)², where s is 1 for a target above 0 and −1 for any other.
#[derive(Clone, Copy, Debug)]
pub struct SquaredHinge;

impl Pointwise for SquaredHinge {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "squared_hinge".to_owned()
    }

    fn value<T: Real>(&self, x: T, t: T) -> T {
        let lacking = Hinge.value(x, t);
        lacking * lacking
    }

    fn derivative<T: Real>(&self, x: T, t: T) -> T {
        let lacking = Hinge.value(x, t);
        -side(t) * (lacking + lacking)
    }

    fn wgsl(&self) -> [String; 2] {
        let [lacking, _] = Hinge.wgsl();
        [format!("{lacking} * {lacking}"), format!("-2.0 * {SIDE} * {lacking}")]
    }

    fn targets(&self) -> Option<Range> {
        Hinge.targets()
    }
}
