//! Ways to make the neurons of hidden layers, for studies that compare many of them.

use autorot::extend::Layer;
use autorot::model::{Network, Tensor, Weights};
use autorot::{
    Activate, Activation, AutoRotate, BatchNorm, Dataset, Initializer, LayerNorm, LearnL, Model, Result,
    Rule, Sequential,
};

/// How the neurons of hidden layers are made.
#[derive(Clone, Copy, Debug)]
pub struct Neurons {
    pub activation: Activation,
    pub rotation: Option<AutoRotate>,
    pub kernel: Initializer,
    pub weight_norm: bool,
    pub norm: Norm,
    pub start: Start,
}

/// What normalises activations, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    Without,
    /// Batch normalisation between the linear map, which then has no bias, and the activation.
    Before,
    /// Batch normalisation behind the activation.
    After,
    /// Layer normalisation between the linear map and the activation.
    Layer,
}

/// What is done to the weights before the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Nothing.
    Drawn,
    /// Classic neurons get the effective weights of critical ones.
    Critical,
    /// Weight normalisation's start from data.
    Data,
    /// LSUV.
    Lsuv,
}

/// Rows from which a start from data is taken.
const START_ROWS: usize = 256;

/// An option method for each of a layer's options that neurons decide.
macro_rules! made_of {
    ($layer:expr, $neurons:expr) => {
        $layer
            .auto_rotate($neurons.rotation)
            .kernel_initializer($neurons.kernel)
            .weight_norm($neurons.weight_norm)
    };
}
pub(crate) use made_of;

impl Neurons {
    /// Keras' defaults.
    pub fn classic(activation: Activation) -> Self {
        Self {
            activation,
            rotation: None,
            kernel: Initializer::GlorotUniform,
            weight_norm: false,
            norm: Norm::Without,
            start: Start::Drawn,
        }
    }

    /// Orthogonal kernels with which a layer's Jacobian is near orthogonal at 0.
    pub fn orthogonal(activation: Activation) -> Self {
        let kernel = Initializer::DeltaOrthogonal { gain: activation.critical_gain() };
        Self { kernel, ..Self::classic(activation) }
    }

    pub fn diagonal(activation: Activation) -> Self {
        Self { rotation: Some(AutoRotate::new()), ..Self::classic(activation) }
    }

    /// By the aligned rule, with L learnt per unit.
    pub fn aligned(activation: Activation) -> Self {
        let rotation = AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit);
        Self { rotation: Some(rotation), ..Self::classic(activation) }
    }

    /// By the critical rule; the default kernels are orthogonal then.
    pub fn critical(activation: Activation) -> Self {
        Self { rotation: Some(AutoRotate::critical()), ..Self::classic(activation) }
    }

    /// ReLU with He's initialiser.
    pub fn relu() -> Self {
        Self { kernel: Initializer::HeUniform, ..Self::classic(Activation::Relu) }
    }

    /// SELU with LeCun's (Klambauer et al. 2017).
    pub fn selu() -> Self {
        Self { kernel: Initializer::LecunNormal, ..Self::classic(Activation::Selu) }
    }

    /// Adds a hidden layer, which `layer` makes for an activation, with a bias or without one.
    pub fn add_to(
        &self,
        model: Sequential,
        layer: impl FnOnce(Activation, bool) -> Box<dyn Layer>,
    ) -> Sequential {
        // Running statistics that adapt within tens of steps, so that they fit even after a short training.
        let batch_norm = || BatchNorm::new().synchronized(true).momentum(0.9);
        let activate = Activate::new(self.activation);
        match self.norm {
            Norm::Without => model.add_boxed(layer(self.activation, true)),
            Norm::Before => model.add_boxed(layer(Activation::Linear, false)).add(batch_norm()).add(activate),
            Norm::After => model.add_boxed(layer(self.activation, true)).add(batch_norm()),
            Norm::Layer => {
                model.add_boxed(layer(Activation::Linear, true)).add(LayerNorm::new()).add(activate)
            }
        }
    }

    /// Prepares a model's weights; `twin` is its net with critical neurons.
    pub fn begin(
        &self,
        model: &mut Model,
        data: &Dataset,
        twin: impl FnOnce() -> Result<Network>,
    ) -> Result<()> {
        let rows = START_ROWS.min(data.len());
        match self.start {
            Start::Drawn => {}
            Start::Critical => model.set_weights(&effective(&twin()?)?)?,
            Start::Data => drop(model.start_weight_norm(data, rows)?),
            Start::Lsuv => drop(model.lsuv(data, rows)?),
        }
        Ok(())
    }
}

/// The weights with which classic neurons compute what these critical ones do at the start: kernels ρ·W/d and biases −c·Σ of them, for
/// inputs around c with the deviation d. A padding of zeros changes nothing, since only the middle tap of a window is not 0.
fn effective(critical: &Network) -> Result<Weights> {
    let initial = critical.arena().initial();
    let mut tensors = Vec::new();
    for node in critical.nodes() {
        let facts = node.facts();
        let (Some(frame), Some(&limit)) = (facts.frame, facts.limits.first()) else { continue };
        let path = format!("{}.kernel", node.path());
        let kernel = critical.arena().named(&path)?;
        let units = kernel.shape.last().copied().unwrap_or(1);
        let mut values: Vec<f64> = initial[kernel.range()].iter().copied().map(f64::from).collect();
        let (mut bias, count) = (vec![0.0; units], values.len());
        for (unit, bias) in bias.iter_mut().enumerate() {
            let own = || (unit..count).step_by(units);
            let length = own().map(|i| values[i].powi(2)).sum::<f64>().sqrt();
            let factor = f64::from(limit) / length / f64::from(frame.deviation);
            own().for_each(|i| values[i] *= factor);
            *bias = -f64::from(frame.centre) * own().map(|i| values[i]).sum::<f64>();
        }
        let tensor = |shape: &[usize], values: &[f64]| Tensor {
            shape: shape.to_vec(),
            values: values.iter().map(|&value| value as f32).collect(),
        };
        tensors.push((path, tensor(&kernel.shape, &values)));
        tensors.push((format!("{}.bias", node.path()), tensor(&[units], &bias)));
    }
    Ok(Weights::from_tensors(tensors))
}
