//! A network: layers whose inputs are known, over one arena of parameters. It records plans and runs none.

use crate::kernel::Penalty;
use crate::layer::{Node, Signal, Trace, chain};
use crate::plan::arena::Arena;
use crate::plan::{ALIGNMENT, Recorder, View};

/// A chain of built layers with their parameters.
#[derive(Debug)]
pub struct Network {
    pub(super) input: Signal,
    pub(super) nodes: Vec<Box<dyn Node>>,
    pub(super) arena: Arena,
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
            rec.scope(path, |rec| rec.op(kernel, [w, partials]));
            first += size;
        }
        (all, first)
    }
}
