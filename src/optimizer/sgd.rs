//! Stochastic gradient descent.

use super::{Clip, Optimizer, in_ranges};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Stochastic gradient descent, plain or with momentum.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Sgd {
    /// Keras' default: 0.01.
    pub learning_rate: Schedule,
    /// 0 ≤ μ < 1; default 0.
    pub momentum: f32,
    /// Nesterov's momentum; default off.
    pub nesterov: bool,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Sgd {
    fn default() -> Self {
        Self {
            learning_rate: Schedule::Constant(0.01),
            momentum: 0.0,
            nesterov: false,
            clip: Clip::default(),
        }
    }
}

impl From<Sgd> for Optimizer {
    fn from(sgd: Sgd) -> Self {
        let (rate, clip) = (sgd.learning_rate.clone(), sgd.clip);
        Self::new(sgd).with_learning_rate(rate).with_clip(clip)
    }
}

impl UpdateRule for Sgd {
    const NAME: &'static str = "sgd";
    const NUMBERS: &'static [&'static str] = &["momentum", "nesterov"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/sgd.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.momentum, f32::from(u8::from(self.nesterov))]
    }

    fn kept(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["m"] }
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [m, _]: [&mut T; 2]) -> T {
        let change = -size * gradient;
        if self.momentum == 0.0 {
            return w + change;
        }
        let momentum = T::of(self.momentum.into());
        *m = momentum * *m + change;
        w + if self.nesterov { momentum * *m + change } else { *m }
    }

    fn check(&self) -> Result<()> {
        in_ranges(self, &[("momentum", (0.0..1.0).contains(&self.momentum))])
    }

    fn options(&self) -> Options {
        options(self)
    }
}
