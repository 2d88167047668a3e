//! Group normalisation.

use super::layer_norm::NormNode;
use super::{Layer, LayerNorm, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::kernel::Groups;
use crate::{Error, Result, shape};

/// Normalises parts of the channels of every sample, over all positions or time steps, to mean 0 and variance 1, then scales every channel by
/// its γ and shifts it by its β: y = γ ⊙ (x − mean)/√(variance + ε) + β (Wu and He 2018; Keras' `GroupNormalization`). With as many groups as
/// channels it is instance normalisation (Ulyanov et al. 2016).
///
/// Input and output: `[..., C]`. Rows of a batch do not affect each other, so training and predictions compute the same, and small batches
/// are as good as large ones. Parameters, each `[C]`: `gamma`, `beta`. The next layer's x_Q is 2, two standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct GroupNorm {
    groups: i64,
    #[serde(flatten)]
    norm: LayerNorm,
}

impl Default for GroupNorm {
    fn default() -> Self {
        Self::new(32)
    }
}

impl GroupNorm {
    /// So many groups of neighbouring channels, all of the same size; −1 for one per channel. Keras' default is 32. ε = 1e-3, with γ and β.
    pub fn new(groups: i64) -> Self {
        Self { groups, norm: LayerNorm::new() }
    }

    /// Sets ε > 0, which is added to the variance.
    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.norm = self.norm.epsilon(epsilon);
        self
    }

    /// Sets whether there is a β.
    pub fn center(mut self, center: bool) -> Self {
        self.norm = self.norm.center(center);
        self
    }

    /// Sets whether there is a γ.
    pub fn scale(mut self, scale: bool) -> Self {
        self.norm = self.norm.scale(scale);
        self
    }
}

impl Layer for GroupNorm {
    fn kind(&self) -> &'static str {
        "group_norm"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let all = shape::elements(scope.path(), &input.shape)?;
        let channels = input.shape.last().copied().unwrap_or(1);
        let parts = if self.groups == -1 { Some(channels) } else { usize::try_from(self.groups).ok() };
        let Some(parts) = parts.filter(|&parts| parts > 0 && channels.is_multiple_of(parts)) else {
            return Err(Error::invalid(
                scope.path(),
                format!("{} groups of {channels} channels", self.groups),
                "a number that divides the channels, or −1 for one group per channel",
                "correct the number of groups",
            ));
        };
        let positions = all / channels;
        Ok(Box::new(NormNode::new(scope, input, self.norm, Groups { positions, parts })?))
    }
}
