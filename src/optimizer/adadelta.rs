//! Adadelta.

use super::{Clip, Optimizer, in_ranges, positive};
use crate::describe::{Options, options};
use crate::kernel::{Trust, UpdateRule, shader_text};
use crate::{Real, Result, Schedule};

/// Adadelta (Zeiler 2012): steps as large as earlier ones were, by the root of their mean square.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adadelta {
    /// Keras' default: 0.001.
    pub learning_rate: Schedule,
    /// The decay of both mean squares, 0..1; default 0.95.
    pub rho: f32,
    /// ε > 0, inside the roots; default 1e-7.
    pub epsilon: f32,
    /// Limits on the gradient; default none.
    pub clip: Clip,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self { learning_rate: Schedule::Constant(0.001), rho: 0.95, epsilon: 1e-7, clip: Clip::default() }
    }
}

impl From<Adadelta> for Optimizer {
    fn from(adadelta: Adadelta) -> Self {
        let (rate, clip) = (adadelta.learning_rate.clone(), adadelta.clip);
        Self::new(adadelta).with_learning_rate(rate).with_clip(clip)
    }
}

impl UpdateRule for Adadelta {
    const NAME: &'static str = "adadelta";
    const NUMBERS: &'static [&'static str] = &["rho", "epsilon"];
    const TRUST: Trust<Self> = Trust::OWN;
    const WGSL: &'static str = shader_text!("optimizer/adadelta.wgsl");

    fn numbers(&self) -> Vec<f32> {
        vec![self.rho, self.epsilon]
    }

    fn kept(&self) -> &'static [&'static str] {
        &["v", "d"]
    }

    #[inline(always)]
    fn update<T: Real>(&self, gradient: T, [size, ..]: [T; 3], w: T, [v, d]: [&mut T; 2]) -> T {
        let [rho, epsilon] = [self.rho, self.epsilon].map(|c| T::of(c.into()));
        let rest = T::one() - rho;
        *v = rho * *v + rest * gradient * gradient;
        let change = (*d + epsilon).sqrt() / (*v + epsilon).sqrt() * gradient;
        *d = rho * *d + rest * change * change;
        w - size * change
    }

    fn check(&self) -> Result<()> {
        in_ranges(self, &[("rho", (0.0..1.0).contains(&self.rho)), ("epsilon", positive(self.epsilon))])
    }

    fn options(&self) -> Options {
        options(self)
    }
}
