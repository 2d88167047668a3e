//! The options that trainers and learners share.

use super::feed::Feed;
use super::step::{Desk, Scored, Task};
use crate::kernel::Element;
use crate::model::{Ending, Network, Step};
use crate::plan::arena::keys;
use crate::plan::{Plan, Purpose};
use crate::{Dataset, Error, Loss, Metric, Model, Optimizer, Result};

/// Optimiser, loss, metrics, and how the rows are divided into steps.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) optimizer: Optimizer,
    pub(crate) loss: Loss,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) batch: usize,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
    pub(crate) accumulate: usize,
    /// The share of a class target that is spread over all classes.
    pub(crate) label_smoothing: f32,
    /// Into how many micro-batches a step's batch is cut, where it is.
    pub(crate) micro_batches: Option<usize>,
}

impl Recipe {
    /// Into how many micro-batches a step's batch is cut, 1 where it is not.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn cut(&self) -> usize {
        self.micro_batches.unwrap_or(1)
    }

    /// Refuses to cut steps into micro-batches where `what`, a method, trains by whole ones.
    pub(crate) fn check_uncut(&self, what: &str) -> Result<()> {
        match self.micro_batches {
            None => Ok(()),
            Some(count) => Err(Error::invalid(
                what,
                format!("a trainer that cuts steps into {count} micro-batches"),
                "one that does not",
                "leave out Trainer::processes and Trainer::micro_batches, or use Trainer::fit",
            )),
        }
    }

    /// Allocates what training keeps besides the parameters: what the optimiser needs, and the accumulated gradient.
    pub(crate) fn allocate(&self, model: &mut Model) -> Result<()> {
        model.keep_for(&self.optimizer)?;
        model.settle_frozen()?;
        if self.accumulate > 1 {
            let len = model.network.arena().len();
            model.executor.allocate(keys::ACCUMULATED, Element::Float, len)?;
            model.executor.allocate(keys::SHARES, Element::Float, 2)?;
        }
        Ok(())
    }

    /// The plans of an epoch's steps, one per kind of step: its rows and its ending. A kind's number is its index here.
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
                let task = Task { desk, kind: number, ..self.task(network, feed) };
                let (plan, _) = task.record(network, feed, step.rows, Purpose::Train, step.ending)?;
                plans.push((kind, plan));
            }
        }
        Ok(plans)
    }

    /// The plans for evaluating `all` rows, each with its rows per step and its number of steps: first whole batches, then the rest.
    pub(crate) fn evaluation_plans(
        &self,
        network: &Network,
        feed: &Feed,
        all: usize,
    ) -> Result<Vec<(usize, usize, Plan)>> {
        let (task, batch) = (self.task(network, feed), self.batch.min(all));
        let parts = [(batch, all / batch), (all % batch, 1)].into_iter().filter(|(rows, _)| *rows > 0);
        let plan = |(rows, count)| {
            let (plan, _) = task.record(network, feed, rows, Purpose::Infer, Ending::None)?;
            Ok((rows, count, plan))
        };
        parts.map(plan).collect()
    }

    /// The task of a step.
    pub(crate) fn task(&self, network: &Network, feed: &Feed) -> Task<'_> {
        self.task_of(network, feed.steps(), feed.weights_per_row())
    }

    /// The task of a step over these data.
    pub(crate) fn task_for(&self, network: &Network, data: &Dataset) -> Task<'_> {
        self.task_of(network, data.targets().steps(), data.weights_per_row())
    }

    /// The task of a step, for targets with this many time steps per row and, where rows have weights, so many of them.
    pub(crate) fn task_of(&self, network: &Network, steps: usize, weights: Option<usize>) -> Task<'_> {
        let output = network.output();
        let weighted = weights.is_some_and(|per_row| per_row > 1);
        let by_steps = weighted || self.loss.takes_steps() || self.metrics.iter().any(|m| m.takes_steps());
        let steps = match (output.masked, by_steps) {
            (true, _) => output.shape[0],
            (false, true) => steps,
            (false, false) => 1,
        };
        let scored = Scored { steps, outputs: output.len() / steps, masked: output.masked };
        Task {
            loss: &self.loss,
            label_smoothing: self.label_smoothing,
            metrics: &self.metrics,
            optimizer: &self.optimizer,
            scored,
            desk: Desk::MODEL,
            kind: None,
        }
    }
}
