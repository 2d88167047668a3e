//! Lion.

use super::{Clip, Optimizer, in_ranges};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Lion (Chen et al. 2023): every parameter moves by the learning rate, against the sign of a mean of gradients. A tenth of Adam's rate
/// suits it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Lion {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The share of the mean in the direction, 0..1; default 0.9.
    pub beta_1: f32,
    /// The decay of the mean, 0..1; default 0.99.
    pub beta_2: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Lion {
    fn default() -> Self {
        Self { learning_rate: Schedule::Constant(0.001), beta_1: 0.9, beta_2: 0.99, clip: Clip::default() }
    }
}

impl From<Lion> for Optimizer {
    fn from(lion: Lion) -> Self {
        let (rate, clip) = (lion.learning_rate.clone(), lion.clip);
        Self::new(lion).with_learning_rate(rate).with_clip(clip)
    }
}

impl UpdateRule for Lion {
    const NAME: &'static str = "lion";
    const NUMBERS: &'static [&'static str] = &["beta_1", "beta_2"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/lion.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.beta_1, self.beta_2]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["m"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [m, _]: [&mut T; 2]) -> T {
        let [beta_1, beta_2] = [self.beta_1, self.beta_2].map(|c| T::of(c.into()));
        let direction = *m * beta_1 + gradient * (T::one() - beta_1);
        *m = *m * beta_2 + gradient * (T::one() - beta_2);
        w - size * direction.sign()
    }

    fn check(&self) -> Result<()> {
        in_ranges(
            self,
            &[("beta_1", (0.0..1.0).contains(&self.beta_1)), ("beta_2", (0.0..1.0).contains(&self.beta_2))],
        )
    }

    fn options(&self) -> Options {
        options(self)
    }
}
