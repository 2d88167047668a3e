//! Losses of the probabilities that a softmax gives the classes, class by class: a row's loss is their sum.

use super::check_focus;
use super::classes::LEAST;
use crate::kernel::{Pointwise, Trust};
use crate::{Range, Real, Result};

/// t·log(t/p).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Divergence;

impl Pointwise for Divergence {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "kl_divergence".to_owned()
    }

    fn value<T: Real>(&self, p: T, t: T) -> T {
        let least = T::of(LEAST);
        if t > T::zero() { t * (t.max(least).ln() - p.max(least).ln()) } else { T::zero() }
    }

    fn derivative<T: Real>(&self, p: T, t: T) -> T {
        -t / p.max(T::of(LEAST))
    }

    fn wgsl(&self) -> [String; 2] {
        [
            format!("select(0.0, t * (log(max(t, {LEAST:?})) - log(max(x, {LEAST:?}))), t > 0.0)"),
            format!("-t / max(x, {LEAST:?})"),
        ]
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: 0.0, max: 1.0 })
    }
}

/// −α·t·(1 − p)^γ·log p.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FocalEntropy {
    /// γ >= 1, or 0.
    pub(crate) gamma: f32,
    /// α, between 0 and 1.
    pub(crate) alpha: Option<f32>,
}

impl FocalEntropy {
    fn weight(&self) -> f32 {
        self.alpha.unwrap_or(1.0)
    }
}

impl Pointwise for FocalEntropy {
    const TRUST: Trust<Self> = Trust::OWN;

    fn name(&self) -> String {
        "softmax_focal_cross_entropy".to_owned()
    }

    fn value<T: Real>(&self, p: T, t: T) -> T {
        let (least, gamma) = (T::of(LEAST), T::of(self.gamma.into()));
        let wrong = (T::one() - p).max(least).powf(gamma);
        -T::of(self.weight().into()) * t * wrong * p.max(least).ln()
    }

    fn derivative<T: Real>(&self, p: T, t: T) -> T {
        let (one, least, gamma) = (T::one(), T::of(LEAST), T::of(self.gamma.into()));
        let (p, wrong) = (p.max(least), (one - p).max(least));
        let slope = gamma * wrong.powf(gamma - one) * p.ln() - wrong.powf(gamma) / p;
        T::of(self.weight().into()) * t * slope
    }

    fn wgsl(&self) -> [String; 2] {
        let (gamma, weight) = (self.gamma, self.weight());
        let [p, wrong] = ["x", "1.0 - x"].map(|share| format!("max({share}, {LEAST:?})"));
        [
            format!("-{weight:?} * t * pow({wrong}, {gamma:?}) * log({p})"),
            format!(
                "{weight:?} * t * ({gamma:?} * pow({wrong}, {gamma:?} - 1.0) * log({p}) - pow({wrong}, {gamma:?}) / {p})"
            ),
        ]
    }

    fn targets(&self) -> Option<Range> {
        Some(Range { min: 0.0, max: 1.0 })
    }

    fn check(&self) -> Result<()> {
        check_focus("softmax focal cross-entropy", self.gamma, self.alpha)
    }
}
