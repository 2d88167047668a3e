//! Dense: y = σ(ρ ⊙ (x·W + b)).

use super::neuron::{Neuron, Neurons, neuron_options};
use super::{Facts, Layer, Node, Scope, Signal, Trace};
use crate::kernel::{DenseBackwardInput, DenseBackwardWeight, DenseForward, RotateBackward};
use crate::plan::{Recorder, View};
use crate::{Result, shape};

/// A penalty on a kernel, added to the loss: l1·Σ|w| + l2·Σw² (Keras' `L1L2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Regularizer {
    /// The factor of Σ|w|, at least 0.
    pub l1: f32,
    /// The factor of Σw², at least 0.
    pub l2: f32,
}

/// A fully connected layer, classic or auto-rotating: f = x·W + b, z = ρ ⊙ f, y = σ(z).
///
/// Input: a vector of K numbers a sample, or several, `[..., K]`, each of which it takes by itself, as a sequence's time steps.
/// Output: `units` numbers for each. Parameters: `kernel` `[K, units]`,
/// `bias` `[units]`, and `lambda` (`[1]` or `[units]`) where L is learnt. Options are Keras' `Dense`'s; auto-rotation is
/// that of Saromo, Villota and Villanueva 2019 (arXiv:1910.02483).
///
/// ```
/// use autorot::{Activation, AutoRotate, Dense, LearnL, Rule};
///
/// let classic = Dense::new(50).activation(Activation::Sigmoid);
/// let rotating = classic.clone().auto_rotate(AutoRotate::new());
/// let learning = classic.auto_rotate(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit));
/// # let _ = (rotating, learning);
/// ```
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Dense {
    units: usize,
    #[serde(flatten)]
    neuron: Neuron,
}

impl Dense {
    /// A classic linear layer with a bias, Glorot uniform kernel and zero bias.
    pub fn new(units: usize) -> Self {
        Self { units, neuron: Neuron::default() }
    }

    neuron_options!(kernel_initializer, kernel_regularizer);
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        "dense"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let output = shape::dense(scope.path(), &input.shape, self.units)?;
        let inputs = input.shape.last().copied().unwrap_or(1);
        let positions = input.len() / inputs;
        let neurons = self.neuron.build(scope, input, self.units, ("kernel", &[inputs, self.units]))?;
        let output = Signal { masked: input.masked, ..neurons.output(output) };
        Ok(Box::new(DenseNode { positions, inputs, neurons, output }))
    }
}

#[derive(Debug)]
struct DenseNode {
    /// Vectors of a sample.
    positions: usize,
    inputs: usize,
    neurons: Neurons,
    output: Signal,
}

impl Node for DenseNode {
    fn path(&self) -> &str {
        &self.neurons.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let Neurons { units, activation, rotation, kernel, bias, .. } = self.neurons;
        let (batch, inputs) = (rec.batch() * self.positions, self.inputs);
        let w = rec.parameter(kernel);
        let [b, lambda] = self.neurons.parameters(rec);
        let stored = rotation.map(|_| rec.scratch(2 * units));
        let keep_z = self.neurons.keeps_z(rec);
        let z = if keep_z { rec.scratch(batch * units) } else { rec.unused() };
        let y = rec.scratch(batch * units);
        let has_bias = bias.is_some();
        let kernel = DenseForward { batch, inputs, units, has_bias, rotation, keep_z, activation };
        let rotation = stored.unwrap_or_else(|| rec.unused());
        rec.op(kernel, [input, w, b, lambda, rotation, z, y]);
        Trace { pre_activation: keep_z.then_some(z), rotation: stored, ..Trace::new(input, y) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let Neurons { units, activation, rotation, kernel, bias, regularizer, .. } = self.neurons;
        let (batch, inputs) = (rec.batch() * self.positions, self.inputs);
        let w = rec.parameter(kernel);
        let [b, _] = self.neurons.parameters(rec);
        let d_f = rec.scratch(batch * units);
        let d_b = self.neurons.d_b(rec);
        let virtual_sample = if rotation.is_some() { rec.scratch(units) } else { rec.unused() };
        let stored = trace.rotation.unwrap_or_else(|| rec.unused());
        let s = self.neurons.s(rec);
        rec.op(
            RotateBackward {
                rows: batch,
                units,
                has_bias: bias.is_some(),
                activation,
                rotation,
                zones: None,
            },
            [d_y, trace.pre_activation.unwrap_or(trace.output), stored, b, d_f, d_b, virtual_sample, s],
        );
        self.neurons.finish_lambda(rec, s);
        let d_w = rec.gradient(kernel);
        rec.op(
            DenseBackwardWeight {
                batch,
                inputs,
                units,
                rule: rotation.map(|r| r.rule),
                l1: regularizer.l1,
                l2: regularizer.l2,
            },
            [trace.input, d_f, w, virtual_sample, d_w],
        );
        need_d_x.then(|| {
            let d_x = rec.scratch(batch * inputs);
            rec.op(DenseBackwardInput { batch, inputs, units }, [d_f, w, d_x]);
            d_x
        })
    }

    fn facts(&self) -> Facts {
        self.neurons.facts()
    }
}
