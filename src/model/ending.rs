//! What the last layer makes of its sums.

use super::Network;
use crate::Activation;
use crate::layer::kinds::Described;
use serde_json::Value;

/// The function that a network's outputs are of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ending {
    /// The path of the layer that takes it.
    pub(crate) path: String,
    /// The activation; `None` for a softmax.
    pub(crate) activation: Option<Activation>,
}

impl Ending {
    /// The function's name.
    pub(crate) fn name(&self) -> &str {
        self.activation.as_ref().map_or("softmax", |activation| activation.name())
    }
}

/// Layers that leave numbers as they are, or only move them.
const MOVING: [&str; 6] = ["flatten", "reshape", "permute", "repeat_vector", "dropout", "masking"];

impl Network {
    /// The softmax or the activation at the end, behind which numbers are at most moved; `None` where the last layer has neither.
    pub(crate) fn ending(&self) -> Option<Ending> {
        let tree = Described::tree(&self.description.layers);
        ending(tree.iter().collect::<Vec<_>>().as_slice())
    }
}

fn ending(layers: &[&Described<'_>]) -> Option<Ending> {
    let layer = layers.iter().rev().find(|layer| !MOVING.contains(&&*layer.description().kind))?;
    let of = |activation| Some(Ending { path: layer.path().to_owned(), activation });
    match &*layer.description().kind {
        "softmax" => of(None),
        "time_distributed" => ending(&layer.inner().map(|(_, inner)| inner).collect::<Vec<_>>()),
        _ if layer.options().contains_key("recurrent_activation") => None,
        _ => {
            let name = layer.options().get("activation").and_then(Value::as_str)?;
            of(Some(Activation::from_name(name).ok()?))
        }
    }
}
