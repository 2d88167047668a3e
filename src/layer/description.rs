//! What is told of a layer beside its parameters: all that its outputs and its training depend on.

use super::{Facts, Node};
use crate::describe::{Options, flat, value};
use crate::plan::arena::Arena;
use crate::{LearnL, Rule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A layer as its weights see it: options as they were set, and what followed from them and from the layer's place in the
/// network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayerDescription {
    /// The layer's path: `2.dense`.
    pub path: String,
    /// The options by name, as [`Layer::options`](super::Layer::options) tells them.
    pub options: Options,
    /// The rotation, of a rotated layer.
    pub rotation: Option<RotationDescription>,
    /// The parameters' names and shapes: `kernel`.
    pub parameters: Vec<(String, Vec<usize>)>,
}

/// A layer's rotation with everything automatic filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RotationDescription {
    /// The rule for the point x_Q.
    pub rule: Rule,
    /// x_Q.
    pub x_q: f32,
    /// h_Q, of a recurrent layer whose whole gates are rotated.
    pub h_q: Option<f32>,
    /// L, or where a learnt one starts: one, or one a gate.
    pub l: Vec<f32>,
    /// Whether L is trained.
    pub learn_l: LearnL,
    /// ε.
    pub epsilon: f32,
    /// Whether there is one ρ a filter, of layers where positions may differ in it.
    pub per_filter: Option<bool>,
    /// Whether ρ counts as a constant in the backward pass.
    pub detached: bool,
}

/// Options that neither outputs nor the further course of a training depend on: how parameters start, and what is compared
/// where it has been resolved.
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

/// Options that training depends on, but not what weights stand for.
const TRAINING: [&str; 12] = [
    "kernel_regularizer",
    "recurrent_regularizer",
    "depthwise_regularizer",
    "rate",
    "dropout",
    "recurrent_dropout",
    "truncate",
    "momentum",
    "mirror",
    "pixels",
    "return_sequences",
    "stateful",
];

impl LayerDescription {
    pub(super) fn new(node: &dyn Node, options: Options, arena: &Arena) -> Self {
        let facts = node.facts();
        let parameters = facts.parameters.iter().map(|&id| {
            let parameter = arena.get(id);
            let prefix = format!("{}.", node.path());
            let name = parameter.path.strip_prefix(&prefix).unwrap_or(&parameter.path);
            (name.to_owned(), parameter.shape.clone())
        });
        let parameters = parameters.collect();
        Self { path: node.path().to_owned(), options, rotation: RotationDescription::new(&facts), parameters }
    }

    /// The parameters' paths.
    pub(crate) fn parameter_paths(&self) -> impl Iterator<Item = String> {
        self.parameters.iter().map(|(name, _)| format!("{}.{name}", self.path))
    }

    /// What the weights of the layer depend on; with `training`, what its further training depends on, too.
    pub(crate) fn dependences(&self, training: bool) -> BTreeMap<String, String> {
        let compared = |name: &str| !ASIDE.contains(&name) && (training || !TRAINING.contains(&name));
        let options = self.options.iter().filter(|(name, _)| compared(name));
        let mut all = flat(&options.map(|(name, value)| (name.clone(), value.clone())).collect());
        match &self.rotation {
            Some(rotation) => {
                let mut fields = flat(&value(rotation));
                if rotation.learn_l != LearnL::Fixed {
                    // The parameter λ has it.
                    fields.remove("l");
                }
                if !training {
                    fields.remove("detached");
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

    /// Whether it is more than a layer such as dropout or flattening, which a network may have or not.
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
        })
    }
}
