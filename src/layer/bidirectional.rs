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
/// are concatenated. The two layers have paths such as `3.bidirectional.forward` and `3.bidirectional.backward`. As in Keras,
/// output sequences are zero at masked steps.
///
/// ```
/// use autorot::{Bidirectional, Dense, Lstm, MergeMode, Sequential};
///
/// let both = Bidirectional::new(Lstm::new(64)).merge(MergeMode::Sum);
/// # Sequential::new([29, 12]).add(both).add(Dense::new(9)).network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Bidirectional {
    layer: Recurrent,
    merge: MergeMode,
}

impl Bidirectional {
    /// This layer and a second one with the same options; their outputs are concatenated.
    pub fn new(layer: Recurrent) -> Self {
        Self { layer, merge: MergeMode::Concat }
    }

    /// Sets how the two outputs are merged (Keras' `merge_mode`).
    pub fn merge(mut self, merge: MergeMode) -> Self {
        self.merge = merge;
        self
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
        if self.layer.runs_backwards() {
            return Err(Error::invalid(
                path,
                "a layer with go_backwards",
                "a layer that runs forwards; the backward one is added",
                "remove go_backwards",
            ));
        }
        let (steps, _) = shape::sequence(&path, &input.shape)?;
        let mut build = |name: &str, direction| {
            scope.inner_by(name, &self.layer, input, |scope| self.layer.build_in(scope, input, direction))
        };
        let nodes = vec![build("forward", Direction::Forward)?, build("backward", Direction::Aligned)?];
        let single = nodes[0].output();
        let mut output = single.clone();
        let units = single.shape.last().copied().unwrap_or(1);
        if let (MergeMode::Concat, Some(last)) = (self.merge, output.shape.last_mut()) {
            *last = 2 * units;
        }
        shape::elements(&path, &output.shape)?;
        output.range = single.range.map(|range| merged(self.merge, range));
        output.frame = Frame::around(merged_centre(self.merge, single.frame.centre));
        let rows = if single.shape.len() > 1 { steps } else { 1 };
        Ok(Box::new(BidirectionalNode { path, nodes, merge: self.merge, rows, units, output }))
    }
}

/// The range of two merged values of this range.
fn merged(mode: MergeMode, Range { min, max }: Range) -> Range {
    match mode {
        MergeMode::Concat | MergeMode::Ave => Range { min, max },
        MergeMode::Sum => Range { min: 2.0 * min, max: 2.0 * max },
        MergeMode::Mul => {
            let products = [min * min, min * max, max * max];
            Range {
                min: products.into_iter().fold(f32::MAX, f32::min),
                max: products.into_iter().fold(f32::MIN, f32::max),
            }
        }
    }
}

/// The centre of two merged values around this centre.
fn merged_centre(mode: MergeMode, centre: f32) -> f32 {
    match mode {
        MergeMode::Concat | MergeMode::Ave => centre,
        MergeMode::Sum => 2.0 * centre,
        MergeMode::Mul => centre * centre,
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
    units: usize,
    output: Signal,
}

impl BidirectionalNode {
    fn kernel(&self, rec: &Recorder<'_>) -> Merge {
        Merge { mode: self.merge, rows: rec.batch() * self.rows, features: self.units }
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
        let part = kernel.rows * kernel.features;
        let (d_a, d_b) = (rec.scratch(part), rec.scratch(part));
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
