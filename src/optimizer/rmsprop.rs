//! RMSprop.

use super::{Clip, Optimizer, in_ranges, positive};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// RMSprop (Hinton), not centred.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RmsProp {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of the mean square, 0..1; default 0.9.
    pub rho: f32,
    /// 0 ≤ μ < 1; default 0.
    pub momentum: f32,
    /// ε > 0, inside the root; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.001),
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            clip: Clip::default(),
        }
    }
}

impl From<RmsProp> for Optimizer {
    fn from(rmsprop: RmsProp) -> Self {
        let (rate, clip) = (rmsprop.learning_rate.clone(), rmsprop.clip);
        Self::new(rmsprop).with_learning_rate(rate).with_clip(clip)
    }
}

impl UpdateRule for RmsProp {
    const NAME: &'static str = "rmsprop";
    const NUMBERS: &'static [&'static str] = &["rho", "momentum", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/rmsprop.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.rho, self.momentum, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &["v"] } else { &["v", "m"] }
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [v, m]: [&mut T; 2]) -> T {
        let [rho, momentum, epsilon] = [self.rho, self.momentum, self.epsilon].map(|c| T::of(c.into()));
        *v = rho * *v + (T::one() - rho) * gradient * gradient;
        let change = size * gradient / (*v + epsilon).sqrt();
        if self.momentum == 0.0 {
            return w - change;
        }
        *m = momentum * *m + change;
        w - *m
    }

    fn check(&self) -> Result<()> {
        in_ranges(
            self,
            &[
                ("rho", (0.0..1.0).contains(&self.rho)),
                ("momentum", (0.0..1.0).contains(&self.momentum)),
                ("epsilon", positive(self.epsilon)),
            ],
        )
    }

    fn options(&self) -> Options {
        options(self)
    }
}
