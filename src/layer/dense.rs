//! Dense: y = σ(ρ ⊙ (x·W + b)).

use super::conv::record_epilogue;
use super::neuron::{KernelShape, Neuron, Neurons, neuron_options};
use super::product::Product;
use super::virtual_sample::{VirtualSample, Weights};
use super::{Facts, Layer, Node, Options, Regularizer, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{
    DenseBackwardWeight, DenseBackwardWeightPorts, DenseForward, DenseForwardPorts, MAX_DEPTH,
    RotateBackward, RotateBackwardPorts, Share, Taps,
};
use crate::plan::{Recorder, View};
use crate::{Activation, Frame, Result, shape};

/// A fully connected layer, classic or auto-rotating: f = x·W + b, z = ρ ⊙ f, y = σ(z).
///
/// Input: one vector of K numbers per sample, or several, `[..., K]`, which are processed independently, such as the time steps
/// of a sequence. Output: `units` numbers per vector. Parameters: `kernel` `[K, units]`, `bias` `[units]`, and `lambda` (`[1]` or
/// `[units]`) if L is learnt. Options are those of Keras' `Dense`; auto-rotation is that of Saromo, Villota and Villanueva 2019
/// (arXiv:1910.02483).
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
    /// A classic linear layer with a Glorot uniform kernel and a zero bias.
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

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let output = shape::dense(scope.path(), &input.shape, self.units)?;
        let inputs = input.shape.last().copied().unwrap_or(1);
        let positions = input.len() / inputs;
        let neurons =
            self.neuron.build(scope, input, self.units, KernelShape::new("kernel", &[inputs, self.units]))?;
        let output = Signal { masked: input.masked, ..neurons.output(output) };
        Ok(Box::new(DenseNode { positions, inputs, neurons, output }))
    }
}

#[derive(Debug)]
struct DenseNode {
    /// Vectors per sample.
    positions: usize,
    inputs: usize,
    neurons: Neurons,
    output: Signal,
}

/// Gradients over more rows than this are summed in parts.
const MANY_ROWS: usize = 4096;

/// Sums of this many columns, or fewer, cost a product less than a dispatch of their own.
const FEW_UNITS: usize = 64;

impl DenseNode {
    fn product(&self, rec: &Recorder<'_>) -> Product {
        Product { rows: rec.batch() * self.positions, inputs: self.inputs, units: self.neurons.units }
    }

    /// The frame of the inputs, where the products of steps with so many rows take it into account; elsewhere
    /// [`Neurons::enter`] does.
    fn fused_frame(&self, rows: usize) -> Option<Frame> {
        let fits = rows <= MANY_ROWS && self.inputs <= MAX_DEPTH;
        self.neurons.frame().filter(|frame| fits && frame.is_near_zero())
    }

    /// The virtual sample of a window with one tap.
    fn virtual_sample(&self) -> VirtualSample {
        VirtualSample::new(Taps::pointwise([1; 3]), None, self.neurons.rotation, 1)
    }

    /// Whether df is dy, and the sums for db are few enough to be the weights' product's.
    fn is_linear(&self) -> bool {
        let Neurons { units, activation, rotation, bias, .. } = self.neurons;
        activation == Activation::Linear && rotation.is_none() && (bias.is_none() || units <= FEW_UNITS)
    }

    /// Records df, from it db and s, and the virtual sample's share; returns df and the share.
    fn backward_neurons(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View) -> (View, Option<View>) {
        let Neurons { units, activation, rotation, bias, .. } = self.neurons;
        let Product { rows, .. } = self.product(rec);
        let z = trace.pre_activation.unwrap_or(trace.output);
        let [b, _] = self.neurons.parameters(rec);
        let d_f = rec.scratch(rows * units);
        let d_b = self.neurons.d_b(rec);
        let virtual_sample = rotation.map(|_| rec.scratch(units));
        let s = self.neurons.s(rec);
        let has_bias = bias.is_some();
        rec.op(
            RotateBackward { rows, units, has_bias, activation, rotation, zones: None },
            RotateBackwardPorts { d_y, z, rotation: trace.rotation, b, d_f, d_b, virtual_sample, s },
        );
        self.neurons.finish_lambda(rec, s);
        (d_f, virtual_sample)
    }

    /// Records the forward pass for rows too long for one dispatch: first ρ, then the product in stretches.
    fn forward_in_stretches(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let Neurons { units, rotation, .. } = self.neurons;
        let product = Product { rows: rec.batch(), inputs: self.inputs, units };
        let sample = self.virtual_sample();
        let weights = Weights { taps: 1, channels: self.inputs, filters: units, turned: false };
        let stored = rotation.map(|rotation| sample.rotate(rec, &self.neurons, rotation, weights));
        record_epilogue(rec, &self.neurons, &sample, stored, input, |rec, ending, ports| {
            product.forward(rec, ending, ports);
        })
    }
}

impl Node for DenseNode {
    fn path(&self) -> &str {
        &self.neurons.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let Neurons { units, activation, rotation, bias, .. } = self.neurons;
        let Product { rows: batch, inputs, .. } = self.product(rec);
        let frame = self.fused_frame(batch);
        let input = if frame.is_some() { input } else { self.neurons.enter(rec, input) };
        if inputs > MAX_DEPTH {
            return rec.with_steps(self.positions, |rec| self.forward_in_stretches(rec, input));
        }
        let (w, normed) = self.neurons.weights(rec);
        let [b, lambda] = self.neurons.parameters(rec);
        let stored = rotation.map(|_| rec.scratch(2 * units));
        let keep_z = self.neurons.keeps_z(rec);
        let z = keep_z.then(|| rec.scratch(batch * units));
        let y = rec.scratch(batch * units);
        let has_bias = bias.is_some();
        let frame = frame.unwrap_or_default();
        let kernel = DenseForward { batch, inputs, units, frame, has_bias, rotation, keep_z, activation };
        rec.op(kernel, DenseForwardPorts { x: input, w, b, lambda, rotation: stored, z, y });
        Trace { pre_activation: z, rotation: stored, normed, ..Trace::new(input, y) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let Neurons { units, rotation, kernel, .. } = self.neurons;
        let regularizer = self.neurons.penalty(rec);
        let product = self.product(rec);
        let Product { rows: batch, inputs, .. } = product;
        let (w, d_w) = (self.neurons.used_weights(rec, trace), rec.gradient(kernel));
        let d_f = if batch > MANY_ROWS {
            let z = trace.pre_activation.unwrap_or(trace.output);
            let sample = self.virtual_sample();
            let (d_f, d_v) = rec.with_steps(self.positions, |rec| {
                sample.backward(rec, &self.neurons, (z, trace.rotation), d_y, false)
            });
            let share = (sample.share(rotation), d_v, sample.factor);
            product.backward_weight_in_parts(rec, [trace.input, d_f, w, d_w], share, regularizer);
            d_f
        } else {
            let (d_f, virtual_sample, d_b) = if self.is_linear() {
                (d_y, None, self.neurons.d_b(rec))
            } else {
                let (d_f, virtual_sample) = self.backward_neurons(rec, trace, d_y);
                (d_f, virtual_sample, None)
            };
            let Regularizer { l1, l2 } = regularizer;
            let (frame, share) = (self.fused_frame(batch).unwrap_or_default(), Share::by(rotation));
            let bias = d_b.is_some();
            let kernel = DenseBackwardWeight { batch, inputs, units, frame, share, l1, l2, bias };
            rec.op(kernel, DenseBackwardWeightPorts { x: trace.input, d_f, w, virtual_sample, d_w, d_b });
            d_f
        };
        self.neurons.finish_weights(rec, trace);
        need_d_x.then(|| {
            let d_x = product.backward_input(rec, d_f, w);
            self.neurons.leave(rec, d_x)
        })
    }

    fn facts(&self) -> Facts {
        self.neurons.facts()
    }
}
