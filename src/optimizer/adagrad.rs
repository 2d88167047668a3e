//! Adagrad.

use super::{Clip, Optimizer, in_ranges, positive};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Adagrad (Duchi, Hazan and Singer 2011): a parameter moves the less, the more it has moved.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adagrad {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// What the sum of squares begins with, at least 0; default 0.1.
    pub initial_accumulator_value: f32,
    /// ε > 0, inside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.001),
            initial_accumulator_value: 0.1,
            epsilon: 1e-7,
            clip: Clip::default(),
        }
    }
}

impl From<Adagrad> for Optimizer {
    fn from(adagrad: Adagrad) -> Self {
        let (rate, clip) = (adagrad.learning_rate.clone(), adagrad.clip);
        Self::new(adagrad).with_learning_rate(rate).with_clip(clip)
    }
}

impl UpdateRule for Adagrad {
    const NAME: &'static str = "adagrad";
    const NUMBERS: &'static [&'static str] = &["initial", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/adagrad.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.initial_accumulator_value, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["v"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [v, _]: [&mut T; 2]) -> T {
        let [initial, epsilon] = [self.initial_accumulator_value, self.epsilon].map(|c| T::of(c.into()));
        *v = *v + gradient * gradient;
        w - size * gradient / (*v + initial + epsilon).sqrt()
    }

    fn check(&self) -> Result<()> {
        in_ranges(
            self,
            &[
                (
                    "initial_accumulator_value",
                    self.initial_accumulator_value.is_finite() && self.initial_accumulator_value >= 0.0,
                ),
                ("epsilon", positive(self.epsilon)),
            ],
        )
    }

    fn options(&self) -> Options {
        options(self)
    }
}
