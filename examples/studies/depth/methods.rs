//! The methods: ways to make the neurons of a deep plain net.

use crate::named::Named;
use autorot::{Activation, AutoRotate, Error, Initializer, LearnL, Rule};
use serde::{Serialize, Serializer};
use std::fmt;

/// A way to make neurons.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// The name in the report.
    pub name: &'static str,
    /// The title in tables and figures.
    pub title: &'static str,
    /// The neurons of hidden layers that are to have this activation.
    pub neurons: fn(Activation) -> Neurons,
}

/// How the neurons of hidden layers are made.
#[derive(Clone, Copy, Debug)]
pub struct Neurons {
    pub activation: Activation,
    pub rotation: Option<AutoRotate>,
    pub kernel: Initializer,
    pub norm: Norm,
    /// Whether classic neurons start with the effective weights of critical ones.
    pub critical_start: bool,
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

/// All methods, in the order of tables and legends.
///
/// A rival is one more line here. Still to come are those that need something else first: classic neurons whose kernels are scaled by
/// data before the training (LSUV: also a step behind the one of `critical_start` in `net::build`), weight normalisation (beside
/// `rotation`), from Glorot and from the critical start, layer normalisation before σ (a [`Norm`]), and SELU with LeCun's normal
/// initialiser (an activation of its own, as ReLU).
pub const ALL: [Method; 10] = [
    Method { name: "classic", title: "classic, Glorot", neurons: classic },
    Method {
        name: "orthogonal",
        title: "classic, orthogonal",
        neurons: |activation| {
            let kernel = Initializer::DeltaOrthogonal { gain: activation.critical_gain() };
            Neurons { kernel, ..classic(activation) }
        },
    },
    Method {
        name: "centred",
        title: "centred classic, critical start",
        neurons: |activation| Neurons { critical_start: true, ..classic(activation) },
    },
    Method {
        name: "norm-before",
        title: "BN before σ",
        neurons: |activation| Neurons { norm: Norm::Before, ..classic(activation) },
    },
    Method {
        name: "norm-after",
        title: "BN after σ",
        neurons: |activation| Neurons { norm: Norm::After, ..classic(activation) },
    },
    Method {
        name: "diagonal",
        title: "diagonal",
        neurons: |activation| Neurons { rotation: Some(AutoRotate::new()), ..classic(activation) },
    },
    Method {
        name: "aligned",
        title: "aligned, L learnt per unit",
        neurons: |activation| {
            let rotation = AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit);
            Neurons { rotation: Some(rotation), ..classic(activation) }
        },
    },
    Method { name: "critical", title: "critical", neurons: critical },
    Method {
        name: "critical-norm",
        title: "critical, BN after σ",
        neurons: |activation| Neurons { norm: Norm::After, ..critical(activation) },
    },
    Method {
        name: "relu",
        title: "ReLU, He",
        neurons: |_| Neurons { kernel: Initializer::HeUniform, ..classic(Activation::Relu) },
    },
];

fn classic(activation: Activation) -> Neurons {
    let kernel = Initializer::GlorotUniform;
    Neurons { activation, rotation: None, kernel, norm: Norm::Without, critical_start: false }
}

/// Critical neurons; their default kernels are orthogonal.
pub fn critical(activation: Activation) -> Neurons {
    Neurons { rotation: Some(AutoRotate::critical()), ..classic(activation) }
}

/// Parses methods by name.
pub fn named() -> Named<Method> {
    Named::new(ALL.map(|method| method.name), |name| {
        let method = ALL.into_iter().find(|method| method.name == name);
        let known = || ALL.map(|method| method.name).join(", ");
        method.ok_or_else(|| Error::invalid("method", format!("{name:?}"), known(), "choose from these"))
    })
}

/// By name.
impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}
