//! The description of a network, stored with its weights and states.

use crate::describe::difference;
use crate::layer::LayerDescription;
use crate::{Error, Frame, Range, Result, Sequential};
use serde::{Deserialize, Serialize};

/// Everything besides the numbers that gives a network's weights their meaning: in a network with another description they mean
/// something else, even if the shapes agree. [`Weights`](super::Weights) and [`ModelState`](super::ModelState)s carry the
/// description of their network, and a model compares it with its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Description {
    /// The shape of one sample.
    pub input: Vec<usize>,
    /// The range of the inputs, where it is known.
    pub range: Option<Range>,
    /// The frame of the inputs, from which critical layers see them, where it does not follow from the range.
    pub frame: Option<Frame>,
    /// The seed for the initial parameters, dropout and augmentation.
    pub seed: u64,
    /// The layers in order, each after its inner layers.
    pub layers: Vec<LayerDescription>,
}

/// How to build the same network, in remedies.
const ALIKE: &str = " (the same input range, by Sequential::input_range, and the same dropout before rotated layers, or \
                     their x_Q by x_q(v))";

/// In what two networks must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// In what gives the weights their meaning.
    Weights,
    /// Also in what continued training depends on.
    Training,
}

impl Description {
    /// Inputs like those of the network, and no layers.
    pub(crate) fn outline(&self) -> Sequential {
        let mut net = Sequential::new(self.input.clone());
        if let Some(range) = self.range {
            net = net.input_range(range.min, range.max);
        }
        match self.frame {
            Some(frame) => net.input_frame(frame),
            None => net,
        }
    }

    /// The layer at this path.
    pub fn layer(&self, path: &str) -> Option<&LayerDescription> {
        self.layers.iter().find(|layer| layer.path == path)
    }

    /// The last layer that has parameters.
    pub(super) fn last(&self) -> Option<&LayerDescription> {
        self.layers.iter().rfind(|layer| !layer.parameters.is_empty())
    }

    /// Checks that parameters of another network, those with `given` paths, mean the same here. Layers without parameters are
    /// compared only if all parameters of that network are given, and layers that only this network has only if, in addition, all
    /// its own are given: a network with more parameters is another network, which may reuse layers of the first.
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
            "build the same network as that of the weights{ALIKE}, or take only the numbers: Weights::without_description"
        );
        let mut layers = other.layers.iter().filter(compared);
        layers.try_for_each(|layer| self.check_layer(layer, Agreement::Weights, "weights", remedy))?;
        if whole && all(self) {
            self.check_further(other, Agreement::Weights, "weights", remedy)
        } else {
            Ok(())
        }
    }

    /// Checks that a state of a model with another network can be used here.
    pub(crate) fn check_state(&self, other: &Self, agreement: Agreement) -> Result<()> {
        let remedy = &match agreement {
            Agreement::Weights => format!(
                "build the same network as that of the state{ALIKE}, or take only its numbers: \
                 set_weights(&state.weights().without_description())"
            ),
            Agreement::Training => "continue with the network that the training started with".to_owned(),
        };
        if agreement == Agreement::Training && self.seed != other.seed {
            let found = format!("{} in the state", other.seed);
            return Err(Error::invalid("seed of the network", found, self.seed, remedy.as_str()));
        }
        let layer = |layer| self.check_layer(layer, agreement, "a state", remedy);
        other.layers.iter().try_for_each(layer)?;
        self.check_further(other, agreement, "a state", remedy)
    }

    /// Rejects layers that only this network has, except those that do not matter.
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
