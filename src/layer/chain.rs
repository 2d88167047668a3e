//! Layers one after another: what a network and the paths of a residual block are.

use super::{Layer, Node, Scope, Signal, Trace};
use crate::plan::arena::{Arena, ParameterId};
use crate::plan::{Recorder, View};
use crate::{Error, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// Builds layers one after another; a layer's path is `prefix`, its place and its kind.
pub(crate) fn build(
    layers: &[Arc<dyn Layer>],
    prefix: &str,
    scope: &mut Scope<'_>,
    input: &Signal,
) -> Result<Vec<Box<dyn Node>>> {
    let mut nodes: Vec<Box<dyn Node>> = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let path = format!("{prefix}{i}.{}", layer.kind());
        let mut scope = scope.inside(path);
        let input = unmasked(&**layer, scope.path(), output(&nodes, input))?;
        let before = scope.arena.parameters().len();
        let node = layer.build(&mut scope, input)?;
        known(&*node, scope.arena, before)?;
        scope.describe(&*node, layer.options());
        nodes.push(node);
    }
    Ok(nodes)
}

/// Refuses a layer with parameters, of those in the arena from `first` on, that its facts do not tell of: it would not be trained.
fn known(node: &dyn Node, arena: &Arena, first: usize) -> Result<()> {
    let told = |node: &dyn Node| node.facts().parameters;
    let of_inner = every(node.inner()).into_iter().flat_map(told);
    let known: HashSet<ParameterId> = told(node).into_iter().chain(of_inner).collect();
    match arena.ids().skip(first).find(|id| !known.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Error::invalid(
            node.path(),
            format!("the parameter {}, which the layer's facts leave out", arena.get(id).path),
            "all of its parameters among Facts::parameters, so that they are trained",
            "name it in Node::facts",
        )),
    }
}

/// Refuses masked sequences for layers that would count padded steps as if they were there.
pub(crate) fn unmasked<'a>(layer: &dyn Layer, path: &str, input: &'a Signal) -> Result<&'a Signal> {
    if !input.masked || layer.takes_masks() {
        return Ok(input);
    }
    Err(Error::invalid(
        path,
        "a masked sequence",
        "an input without a mask, since the layer cannot leave padded steps out",
        "put it before the Masking layer, inside of TimeDistributed, or behind a recurrent layer that returns its last \
         output alone",
    ))
}

/// What leaves the layers.
pub(crate) fn output<'a>(nodes: &'a [Box<dyn Node>], input: &'a Signal) -> &'a Signal {
    nodes.last().map_or(input, |node| node.output())
}

/// Records the forward pass; returns what each layer left. The recorder then has the mask of what leaves the last.
pub(crate) fn forward(rec: &mut Recorder<'_>, nodes: &[Box<dyn Node>], input: View) -> Vec<Trace> {
    let mut x = input;
    let mut traces = Vec::with_capacity(nodes.len());
    for node in nodes {
        let trace = rec.scope(node.path(), |rec| node.forward(rec, x));
        x = trace.output;
        rec.set_mask(if node.output().masked { trace.mask.or(rec.mask()) } else { None });
        traces.push(trace);
    }
    traces
}

/// Records the backward pass from the output's gradient into the arena of gradients; returns the input's gradient when it is
/// asked for.
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
            "the trace of every layer",
            "hand over what the forward pass returned",
        ));
        return None;
    }
    // Gradients flow only as far down as something needs them.
    let lowest = if need_d_x { Some(0) } else { nodes.iter().position(|node| has_parameters(&**node)) };
    let lowest = lowest.unwrap_or(nodes.len());
    let mut gradient = Some(d_y);
    for (i, (node, trace)) in nodes.iter().zip(traces).enumerate().skip(lowest).rev() {
        let d_y = gradient?;
        gradient = back(rec, &**node, trace, d_y, i > lowest || need_d_x);
    }
    gradient.filter(|_| need_d_x)
}

/// Records a layer's backward pass. A layer that keeps its input's gradient to itself is refused where it is needed: what comes before
/// it would not be trained.
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
            "one, which the layers before it are trained with",
            "return it from Node::backward",
        ));
    }
    d_x
}

fn has_parameters(node: &dyn Node) -> bool {
    !node.facts().parameters.is_empty() || node.inner().iter().any(|node| has_parameters(&**node))
}

/// Every layer, those inside of others before them.
pub(crate) fn every(nodes: &[Box<dyn Node>]) -> Vec<&dyn Node> {
    nodes.iter().flat_map(|node| every(node.inner()).into_iter().chain([&**node])).collect()
}

/// Every layer with what it left, those inside of others before them.
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
