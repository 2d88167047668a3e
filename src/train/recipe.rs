//! What a training step is made of: the options that trainers and learners have in common.

use super::step::{Desk, Scored, Task};
use crate::kernel::Element;
use crate::model::Network;
use crate::plan::arena::keys;
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
            loss: self.loss,
            metrics: &self.metrics,
            optimizer: &self.optimizer,
            scored,
            desk: Desk::MODEL,
            kind: None,
        }
    }
}
