//! Chains of layers: a network, and each branch of a residual block.

use super::{Layer, Node, Scope, Signal, Trace};
use crate::kernel::{Merge, MergeMode, MergePorts};
use crate::plan::{Recorder, View};
use crate::{Error, Result};
use std::sync::Arc;

/// Builds a chain of layers; a layer's name is `prefix`, its position and its kind.
pub(crate) fn build(
    layers: &[Arc<dyn Layer>],
    prefix: &str,
    scope: &mut Scope<'_>,
    input: &Signal,
) -> Result<Vec<Box<dyn Node>>> {
    let mut nodes: Vec<Box<dyn Node>> = Vec::with_capacity(layers.len());
    let given = scope.given;
    for (i, layer) in layers.iter().enumerate() {
        let name = format!("{prefix}{i}.{}", layer.kind());
        nodes.push(scope.inner(&name, &**layer, output(&nodes, input))?);
        scope.given &= layer.moves_values();
    }
    scope.given = given;
    Ok(nodes)
}

/// Rejects masked sequences for layers that would treat padded steps as data.
pub(super) fn unmasked(layer: &dyn Layer, path: &str, input: &Signal) -> Result<()> {
    if !input.masked || layer.takes_masks() {
        return Ok(());
    }
    Err(Error::invalid(
        path,
        "a masked sequence",
        "an input without a mask, since the layer cannot skip padded steps",
        "put it before the Masking layer, inside TimeDistributed, or after a recurrent layer that returns only its last \
         output",
    ))
}

/// The output of the chain.
pub(crate) fn output<'a>(nodes: &'a [Box<dyn Node>], input: &'a Signal) -> &'a Signal {
    nodes.last().map_or(input, |node| node.output())
}

/// Records the forward pass; returns the layers' traces. The recorder then holds the mask of the last output.
pub(crate) fn forward(rec: &mut Recorder<'_>, nodes: &[Box<dyn Node>], input: View) -> Vec<Trace> {
    let mut x = input;
    let mut traces = Vec::with_capacity(nodes.len());
    for node in nodes {
        let mask = rec.mask();
        let mut trace = rec.scope(node.path(), |rec| node.forward(rec, x));
        trace.counted = trace.counted.or(mask);
        x = trace.output;
        rec.set_mask(if node.output().masked { trace.mask.or(rec.mask()) } else { None });
        traces.push(trace);
    }
    traces
}

/// Records the backward pass from the gradient of the output into the gradient arena; returns the gradient of the input if
/// `need_d_x`.
pub(crate) fn backward(
    rec: &mut Recorder<'_>,
    nodes: &[Box<dyn Node>],
    traces: &[Trace],
    d_y: View,
    need_d_x: bool,
) -> Option<View> {
    if nodes.len() != traces.len() {
        rec.refuse(Error::invalid(
            nodes.first().map_or("layers", |node| node.path()),
            format!("{} traces for {} layers", traces.len(), nodes.len()),
            "one trace per layer",
            "pass what the forward pass returned",
        ));
        return None;
    }
    // Gradients flow back only as far as they are needed.
    let lowest = if need_d_x { Some(0) } else { nodes.iter().position(|node| has_parameters(rec, &**node)) };
    let lowest = lowest.unwrap_or(nodes.len());
    let mut gradient = Some(d_y);
    for (i, (node, trace)) in nodes.iter().zip(traces).enumerate().skip(lowest).rev() {
        let d_y = gradient?;
        gradient = back(rec, &**node, trace, d_y, i > lowest || need_d_x);
    }
    gradient.filter(|_| need_d_x)
}

/// Records a layer's backward pass. A layer that does not return a needed input gradient is rejected: the layers before it would
/// not be trained.
pub(crate) fn back(
    rec: &mut Recorder<'_>,
    node: &dyn Node,
    trace: &Trace,
    d_y: View,
    need_d_x: bool,
) -> Option<View> {
    let d_x = rec.scope(node.path(), |rec| node.backward(rec, trace, d_y, need_d_x));
    if need_d_x && d_x.is_none() {
        rec.refuse(Error::invalid(
            node.path(),
            "no gradient of its input",
            "the gradient that trains the layers before it",
            "return it from Node::backward",
        ));
    }
    d_x
}

/// Records a + b.
pub(crate) fn sum(rec: &mut Recorder<'_>, a: View, b: View) -> View {
    let y = rec.scratch(a.len);
    rec.op(Merge { mode: MergeMode::Sum, rows: 1, features: a.len, second: a.len }, MergePorts { a, b, y });
    y
}

impl Trace {
    /// Sets which rows count for the layer and for those inside it, where that is not set yet.
    pub(super) fn count(&mut self, mask: Option<View>) {
        self.counted = self.counted.or(mask);
        self.inner.iter_mut().for_each(|inner| inner.count(mask));
    }
}

fn has_parameters(rec: &Recorder<'_>, node: &dyn Node) -> bool {
    rec.arena().of_layer(node.path()).next().is_some()
        || node.inner().iter().any(|node| has_parameters(rec, &**node))
}

/// All layers, each after its inner layers.
pub(crate) fn every(nodes: &[Box<dyn Node>]) -> Vec<&dyn Node> {
    nodes.iter().flat_map(|node| every(node.inner()).into_iter().chain([&**node])).collect()
}

/// All layers with their traces, each after its inner layers.
pub(crate) fn every_trace<'a>(
    nodes: &'a [Box<dyn Node>],
    traces: &'a [Trace],
) -> Vec<(&'a dyn Node, &'a Trace)> {
    let pairs = nodes.iter().zip(traces);
    pairs
        .flat_map(|(node, trace)| {
            every_trace(node.inner(), &trace.inner).into_iter().chain([(&**node, trace)])
        })
        .collect()
}

/// How deep layers are nested: 0 without layers, 1 without inner layers.
pub(crate) fn depth(nodes: &[Box<dyn Node>]) -> usize {
    nodes.iter().map(|node| 1 + depth(node.inner())).max().unwrap_or(0)
}

/// The layers at a depth, 0 for these themselves, each with its trace and the mask of its output. `mask` is that of the input.
pub(crate) fn at_depth<'a>(
    nodes: &'a [Box<dyn Node>],
    traces: &'a [Trace],
    mask: Option<View>,
    depth: usize,
) -> Vec<(&'a dyn Node, &'a Trace, Option<View>)> {
    let mut found = Vec::new();
    let mut before: Option<(View, Option<View>)> = None;
    for (node, trace) in nodes.iter().zip(traces) {
        // A layer that does not take the output of the one before it begins another branch.
        let of_input = before.filter(|(output, _)| *output == trace.input).map_or(mask, |(_, mask)| mask);
        let of_output = if node.output().masked { trace.mask.or(of_input) } else { None };
        match depth.checked_sub(1) {
            None => found.push((&**node, trace, of_output)),
            Some(depth) => found.extend(at_depth(node.inner(), &trace.inner, of_input, depth)),
        }
        before = Some((trace.output, of_output));
    }
    found
}
