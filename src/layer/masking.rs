//! Masking: which time steps of padded sequences count.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{MaskRows, MaskRowsPorts, StepMask, StepMaskPorts};
use crate::plan::{Recorder, View};
use crate::{Error, Result, shape};

/// Skips the time steps whose features all equal one value, with which shorter sequences were padded (Keras' `Masking`).
///
/// Input and output: a sequence `[T, F]`; masked steps are 0 in the output. Recurrent layers keep their state over masked steps,
/// so padding does not change the result of a sequence; [`Dense`](super::Dense), [`Dropout`](super::Dropout), [`AlphaDropout`](super::AlphaDropout),
/// [`Activate`](super::Activate), [`Softmax`](super::Softmax), [`LayerNorm`](super::LayerNorm), [`TimeDistributed`](super::TimeDistributed), [`Residual`](super::Residual) and
/// [`Bidirectional`](super::Bidirectional) pass the mask on; losses and metrics of sequences skip masked steps. Other layers
/// reject masked sequences. If this is the first layer, a sequence whose steps are all masked is an error, unless a layer is
/// stateful. The input range, from which x_Q follows, should be that of the unmasked steps, as
/// [`Sequential::for_data`](crate::Sequential::for_data) takes it from data with a [`mask_value`](crate::Dataset::mask_value).
/// Such data are rejected unless the first layer masks their value and no other layer masks any.
///
/// ```
/// use autorot::{Dense, Lstm, Masking, Sequential};
///
/// let model = Sequential::new([29, 12]).add(Masking::new(-1.0)).add(Lstm::new(64)).add(Dense::new(9));
/// # model.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Masking {
    value: f32,
}

impl Masking {
    /// Masks the steps whose features all equal `value`.
    pub fn new(value: f32) -> Self {
        Self { value }
    }
}

impl Layer for Masking {
    fn kind(&self) -> &'static str {
        "masking"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let (steps, features) = shape::sequence(&path, &input.shape)?;
        if !self.value.is_finite() {
            return Err(Error::invalid(
                path,
                format!("mask value {}", self.value),
                "a finite number",
                "pad with a value that never fills a whole step",
            ));
        }
        scope.masks(self.value);
        let output = Signal { masked: true, ..input.clone() };
        Ok(Box::new(MaskingNode { path, steps, features, value: self.value, output }))
    }
}

#[derive(Debug)]
struct MaskingNode {
    path: String,
    steps: usize,
    features: usize,
    value: f32,
    output: Signal,
}

impl MaskingNode {
    fn rows(&self, rec: &Recorder<'_>) -> usize {
        rec.batch() * self.steps
    }

    fn zero(&self, rec: &mut Recorder<'_>, x: View, mask: View) -> View {
        let (rows, features) = (self.rows(rec), self.features);
        let y = rec.scratch(rows * features);
        rec.op(MaskRows { rows, features, mean: false }, MaskRowsPorts { x, mask, total: None, y });
        y
    }
}

impl Node for MaskingNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (rows, features, value) = (self.rows(rec), self.features, self.value);
        let mask = rec.scratch(rows);
        rec.op(StepMask { rows, features, value }, StepMaskPorts { x: input, mask });
        let output = self.zero(rec, input, mask);
        Trace { mask: Some(mask), ..Trace::new(input, output) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let mask = trace.mask?;
        need_d_x.then(|| self.zero(rec, d_y, mask))
    }
}
