//! Adamax.

use super::{Clip, Optimizer, in_ranges, nth, positive};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Adamax (Kingma and Ba 2015): Adam with the largest gradient of late in place of the root of the mean square.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adamax {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of the mean, 0..1; default 0.9.
    pub beta_1: f64,
    /// The decay of the largest gradient, 0..1; default 0.999.
    pub beta_2: f32,
    /// ε > 0; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Adamax {
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

impl From<Adamax> for Optimizer {
    fn from(adamax: Adamax) -> Self {
        let (rate, clip) = (adamax.learning_rate.clone(), adamax.clip);
        Self::new(adamax).with_learning_rate(rate).with_clip(clip)
    }
}

impl Adamax {
    /// 1 − β₁, computed before rounding to f32, so that no digits are lost.
    fn share(&self) -> f32 {
        (1.0 - self.beta_1) as f32
    }
}

impl UpdateRule for Adamax {
    const NAME: &'static str = "adamax";
    const NUMBERS: &'static [&'static str] = &["one_minus_beta_1", "beta_2", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/adamax.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.share(), self.beta_2, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m", "u"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [m, u]: [&mut T; 2]) -> T {
        let [share, beta_2, epsilon] = [self.share(), self.beta_2, self.epsilon].map(|c| T::of(c.into()));
        *m = *m + share * (gradient - *m);
        *u = (beta_2 * *u).max(gradient.abs());
        w - size * *m / (*u + epsilon)
    }

    fn factors(&self, update: u64) -> [f64; 3] {
        [1.0 / (1.0 - self.beta_1.powi(nth(update))), 1.0, 1.0]
    }

    fn check(&self) -> Result<()> {
        in_ranges(
            self,
            &[
                ("beta_1", (0.0..1.0).contains(&self.beta_1)),
                ("beta_2", (0.0..1.0).contains(&self.beta_2)),
                ("epsilon", positive(self.epsilon)),
            ],
        )
    }

    fn options(&self) -> Options {
        options(self)
    }
}
