//! What layers of neurons share: activation, bias, auto-rotation and initialisers.

use super::weight_norm::Gain;
use super::{Facts, Regularizer, Scope, Signal};
use crate::kernel::{Centre, CentrePorts, Strided, Zones};
use crate::plan::arena::{Length, ParameterId, Role, Start};
use crate::plan::{Recorder, View};
use crate::{Activation, AutoRotate, Frame, Initializer, LearnL, Range, Result, Rotation, Rule};

/// The options of a layer of neurons.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Neuron {
    pub(super) activation: Activation,
    pub(super) use_bias: bool,
    pub(super) auto_rotate: Option<AutoRotate>,
    pub(super) weight_norm: bool,
    pub(super) kernel_initializer: Initializer,
    pub(super) bias_initializer: Initializer,
    pub(super) kernel_regularizer: Regularizer,
}

impl Default for Neuron {
    fn default() -> Self {
        Self {
            activation: Activation::Linear,
            use_bias: true,
            auto_rotate: None,
            weight_norm: false,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: Regularizer::default(),
        }
    }
}

/// The option methods of a layer with a field `neuron`.
macro_rules! neuron_options {
    () => {
        /// Sets the activation σ.
        pub fn activation(mut self, activation: crate::Activation) -> Self {
            self.neuron.activation = activation;
            self
        }

        /// Sets whether there is a bias.
        pub fn use_bias(mut self, use_bias: bool) -> Self {
            self.neuron.use_bias = use_bias;
            self
        }

        /// Makes the layer auto-rotating, or classic with `None`.
        pub fn auto_rotate(mut self, auto_rotate: impl Into<Option<crate::AutoRotate>>) -> Self {
            self.neuron.auto_rotate = auto_rotate.into();
            self
        }

        /// Sets whether the layer normalises its weights (Salimans and Kingma 2016, arXiv:1602.07868): it computes with
        /// w = g·v/‖v‖ for each unit or filter. v is the kernel, g a trained parameter `gain`, one number per unit (of a gate, in a
        /// recurrent layer), which starts at ‖v‖, so that the layer starts as the one without. The norm is that of all weights of a
        /// filter; of a separable layer it is that of the pointwise kernel, of a recurrent one that of the inputs' kernel. Default:
        /// false.
        ///
        /// Regularisers and weight decay apply to v, as in PyTorch, and not to g. A unit whose v is 0 computes with w = 0 and stays as
        /// it is. Weights of a layer without weight normalisation go into one with it as v; g must then be set to their norms.
        /// [`Model::start_weight_norm`](crate::Model::start_weight_norm) sets g and the bias from data, and
        /// [`Model::fold`](crate::Model::fold) makes a layer without weight normalisation. It cannot be combined with auto-rotation,
        /// which sets the size of weights by itself.
        pub fn weight_norm(mut self, weight_norm: bool) -> Self {
            self.neuron.weight_norm = weight_norm;
            self
        }

        /// Sets the initialiser of the bias.
        pub fn bias_initializer(mut self, initializer: crate::Initializer) -> Self {
            self.neuron.bias_initializer = initializer;
            self
        }
    };
    ($kernel_initializer:ident, $kernel_regularizer:ident) => {
        crate::layer::neuron::neuron_options!();

        /// Sets the initialiser of the kernel.
        pub fn $kernel_initializer(mut self, initializer: crate::Initializer) -> Self {
            self.neuron.kernel_initializer = initializer;
            self
        }

        /// Adds l1·Σ|w| + l2·Σw² of the kernel to the loss.
        pub fn $kernel_regularizer(mut self, regularizer: crate::Regularizer) -> Self {
            self.neuron.kernel_regularizer = regularizer;
            self
        }
    };
}
pub(super) use neuron_options;

/// A kernel's name and shape, and how units lie in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KernelShape<'a> {
    pub(super) name: &'a str,
    pub(super) shape: &'a [usize],
    /// How many neighbouring numbers belong to the same unit: 1, or the channels of a kernel that has these last.
    pub(super) inner: usize,
    /// The gates or groups of its units.
    pub(super) blocks: usize,
}

impl<'a> KernelShape<'a> {
    /// With the units last, all together.
    pub(super) fn new(name: &'a str, shape: &'a [usize]) -> Self {
        Self { name, shape, inner: 1, blocks: 1 }
    }
}

/// The activations of a layer's gates (most layers have one), and the gates' rotations unless the layer is classic.
pub(super) type Gates = (Vec<Activation>, Vec<Rotation>);

impl Neuron {
    /// The layer's input range: the one given in the options, or else that of the input.
    pub(super) fn input_range(&self, input: Option<Range>) -> Option<Range> {
        self.auto_rotate.and_then(|a| a.given_range()).or(input)
    }

    /// The gates for this input range.
    pub(super) fn gates(
        &self,
        scope: &Scope<'_>,
        range: Option<Range>,
        activations: Vec<Activation>,
    ) -> Result<Gates> {
        let resolve = |options: AutoRotate| {
            let of = |&a: &Activation| options.resolve(scope.path(), (range, scope.observed), a, scope.depth);
            activations.iter().map(of).collect::<Result<_>>()
        };
        let rotations = self.auto_rotate.map_or(Ok(Vec::new()), resolve)?;
        Ok((activations, rotations))
    }

    /// Registers the parameters of a layer of `units` neurons.
    pub(super) fn build(
        &self,
        scope: &mut Scope<'_>,
        input: &Signal,
        units: usize,
        kernel: KernelShape<'_>,
    ) -> Result<Neurons> {
        let gates = self.gates(scope, input.range, vec![self.activation])?;
        let start = self.start(scope, self.kernel_initializer, kernel, units);
        let KernelShape { name, shape, inner, .. } = kernel;
        let kernel = scope.kernel_with(name, shape, start, self.kernel_regularizer, self.role())?;
        let neurons = self.register(scope, input, gates, units, kernel, (&[units], Vec::new()))?;
        Ok(Neurons { gain: self.gain(scope, units, (kernel, inner))?, ..neurons })
    }

    /// The options of a critical layer.
    fn critical(&self) -> Option<AutoRotate> {
        self.auto_rotate.filter(|options| options.rule == Rule::Critical)
    }

    /// How a kernel with the weights of so many units starts. That of a critical layer is orthogonal unless another initialiser was
    /// chosen.
    pub(super) fn start(
        &self,
        scope: &Scope<'_>,
        initializer: Initializer,
        kernel: KernelShape<'_>,
        units: usize,
    ) -> Start {
        let Some(of_unit) = self.critical().and_then(|options| options.length(scope.depth)) else {
            return initializer.into();
        };
        let KernelShape { shape, inner, blocks, .. } = kernel;
        let orthogonal = if shape.len() > 2 {
            Initializer::DeltaOrthogonal { gain: 1.0 }
        } else {
            Initializer::Orthogonal { gain: 1.0 }
        };
        let initializer = if initializer == Initializer::default() { orthogonal } else { initializer };
        Start { length: Some(Length { of_unit, units, blocks, inner }), ..initializer.into() }
    }

    /// Whether weight decay applies to the layer's weights.
    pub(super) fn role(&self) -> Role {
        if self.critical().is_some_and(|options| !options.decay) { Role::Trained } else { Role::Decayed }
    }

    /// Registers the bias and λ of gates of `units` neurons whose kernel is already registered. The bias has this shape, and
    /// these ranges of it start at their own values.
    pub(super) fn register(
        &self,
        scope: &mut Scope<'_>,
        input: &Signal,
        (activations, rotations): Gates,
        units: usize,
        kernel: ParameterId,
        (shape, constant): (&[usize], Vec<(std::ops::Range<usize>, f32)>),
    ) -> Result<Neurons> {
        let bias = if self.use_bias {
            let start = Start { constant, ..self.bias_initializer.into() };
            Some(scope.register(("bias", shape), start, self.role(), None)?)
        } else {
            None
        };
        let frame = self.critical().map(|options| options.frame_of(input.frame, scope.depth));
        if let Some(frame) = frame {
            frame.check(scope.path())?;
        }
        let rotation = rotations.first().copied();
        let limits: Vec<f32> = rotations.iter().map(|rotation| rotation.limit).collect();
        let lambda = match rotation.and_then(|rotation| rotation.lambdas(units)) {
            Some(each) => {
                let starts = limits.iter().enumerate();
                let starts = starts.map(|(gate, limit)| (gate * each..(gate + 1) * each, limit.ln()));
                let (shape, constant) = ([limits.len() * each], starts.collect());
                let start = Start { constant, ..Initializer::Zeros.into() };
                Some(scope.register(("lambda", &shape), start, Role::Trained, None)?)
            }
            None => None,
        };
        Ok(Neurons {
            path: scope.path().to_owned(),
            units,
            activation: self.activation,
            activations,
            rotation,
            limits,
            kernel,
            bias,
            lambda,
            gain: None,
            per_filter: self.auto_rotate.is_some_and(|a| a.per_filter),
            input_range: self.input_range(input.range),
            frame,
        })
    }
}

/// A layer's neurons with their parameters.
#[derive(Debug)]
pub(super) struct Neurons {
    pub(super) path: String,
    /// Neurons per gate.
    pub(super) units: usize,
    pub(super) activation: Activation,
    /// The gates' activations.
    pub(super) activations: Vec<Activation>,
    /// The rotation of the first gate.
    pub(super) rotation: Option<Rotation>,
    /// L of each gate of a rotated layer, or its initial value if it is learnt.
    pub(super) limits: Vec<f32>,
    pub(super) kernel: ParameterId,
    pub(super) bias: Option<ParameterId>,
    pub(super) lambda: Option<ParameterId>,
    /// The gain of a layer with weight normalisation.
    pub(super) gain: Option<Gain>,
    per_filter: bool,
    input_range: Option<Range>,
    /// The frame in which critical neurons see their inputs.
    frame: Option<Frame>,
}

impl Neurons {
    /// The frame in which the neurons see their inputs, unless it is the default one.
    pub(super) fn frame(&self) -> Option<Frame> {
        self.frame.filter(|&frame| frame != Frame::default())
    }

    /// The inputs as the neurons see them: for critical ones those around 0. Padding with zeros is then padding with the centre.
    pub(super) fn enter(&self, rec: &mut Recorder<'_>, x: View) -> View {
        let Some(frame) = self.frame() else { return x };
        let y = rec.scratch(x.len);
        let kernel = Centre { count: x.len, centre: frame.centre, factor: frame.factor() };
        rec.op(kernel, CentrePorts { x, y });
        y
    }

    /// The gradient of the inputs, from that of what [`Neurons::enter`] returns.
    pub(super) fn leave(&self, rec: &mut Recorder<'_>, d_y: View) -> View {
        let Some(factor) = self.frame.map(Frame::factor).filter(|&factor| factor != 1.0) else { return d_y };
        let d_x = rec.scratch(d_y.len);
        let kernel = Centre { count: d_y.len, centre: 0.0, factor };
        rec.op(kernel, CentrePorts { x: d_y, y: d_x });
        d_x
    }

    /// The output, of this shape.
    pub(super) fn output(&self, shape: Vec<usize>) -> Signal {
        Signal {
            frame: self.activation.frame(),
            ..Signal::new(shape, self.activation.range(self.input_range))
        }
    }

    /// The pre-activations of all gates.
    pub(super) fn columns(&self) -> usize {
        self.units * self.activations.len()
    }

    /// L of up to four gates.
    pub(super) fn four_limits(&self) -> [f32; 4] {
        let mut limits = [1.0; 4];
        limits.iter_mut().zip(&self.limits).for_each(|(to, &limit)| *to = limit);
        limits
    }

    /// Whether z must be stored: for some activations, σ' follows from y.
    pub(super) fn keeps_z(&self, rec: &Recorder<'_>) -> bool {
        rec.keeps_all() || (rec.backward_follows() && !self.activation.output_suffices())
    }

    /// The values of the bias and λ, if there are any.
    pub(super) fn parameters(&self, rec: &mut Recorder<'_>) -> [Option<View>; 2] {
        [self.bias, self.lambda].map(|id| id.map(|id| rec.parameter(id)))
    }

    /// Where db goes, if there is a bias.
    pub(super) fn d_b(&self, rec: &mut Recorder<'_>) -> Option<View> {
        self.bias.map(|id| rec.gradient(id))
    }

    /// Where s of a rotated layer goes: it is dλ if each unit has its own λ.
    pub(super) fn s(&self, rec: &mut Recorder<'_>) -> Option<View> {
        self.rotation.map(|rotation| match (rotation.learn, self.lambda) {
            (LearnL::PerUnit, Some(id)) => rec.gradient(id),
            _ => rec.scratch(self.units * self.activations.len()),
        })
    }

    /// Records dλ from s if each gate has one λ.
    pub(super) fn finish_lambda(&self, rec: &mut Recorder<'_>, s: Option<View>) {
        if let (Some(Rotation { learn: LearnL::PerLayer, .. }), Some(id), Some(s)) =
            (self.rotation, self.lambda, s)
        {
            let d_lambda = rec.gradient(id);
            rec.sum(s, self.units, self.activations.len(), d_lambda, Strided { first: 0, stride: 1 });
        }
    }

    /// The facts of a layer whose windows may be cut off at borders.
    pub(super) fn facts_of_windows(&self, zones: Zones) -> Facts {
        Facts { per_filter: Some(self.per_filter), zones: Some(zones), ..self.facts() }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            input_range: self.input_range,
            rotation: self.rotation,
            frame: self.frame,
            lambda: self.lambda,
            activations: self.activations.clone(),
            limits: self.limits.clone(),
            kernel: Some(self.kernel),
            bias: self.bias,
            gain: self.gain,
            ..Facts::default()
        }
    }
}
