//! Alpha dropout: dropout for networks of selu.

use super::dropout::{DropoutNode, check_rate};
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::kernel::DropoutValues;
use crate::{Range, Result};

/// Sets each value with probability `rate` to selu's lowest value α' = −1.7581 during training, then all of them to a·x + b, with
/// a = ((1 − rate)·(1 + rate·α'²))^(−½) and b = −a·α'·rate: values of mean 0 and variance 1 keep both (Klambauer et al. 2017; Keras'
/// `AlphaDropout`). For [`Activation::Selu`](crate::Activation::Selu); any shape; has no effect in predictions. The output range is that of what
/// is kept, extended to include a·α' + b.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct AlphaDropout {
    rate: f32,
}

impl AlphaDropout {
    /// Alpha dropout with 0 ≤ `rate` < 1, checked when the model is built.
    pub fn new(rate: f32) -> Self {
        Self { rate }
    }
}

impl Layer for AlphaDropout {
    fn kind(&self) -> &'static str {
        "alpha_dropout"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        check_rate(scope.path(), "rate", self.rate)?;
        let values = DropoutValues::alpha(self.rate);
        let kept = |x: f32| (values.scale * f64::from(x) + values.shift) as f32;
        let dropped = values.dropped as f32;
        let range = match input.range {
            Some(range) if self.rate > 0.0 => {
                Some(Range { min: kept(range.min).min(dropped), max: kept(range.max).max(dropped) })
            }
            range => range,
        };
        let output = Signal { range, ..input.clone() };
        Ok(Box::new(DropoutNode::new(scope, self.rate, values, output)))
    }
}
