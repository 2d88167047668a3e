//! Recording one step: gather, forward, loss, metrics, and, when training, backward and update.

use super::feed::Feed;
use crate::kernel::{Advance, Element, Tally, clock, rates};
use crate::layer::Trace;
use crate::loss::LossViews;
use crate::model::SLOTS;
use crate::model::network::Network;
use crate::optimizer::{UpdateViews, record_accumulation, record_guard};
use crate::plan::arena::keys;
use crate::plan::{Plan, Purpose, Recorder};
use crate::{Loss, Metric, Model, Optimizer, Result};

/// What a step does after its backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    /// Nothing: evaluation, or reports.
    None,
    /// The optimiser takes the gradients as they are.
    Update,
    /// The gradients are added to the accumulated ones.
    Accumulate,
    /// As `Accumulate`, then the optimiser takes the sum.
    AccumulateAndUpdate,
}

/// What a step computes beside the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) loss: Loss,
    pub(crate) metrics: &'a [Metric],
    pub(crate) optimizer: &'a Optimizer,
}

impl Task<'_> {
    /// The width of a row of scores: the loss, then the metrics' columns.
    pub(crate) fn columns(&self, outputs: usize) -> usize {
        1 + self.metrics.iter().map(|m| m.columns(outputs)).sum::<usize>()
    }

    /// The name of the tallies: tasks of different widths keep theirs apart.
    pub(crate) fn tallies(&self, outputs: usize) -> String {
        format!("{} of {}", keys::TALLIES, self.columns(outputs))
    }

    /// Allocates the tallies.
    pub(crate) fn allocate(&self, model: &mut Model) -> Result<()> {
        let outputs = model.network.output().len();
        model.executor.allocate(&self.tallies(outputs), Element::Float, SLOTS * self.columns(outputs))
    }

    /// Records a step of `batch` rows; returns what the layers left, too.
    pub(crate) fn record(
        &self,
        network: &Network,
        feed: &Feed,
        batch: usize,
        purpose: Purpose,
        ending: Ending,
    ) -> Result<(Plan, Vec<Trace>)> {
        let arena = network.arena();
        let mut recorder = Recorder::new(purpose, batch, arena);
        let rec = &mut recorder;
        let width = network.output().len();
        let columns = self.columns(width);
        let clock = rec.shared(keys::CLOCK, Element::Index, clock::LEN);
        let tallies = rec.shared(&self.tallies(width), Element::Float, SLOTS * columns);

        let (inputs, targets) = feed.record(rec);
        let traces = network.forward(rec, inputs);
        let outputs = traces.last().map_or(inputs, |t| t.output);
        let d_outputs = rec.scope("loss", |rec| {
            let scores = rec.scratch(batch * columns);
            let views = LossViews { outputs, targets, scores, columns };
            let d_outputs = self.loss.record(rec, views, rec.backward_follows());
            let mut column = 1;
            for metric in self.metrics {
                metric.record(rec, views, column);
                column += metric.columns(width);
            }
            let (penalties, count) = network.penalties(rec);
            rec.op(
                Tally { batch, columns, penalties: count, slots: SLOTS },
                [scores, penalties, clock, tallies],
            );
            d_outputs
        });
        if rec.backward_follows() {
            network.backward(rec, &traces, d_outputs, false);
        }
        rec.scope("optimizer", |rec| {
            let count = arena.len();
            let rates = rec.shared(keys::RATES, Element::Float, SLOTS * rates::LEN);
            let gradient = rec.shared(keys::GRADIENTS, Element::Float, count);
            let control = rec.shared(keys::CONTROL, Element::Float, 2);
            let mut step = UpdateViews { gradient, rates, tallies, columns, clock, control };
            if matches!(ending, Ending::Accumulate | Ending::AccumulateAndUpdate) {
                // Each step by itself, so that the one that fails is found.
                record_guard(rec, step, 0.0);
                let total = rec.shared(keys::ACCUMULATED, Element::Float, count);
                record_accumulation(rec, step, total);
                step.gradient = total;
            }
            if matches!(ending, Ending::Update | Ending::AccumulateAndUpdate) {
                self.optimizer.record(rec, step, arena);
            }
            rec.record_deferred();
            rec.op(Advance { batch }, [clock]);
        });
        Ok((recorder.finish(format!("{purpose:?} {batch}"))?, traces))
    }
}
