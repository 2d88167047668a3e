//! The methods: ways to make the neurons of a deep plain net.

use crate::named::Named;
use crate::neurons::{Neurons, Norm, Start};
use autorot::{Activation, Error};
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

/// All methods, in the order of tables and legends. A rival is one more line.
pub const ALL: [Method; 16] = [
    Method { name: "classic", title: "classic, Glorot", neurons: Neurons::classic },
    Method { name: "orthogonal", title: "classic, orthogonal", neurons: Neurons::orthogonal },
    Method {
        name: "centred",
        title: "centred classic, critical start",
        neurons: |activation| Neurons { start: Start::Critical, ..Neurons::classic(activation) },
    },
    Method {
        name: "lsuv",
        title: "LSUV",
        neurons: |activation| Neurons { start: Start::Lsuv, ..Neurons::classic(activation) },
    },
    Method {
        name: "weight-norm",
        title: "weight norm",
        neurons: |activation| Neurons { weight_norm: true, ..Neurons::classic(activation) },
    },
    Method {
        name: "weight-norm-data",
        title: "weight norm, start from data",
        neurons: |activation| Neurons {
            weight_norm: true,
            start: Start::Data,
            ..Neurons::classic(activation)
        },
    },
    Method {
        name: "norm-before",
        title: "BN before σ",
        neurons: |activation| Neurons { norm: Norm::Before, ..Neurons::classic(activation) },
    },
    Method {
        name: "norm-after",
        title: "BN after σ",
        neurons: |activation| Neurons { norm: Norm::After, ..Neurons::classic(activation) },
    },
    Method {
        name: "layer-norm",
        title: "layer norm before σ",
        neurons: |activation| Neurons { norm: Norm::Layer, ..Neurons::classic(activation) },
    },
    Method { name: "diagonal", title: "diagonal", neurons: Neurons::diagonal },
    Method { name: "aligned", title: "aligned, L learnt per unit", neurons: Neurons::aligned },
    Method { name: "critical", title: "critical", neurons: Neurons::critical },
    Method {
        name: "critical-norm",
        title: "critical, BN after σ",
        neurons: |activation| Neurons { norm: Norm::After, ..Neurons::critical(activation) },
    },
    Method { name: "relu", title: "ReLU, He", neurons: |_| Neurons::relu() },
    Method { name: "selu", title: "SELU, LeCun", neurons: |_| Neurons::selu() },
    Method {
        name: "critical-relu",
        title: "ReLU, critical",
        neurons: |_| Neurons::critical(Activation::Relu),
    },
];

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
