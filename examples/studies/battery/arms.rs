//! The arms: ways to make neurons.

use crate::named::Named;
use autorot::{Activation, AutoRotate, Error, Initializer, LearnL, Result, Rule};
use serde::{Serialize, Serializer};
use std::fmt;

/// A way to make neurons, with its name.
#[derive(Clone, Debug)]
pub struct Arm {
    pub name: &'static str,
    pub neurons: Neurons,
}

/// How the neurons of hidden layers are made.
#[derive(Clone, Copy, Debug)]
pub struct Neurons {
    pub activation: Activation,
    pub rotation: Option<AutoRotate>,
    pub kernel: Initializer,
    pub norm: Norm,
}

/// Where batch normalisation stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    Without,
    /// Between the linear map, which then has no bias, and the activation.
    Before,
    /// Behind the activation.
    After,
}

/// All arms; a new one is one more line.
pub fn all() -> Vec<Arm> {
    let classic = |activation| Neurons {
        activation,
        rotation: None,
        kernel: Initializer::GlorotUniform,
        norm: Norm::Without,
    };
    let (sigmoid, tanh) = (classic(Activation::Sigmoid), classic(Activation::Tanh));
    // 1/σ'(0), so that a layer's Jacobian at 0 is orthogonal.
    let orthogonal = |gain| Initializer::Orthogonal { gain };
    let diagonal = Some(AutoRotate::new());
    let aligned = Some(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit));
    let arms = [
        ("sigmoid-glorot", sigmoid),
        ("sigmoid-orthogonal", Neurons { kernel: orthogonal(4.0), ..sigmoid }),
        ("sigmoid-norm-before", Neurons { norm: Norm::Before, ..sigmoid }),
        ("sigmoid-norm-after", Neurons { norm: Norm::After, ..sigmoid }),
        ("sigmoid-diagonal", Neurons { rotation: diagonal, ..sigmoid }),
        ("sigmoid-aligned", Neurons { rotation: aligned, ..sigmoid }),
        ("tanh-glorot", tanh),
        ("tanh-orthogonal", Neurons { kernel: orthogonal(1.0), ..tanh }),
        ("tanh-norm-before", Neurons { norm: Norm::Before, ..tanh }),
        ("tanh-norm-after", Neurons { norm: Norm::After, ..tanh }),
        ("tanh-diagonal", Neurons { rotation: diagonal, ..tanh }),
        ("tanh-aligned", Neurons { rotation: aligned, ..tanh }),
        ("relu-he", Neurons { kernel: Initializer::HeUniform, ..classic(Activation::Relu) }),
    ];
    arms.map(|(name, neurons)| Arm { name, neurons }).to_vec()
}

/// Parses arms by name.
pub fn named() -> Named<Arm> {
    let parse = |name: &str| {
        let arm = all().into_iter().find(|arm| arm.name == name);
        let known = || all().iter().map(|arm| arm.name).collect::<Vec<_>>().join(", ");
        arm.ok_or_else(|| Error::invalid("arm", format!("{name:?}"), known(), "choose from these"))
    };
    Named::new(all().into_iter().map(|arm| arm.name), parse as fn(&str) -> Result<Arm>)
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Arm {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}
