//! The arms: ways to make neurons.

use crate::named::Named;
use crate::neurons::{Neurons, Norm, Start};
use autorot::{Activation, Error, Result};
use serde::{Serialize, Serializer};
use std::fmt;

/// A way to make neurons, with its name.
#[derive(Clone, Debug)]
pub struct Arm {
    pub name: &'static str,
    pub neurons: Neurons,
}

/// A way to make neurons with an activation, by its names with sigmoid and with tanh.
type Way = ([&'static str; 2], fn(Activation) -> Neurons);

/// Ways for activations that saturate; a new one is one more line.
const WAYS: [Way; 13] = [
    (["sigmoid-glorot", "tanh-glorot"], Neurons::classic),
    (["sigmoid-orthogonal", "tanh-orthogonal"], Neurons::orthogonal),
    (["sigmoid-lsuv", "tanh-lsuv"], |a| Neurons { start: Start::Lsuv, ..Neurons::classic(a) }),
    (["sigmoid-weight-norm", "tanh-weight-norm"], |a| Neurons { weight_norm: true, ..Neurons::classic(a) }),
    (["sigmoid-weight-norm-data", "tanh-weight-norm-data"], |a| Neurons {
        weight_norm: true,
        start: Start::Data,
        ..Neurons::classic(a)
    }),
    (["sigmoid-norm-before", "tanh-norm-before"], |a| Neurons { norm: Norm::Before, ..Neurons::classic(a) }),
    (["sigmoid-norm-after", "tanh-norm-after"], |a| Neurons { norm: Norm::After, ..Neurons::classic(a) }),
    (["sigmoid-layer-norm", "tanh-layer-norm"], |a| Neurons { norm: Norm::Layer, ..Neurons::classic(a) }),
    (["sigmoid-diagonal", "tanh-diagonal"], Neurons::diagonal),
    (["sigmoid-aligned", "tanh-aligned"], Neurons::aligned),
    (["sigmoid-centred", "tanh-centred"], |a| Neurons { start: Start::Critical, ..Neurons::classic(a) }),
    (["sigmoid-critical", "tanh-critical"], Neurons::critical),
    (["sigmoid-critical-norm", "tanh-critical-norm"], |a| Neurons {
        norm: Norm::After,
        ..Neurons::critical(a)
    }),
];

/// All arms.
pub fn all() -> Vec<Arm> {
    let of = |activation: usize| {
        let neurons = [Activation::Sigmoid, Activation::Tanh][activation];
        WAYS.map(|(names, way)| Arm { name: names[activation], neurons: way(neurons) })
    };
    let others = [("relu-he", Neurons::relu()), ("selu-lecun", Neurons::selu())];
    let others = others.map(|(name, neurons)| Arm { name, neurons });
    [&of(0)[..], &of(1), &others].concat()
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
