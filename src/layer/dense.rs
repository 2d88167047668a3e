//! Dense: y = σ(ρ ⊙ (x·W + b)).

use super::{Facts, Layer, Node, Scope, Signal, Trace};
use crate::kernel::{DenseBackwardInput, DenseBackwardWeight, DenseForward, RotateBackward, Sum};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Activation, AutoRotate, Error, Initializer, LearnL, Result, Rotation, shape};

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
/// Input: a vector of K numbers a sample. Output: `units` numbers. Parameters: `kernel` `[K, units]`,
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
    activation: Activation,
    use_bias: bool,
    auto_rotate: Option<AutoRotate>,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
    kernel_regularizer: Regularizer,
}

impl Dense {
    /// A classic linear layer with a bias, Glorot uniform kernel and zero bias.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            activation: Activation::Linear,
            use_bias: true,
            auto_rotate: None,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
            kernel_regularizer: Regularizer::default(),
        }
    }

    /// Sets σ.
    pub fn activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// Sets whether there is a bias.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// Makes the layer auto-rotating, or classic with `None`.
    pub fn auto_rotate(mut self, auto_rotate: impl Into<Option<AutoRotate>>) -> Self {
        self.auto_rotate = auto_rotate.into();
        self
    }

    /// Sets how the kernel starts.
    pub fn kernel_initializer(mut self, initializer: Initializer) -> Self {
        self.kernel_initializer = initializer;
        self
    }

    /// Sets how the bias starts.
    pub fn bias_initializer(mut self, initializer: Initializer) -> Self {
        self.bias_initializer = initializer;
        self
    }

    /// Adds l1·Σ|w| + l2·Σw² of the kernel to the loss.
    pub fn kernel_regularizer(mut self, regularizer: Regularizer) -> Self {
        self.kernel_regularizer = regularizer;
        self
    }
}

impl Layer for Dense {
    fn kind(&self) -> &'static str {
        "dense"
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let output = shape::dense(&path, &input.shape, self.units)?;
        let Regularizer { l1, l2 } = self.kernel_regularizer;
        if !(l1.is_finite() && l2.is_finite() && l1 >= 0.0 && l2 >= 0.0) {
            return Err(Error::invalid(
                path,
                format!("kernel regulariser l1 = {l1}, l2 = {l2}"),
                "finite factors >= 0",
                "correct the regulariser",
            ));
        }
        let rotation = match self.auto_rotate {
            Some(options) => Some(options.resolve(&path, input.range, self.activation.limit())?),
            None => None,
        };
        let (inputs, units) = (input.len(), self.units);
        let kernel = scope.parameter("kernel", &[inputs, units], self.kernel_initializer, true)?;
        let bias = if self.use_bias {
            Some(scope.parameter("bias", &[units], self.bias_initializer, true)?)
        } else {
            None
        };
        let lambda = match rotation {
            Some(Rotation { learn: LearnL::PerLayer, limit, .. }) => Some((1, limit)),
            Some(Rotation { learn: LearnL::PerUnit, limit, .. }) => Some((units, limit)),
            _ => None,
        };
        let lambda = match lambda {
            Some((len, limit)) => {
                Some(scope.parameter("lambda", &[len], Initializer::Constant(limit.ln()), false)?)
            }
            None => None,
        };
        let given = self.auto_rotate.and_then(|a| a.limits).map(|(min, max)| crate::Range { min, max });
        let input_range = given.or(input.range);
        Ok(Box::new(DenseNode {
            path,
            inputs,
            units,
            activation: self.activation,
            rotation,
            regularizer: self.kernel_regularizer,
            kernel,
            bias,
            lambda,
            input_range,
            output: Signal { shape: output, range: self.activation.range(input_range) },
        }))
    }
}

#[derive(Debug)]
struct DenseNode {
    path: String,
    inputs: usize,
    units: usize,
    activation: Activation,
    rotation: Option<Rotation>,
    regularizer: Regularizer,
    kernel: ParameterId,
    bias: Option<ParameterId>,
    lambda: Option<ParameterId>,
    input_range: Option<crate::Range>,
    output: Signal,
}

impl DenseNode {
    fn bound(&self, rec: &mut Recorder<'_>, id: Option<ParameterId>) -> View {
        match id {
            Some(id) => rec.parameter(id),
            None => rec.unused(),
        }
    }
}

impl Node for DenseNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (batch, inputs, units) = (rec.batch(), self.inputs, self.units);
        let w = rec.parameter(self.kernel);
        let b = self.bound(rec, self.bias);
        let lambda = self.bound(rec, self.lambda);
        let rotation = self.rotation.map(|_| rec.scratch(2 * units));
        // σ' of some activations follows from y.
        let keep_z = rec.keeps_all() || (rec.backward_follows() && !self.activation.output_suffices());
        let z = if keep_z { rec.scratch(batch * units) } else { rec.unused() };
        let y = rec.scratch(batch * units);
        let stored = rotation.unwrap_or_else(|| rec.unused());
        rec.op(
            DenseForward {
                batch,
                inputs,
                units,
                has_bias: self.bias.is_some(),
                rotation: self.rotation,
                keep_z,
                activation: self.activation,
            },
            [input, w, b, lambda, stored, z, y],
        );
        Trace { input, output: y, pre_activation: keep_z.then_some(z), rotation }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let (batch, inputs, units) = (rec.batch(), self.inputs, self.units);
        let w = rec.parameter(self.kernel);
        let b = self.bound(rec, self.bias);
        let d_f = rec.scratch(batch * units);
        let d_b = match self.bias {
            Some(id) => rec.gradient(id),
            None => rec.unused(),
        };
        let virtual_sample = if self.rotation.is_some() { rec.scratch(units) } else { rec.unused() };
        let rotation = trace.rotation.unwrap_or_else(|| rec.unused());
        let per_unit = self.rotation.is_some_and(|r| r.learn == LearnL::PerUnit);
        // s is dλ where every unit has its own λ.
        let s = match (self.rotation, self.lambda) {
            (Some(_), Some(id)) if per_unit => rec.gradient(id),
            (Some(_), _) => rec.scratch(units),
            (None, _) => rec.unused(),
        };
        rec.op(
            RotateBackward {
                batch,
                units,
                has_bias: self.bias.is_some(),
                activation: self.activation,
                rotation: self.rotation,
                partial: false,
            },
            [d_y, trace.pre_activation.unwrap_or(trace.output), rotation, b, d_f, d_b, virtual_sample, s],
        );
        if let (Some(id), false) = (self.lambda, per_unit) {
            let d_lambda = rec.gradient(id);
            rec.op(Sum { count: units }, [s, d_lambda]);
        }
        let d_w = rec.gradient(self.kernel);
        rec.op(
            DenseBackwardWeight {
                batch,
                inputs,
                units,
                rule: self.rotation.map(|r| r.rule),
                l1: self.regularizer.l1,
                l2: self.regularizer.l2,
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
        let penalised = self.regularizer != Regularizer::default();
        Facts {
            parameters: [Some(self.kernel), self.bias, self.lambda].into_iter().flatten().collect(),
            penalties: if penalised { vec![(self.kernel, self.regularizer)] } else { Vec::new() },
            input_range: self.input_range,
            rotation: self.rotation,
            lambda: self.lambda,
            activation: Some(self.activation),
        }
    }
}
