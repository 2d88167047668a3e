//! Batch normalisation.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    NormBackward, NormBackwardPorts, NormBackwardSums, NormBackwardSumsPorts, NormFinish, NormFinishPorts,
    NormForward, NormForwardPorts, NormStatistics, NormStatisticsPorts, RunningAverage, RunningAveragePorts,
    norm_chunks,
};
use crate::plan::arena::{ParameterId, Role};
use crate::plan::{Purpose, Recorder, View};
use crate::{Error, Initializer, Result, shape};

/// Normalises each channel (the last dimension) to mean 0 and variance 1 over the batch and all other dimensions, then scales it
/// by γ and shifts it by β (Ioffe and Szegedy 2015; Keras' `BatchNormalization`).
///
/// Training uses the batch's mean and variance and updates running ones, which predictions use: running = momentum·running + (1 −
/// momentum)·batch, skipped in a step with a non-finite number. As in Keras, the running variance of inputs with two or more
/// spatial dimensions is the unbiased one, divided by n − 1. Parameters, each `[C]`: `gamma`, `beta`, `moving_mean`,
/// `moving_variance`. The next layer's x_Q is 2, two standard deviations.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct BatchNorm {
    momentum: f32,
    epsilon: f32,
    center: bool,
    scale: bool,
    #[serde(default)]
    synchronized: bool,
}

impl Default for BatchNorm {
    fn default() -> Self {
        Self { momentum: 0.99, epsilon: 1e-3, center: true, scale: true, synchronized: false }
    }
}

impl BatchNorm {
    /// Keras' defaults: momentum 0.99, ε = 1e-3, with γ and β.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the share of the running statistics that a step keeps, 0 to 1.
    pub fn momentum(mut self, momentum: f32) -> Self {
        self.momentum = momentum;
        self
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

    /// Sets whether the micro-batches of a step ([`Trainer::micro_batches`](crate::Trainer::micro_batches)) share their statistics: the mean
    /// and variance are then those of the whole batch, whichever processes compute it (Keras' `synchronized`, PyTorch's `SyncBatchNorm`), else
    /// those of each micro-batch. All of a process's micro-batches keep their activations at once, as those of a whole batch would be, and
    /// the processes wait for each other once on the way through the layer and once on the way back. Without micro-batches it does nothing.
    pub fn synchronized(mut self, synchronized: bool) -> Self {
        self.synchronized = synchronized;
        self
    }
}

impl Layer for BatchNorm {
    fn kind(&self) -> &'static str {
        "batch_norm"
    }

    fn mixes_rows(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        shape::elements(&path, &input.shape)?;
        let Self { momentum, epsilon, .. } = *self;
        if !((0.0..=1.0).contains(&momentum) && epsilon.is_finite() && epsilon > 0.0) {
            return Err(Error::invalid(
                path,
                format!("momentum {momentum}, ε {epsilon}"),
                "a momentum from 0 to 1 and a finite ε > 0",
                "leave them at 0.99 and 1e-3",
            ));
        }
        let channels = input.shape.last().copied().unwrap_or(1);
        let mut parameter =
            |name: &str, start, role| scope.parameter(name, &[channels], Initializer::Constant(start), role);
        let gamma = self.scale.then(|| parameter("gamma", 1.0, Role::Decayed)).transpose()?;
        let beta = self.center.then(|| parameter("beta", 0.0, Role::Decayed)).transpose()?;
        let moving =
            [parameter("moving_mean", 0.0, Role::Kept)?, parameter("moving_variance", 1.0, Role::Kept)?];
        Ok(Box::new(BatchNormNode {
            path,
            options: *self,
            channels,
            gamma,
            beta,
            moving,
            output: input.normalised(scope),
        }))
    }
}

#[derive(Debug)]
struct BatchNormNode {
    path: String,
    options: BatchNorm,
    channels: usize,
    gamma: Option<ParameterId>,
    beta: Option<ParameterId>,
    /// The running mean and variance.
    moving: [ParameterId; 2],
    output: Signal,
}

impl BatchNormNode {
    fn rows(&self, rec: &Recorder<'_>) -> usize {
        rec.batch() * self.output.len() / self.channels
    }

    /// Whether the running statistics are used, and stay as they are.
    fn is_settled(&self, rec: &Recorder<'_>) -> bool {
        rec.purpose() == Purpose::Infer || rec.arena().get(self.moving[0]).frozen
    }

    /// Whether the statistics are those of all micro-batches of a step.
    fn meets(&self, rec: &Recorder<'_>) -> bool {
        self.options.synchronized && rec.is_share() && !self.is_settled(rec)
    }

    /// Whether the running variance is the unbiased one.
    fn is_unbiased(&self) -> bool {
        self.output.shape.len() >= 3
    }

    /// Records the mean and variance of the batch; returns them, and the variance to keep with the factor for it.
    fn statistics(&self, rec: &mut Recorder<'_>, x: View) -> ([View; 2], (View, f32)) {
        let (rows, channels) = (self.rows(rec), self.channels);
        let parts = norm_chunks(rows) * channels;
        let (means, squares) = (rec.scratch(parts), rec.scratch(parts));
        rec.op(NormStatistics { rows, channels }, NormStatisticsPorts { x, means, squares });
        let finish = |rec: &mut Recorder<'_>, [mean, variance]: [View; 2]| {
            rec.op(NormFinish { rows, channels }, NormFinishPorts { means, squares, mean, variance });
        };
        if self.meets(rec) {
            let [mean, variance, kept] = rec.meet_moments(rows, self.is_unbiased(), channels, finish);
            return ([mean, variance], (kept, 1.0));
        }
        let statistics = [rec.scratch(channels), rec.scratch(channels)];
        finish(rec, statistics);
        let count = rows as f32;
        let factor = if self.is_unbiased() && count > 1.0 { count / (count - 1.0) } else { 1.0 };
        (statistics, (statistics[1], factor))
    }

    /// Records the update of the running statistics at the end of the step.
    fn follow(&self, rec: &mut Recorder<'_>, mean: View, (variance, factor): (View, f32)) {
        for (id, (value, factor)) in self.moving.into_iter().zip([(mean, 1.0), (variance, factor)]) {
            let (clock, average) = (rec.clock(), rec.parameter(id));
            let kernel = RunningAverage { count: self.channels, momentum: self.options.momentum, factor };
            rec.defer(kernel, RunningAveragePorts { value, clock, average });
        }
    }

    /// Records the sums of d_y and of d_y ⊙ x̂ over the rows, which are the gradients of β and γ.
    fn sums(&self, rec: &mut Recorder<'_>, partials: [View; 2], chunks: usize) -> [View; 2] {
        let ids = [self.beta, self.gamma];
        let channels = self.channels;
        if self.meets(rec) {
            return rec.meet_gradients(channels, |rec, own| {
                for ((partial, own), id) in partials.into_iter().zip(own).zip(ids) {
                    rec.sum_rows(partial, chunks, channels, own);
                    if let Some(id) = id {
                        let gradient = rec.gradient(id);
                        rec.copy(own, gradient);
                    }
                }
            });
        }
        [0, 1].map(|i| {
            let total = match ids[i] {
                Some(id) => rec.gradient(id),
                None => rec.scratch(channels),
            };
            rec.sum_rows(partials[i], chunks, channels, total);
            total
        })
    }
}

impl Node for BatchNormNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (rows, channels) = (self.rows(rec), self.channels);
        let statistics = if self.is_settled(rec) {
            self.moving.map(|id| rec.parameter(id))
        } else {
            let (statistics, kept) = self.statistics(rec, input);
            // A step that is repeated to diagnose an error must not count twice.
            if rec.purpose() == Purpose::Train {
                self.follow(rec, statistics[0], kept);
            }
            statistics
        };
        let [gamma, beta] = [self.gamma, self.beta].map(|id| id.map(|id| rec.parameter(id)));
        let y = rec.scratch(rows * channels);
        let BatchNorm { epsilon, scale, center, .. } = self.options;
        let kernel = NormForward { rows, channels, epsilon, scale, center, groups: None };
        rec.op(
            kernel,
            NormForwardPorts { x: input, mean: statistics[0], variance: statistics[1], gamma, beta, y },
        );
        Trace::new(input, y).keeping(statistics)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let (rows, channels) = (self.rows(rec), self.channels);
        let BatchNorm { epsilon, scale, .. } = self.options;
        let (Some(&[mean, variance]), x) = (trace.kept::<[View; 2]>(), trace.input) else {
            return trace.refuse(rec, &self.path);
        };
        let chunks = norm_chunks(rows);
        let partials = [rec.scratch(chunks * channels), rec.scratch(chunks * channels)];
        let kernel = NormBackwardSums { rows, channels, epsilon, groups: None };
        rec.op(
            kernel,
            NormBackwardSumsPorts {
                d_y,
                x,
                mean,
                variance,
                partial_beta: partials[0],
                partial_gamma: partials[1],
            },
        );
        let [mut d_beta, mut d_gamma] = self.sums(rec, partials, chunks);
        need_d_x.then(|| {
            let gamma = self.gamma.map(|id| rec.parameter(id));
            if self.is_settled(rec) {
                // Statistics that do not depend on the batch: as if the sums were 0, as this gradient always is.
                (d_beta, d_gamma) = (rec.gradient(self.moving[0]), rec.gradient(self.moving[0]));
            }
            let d_x = rec.scratch(rows * channels);
            let kernel = NormBackward { rows, channels, epsilon, scale, groups: None };
            rec.op(kernel, NormBackwardPorts { d_y, x, mean, variance, gamma, d_beta, d_gamma, d_x });
            d_x
        })
    }
}
