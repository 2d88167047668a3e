//! The description of a layer: everything besides the parameter values that its outputs and its training depend on.

use super::{Facts, Layer, Node};
use crate::describe::{Options, flat, value};
use crate::plan::arena::Arena;
use crate::{Frame, LearnL, Rule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What gives a layer's weights their meaning: the options as set, and what follows from them and from the layer's place in the
/// network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LayerDescription {
    /// The layer's path: `2.dense`.
    pub path: String,
    /// The layer's kind: `dense`.
    pub kind: String,
    /// The options by name, from [`Layer::options`](super::Layer::options).
    pub options: Options,
    /// The rotation, if the layer is rotated.
    pub rotation: Option<RotationDescription>,
    /// The names (`kernel`) and shapes of the parameters.
    pub parameters: Vec<(String, Vec<usize>)>,
}

/// A layer's rotation with all automatic values resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RotationDescription {
    /// The rule for the point x_Q.
    pub rule: Rule,
    /// x_Q.
    pub x_q: f32,
    /// h_Q of a recurrent layer with [`RotatedPart::Gate`](crate::RotatedPart::Gate).
    pub h_q: Option<f32>,
    /// L, or its initial value if it is learnt: one value, or one per gate.
    pub l: Vec<f32>,
    /// Whether and how L is learnt.
    pub learn_l: LearnL,
    /// ε.
    pub epsilon: f32,
    /// Whether there is one ρ per filter, for a layer in which ρ may differ between positions.
    pub per_filter: Option<bool>,
    /// Whether the backward pass treats ρ as a constant.
    pub detached: bool,
    /// The frame of the inputs, with [`Rule::Critical`].
    pub frame: Option<Frame>,
}

/// Options that affect neither outputs nor continued training: initialisers, and options that are compared in resolved form.
const ASIDE: [&str; 8] = [
    "kernel_initializer",
    "recurrent_initializer",
    "depthwise_initializer",
    "bias_initializer",
    "unit_forget_bias",
    "auto_rotate",
    "rotated_part",
    "return_state",
];

/// Options that affect training, but not the meaning of the weights.
const TRAINING: [&str; 20] = [
    "kernel_regularizer",
    "recurrent_regularizer",
    "depthwise_regularizer",
    "rate",
    "dropout",
    "recurrent_dropout",
    "truncate",
    "momentum",
    "synchronized",
    "mirror",
    "pixels",
    "factor",
    "height_factor",
    "width_factor",
    "fill_mode",
    "fill_value",
    "interpolation",
    "value_range",
    "return_sequences",
    "stateful",
];

impl LayerDescription {
    pub(super) fn new(layer: &dyn Layer, node: &dyn Node, arena: &Arena) -> Self {
        let facts = node.facts();
        let parameters = arena.of_layer(node.path());
        let parameters = parameters.map(|p| (p.layer_and_name().1.to_owned(), p.shape.clone())).collect();
        Self {
            path: node.path().to_owned(),
            kind: layer.kind().to_owned(),
            options: layer.options(),
            rotation: RotationDescription::new(&facts),
            parameters,
        }
    }

    /// The parameters' paths.
    pub(crate) fn parameter_paths(&self) -> impl Iterator<Item = String> {
        self.parameters.iter().map(|(name, _)| format!("{}.{name}", self.path))
    }

    /// What the meaning of the layer's weights depends on and, with `training`, also what continued training depends on.
    pub(crate) fn dependences(&self, training: bool) -> BTreeMap<String, String> {
        let compared = |name: &str| !ASIDE.contains(&name) && (training || !TRAINING.contains(&name));
        let options = self.options.iter().filter(|(name, _)| compared(name));
        let mut all = flat(&options.map(|(name, value)| (name.clone(), value.clone())).collect());
        match &self.rotation {
            Some(rotation) => {
                let mut fields = flat(&value(rotation));
                if rotation.learn_l != LearnL::Fixed {
                    // The parameter λ holds it.
                    fields.remove("l");
                }
                if !training {
                    fields.remove("detached");
                } else if rotation.rule == Rule::Critical {
                    let decay = self.options.get("auto_rotate").and_then(|options| options.get("decay"));
                    fields.extend(decay.map(|decay| ("decay".to_owned(), decay.to_string())));
                }
                all.extend(fields);
                all.insert("rotation".into(), "auto-rotating".into());
            }
            None if self.options.contains_key("auto_rotate") => {
                all.insert("rotation".into(), "none (a classic layer)".into());
            }
            None => {}
        }
        all
    }

    /// Whether networks with and without the layer differ; they do not for `Flatten`, or for dropout where only weights are
    /// compared.
    pub(crate) fn matters(&self, training: bool) -> bool {
        !(self.parameters.is_empty() && self.dependences(training).is_empty())
    }
}

impl RotationDescription {
    fn new(facts: &Facts) -> Option<Self> {
        let rotation = facts.rotation?;
        Some(Self {
            rule: rotation.rule,
            x_q: rotation.x_q,
            h_q: facts.h_q,
            l: facts.limits.clone(),
            learn_l: rotation.learn,
            epsilon: rotation.epsilon,
            per_filter: facts.per_filter.filter(|_| rotation.rule == Rule::Diagonal),
            detached: rotation.detached,
            frame: facts.frame,
        })
    }
}
