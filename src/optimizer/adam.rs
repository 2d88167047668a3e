//! Adam, and AdamW.

use super::{Clip, Optimizer, in_ranges, positive};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Adam (Kingma and Ba 2015).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adam {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of the mean, 0..1; default 0.9.
    pub beta_1: f64,
    /// The decay of the mean square, 0..1; default 0.999.
    pub beta_2: f64,
    /// ε > 0, outside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Adam {
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

impl From<Adam> for Optimizer {
    fn from(adam: Adam) -> Self {
        Self::new(adam).with_learning_rate(adam.learning_rate).with_clip(adam.clip)
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): w −= lr·decay·w before the update. As in Keras, weights and
/// biases decay; a learnt L never does.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AdamW {
    /// Adam's part.
    pub adam: Adam,
    /// The decay; Keras' default is 0.004.
    pub weight_decay: f32,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { adam: Adam::default(), weight_decay: 0.004 }
    }
}

impl From<AdamW> for Optimizer {
    fn from(adam: AdamW) -> Self {
        Self::from(adam.adam).with_weight_decay(adam.weight_decay)
    }
}

impl Adam {
    /// 1 − β₁ and 1 − β₂, computed before rounding to f32, so that no digits are lost.
    fn shares(&self) -> [f32; 2] {
        [self.beta_1, self.beta_2].map(|beta| (1.0 - beta) as f32)
    }
}

impl UpdateRule for Adam {
    const NAME: &'static str = "adam";
    const NUMBERS: &'static [&'static str] = &["one_minus_beta_1", "one_minus_beta_2", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/adam.wgsl");

    fn numbers(&self) -> Vec<f32> {
        let [first, second] = self.shares();
        vec![first, second, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, size: T, w: T, [m, v]: [&mut T; 2]) -> T {
        let [first, second] = self.shares().map(|share| T::of(share.into()));
        *m = *m + first * (gradient - *m);
        *v = *v + second * (gradient * gradient - *v);
        w - size * *m / (v.sqrt() + T::of(self.epsilon.into()))
    }

    fn step_size(&self, learning_rate: f64, update: u64) -> f64 {
        // Beyond i32 the corrections are 1.
        let t = i32::try_from(update.saturating_add(1)).unwrap_or(i32::MAX);
        learning_rate * (1.0 - self.beta_2.powi(t)).sqrt() / (1.0 - self.beta_1.powi(t))
    }

    fn check(&self) -> Result<()> {
        let below_1 = |beta: f64| (0.0..1.0).contains(&beta);
        in_ranges(
            self,
            &[
                ("beta_1", below_1(self.beta_1)),
                ("beta_2", below_1(self.beta_2)),
                ("epsilon", positive(self.epsilon)),
            ],
        )
    }

    fn options(&self) -> Options {
        options(self)
    }
}
