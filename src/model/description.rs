//! What a network is, as its weights, its states and files see it.

use crate::describe::difference;
use crate::layer::LayerDescription;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// All that a network's weights depend on beside their numbers: weights of one network mean something else in a network
/// that is described otherwise, although shapes may agree. [`Weights`](super::Weights) and
/// [`ModelState`](super::ModelState)s carry the description of their network, and a model compares it with its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Description {
    /// The shape of a sample.
    pub input: Vec<usize>,
    /// The seed that parameters started from and that dropout and augmentation draw from.
    pub seed: u64,
    /// The layers in order, those inside of others before them.
    pub layers: Vec<LayerDescription>,
}

/// What makes a network like another, in remedies.
const ALIKE: &str = " (the same range of inputs, by Sequential::input_range, and the same dropout before rotated layers, or \
                     their x_Q by x_q(v))";

/// How far two networks are to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// In what the weights depend on.
    Weights,
    /// In what a training that goes on depends on, too.
    Training,
}

impl Description {
    /// The layer at this path.
    pub fn layer(&self, path: &str) -> Option<&LayerDescription> {
        self.layers.iter().find(|layer| layer.path == path)
    }

    /// The last layer that has parameters.
    pub(super) fn last(&self) -> Option<&LayerDescription> {
        self.layers.iter().rfind(|layer| !layer.parameters.is_empty())
    }

    /// Whether parameters of another network, those that are `given` by path, stand for the same here. Layers without
    /// parameters are looked at where all parameters of that network are given, and those that only this network has where its
    /// own are all given, too: one with further parameters is another network, to which the other's layers may well be lent.
    pub(super) fn check_weights(&self, other: &Self, given: impl Fn(&str) -> bool) -> Result<()> {
        let all = |of: &Self| {
            let mut paths = of.layers.iter().flat_map(LayerDescription::parameter_paths);
            paths.all(|path| given(&path))
        };
        let whole = all(other);
        let compared = |layer: &&LayerDescription| {
            let mut paths = layer.parameter_paths();
            if layer.parameters.is_empty() { whole } else { paths.any(|path| given(&path)) }
        };
        let remedy = &format!(
            "build the network like the one that they are of{ALIKE}, or take the numbers alone: Weights::without_description"
        );
        let mut layers = other.layers.iter().filter(compared);
        layers.try_for_each(|layer| self.check_layer(layer, Agreement::Weights, "weights", remedy))?;
        if whole && all(self) {
            self.check_further(other, Agreement::Weights, "weights", remedy)
        } else {
            Ok(())
        }
    }

    /// Whether the state of a model of another network can go on here.
    pub(crate) fn check_state(&self, other: &Self, agreement: Agreement) -> Result<()> {
        let remedy = &match agreement {
            Agreement::Weights => format!(
                "build the network like the one that it is of{ALIKE}, or take its numbers alone: \
                 set_weights(&state.weights().without_description())"
            ),
            Agreement::Training => "go on with the network that the training began with".to_owned(),
        };
        if agreement == Agreement::Training && self.seed != other.seed {
            let found = format!("{}, as the state has it", other.seed);
            return Err(Error::invalid("seed of the network", found, self.seed, remedy.as_str()));
        }
        let layer = |layer| self.check_layer(layer, agreement, "a state", remedy);
        other.layers.iter().try_for_each(layer)?;
        self.check_further(other, agreement, "a state", remedy)
    }

    /// Refuses layers that only this network has, but those that do not matter.
    fn check_further(&self, other: &Self, agreement: Agreement, what: &str, remedy: &str) -> Result<()> {
        let matters = |layer: &&LayerDescription| layer.matters(agreement == Agreement::Training);
        match self.layers.iter().filter(matters).find(|layer| other.layer(&layer.path).is_none()) {
            None => Ok(()),
            Some(layer) => {
                let found = format!("{what} of a network without this layer");
                Err(Error::invalid(&layer.path, found, "a network with it", remedy))
            }
        }
    }

    fn check_layer(
        &self,
        other: &LayerDescription,
        agreement: Agreement,
        what: &str,
        remedy: &str,
    ) -> Result<()> {
        let training = agreement == Agreement::Training;
        let wanted = other.dependences(training);
        let Some(own) = self.layer(&other.path) else {
            if !other.matters(training) {
                return Ok(());
            }
            let known = self.layers.iter().map(|layer| layer.path.as_str()).collect::<Vec<_>>().join(", ");
            let found = format!("{what} of a network with this layer");
            return Err(Error::invalid(&other.path, found, format!("a network of {known}"), remedy));
        };
        match difference(&wanted, &own.dependences(training)) {
            None => Ok(()),
            Some((found, expected)) => Err(Error::invalid(
                &own.path,
                format!("{what} of a layer with {found}"),
                format!("{expected}, as in this network"),
                remedy,
            )),
        }
    }
}
