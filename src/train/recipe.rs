//! What a training step is made of: the options that trainers and learners have in common.

use super::feed::Feed;
use super::step::{Desk, Scored, Task};
use crate::kernel::Element;
use crate::model::{Ending, Network, Step};
use crate::plan::arena::keys;
use crate::plan::{Plan, Purpose};
use crate::{Loss, Metric, Model, Optimizer, Result};

/// Optimiser, loss, metrics, and how rows become steps.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) optimizer: Optimizer,
    pub(crate) loss: Loss,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) batch: usize,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
    pub(crate) accumulate: usize,
}

impl Recipe {
    /// Gives the optimiser room for its moments, and a training for what it keeps beside the parameters.
    pub(crate) fn allocate(&self, model: &mut Model) -> Result<()> {
        model.keep_for(&self.optimizer)?;
        if self.accumulate > 1 {
            let len = model.network.arena().len();
            model.executor.allocate(keys::ACCUMULATED, Element::Float, len)?;
        }
        Ok(())
    }

    /// The plans of an epoch's steps, each kind of step once: its rows and its ending. Their numbers are those of the kinds.
    pub(crate) fn plans(
        &self,
        network: &Network,
        feed: &Feed,
        desk: Desk<'_>,
        steps: &[Step],
    ) -> Result<Vec<((usize, Ending), Plan)>> {
        let mut plans: Vec<((usize, Ending), Plan)> = Vec::new();
        for step in steps {
            let kind = (step.rows, step.ending);
            if plans.iter().all(|(other, _)| *other != kind) {
                let number = desk.scheduled.then_some(plans.len() as u32);
                let task = Task { desk, kind: number, ..self.task(network, feed.steps()) };
                let (plan, _) = task.record(network, feed, step.rows, Purpose::Train, step.ending)?;
                plans.push((kind, plan));
            }
        }
        Ok(plans)
    }

    /// The plans of an evaluation of so many rows, each with the rows of a step and how often it comes: whole batches, then what remains.
    pub(crate) fn evaluation_plans(
        &self,
        network: &Network,
        feed: &Feed,
        all: usize,
    ) -> Result<Vec<(usize, usize, Plan)>> {
        let (task, batch) = (self.task(network, feed.steps()), self.batch.min(all));
        let parts = [(batch, all / batch), (all % batch, 1)].into_iter().filter(|(rows, _)| *rows > 0);
        let plan = |(rows, count)| {
            let (plan, _) = task.record(network, feed, rows, Purpose::Infer, Ending::None)?;
            Ok((rows, count, plan))
        };
        parts.map(plan).collect()
    }

    /// What a step computes for targets of so many time steps a row.
    pub(crate) fn task(&self, network: &Network, steps: usize) -> Task<'_> {
        let output = network.output();
        let by_steps = self.loss.takes_steps() || self.metrics.iter().any(|m| m.takes_steps());
        let steps = match (output.masked, by_steps) {
            (true, _) => output.shape[0],
            (false, true) => steps,
            (false, false) => 1,
        };
        let scored = Scored { steps, outputs: output.len() / steps, masked: output.masked };
        Task {
            loss: &self.loss,
            metrics: &self.metrics,
            optimizer: &self.optimizer,
            scored,
            desk: Desk::MODEL,
            kind: None,
        }
    }
}
