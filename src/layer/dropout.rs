//! Dropout: zeroes a random share of its inputs during training.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{DropoutKernel, DropoutPorts, DropoutValues};
use crate::plan::{Recorder, View};
use crate::{Error, Range, Result};

/// Zeroes each value with probability `rate` during training and multiplies the others by 1/(1 − rate) (Srivastava et al. 2014;
/// Keras' `Dropout`). Any shape; has no effect in predictions. The output range is the input range times this factor, extended to
/// include 0.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    /// Dropout with 0 ≤ `rate` < 1, checked when the model is built.
    pub fn new(rate: f32) -> Self {
        Self { rate }
    }
}

/// The range after dropout: times 1/(1 − rate), and extended to include 0.
pub(super) fn stretched(range: Range, rate: f32) -> Range {
    if rate == 0.0 {
        return range;
    }
    let scale = 1.0 / (1.0 - rate);
    Range { min: (range.min * scale).min(0.0), max: (range.max * scale).max(0.0) }
}

/// Rejects rates that are not 0 ≤ `rate` < 1.
pub(super) fn check_rate(path: &str, name: &str, rate: f32) -> Result<()> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::invalid(
        path,
        format!("{name} {rate}"),
        "a rate from 0 to below 1",
        "give the share of values to drop",
    ))
}

impl Layer for Dropout {
    fn kind(&self) -> &'static str {
        "dropout"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        check_rate(scope.path(), "rate", self.rate)?;
        let range = input.range.map(|range| stretched(range, self.rate));
        let output = Signal { range, ..input.clone() };
        Ok(Box::new(DropoutNode::new(scope, self.rate, DropoutValues::scaled(self.rate), output)))
    }
}

/// Dropout of any kind.
#[derive(Debug)]
pub(super) struct DropoutNode {
    path: String,
    rate: f32,
    values: DropoutValues,
    seed: u32,
    /// How many positions of a sample share their bits, and how many numbers each has; one position if nothing is shared.
    shared: [usize; 2],
    output: Signal,
}

impl DropoutNode {
    pub(super) fn new(scope: &Scope<'_>, rate: f32, values: DropoutValues, output: Signal) -> Self {
        Self { path: scope.path().to_owned(), rate, values, seed: scope.layer_seed(), shared: [1; 2], output }
    }

    /// The same dropout, for all positions of a sample alike.
    pub(super) fn sharing(self, shared: [usize; 2]) -> Self {
        Self { shared, ..self }
    }

    /// `x` with values dropped, or `x` itself if nothing is dropped.
    fn drop(&self, rec: &mut Recorder<'_>, x: View, values: DropoutValues) -> View {
        if !rec.training() || self.rate == 0.0 {
            return x;
        }
        let count = rec.batch() * self.output.len();
        let clock = rec.clock();
        let y = rec.scratch(count);
        rec.op(
            DropoutKernel {
                count,
                shared: self.shared,
                of_ones: false,
                rate: self.rate,
                values,
                seed: self.seed,
            },
            DropoutPorts { x: Some(x), clock, y },
        );
        y
    }
}

impl Node for DropoutNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let output = self.drop(rec, input, self.values);
        Trace::new(input, output)
    }

    fn backward(&self, rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| self.drop(rec, d_y, self.values.gradient()))
    }
}
