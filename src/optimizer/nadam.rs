//! Nadam.

use super::moments::{self, move_means, shares};
use super::{Clip, Optimizer, nth};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Nadam (Dozat 2016): Adam with Nesterov's momentum, which grows over the first updates: β₁·(1 − 0.96ᵗ/2) at update t.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Nadam {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The momentum towards which it grows, and the decay of the mean, 0..1; default 0.9.
    pub beta_1: f64,
    /// The decay of the mean square, 0..1; default 0.999.
    pub beta_2: f64,
    /// ε > 0, outside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Nadam {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.001),
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            clip: Clip::default(),
        }
    }
}

impl From<Nadam> for Optimizer {
    fn from(nadam: Nadam) -> Self {
        let (rate, clip) = (nadam.learning_rate.clone(), nadam.clip);
        Self::new(nadam).with_learning_rate(rate).with_clip(clip)
    }
}

impl Nadam {
    fn betas(&self) -> [f64; 2] {
        [self.beta_1, self.beta_2]
    }

    /// The momentum at update t, counted from 1.
    fn momentum(&self, t: i32) -> f64 {
        self.beta_1 * (1.0 - 0.5 * 0.96_f64.powi(t))
    }

    /// The product of the momenta of the first t updates.
    fn product(&self, t: i32) -> f64 {
        // From here on 0.96ᵗ is below 10⁻¹⁷: the momentum is β₁.
        let grown = t.min(1000);
        (1..=grown).map(|t| self.momentum(t)).product::<f64>() * self.beta_1.powi(t - grown)
    }
}

impl UpdateRule for Nadam {
    const NAME: &'static str = "nadam";
    const NUMBERS: &'static [&'static str] = &["one_minus_beta_1", "one_minus_beta_2", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/nadam.wgsl");

    fn numbers(&self) -> Vec<f32> {
        let [first, second] = shares(self.betas());
        vec![first, second, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, of_mean, of_root]: [T; 3], w: T, [m, v]: [&mut T; 2]) -> T {
        move_means(self.betas(), gradient, m, v);
        w - size * (of_mean * *m + gradient) / (of_root * v.sqrt() + T::of(self.epsilon.into()))
    }

    fn factors(&self, update: u64) -> [f64; 3] {
        let t = nth(update).min(i32::MAX - 1);
        let [now, next] = [t, t + 1].map(|t| self.momentum(t));
        let product = self.product(t);
        let [of_gradient, of_mean] = [(1.0 - now) / (1.0 - product), next / (1.0 - product * next)];
        [of_gradient, of_mean / of_gradient, 1.0 / (1.0 - self.beta_2.powi(t)).sqrt()]
    }

    fn check(&self) -> Result<()> {
        moments::check(self, self.betas(), self.epsilon)
    }

    fn options(&self) -> Options {
        options(self)
    }
}
