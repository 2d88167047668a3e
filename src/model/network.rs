//! A network: layers whose inputs are known, over one arena of parameters. It records plans and runs none.

use super::Description;
use crate::kernel::{Penalty, PenaltyPorts};
use crate::layer::{Node, Signal, Trace, chain};
use crate::plan::arena::Arena;
use crate::plan::{ALIGNMENT, Purpose, Recorder, View};
use crate::{Error, Result};
use std::sync::Arc;

/// What training takes on a device, in bytes of single precision; the data set and the loss come on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The rows of a step.
    pub batch: usize,
    /// The parameters. As much again take their gradients, their values before the last update, and each moment of an
    /// optimiser: two for Adam.
    pub parameters: u64,
    /// The layers' outputs and all else between forward and backward pass, each place used again once it is free.
    pub activations: u64,
    /// The largest stretch that a kernel binds at once, which a device may limit.
    pub binding: u64,
}

/// A chain of built layers with their parameters.
#[derive(Clone, Debug)]
pub struct Network {
    pub(super) input: Signal,
    pub(super) nodes: Arc<[Box<dyn Node>]>,
    pub(super) arena: Arena,
    /// What the outputs stand for, where that is known.
    pub(super) classes: Option<Arc<[String]>>,
    pub(super) description: Arc<Description>,
    /// What is doubtful about the observed range of inputs, where an x_Q follows from it.
    pub(super) doubts: Vec<String>,
}

impl Network {
    /// The input of one sample.
    pub fn input(&self) -> &Signal {
        &self.input
    }

    /// The output of one sample.
    pub fn output(&self) -> &Signal {
        self.nodes.last().map_or(&self.input, |node| node.output())
    }

    /// The layers in order.
    pub fn nodes(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }

    /// The layers and those inside of them, which come before them.
    pub fn every_node(&self) -> Vec<&dyn Node> {
        chain::every(&self.nodes)
    }

    /// The layers and those inside of them with what each left.
    pub fn every_trace<'a>(&'a self, traces: &'a [Trace]) -> Vec<(&'a dyn Node, &'a Trace)> {
        chain::every_trace(&self.nodes, traces)
    }

    /// The parameters.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// All that the weights depend on beside their numbers.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What is doubtful about the observed range of inputs, a sentence each; nothing where the range was declared, or where no
    /// rotated layer takes its x_Q from it. See [`Dataset::observe`](crate::Dataset::observe).
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// What a training step of `batch` rows takes, known before anything is allocated.
    ///
    /// # Errors
    /// A batch of 0 rows, or one with which a layer has more numbers than fit.
    pub fn memory(&self, batch: usize) -> Result<Memory> {
        self.check_batch(batch)?;
        let mut rec = Recorder::new(Purpose::Train, batch, &self.arena);
        let input = rec.scratch(batch * self.input.len());
        let traces = self.forward(&mut rec, input);
        let d_y = rec.scratch(batch * self.output().len());
        self.backward(&mut rec, &traces, d_y, false);
        let plan = rec.finish("memory")?;
        let bytes = |numbers: usize| numbers as u64 * 4;
        let bound = plan.ops.iter().flat_map(|op| op.kernel.lens()).flatten().max().unwrap_or(0);
        Ok(Memory {
            batch,
            parameters: bytes(self.arena.len()),
            activations: plan.scratch.iter().copied().map(bytes).sum(),
            binding: bytes(bound),
        })
    }

    /// Whether a batch of so many rows can be counted.
    pub(crate) fn check_batch(&self, batch: usize) -> Result<()> {
        let outputs = self.every_node().into_iter().map(|node| node.output().len());
        let widest = outputs.fold(self.input.len(), usize::max);
        // What layers keep to themselves may be wider, and is only to be counted.
        let fits = |numbers: usize, most: usize| numbers.saturating_mul(batch) <= most;
        if batch == 0 || !fits(widest, u32::MAX as usize) || !fits(self.widest(), usize::MAX >> 16) {
            return Err(Error::invalid(
                "batch",
                format!("{batch} rows, with {widest} numbers each at the widest layer"),
                format!("at least 1 row and at most {} numbers in all", u32::MAX),
                "choose another batch",
            ));
        }
        Ok(())
    }

    /// The most numbers of a row between its input and its prediction.
    pub(super) fn widest(&self) -> usize {
        let mut rec = Recorder::new(Purpose::Infer, 1, &self.arena);
        let input = rec.scratch(self.input.len());
        self.forward(&mut rec, input);
        rec.longest_scratch()
    }

    /// Records the forward pass; returns what each layer left, the last one's output being the network's.
    pub fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Vec<Trace> {
        chain::forward(rec, &self.nodes, input)
    }

    /// Records the backward pass from the output's gradient into the arena of gradients; returns the input's gradient
    /// when it is asked for.
    pub fn backward(
        &self,
        rec: &mut Recorder<'_>,
        traces: &[Trace],
        d_y: View,
        need_d_x: bool,
    ) -> Option<View> {
        chain::backward(rec, &self.nodes, traces, d_y, need_d_x)
    }

    /// Records the regularisers' penalties; returns their partial sums and how many there are.
    pub fn penalties(&self, rec: &mut Recorder<'_>) -> (View, usize) {
        let parts: Vec<_> = self
            .every_node()
            .into_iter()
            .flat_map(|node| {
                node.facts().penalties.into_iter().map(|(id, r)| (node.path().to_owned(), id, r))
            })
            .collect();
        let sizes: Vec<usize> =
            parts.iter().map(|(_, id, _)| Penalty::partials(self.arena.get(*id).len())).collect();
        let all = rec.scratch(sizes.iter().sum());
        let mut first = 0;
        for ((path, id, regularizer), size) in parts.into_iter().zip(&sizes) {
            debug_assert!(first % ALIGNMENT == 0);
            let (w, count) = (rec.parameter(id), self.arena.get(id).len());
            let partials = rec.part(all, first, *size);
            let kernel = Penalty { count, l1: regularizer.l1, l2: regularizer.l2 };
            rec.scope(path, |rec| rec.op(kernel, PenaltyPorts { w, partials }));
            first += size;
        }
        (all, first)
    }
}
