//! An activation as a layer.

use super::{Facts, Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{ActivateKernel, ActivatePorts, RotateBackward, RotateBackwardPorts, Zones};
use crate::plan::{Recorder, View};
use crate::{Activation, Range, Result, shape};

/// y = σ(x) (Keras' `Activation` layer), for activations that do not directly follow a layer's linear map, for example after
/// batch normalisation. Any shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Activate {
    activation: Activation,
}

impl Activate {
    /// A layer with this σ.
    pub fn new(activation: Activation) -> Self {
        Self { activation }
    }
}

impl Layer for Activate {
    fn kind(&self) -> &'static str {
        "activate"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        shape::elements(&path, &input.shape)?;
        let range = self.activation.range(input.range);
        let output = Signal { range, frame: self.activation.frame(), ..input.clone() };
        Ok(Box::new(ActivateNode { path, activation: self.activation, input_range: input.range, output }))
    }
}

#[derive(Debug)]
struct ActivateNode {
    path: String,
    activation: Activation,
    input_range: Option<Range>,
    output: Signal,
}

impl Node for ActivateNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let count = rec.batch() * self.output.len();
        let y = rec.scratch(count);
        rec.op(ActivateKernel { count, activation: self.activation }, ActivatePorts { x: input, y });
        Trace { pre_activation: Some(input), ..Trace::new(input, y) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| {
            let (batch, units, activation) = (rec.batch(), self.output.len(), self.activation);
            let d_x = rec.scratch(batch * units);
            rec.op(
                RotateBackward {
                    rows: batch,
                    units,
                    has_bias: false,
                    activation,
                    rotation: None,
                    zones: Some(Zones::one([1; 3])),
                },
                RotateBackwardPorts {
                    d_y,
                    z: trace.input,
                    rotation: None,
                    b: None,
                    d_f: d_x,
                    d_b: None,
                    virtual_sample: None,
                    s: None,
                },
            );
            d_x
        })
    }

    fn facts(&self) -> Facts {
        Facts { input_range: self.input_range, activations: vec![self.activation], ..Facts::default() }
    }
}
