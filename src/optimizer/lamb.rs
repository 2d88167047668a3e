//! LAMB.

use super::moments::{self, move_means, shares};
use super::{Clip, Optimizer, nth};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// LAMB (You et al. 2020), for large batches: Adam's direction, along which every parameter tensor moves by the learning rate times its
/// own length ‖w‖; by the learning rate times the direction's length where either is 0. As in Keras 3, weight decay
/// ([`Optimizer::with_weight_decay`]) comes before the update and is no part of the direction. Takes a few dispatches for every
/// parameter tensor.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Lamb {
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

impl Default for Lamb {
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

impl From<Lamb> for Optimizer {
    fn from(lamb: Lamb) -> Self {
        let (rate, clip) = (lamb.learning_rate.clone(), lamb.clip);
        Self::new(lamb).with_learning_rate(rate).with_clip(clip)
    }
}

impl Lamb {
    fn betas(&self) -> [f64; 2] {
        [self.beta_1, self.beta_2]
    }
}

impl UpdateRule for Lamb {
    const NAME: &'static str = "lamb";
    const NUMBERS: &'static [&'static str] = &["one_minus_beta_1", "one_minus_beta_2", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/lamb.wgsl");
    const BY_TENSOR: bool = true;

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
        w - size * of_mean * *m / (of_root * v.sqrt() + T::of(self.epsilon.into()))
    }

    fn factors(&self, update: u64) -> [f64; 3] {
        let t = nth(update);
        [1.0, 1.0 / (1.0 - self.beta_1.powi(t)), 1.0 / (1.0 - self.beta_2.powi(t)).sqrt()]
    }

    fn check(&self) -> Result<()> {
        moments::check(self, self.betas(), self.epsilon)
    }

    fn options(&self) -> Options {
        options(self)
    }
}
