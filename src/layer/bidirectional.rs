//! A recurrent layer in both directions of time.

use super::recurrent::Direction;
use super::{Layer, Node, Options, Recurrent, Scope, Signal, Trace, chain};
use crate::describe::value;
use crate::kernel::{
    MaskRows, MaskRowsPorts, Merge, MergeBackward, MergeBackwardPorts, MergeMode, MergePorts,
};
use crate::plan::{Recorder, View};
use crate::{Error, Frame, Range, Result, shape};

/// Runs a recurrent layer forwards in time and a second one, with its own weights, backwards, and merges their outputs (Keras'
/// `Bidirectional`).
///
/// Input: a sequence `[T, F]`. Output: `[2H]`, or `[T, 2H]` if the layers return sequences; H instead of 2H unless the outputs
/// are concatenated; the sum of both layers' units where these differ. The two layers have paths such as `3.bidirectional.forward` and `3.bidirectional.backward`. As in Keras,
/// output sequences are zero at masked steps.
///
/// ```
/// use autorot::{Bidirectional, Dense, Gru, Lstm, MergeMode, Sequential};
///
/// let both = Bidirectional::new(Lstm::new(64)).merge(MergeMode::Sum);
/// let different = Bidirectional::new(Lstm::new(64)).backward_layer(Gru::new(16).go_backwards(true));
/// # for layer in [both, different] {
/// #     Sequential::new([29, 12]).add(layer).add(Dense::new(9)).network(0)?;
/// # }
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bidirectional {
    layer: Recurrent,
    /// The layer that runs backwards, if it has options of its own.
    backward: Option<Recurrent>,
    merge: MergeMode,
}

impl Bidirectional {
    /// This layer and a second one with the same options; their outputs are concatenated.
    pub fn new(layer: Recurrent) -> Self {
        Self { layer, backward: None, merge: MergeMode::Concat }
    }

    /// Sets the layer that runs backwards in time, in place of one with the options of the other (Keras' `backward_layer`). As in Keras
    /// it has [`go_backwards`](Recurrent::go_backwards), and the same `return_sequences`, `return_state` and `stateful` as the other.
    /// Its cell may be another; unless the outputs are concatenated, it has as many units.
    pub fn backward_layer(mut self, layer: Recurrent) -> Self {
        self.backward = Some(layer);
        self
    }

    /// Sets how the two outputs are merged (Keras' `merge_mode`).
    pub fn merge(mut self, merge: MergeMode) -> Self {
        self.merge = merge;
        self
    }

    /// Refuses layers that do not run in opposite directions, or return different things.
    fn check(&self, path: &str) -> Result<()> {
        if self.layer.runs_backwards() {
            return Err(Error::invalid(
                path,
                "a layer with go_backwards",
                "a layer that runs forwards; the backward one is added",
                "remove go_backwards, or give the layer to backward_layer",
            ));
        }
        let Some(backward) = &self.backward else { return Ok(()) };
        if !backward.runs_backwards() {
            return Err(Error::invalid(
                path,
                "a backward layer without go_backwards",
                "two layers that run in opposite directions",
                "set go_backwards(true) on the backward layer",
            ));
        }
        for ((name, own), (_, other)) in self.layer.in_common().into_iter().zip(backward.in_common()) {
            if own != other {
                return Err(Error::invalid(
                    path,
                    format!("{name} {own} forwards and {other} backwards"),
                    "the same in both directions",
                    format!("set {name} alike on both layers"),
                ));
            }
        }
        Ok(())
    }
}

impl Layer for Bidirectional {
    fn kind(&self) -> &'static str {
        "bidirectional"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        Options::from([("merge".to_owned(), value(&self.merge))])
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        self.check(&path)?;
        let (steps, _) = shape::sequence(&path, &input.shape)?;
        let mut build = |name: &str, layer: &Recurrent, direction| {
            scope.inner_by(name, layer, input, |scope| layer.build_in(scope, input, direction))
        };
        let backward = self.backward.as_ref().unwrap_or(&self.layer);
        let nodes = vec![
            build("forward", &self.layer, Direction::Forward)?,
            build("backward", backward, Direction::Aligned)?,
        ];
        let [a, b] = [nodes[0].output(), nodes[1].output()];
        let units = [a, b].map(|signal| signal.shape.last().copied().unwrap_or(1));
        let mut output = a.clone();
        if self.merge == MergeMode::Concat {
            output.shape.pop();
            output.shape.push(units[0].saturating_add(units[1]));
        } else if units[0] != units[1] {
            return Err(Error::invalid(
                path,
                format!("{} units forwards and {} backwards", units[0], units[1]),
                "as many in both directions, unless the outputs are concatenated",
                "give both layers the same units, or use MergeMode::Concat",
            ));
        }
        shape::elements(&path, &output.shape)?;
        output.range = a.range.zip(b.range).map(|(a, b)| merged(self.merge, a, b));
        let centres = [a.frame.centre, b.frame.centre];
        output.frame = Frame::around(merged_centre(self.merge, centres, units));
        let rows = if a.shape.len() > 1 { steps } else { 1 };
        Ok(Box::new(BidirectionalNode { path, nodes, merge: self.merge, rows, units, output }))
    }
}

/// The range of two merged values of these ranges.
fn merged(mode: MergeMode, a: Range, b: Range) -> Range {
    match mode {
        MergeMode::Concat => Range { min: a.min.min(b.min), max: a.max.max(b.max) },
        MergeMode::Sum => Range { min: a.min + b.min, max: a.max + b.max },
        MergeMode::Ave => Range { min: 0.5 * (a.min + b.min), max: 0.5 * (a.max + b.max) },
        MergeMode::Mul => {
            let products = [a.min * b.min, a.min * b.max, a.max * b.min, a.max * b.max];
            Range {
                min: products.into_iter().fold(f32::MAX, f32::min),
                max: products.into_iter().fold(f32::MIN, f32::max),
            }
        }
    }
}

/// The centre of two merged values around these centres; of values side by side the mean, by the units of both.
fn merged_centre(mode: MergeMode, [a, b]: [f32; 2], [left, right]: [usize; 2]) -> f32 {
    match mode {
        MergeMode::Concat => a + (b - a) * (right as f32 / (left + right) as f32),
        MergeMode::Sum => a + b,
        MergeMode::Mul => a * b,
        MergeMode::Ave => 0.5 * (a + b),
    }
}

#[derive(Debug)]
struct BidirectionalNode {
    path: String,
    /// Forwards, then backwards.
    nodes: Vec<Box<dyn Node>>,
    merge: MergeMode,
    /// Output rows per sample: its steps, or one.
    rows: usize,
    /// The units of both layers.
    units: [usize; 2],
    output: Signal,
}

impl BidirectionalNode {
    fn kernel(&self, rec: &Recorder<'_>) -> Merge {
        let [features, second] = self.units;
        Merge { mode: self.merge, rows: rec.batch() * self.rows, features, second }
    }

    /// Sets the masked steps of a sequence to zero.
    fn masked(&self, rec: &mut Recorder<'_>, x: View, mask: Option<View>) -> View {
        let Some(mask) = mask else { return x };
        let (rows, len) = (rec.batch() * self.rows, rec.batch() * self.output.len());
        let y = rec.scratch(len);
        rec.op(
            MaskRows { rows, features: len / rows, mean: false },
            MaskRowsPorts { x, mask, total: None, y },
        );
        y
    }
}

impl Node for BidirectionalNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let mut run = |node: &dyn Node| rec.scope(node.path(), |rec| node.forward(rec, input));
        let mut inner: Vec<Trace> = self.nodes.iter().map(|node| run(&**node)).collect();
        let merged = rec.scratch(rec.batch() * self.output.len());
        let kernel = self.kernel(rec);
        rec.op(kernel, MergePorts { a: inner[0].output, b: inner[1].output, y: merged });
        inner.iter_mut().for_each(|trace| trace.count(rec.mask()));
        let mask = rec.mask().filter(|_| self.output.masked);
        let output = self.masked(rec, merged, mask);
        Trace { inner, ..Trace::new(input, output) }.keeping(mask)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let [forwards, backwards] = trace.inner.as_slice() else { return trace.refuse(rec, &self.path) };
        let Some(&mask) = trace.kept::<Option<View>>() else { return trace.refuse(rec, &self.path) };
        let d_y = self.masked(rec, d_y, mask);
        let kernel = self.kernel(rec);
        let [d_a, d_b] = self.units.map(|units| rec.scratch(kernel.rows * units));
        rec.op(
            MergeBackward(kernel),
            MergeBackwardPorts { d_y, a: Some(forwards.output), b: Some(backwards.output), d_a, d_b },
        );
        let a = chain::back(rec, &*self.nodes[0], forwards, d_a, need_d_x);
        let b = chain::back(rec, &*self.nodes[1], backwards, d_b, need_d_x);
        let (a, b) = a.zip(b)?;
        Some(chain::sum(rec, a, b))
    }

    fn inner(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }
}
