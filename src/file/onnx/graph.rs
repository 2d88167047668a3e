//! A graph under construction: nodes, constants and names.

use super::proto::attribute_proto::AttributeType;
use super::proto::tensor_proto::DataType;
use super::proto::tensor_shape_proto::{Dimension, dimension};
use super::proto::type_proto::{Tensor as TensorType, Value as Typed};
use super::proto::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use std::collections::HashSet;

/// The name of the first dimension of inputs and outputs, of any length.
const BATCH: &str = "batch";

/// A tensor of the graph: its name, the shape of one sample with the channels last, and whether it lies with the channels first, as
/// ONNX's convolutions have it.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) channels_first: bool,
}

impl Value {
    /// With the channels last.
    pub(super) fn new(name: impl Into<String>, shape: impl Into<Vec<usize>>) -> Self {
        Self { name: name.into(), shape: shape.into(), channels_first: false }
    }

    /// The same tensor under another name, as elementwise nodes give it.
    pub(super) fn like(&self, name: String) -> Self {
        Self { name, ..self.clone() }
    }

    /// The number of channels, or features.
    pub(super) fn channels(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}

/// What an attribute holds.
#[derive(Debug)]
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Text(&'static str),
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Graph(Box<GraphProto>),
}

impl Attribute {
    fn named(self, name: &str) -> AttributeProto {
        let mut attribute = AttributeProto { name: Some(name.to_owned()), ..AttributeProto::default() };
        let kind = match self {
            Self::Int(value) => {
                attribute.i = Some(value);
                AttributeType::Int
            }
            Self::Float(value) => {
                attribute.f = Some(value);
                AttributeType::Float
            }
            Self::Text(text) => {
                attribute.s = Some(text.as_bytes().to_vec());
                AttributeType::String
            }
            Self::Ints(values) => {
                attribute.ints = values;
                AttributeType::Ints
            }
            Self::Texts(texts) => {
                attribute.strings = texts.into_iter().map(String::into_bytes).collect();
                AttributeType::Strings
            }
            Self::Graph(graph) => {
                attribute.g = Some(*graph);
                AttributeType::Graph
            }
        };
        attribute.r#type = Some(kind as i32);
        attribute
    }
}

/// Attributes by name.
pub(super) type Attributes = Vec<(&'static str, Attribute)>;

/// The domain of operators on text; see [`Graph::text_op`].
pub(super) const TEXT_DOMAIN: &str = "ai.onnx.ml";

/// A graph under construction.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub(super) graph: GraphProto,
    /// The layer that is written: the beginning of new names.
    pub(super) path: String,
    taken: HashSet<String>,
}

impl Graph {
    /// A new name that begins with the path of the layer.
    fn name(&mut self, what: &str) -> String {
        let name = if self.path.is_empty() { what.to_owned() } else { format!("{}.{what}", self.path) };
        let numbered = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name}.{n}") });
        let mut free = numbered.filter(|name| !self.taken.contains(name));
        let free = free.next().unwrap_or(name);
        self.taken.insert(free.clone());
        free
    }

    /// Adds a node with this number of outputs, and returns their names.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: Attributes,
        outputs: usize,
    ) -> Vec<String> {
        let outputs: Vec<String> = (0..outputs).map(|_| self.name(operator)).collect();
        self.graph.node.push(NodeProto {
            name: outputs.first().map(|name| format!("{name}.node")),
            op_type: Some(operator.to_owned()),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: outputs.clone(),
            attribute: attributes.into_iter().map(|(name, attribute)| attribute.named(name)).collect(),
            ..NodeProto::default()
        });
        outputs
    }

    /// Adds a node with one output.
    pub(super) fn op_with(&mut self, operator: &str, inputs: &[&str], attributes: Attributes) -> String {
        self.node(operator, inputs, attributes, 1).swap_remove(0)
    }

    /// Adds a node with one output and no attributes.
    pub(super) fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.op_with(operator, inputs, Vec::new())
    }

    /// A node of the operators on text, which not every runtime has.
    pub(super) fn text_op(&mut self, operator: &str, inputs: &[&str], attributes: Attributes) -> String {
        let output = self.op_with(operator, inputs, attributes);
        if let Some(node) = self.graph.node.last_mut() {
            node.domain = Some(TEXT_DOMAIN.to_owned());
        }
        output
    }

    /// A node that converts to another type.
    pub(super) fn cast(&mut self, input: &str, to: DataType) -> String {
        self.op_with("Cast", &[input], vec![("to", Attribute::Int(to as i64))])
    }

    fn constant(&mut self, name: &str, shape: &[usize], kind: DataType, raw: Vec<u8>) -> String {
        let name = self.name(name);
        self.graph.initializer.push(TensorProto {
            name: Some(name.clone()),
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: Some(kind as i32),
            raw_data: Some(raw),
            ..TensorProto::default()
        });
        name
    }

    /// A constant in single precision.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f64]) -> String {
        let raw = values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect();
        self.constant(name, shape, DataType::Float, raw)
    }

    /// A constant in double precision.
    pub(super) fn doubles(&mut self, name: &str, shape: &[usize], values: &[f64]) -> String {
        let raw = values.iter().flat_map(|&v| v.to_le_bytes()).collect();
        self.constant(name, shape, DataType::Double, raw)
    }

    /// A constant list of whole numbers.
    pub(super) fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(name, &[values.len()], DataType::Int64, raw)
    }

    /// The shape of a tensor whose first dimension is that of a batch.
    fn batched(shape: &[usize]) -> TensorShapeProto {
        let rest = shape.iter().map(|&n| dimension::Value::DimValue(n as i64));
        let all = std::iter::once(dimension::Value::DimParam(BATCH.to_owned())).chain(rest);
        TensorShapeProto {
            dim: all.map(|value| Dimension { value: Some(value), ..Dimension::default() }).collect(),
        }
    }

    fn info(name: &str, shape: &[usize], kind: DataType) -> ValueInfoProto {
        let tensor = TensorType { elem_type: Some(kind as i32), shape: Some(Self::batched(shape)) };
        ValueInfoProto {
            name: Some(name.to_owned()),
            r#type: Some(TypeProto { value: Some(Typed::TensorType(tensor)), ..TypeProto::default() }),
            ..ValueInfoProto::default()
        }
    }

    /// An input of the whole graph; `shape` is that of one row.
    pub(super) fn input(&mut self, name: &str, shape: &[usize], kind: DataType) -> String {
        let path = std::mem::take(&mut self.path);
        let name = self.name(name);
        self.path = path;
        self.graph.input.push(Self::info(&name, shape, kind));
        name
    }

    /// Makes a tensor an output of the whole graph under this name.
    pub(super) fn output(&mut self, value: &str, name: &str, shape: &[usize], kind: DataType) {
        let path = std::mem::take(&mut self.path);
        let name = self.name(name);
        self.path = path;
        self.graph.node.push(NodeProto {
            name: Some(format!("{name}.node")),
            op_type: Some("Identity".to_owned()),
            input: vec![value.to_owned()],
            output: vec![name.clone()],
            ..NodeProto::default()
        });
        self.graph.output.push(Self::info(&name, shape, kind));
    }

    /// As [`Graph::output`] of a tensor that nothing more is made of: it gets the name itself.
    pub(super) fn last_output(&mut self, value: &str, name: &str, shape: &[usize], kind: DataType) {
        let is = |other: &String| other == value;
        let made = self.graph.node.iter().any(|node| node.output.iter().any(is));
        if !made {
            return self.output(value, name, shape, kind);
        }
        self.path.clear();
        let name = self.name(name);
        let places =
            self.graph.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output));
        places.filter(|place| is(place)).for_each(|place| place.clone_from(&name));
        self.graph.output.push(Self::info(&name, shape, kind));
    }

    /// Writes the body of a loop: a graph with these inputs, whose outputs `write` names, each by a name of its own. It sees the tensors of
    /// this graph.
    pub(super) fn body(
        &mut self,
        inputs: &[&str],
        write: impl FnOnce(&mut Self, &[String]) -> Vec<String>,
    ) -> GraphProto {
        let outside = std::mem::take(&mut self.graph);
        let inputs: Vec<String> = inputs.iter().map(|name| self.name(name)).collect();
        let outputs = write(self, &inputs);
        let mut body = std::mem::replace(&mut self.graph, outside);
        let untyped = |name: &String| {
            let tensor = TensorType { elem_type: Some(DataType::Float as i32), shape: None };
            ValueInfoProto {
                name: Some(name.clone()),
                r#type: Some(TypeProto { value: Some(Typed::TensorType(tensor)), ..TypeProto::default() }),
                ..ValueInfoProto::default()
            }
        };
        body.name = Some(self.name("step"));
        body.input = inputs.iter().map(untyped).collect();
        body.output = outputs.iter().map(untyped).collect();
        // Constants belong to the graph around it.
        self.graph.initializer.append(&mut body.initializer);
        body
    }

    /// Moves the channels to the front of a sample's axes, or to their end.
    fn turned(&mut self, value: &Value, first: bool) -> Value {
        let rank = value.shape.len() as i64;
        let order = if first {
            [0, rank].into_iter().chain(1..rank).collect()
        } else {
            std::iter::once(0).chain(2..=rank).chain([1]).collect()
        };
        let name = self.op_with("Transpose", &[&value.name], vec![("perm", Attribute::Ints(order))]);
        Value { channels_first: first, ..value.like(name) }
    }

    /// The tensor with its channels first.
    pub(super) fn channels_first(&mut self, value: Value) -> Value {
        if value.channels_first || value.shape.len() == 1 { value } else { self.turned(&value, true) }
    }

    /// The tensor with its channels last.
    pub(super) fn channels_last(&mut self, value: Value) -> Value {
        if value.channels_first { self.turned(&value, false) } else { value }
    }

    /// The same numbers in rows of another shape. The channels are last.
    pub(super) fn reshaped(&mut self, value: &Value, shape: &[usize]) -> Value {
        let sizes: Vec<i64> = std::iter::once(-1).chain(shape.iter().map(|&n| n as i64)).collect();
        let sizes = self.ints("shape", &sizes);
        Value::new(self.op("Reshape", &[&value.name, &sizes]), shape)
    }
}
