//! Adam, and AdamW.

use super::moments::{self, move_means, shares};
use super::{Clip, Optimizer, nth};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Adam (Kingma and Ba 2015).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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
        let (rate, clip) = (adam.learning_rate.clone(), adam.clip);
        Self::new(adam).with_learning_rate(rate).with_clip(clip)
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): w −= lr·decay·w before the update. As in Keras, weights and
/// biases decay; a learnt L never does.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
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
    fn betas(&self) -> [f64; 2] {
        [self.beta_1, self.beta_2]
    }
}

impl UpdateRule for Adam {
    const NAME: &'static str = "adam";
    const NUMBERS: &'static [&'static str] = &["one_minus_beta_1", "one_minus_beta_2", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/adam.wgsl");

    fn numbers(&self) -> Vec<f32> {
        let [first, second] = shares(self.betas());
        vec![first, second, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m", "v"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [m, v]: [&mut T; 2]) -> T {
        move_means(self.betas(), gradient, m, v);
        w - size * *m / (v.sqrt() + T::of(self.epsilon.into()))
    }

    fn factors(&self, update: u64) -> [f64; 3] {
        let t = nth(update);
        [(1.0 - self.beta_2.powi(t)).sqrt() / (1.0 - self.beta_1.powi(t)), 1.0, 1.0]
    }

    fn check(&self) -> Result<()> {
        moments::check(self, self.betas(), self.epsilon)
    }

    fn options(&self) -> Options {
        options(self)
    }
}
