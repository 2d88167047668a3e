//! A network: built layers over one arena of parameters. It records plans and runs none.

use super::Description;
use crate::data::Conversion;
use crate::kernel::{Penalty, PenaltyPorts};
use crate::layer::{KeptStates, Node, Signal, Trace, chain};
use crate::loss::Outputs;
use crate::plan::arena::{Arena, Regularizer};
use crate::plan::{ALIGNMENT, Purpose, Recorder, View};
use crate::{Error, Result};
use std::sync::Arc;

/// The memory that training takes on a device, in bytes at single precision, without the data set and the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Rows per step.
    pub batch: usize,
    /// The parameters. Their gradients, their values before the last update, and each moment of an optimiser (two for Adam) take
    /// as much again.
    pub parameters: u64,
    /// The layers' outputs and everything else between forward and backward pass, with freed space reused.
    pub activations: u64,
    /// The largest binding of a GPU kernel, which a device may limit.
    pub binding: u64,
}

/// A chain of built layers with their parameters.
#[derive(Clone, Debug)]
pub struct Network {
    pub(super) input: Signal,
    pub(super) nodes: Arc<[Box<dyn Node>]>,
    pub(super) arena: Arena,
    /// The paths of the layers that mask steps, with the value of these steps.
    pub(super) masks: Vec<(String, f32)>,
    /// The paths of the layers that take inputs as indices, with the number below which these must be.
    pub(super) indices: Vec<(String, usize)>,
    /// The states that layers keep from one batch to the next.
    pub(super) states: Vec<KeptStates>,
    /// The class names of the outputs, if known.
    pub(super) classes: Option<Arc<[String]>>,
    /// What the outputs are, as training found out.
    pub(super) outputs: Outputs,
    /// What was done to the data before.
    pub(super) conversion: Option<Arc<Conversion>>,
    pub(super) description: Arc<Description>,
    /// Doubts about the observed input range, if an x_Q follows from it.
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

    /// All layers, each after its inner layers.
    pub fn every_node(&self) -> Vec<&dyn Node> {
        chain::every(&self.nodes)
    }

    /// All layers with their traces, each after its inner layers.
    pub fn every_trace<'a>(&'a self, traces: &'a [Trace]) -> Vec<(&'a dyn Node, &'a Trace)> {
        chain::every_trace(&self.nodes, traces)
    }

    /// Whether reports include this layer: it has parameters or an activation.
    pub(crate) fn reports_on(&self, node: &dyn Node) -> bool {
        self.arena.of_layer(node.path()).next().is_some() || !node.facts().activations.is_empty()
    }

    /// The parameters.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Everything besides the numbers that gives the weights their meaning.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Doubts about the observed input range, one sentence each. Empty if the range was declared, or if no rotated layer takes
    /// its x_Q from it. See [`Dataset::observe`](crate::Dataset::observe).
    pub fn doubts(&self) -> &[String] {
        &self.doubts
    }

    /// The memory that a training step of `batch` rows takes, before anything is allocated.
    ///
    /// # Errors
    /// A batch of 0 rows, or one so large that a layer has more numbers than fit.
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

    /// Checks that the numbers of a batch of this many rows can be counted.
    pub(crate) fn check_batch(&self, batch: usize) -> Result<()> {
        let outputs = self.every_node().into_iter().map(|node| node.output().len());
        let widest = outputs.fold(self.input.len(), usize::max);
        // Internal values of layers may be wider, and need only be countable.
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

    /// The largest number of values per row between input and prediction.
    pub(super) fn widest(&self) -> usize {
        let mut rec = Recorder::new(Purpose::Infer, 1, &self.arena);
        let input = rec.scratch(self.input.len());
        self.forward(&mut rec, input);
        rec.longest_scratch()
    }

    /// Records the forward pass; returns the layers' traces, the last of which has the network's output.
    pub fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Vec<Trace> {
        chain::forward(rec, &self.nodes, input)
    }

    /// Records the backward pass from the gradient of the output into the gradient arena; returns the gradient of the input if
    /// `need_d_x`.
    pub fn backward(
        &self,
        rec: &mut Recorder<'_>,
        traces: &[Trace],
        d_y: View,
        need_d_x: bool,
    ) -> Option<View> {
        chain::backward(rec, &self.nodes, traces, d_y, need_d_x)
    }

    /// Records the regularisers' penalties; returns their partial sums and the number of these.
    pub fn penalties(&self, rec: &mut Recorder<'_>) -> (View, usize) {
        let all = self.arena.penalised().map(|(_, parameter, _)| Penalty::partials(parameter.len())).sum();
        let all = rec.scratch(all);
        let mut first = 0;
        for (id, parameter, Regularizer { l1, l2 }) in self.arena.penalised() {
            debug_assert!(first % ALIGNMENT == 0);
            let (w, count) = (rec.parameter(id), parameter.len());
            let size = Penalty::partials(count);
            let partials = rec.part(all, first, size);
            let path = parameter.layer_and_name().0;
            rec.scope(path, |rec| rec.op(Penalty { count, l1, l2 }, PenaltyPorts { w, partials }));
            first += size;
        }
        (all, first)
    }
}
