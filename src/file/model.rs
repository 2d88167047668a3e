//! A model in one file: its parameters by path, and all else in a JSON text beside them.

#[cfg(not(target_family = "wasm"))]
use super::tensors::write_file;
use super::tensors::{Contents, file_bytes, named};
use crate::data::Conversion;
use crate::describe::value;
use crate::device::Device;
use crate::layer::kinds::Kinds;
use crate::loss::Outputs;
use crate::model::{Description, Network};
use crate::{Error, Model, Result, Sequential, store};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// The version of the format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// The oldest version of this crate that reads it.
const READER: &str = "0.1.0";

/// The text of a model file: all that a model is beside its numbers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Card {
    format: u32,
    reader: String,
    writer: String,
    pub(crate) network: Description,
    outputs: Outputs,
    pub(crate) classes: Option<Vec<String>>,
    conversion: Option<Conversion>,
    /// The parameters that training leaves alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    frozen: Vec<String>,
    /// Where a training stands, in checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    training: Option<Value>,
}

/// How the names of tensors begin that only a training needs.
pub(crate) const TRAINING: &str = "training.";

/// What every version of the format has.
#[derive(Deserialize)]
struct Version {
    format: u32,
    reader: String,
    writer: String,
}

impl Card {
    pub(crate) fn of(model: &Model) -> Self {
        Self {
            format: FORMAT,
            reader: READER.to_owned(),
            writer: format!("autorot {}", env!("CARGO_PKG_VERSION")),
            network: model.network().description().clone(),
            outputs: model.outputs(),
            classes: model.class_names().map(<[String]>::to_vec),
            conversion: model.conversion().cloned(),
            frozen: model.frozen().into_iter().map(str::to_owned).collect(),
            training: None,
        }
    }

    /// With what a training has beside its tensors.
    pub(crate) fn with_training(mut self, training: &impl Serialize) -> Self {
        self.training = Some(value(training));
        self
    }

    /// What a training has beside its tensors, where there is one.
    pub(crate) fn split_training(mut self) -> Option<(Self, Value)> {
        self.training.take().map(|training| (self, training))
    }

    pub(crate) fn to_text(&self, pretty: bool) -> String {
        let text = if pretty { serde_json::to_string_pretty(self) } else { serde_json::to_string(self) };
        text.unwrap_or_default()
    }

    pub(crate) fn read(text: &str, place: &str) -> Result<Self> {
        let wrong = |e: serde_json::Error| {
            let expected = format!("a description of format {FORMAT}");
            Error::invalid(place, e, expected, "use the description as autorot wrote it")
        };
        let Version { format, reader, writer } = serde_json::from_str(text).map_err(wrong)?;
        if format != FORMAT {
            return Err(Error::invalid(
                place,
                format!("format {format}, by {writer}"),
                format!("format {FORMAT}"),
                format!("use autorot {reader} or newer"),
            ));
        }
        serde_json::from_str(text).map_err(wrong)
    }

    /// The network that is described; nothing is allocated for its parameters.
    fn network(&self, kinds: &Kinds, place: &str) -> Result<Network> {
        let Description { seed, layers, .. } = &self.network;
        let net = kinds.layers(layers)?.into_iter().fold(self.network.outline(), Sequential::add_shared);
        let network = net.network(*seed)?;
        let differing = network.description().layers.iter().zip(layers).find(|(own, told)| own != told);
        if let Some((own, told)) = differing {
            let text = |layer| serde_json::to_string(layer).unwrap_or_default();
            return Err(Error::invalid(
                format!("{place}: {}", told.path),
                text(told),
                text(own),
                "use the description as autorot wrote it",
            ));
        }
        Ok(network)
    }

    /// The model of such a network.
    fn model(self, network: Network, device: &Device) -> Result<Model> {
        let mut model = Model::new(network, device)?;
        model.set_outputs(self.outputs);
        if let Some(names) = self.classes {
            model.set_class_names(names)?;
        }
        if let Some(conversion) = self.conversion {
            model.set_conversion(conversion)?;
        }
        model.set_frozen(&self.frozen)?;
        Ok(model)
    }
}

impl Model {
    /// Writes the model to a file that [`Model::load`] reads: a safetensors file with the parameters by path (`2.dense.kernel`), and in its
    /// metadata a description of everything else: every layer with its options, ranges and rotation, what the outputs are, class names,
    /// and the [conversion](Model::set_conversion) of the data. The file is written as a whole or not at all. Optimiser state, counters
    /// and what stateful layers keep are not in it: see [`Model::state`].
    ///
    /// # Errors
    /// The file cannot be written; device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let text = Card::of(self).to_text(false);
        write_file(path.as_ref(), Some(&text), named(&self.exact_weights()?))
    }

    /// The bytes of the file that [`Model::save`] writes.
    ///
    /// # Errors
    /// Device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        pollster::block_on(self.to_bytes_async())
    }

    /// [`Model::to_bytes`], for callers that may not block.
    pub async fn to_bytes_async(&mut self) -> Result<Vec<u8>> {
        let text = Card::of(self).to_text(false);
        file_bytes(Some(&text), named(&self.exact_weights_async().await?))
    }

    /// The model in a file, on a device. Its network is built from the description in the file; a model of the device `cpu-f64` keeps its
    /// full precision there.
    ///
    /// # Errors
    /// The file cannot be read, is no model file, or was changed; a newer format, an unknown layer or option, a missing, further or
    /// misshapen parameter, a number that is not finite, each by name; an activation of your own, which only a program has
    /// ([`Weights::load`](crate::model::Weights::load) then reads the parameters alone); device errors.
    pub fn load(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        Self::load_with(path, device, &Kinds::default())
    }

    /// [`Model::load`] of a model with layers of your own, whose kinds are given.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_with(path: impl AsRef<Path>, device: &Device, kinds: &Kinds) -> Result<Self> {
        let path = path.as_ref();
        Self::read(&store::read(path)?, &path.display().to_string(), device, kinds)
    }

    /// The model in the bytes of a file: see [`Model::load`].
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8], device: &Device, kinds: &Kinds) -> Result<Self> {
        Self::read(bytes, "model file", device, kinds)
    }

    fn read(bytes: &[u8], place: &str, device: &Device, kinds: &Kinds) -> Result<Self> {
        let Contents { text, mut tensors } = Contents::of_bytes(bytes, place)?;
        let Some(text) = text else {
            return Err(Error::invalid(
                place,
                "tensors without a description",
                "a file that Model::save has written",
                "build the network in the program, and set its weights: Weights::load",
            ));
        };
        let card = Card::read(&text, place)?;
        if card.training.is_some() {
            tensors.retain(|name, _| !name.starts_with(TRAINING));
        }
        let network = card.network(kinds, place)?;
        // Before anything is allocated: a few bytes may declare any number of parameters.
        for parameter in network.arena().parameters() {
            if tensors.get(&parameter.path).is_none_or(|tensor| tensor.shape != parameter.shape) {
                let found = tensors.get(&parameter.path).map(|tensor| format!("{:?}", tensor.shape));
                return Err(Error::invalid(
                    place,
                    format!(
                        "a tensor {} of the shape {}",
                        parameter.path,
                        found.as_deref().unwrap_or("none")
                    ),
                    format!("{:?}", parameter.shape),
                    "use a whole file, as Model::save writes it",
                ));
            }
        }
        let mut model = card.model(network, device)?;
        model.set_exact_weights(&tensors)?;
        Ok(model)
    }

    /// The description that [`Model::save`] writes beside the parameters, as JSON.
    pub fn to_description(&self) -> String {
        Card::of(self).to_text(true)
    }

    /// The model of a description, with new parameters started from its seed.
    ///
    /// # Errors
    /// As [`Model::load`] has them for descriptions; device errors.
    pub fn from_description(json: &str, device: &Device) -> Result<Self> {
        let card = Card::read(json, DESCRIPTION)?;
        let network = card.network(&Kinds::default(), DESCRIPTION)?;
        card.model(network, device)
    }
}

impl Network {
    /// The network of a description, with layers of these kinds. Nothing is allocated for its parameters.
    ///
    /// # Errors
    /// As [`Model::load`] has them for descriptions.
    pub fn from_description(json: &str, kinds: &Kinds) -> Result<Self> {
        Card::read(json, DESCRIPTION)?.network(kinds, DESCRIPTION)
    }
}

/// What errors name.
const DESCRIPTION: &str = "description";
