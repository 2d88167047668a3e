//! What layers of neurons have in common: activation, bias, auto-rotation, and how their parameters start.

use super::{Facts, Regularizer, Scope, Signal};
use crate::kernel::Strided;
use crate::plan::arena::{ParameterId, Role};
use crate::plan::{Recorder, View};
use crate::{Activation, AutoRotate, Error, Initializer, LearnL, Range, Result, Rotation};

/// The options of a layer of neurons.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Neuron {
    pub(super) activation: Activation,
    pub(super) use_bias: bool,
    pub(super) auto_rotate: Option<AutoRotate>,
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
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: Regularizer::default(),
        }
    }
}

/// The methods by which a layer with a field `neuron` sets its options.
macro_rules! neuron_options {
    () => {
        /// Sets σ.
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

        /// Sets how the bias starts.
        pub fn bias_initializer(mut self, initializer: crate::Initializer) -> Self {
            self.neuron.bias_initializer = initializer;
            self
        }
    };
    ($kernel_initializer:ident, $kernel_regularizer:ident) => {
        crate::layer::neuron::neuron_options!();

        /// Sets how the kernel starts.
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

impl Regularizer {
    /// Refuses factors that are negative or no numbers.
    pub(super) fn check(&self, path: &str) -> Result<()> {
        let Self { l1, l2 } = *self;
        if l1.is_finite() && l2.is_finite() && l1 >= 0.0 && l2 >= 0.0 {
            return Ok(());
        }
        Err(Error::invalid(
            path,
            format!("kernel regulariser l1 = {l1}, l2 = {l2}"),
            "finite factors >= 0",
            "correct the regulariser",
        ))
    }
}

/// The activations of a layer's gates, of which most layers have one, and the rotation of each unless the layer is classic.
pub(super) type Gates = (Vec<Activation>, Vec<Rotation>);

impl Neuron {
    /// The range of the layer's inputs: the given one, or the one that they have.
    pub(super) fn input_range(&self, input: Option<Range>) -> Option<Range> {
        self.auto_rotate.and_then(|a| a.given_range()).or(input)
    }

    /// The gates of a layer whose inputs have this range.
    pub(super) fn gates(
        &self,
        scope: &Scope<'_>,
        range: Option<Range>,
        activations: Vec<Activation>,
    ) -> Result<Gates> {
        let resolve = |options: AutoRotate| {
            let of = |a: &Activation| options.resolve(scope.path(), (range, scope.observed), a.limit());
            activations.iter().map(of).collect::<Result<_>>()
        };
        let rotations = self.auto_rotate.map_or(Ok(Vec::new()), resolve)?;
        Ok((activations, rotations))
    }

    /// Registers kernel, bias and λ of a layer of `units` neurons whose kernel has this name and shape.
    pub(super) fn build(
        &self,
        scope: &mut Scope<'_>,
        input: &Signal,
        units: usize,
        (name, shape): (&str, &[usize]),
    ) -> Result<Neurons> {
        self.kernel_regularizer.check(scope.path())?;
        let gates = self.gates(scope, input.range, vec![self.activation])?;
        let kernel = scope.parameter(name, shape, self.kernel_initializer, Role::Decayed)?;
        self.register(scope, input.range, gates, units, kernel, (&[units], Vec::new()))
    }

    /// Registers bias and λ of gates of `units` neurons whose kernel is registered; the bias has this shape, and these stretches
    /// of it start at a number of their own.
    pub(super) fn register(
        &self,
        scope: &mut Scope<'_>,
        range: Option<Range>,
        (activations, rotations): Gates,
        units: usize,
        kernel: ParameterId,
        (shape, constant): (&[usize], Vec<Stretch>),
    ) -> Result<Neurons> {
        let bias = if self.use_bias {
            let initializer = self.bias_initializer;
            Some(scope.parameter_with("bias", shape, initializer, Role::Decayed, constant)?)
        } else {
            None
        };
        let rotation = rotations.first().copied();
        let limits: Vec<f32> = rotations.iter().map(|rotation| rotation.limit).collect();
        let lambda = match rotation.and_then(|rotation| rotation.lambdas(units)) {
            Some(each) => {
                let starts = limits.iter().enumerate();
                let starts = starts.map(|(gate, limit)| (gate * each..(gate + 1) * each, limit.ln()));
                let (shape, starts) = ([limits.len() * each], starts.collect());
                Some(scope.parameter_with("lambda", &shape, Initializer::Zeros, Role::Trained, starts)?)
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
            regularizer: self.kernel_regularizer,
            kernel,
            bias,
            lambda,
            per_filter: self.auto_rotate.is_some_and(|a| a.per_filter),
            input_range: self.input_range(range),
        })
    }
}

/// A part of a parameter, and the number at which it starts.
type Stretch = (std::ops::Range<usize>, f32);

/// A layer's neurons with their parameters.
#[derive(Debug)]
pub(super) struct Neurons {
    pub(super) path: String,
    /// Those of a gate.
    pub(super) units: usize,
    pub(super) activation: Activation,
    /// Of the gates.
    pub(super) activations: Vec<Activation>,
    /// The first gate's.
    pub(super) rotation: Option<Rotation>,
    /// L of every gate of a rotated layer, or where it starts.
    pub(super) limits: Vec<f32>,
    pub(super) regularizer: Regularizer,
    pub(super) kernel: ParameterId,
    pub(super) bias: Option<ParameterId>,
    pub(super) lambda: Option<ParameterId>,
    per_filter: bool,
    input_range: Option<Range>,
}

impl Neurons {
    /// The outputs of the neurons, in this shape.
    pub(super) fn output(&self, shape: Vec<usize>) -> Signal {
        Signal { shape, range: self.activation.range(self.input_range), masked: false }
    }

    /// Whether z is to be stored: σ' of some activations follows from y.
    pub(super) fn keeps_z(&self, rec: &Recorder<'_>) -> bool {
        rec.keeps_all() || (rec.backward_follows() && !self.activation.output_suffices())
    }

    /// The values of bias and λ, where there are any.
    pub(super) fn parameters(&self, rec: &mut Recorder<'_>) -> [Option<View>; 2] {
        [self.bias, self.lambda].map(|id| id.map(|id| rec.parameter(id)))
    }

    /// Where db goes, if there is a bias.
    pub(super) fn d_b(&self, rec: &mut Recorder<'_>) -> Option<View> {
        self.bias.map(|id| rec.gradient(id))
    }

    /// Where s of a rotated layer goes: it is dλ where every unit has its own λ.
    pub(super) fn s(&self, rec: &mut Recorder<'_>) -> Option<View> {
        self.rotation.map(|rotation| match (rotation.learn, self.lambda) {
            (LearnL::PerUnit, Some(id)) => rec.gradient(id),
            _ => rec.scratch(self.units * self.activations.len()),
        })
    }

    /// Records dλ from s where every gate has one λ.
    pub(super) fn finish_lambda(&self, rec: &mut Recorder<'_>, s: Option<View>) {
        if let (Some(Rotation { learn: LearnL::PerLayer, .. }), Some(id), Some(s)) =
            (self.rotation, self.lambda, s)
        {
            let d_lambda = rec.gradient(id);
            rec.sum(s, self.units, self.activations.len(), d_lambda, Strided { first: 0, stride: 1 });
        }
    }

    /// What there is to tell of a layer whose windows may be cut off.
    pub(super) fn facts_of_windows(&self) -> Facts {
        Facts { per_filter: Some(self.per_filter), ..self.facts() }
    }

    pub(super) fn facts(&self) -> Facts {
        let penalised = self.regularizer != Regularizer::default();
        Facts {
            parameters: [Some(self.kernel), self.bias, self.lambda].into_iter().flatten().collect(),
            kernels: vec![self.kernel],
            penalties: if penalised { vec![(self.kernel, self.regularizer)] } else { Vec::new() },
            input_range: self.input_range,
            rotation: self.rotation,
            lambda: self.lambda,
            activations: self.activations.clone(),
            limits: self.limits.clone(),
            ..Facts::default()
        }
    }
}

impl Facts {
    /// Those of a layer with one more kernel, which is the `at`-th of its parameters.
    pub(super) fn with_kernel(mut self, at: usize, kernel: ParameterId, regularizer: Regularizer) -> Self {
        self.parameters.insert(at, kernel);
        self.kernels.insert(at, kernel);
        if regularizer != Regularizer::default() {
            self.penalties.insert(at.min(self.penalties.len()), (kernel, regularizer));
        }
        self
    }
}
