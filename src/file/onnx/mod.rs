//! Networks as ONNX files, for other programs.
//!
//! [`layers`] and [`windows`] have a function for every kind of layer; a new kind gets its function there.

mod conversion;
mod graph;
mod layers;
mod loops;
#[rustfmt::skip]
#[allow(missing_docs, dead_code, unused_qualifications, clippy::all)]
mod proto;
mod recurrent;
mod windows;

use super::Card;
use crate::layer::kinds::{Described, Kinds};
use crate::model::{Rho, Tensor};
use crate::{Error, Model, Result, store};
use graph::{Graph, TEXT_DOMAIN, Value};
use prost::Message;
use proto::tensor_proto::DataType;
use proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The version of ONNX's operators that files use; every runtime of 2022 and later has it.
const OPSET: i64 = 17;

/// That of the operators on text.
const TEXT_OPSET: i64 = 2;

/// The version of the file format that belongs to [`OPSET`].
const IR: i64 = 8;

/// The most bytes of a message of protocol buffers.
const MOST_BYTES: usize = i32::MAX as usize;

/// Writes models as ONNX files (opset 17), which run where autorot does not: in onnxruntime and its languages, in browsers, on phones.
///
/// The graph has an input `input` `[batch, ...]` and an output `output` `[batch, ...]` in single precision, shaped as the model's own;
/// the number of rows is free. It computes what [`Model::predict`] does: dropout and augmentation are gone, batch normalisation
/// uses its moving statistics, weights with weight normalisation are plain ones, and ρ is a constant. Convolutions are turned to ONNX's layout inside. Recurrent layers are ONNX's `RNN`,
/// `LSTM` and `GRU` with the lengths that masks leave, or a `Scan` with activations that these lack (such as arctan). A layer that is
/// [stateful](crate::layer::Recurrent::stateful) has its states as further inputs, named by its path (`1.lstm.h`, `1.lstm.c`), and one that keeps or
/// returns them as further outputs (`1.lstm.h.next`).
///
/// With [`Onnx::conversion`] the graph takes the data in their own units instead: see there.
///
/// The metadata hold `classes`, the names of the classes as a JSON list, and `autorot`, the description of the model
/// ([`Model::to_description`]).
///
/// ```
/// use autorot::file::Onnx;
/// use autorot::{Activation, AutoRotate, Dense, Device, Sequential};
///
/// let net = Sequential::new([4]).input_range(0.0, 1.0).add(Dense::new(8).activation(Activation::Tanh).auto_rotate(AutoRotate::new()));
/// let mut model = net.add(Dense::new(3)).build(&Device::cpu(), 0)?;
/// let path = std::env::temp_dir().join("net.onnx");
/// Onnx::new().save(&mut model, &path)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Onnx {
    fold: bool,
    conversion: bool,
    name: String,
}

impl Default for Onnx {
    fn default() -> Self {
        Self { fold: true, conversion: false, name: "autorot".to_owned() }
    }
}

impl Onnx {
    /// A folded network, whose inputs and outputs are as those of [`Model::predict`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether ρ and batch normalisation go into kernels and biases ([`Model::fold`]), which is faster; the default. Otherwise ρ is a
    /// constant by which pre-activations are multiplied, but for recurrent layers, whose kernels it always goes into. Where ρ differs between
    /// positions, as at the padded borders of a convolution, it is such a constant either way.
    pub fn fold(mut self, fold: bool) -> Self {
        self.fold = fold;
        self
    }

    /// Whether the [conversion](Model::set_conversion) of the data is part of the graph, as in [`Model::predict_rows`].
    ///
    /// Inputs in the data's units are then in double precision. Of a table every column is an input of its own, `[batch, 1]`: numbers,
    /// where NaN is a missing value, or text, where the empty string is one. Text must be spelt as the category is; what is no category gets
    /// none. The output is `output` in the data's units (double precision), or `probabilities`, with `class`, the most probable one, where names of
    /// classes are known and one class applies. Text needs the operators of the domain `ai.onnx.ml`.
    pub fn conversion(mut self, conversion: bool) -> Self {
        self.conversion = conversion;
        self
    }

    /// The name of the graph, `autorot` by default.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Writes the file, as a whole or not at all.
    ///
    /// # Errors
    /// A layer of your own, an activation of your own; a conversion that is asked for and that the model lacks; more than 2 GiB, which the format
    /// cannot hold; the file cannot be written; device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn save(&self, model: &mut Model, path: impl AsRef<Path>) -> Result<()> {
        store::write(path, &self.to_bytes(model)?)
    }

    /// The bytes of the file that [`Onnx::save`] writes.
    ///
    /// # Errors
    /// As [`Onnx::save`].
    #[cfg(not(target_family = "wasm"))]
    pub fn to_bytes(&self, model: &mut Model) -> Result<Vec<u8>> {
        pollster::block_on(self.to_bytes_async(model))
    }

    /// [`Onnx::to_bytes`], for callers that may not block.
    pub async fn to_bytes_async(&self, model: &mut Model) -> Result<Vec<u8>> {
        if !self.fold {
            return self.bytes(model).await;
        }
        // Of a layer that cannot be written, the error below tells more.
        let kinds = Kinds::default();
        match model.network().description().layers.iter().all(|layer| kinds.has(&layer.kind)) {
            true => self.bytes(&mut model.fold_async(&kinds).await?).await,
            false => self.bytes(model).await,
        }
    }

    async fn bytes(&self, model: &mut Model) -> Result<Vec<u8>> {
        let weights = model.plain_weights_async().await?;
        let rho = model.rho_async().await?;
        let network = model.network();
        let mut writer = Writer { graph: Graph::default(), weights, rho };
        let conversion = match (self.conversion, model.conversion()) {
            (true, None) if model.outputs() == crate::model::Outputs::Values => {
                return Err(Error::invalid(
                    "conversion of the data",
                    "none",
                    "what was done to the data before the network saw them",
                    "give it to the model with Model::set_conversion, or leave Onnx::conversion away",
                ));
            }
            (asked, conversion) => asked.then_some(conversion),
        };
        let shape = &network.input().shape;
        let input = match conversion.flatten() {
            Some(conversion) => writer.inputs(conversion, shape),
            None => Value::new(writer.graph.input("input", shape, DataType::Float), shape.clone()),
        };
        let layers = Described::tree(&network.description().layers);
        let (output, _) = writer.chain(layers.iter(), input, None)?;
        let output = writer.graph.channels_last(output);
        writer.graph.path.clear();
        match conversion {
            Some(conversion) => writer.outputs(conversion, model.outputs(), model.class_names(), &output),
            None => writer.graph.last_output(&output.name, "output", &output.shape, DataType::Float),
        }
        writer.graph.graph.name = Some(self.name.clone());
        self.file(model, writer.graph)
    }

    /// The file of a graph.
    fn file(&self, model: &Model, graph: Graph) -> Result<Vec<u8>> {
        let entry = |key: &str, value: String| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value),
        };
        let mut metadata = vec![entry("autorot", Card::of(model).to_text(false))];
        if let Some(names) = model.class_names() {
            metadata.push(entry("classes", serde_json::to_string(names).unwrap_or_default()));
        }
        let domain = |name: &str, version| OperatorSetIdProto {
            domain: Some(name.to_owned()),
            version: Some(version),
        };
        let mut domains = vec![domain("", OPSET)];
        if graph.graph.node.iter().any(|node| node.domain.is_some()) {
            domains.push(domain(TEXT_DOMAIN, TEXT_OPSET));
        }
        let file = ModelProto {
            ir_version: Some(IR),
            opset_import: domains,
            producer_name: Some("autorot".to_owned()),
            producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            graph: Some(graph.graph),
            metadata_props: metadata,
            ..ModelProto::default()
        };
        let len = file.encoded_len();
        if len > MOST_BYTES {
            return Err(Error::invalid(
                "ONNX file",
                format!("{len} bytes"),
                format!("at most {MOST_BYTES}, as the format has it"),
                "use a smaller network",
            ));
        }
        Ok(file.encode_to_vec())
    }
}

/// What writes layers: the graph so far, and the numbers by path.
struct Writer {
    graph: Graph,
    weights: BTreeMap<String, Tensor<f64>>,
    rho: HashMap<String, Rho>,
}

impl Writer {
    /// A parameter of a layer, where it has one of this name.
    fn parameter(&self, layer: &Described<'_>, name: &str) -> Option<&Tensor<f64>> {
        self.weights.get(&format!("{}.{name}", layer.path()))
    }

    /// A parameter that the layer has.
    fn needed(&self, layer: &Described<'_>, name: &str) -> Result<Tensor<f64>> {
        self.parameter(layer, name).cloned().ok_or_else(|| {
            Error::invalid(
                layer.path(),
                format!("no parameter {name}"),
                "one",
                "report this as a bug in autorot",
            )
        })
    }
}

/// An option of a layer.
fn option<T: serde::de::DeserializeOwned>(layer: &Described<'_>, name: &str) -> Result<T> {
    let value = layer.options().get(name).cloned().unwrap_or_default();
    serde_json::from_value(value).map_err(|e| {
        Error::invalid(
            layer.path(),
            format!("{name}: {e}"),
            "an option of the layer",
            "report this as a bug in autorot",
        )
    })
}
