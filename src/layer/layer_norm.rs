//! Layer normalisation, and what group normalisation has in common with it.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    Groups, NormBackward, NormBackwardPorts, NormBackwardSums, NormBackwardSumsPorts, NormFinish,
    NormFinishPorts, NormForward, NormForwardPorts, RowNormSums, RowNormSumsPorts, RowStatistics,
    RowStatisticsPorts, norm_chunks,
};
use crate::plan::arena::{ParameterId, Role};
use crate::plan::{Recorder, View};
use crate::{Error, Initializer, Result, shape};

/// Normalises the last dimension of every sample, at each time step or position by itself, to mean 0 and variance 1, then scales it by γ and
/// shifts it by β: y = γ ⊙ (x − mean)/√(variance + ε) + β (Ba, Kiros and Hinton 2016; Keras' `LayerNormalization`).
///
/// Input and output: `[..., C]`. Rows of a batch do not affect each other, so training and predictions compute the same. Parameters, each
/// `[C]`: `gamma`, `beta`. The next layer's x_Q is 2, two standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LayerNorm {
    epsilon: f32,
    center: bool,
    scale: bool,
}

impl Default for LayerNorm {
    fn default() -> Self {
        Self { epsilon: 1e-3, center: true, scale: true }
    }
}

impl LayerNorm {
    /// Keras' defaults: ε = 1e-3, with γ and β.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets ε > 0, which is added to the variance.
    pub fn epsilon(mut self, epsilon: f32) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Sets whether there is a β.
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Sets whether there is a γ.
    pub fn scale(mut self, scale: bool) -> Self {
        self.scale = scale;
        self
    }
}

impl Layer for LayerNorm {
    fn kind(&self) -> &'static str {
        "layer_norm"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        shape::elements(scope.path(), &input.shape)?;
        Ok(Box::new(NormNode::new(scope, input, *self, Groups::ROWS)?))
    }
}

/// A layer that normalises the numbers of every group of a sample.
#[derive(Debug)]
pub(super) struct NormNode {
    path: String,
    options: LayerNorm,
    groups: Groups,
    channels: usize,
    gamma: Option<ParameterId>,
    beta: Option<ParameterId>,
    output: Signal,
}

impl NormNode {
    pub(super) fn new(
        scope: &mut Scope<'_>,
        input: &Signal,
        options: LayerNorm,
        groups: Groups,
    ) -> Result<Self> {
        let path = scope.path().to_owned();
        let LayerNorm { epsilon, center, scale } = options;
        if !(epsilon.is_finite() && epsilon > 0.0) {
            let found = format!("ε {epsilon}");
            return Err(Error::invalid(path, found, "a finite ε > 0", "leave it at 1e-3"));
        }
        let channels = input.shape.last().copied().unwrap_or(1);
        let mut parameter = |name: &str, start| {
            scope.parameter(name, &[channels], Initializer::Constant(start), Role::Decayed)
        };
        let gamma = scale.then(|| parameter("gamma", 1.0)).transpose()?;
        let beta = center.then(|| parameter("beta", 0.0)).transpose()?;
        let output = input.normalised(scope);
        Ok(Self { path, options, groups, channels, gamma, beta, output })
    }

    fn rows(&self, rec: &Recorder<'_>) -> usize {
        rec.batch() * self.output.len() / self.channels
    }

    /// Records Σ g and Σ g ⊙ x̂ of every group, g = γ ⊙ dy.
    fn row_sums(
        &self,
        rec: &mut Recorder<'_>,
        (d_y, x): (View, View),
        [mean, variance]: [View; 2],
    ) -> [View; 2] {
        let (rows, channels, groups) = (self.rows(rec), self.channels, self.groups);
        let (count, chunks) = (groups.count(rows), norm_chunks(groups.numbers(channels)));
        let [sums, products] = [rec.scratch(chunks * count), rec.scratch(chunks * count)];
        let LayerNorm { epsilon, scale, .. } = self.options;
        let gamma = self.gamma.map(|id| rec.parameter(id));
        let kernel = RowNormSums { rows, channels, epsilon, scale, groups };
        rec.op(kernel, RowNormSumsPorts { d_y, x, mean, variance, gamma, sums, products });
        if chunks == 1 {
            return [sums, products];
        }
        [sums, products].map(|parts| {
            let total = rec.scratch(count);
            rec.sum_rows(parts, chunks, count, total);
            total
        })
    }

    /// Records the gradients of γ and β.
    fn parameter_gradients(
        &self,
        rec: &mut Recorder<'_>,
        (d_y, x): (View, View),
        [mean, variance]: [View; 2],
    ) {
        let (rows, channels) = (self.rows(rec), self.channels);
        let chunks = norm_chunks(rows);
        let [partial_beta, partial_gamma] = [rec.scratch(chunks * channels), rec.scratch(chunks * channels)];
        let (epsilon, groups) = (self.options.epsilon, Some(self.groups));
        let kernel = NormBackwardSums { rows, channels, epsilon, groups };
        rec.op(kernel, NormBackwardSumsPorts { d_y, x, mean, variance, partial_beta, partial_gamma });
        for (partial, id) in [(partial_beta, self.beta), (partial_gamma, self.gamma)] {
            if let Some(id) = id {
                let gradient = rec.gradient(id);
                rec.sum_rows(partial, chunks, channels, gradient);
            }
        }
    }
}

impl Node for NormNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (rows, channels, groups) = (self.rows(rec), self.channels, self.groups);
        let (count, numbers) = (groups.count(rows), groups.numbers(channels));
        let parts = norm_chunks(numbers) * count;
        let (means, squares) = (rec.scratch(parts), rec.scratch(parts));
        rec.op(RowStatistics { rows, channels, groups }, RowStatisticsPorts { x: input, means, squares });
        let (mean, variance) = (rec.scratch(count), rec.scratch(count));
        // Here the numbers of a group are what the rows of a channel are there.
        let kernel = NormFinish { rows: numbers, channels: count };
        rec.op(kernel, NormFinishPorts { means, squares, mean, variance });
        let [gamma, beta] = [self.gamma, self.beta].map(|id| id.map(|id| rec.parameter(id)));
        let y = rec.scratch(rows * channels);
        let LayerNorm { epsilon, scale, center } = self.options;
        let kernel = NormForward { rows, channels, epsilon, scale, center, groups: Some(groups) };
        rec.op(kernel, NormForwardPorts { x: input, mean, variance, gamma, beta, y });
        Trace::new(input, y).keeping([mean, variance])
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let (Some(&statistics), x) = (trace.kept::<[View; 2]>(), trace.input) else {
            return trace.refuse(rec, &self.path);
        };
        if self.gamma.is_some() || self.beta.is_some() {
            self.parameter_gradients(rec, (d_y, x), statistics);
        }
        need_d_x.then(|| {
            let [d_beta, d_gamma] = self.row_sums(rec, (d_y, x), statistics);
            let (rows, channels, [mean, variance]) = (self.rows(rec), self.channels, statistics);
            let LayerNorm { epsilon, scale, .. } = self.options;
            let gamma = self.gamma.map(|id| rec.parameter(id));
            let d_x = rec.scratch(rows * channels);
            let kernel = NormBackward { rows, channels, epsilon, scale, groups: Some(self.groups) };
            rec.op(kernel, NormBackwardPorts { d_y, x, mean, variance, gamma, d_beta, d_gamma, d_x });
            d_x
        })
    }
}
