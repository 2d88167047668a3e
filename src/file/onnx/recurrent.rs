//! Recurrent layers as ONNX's own operators.

use super::graph::{Attribute, Value};
use super::layers::{Mask, activation};
use super::proto::tensor_proto::DataType;
use super::{Writer, option};
use crate::layer::Cell;
use crate::layer::kinds::Described;
use crate::model::{Tensor, multiply_rho};
use crate::{Activation, Result};

/// A recurrent layer with its numbers in Keras' order, ρ multiplied in.
pub(super) struct Recurrent {
    pub(super) cell: Cell,
    pub(super) units: usize,
    pub(super) gates: usize,
    pub(super) activation: Activation,
    pub(super) gate: Activation,
    pub(super) reversed: bool,
    /// `[features, gates·units]`.
    pub(super) kernel: Tensor<f64>,
    /// `[units, gates·units]`.
    pub(super) recurrent: Tensor<f64>,
    /// The biases of both products.
    pub(super) biases: [Vec<f64>; 2],
}

/// What a run over the time steps leaves.
pub(super) struct Run {
    /// `[batch, steps, units]`, in the order of time.
    pub(super) sequence: String,
    /// The last state and an LSTM's last memory, `[batch, units]`.
    pub(super) states: Vec<String>,
}

/// The operators' own names of activations, for those that need no further numbers.
fn operators_name(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::Sigmoid => Some("Sigmoid"),
        Activation::Tanh => Some("Tanh"),
        Activation::Relu => Some("Relu"),
        Activation::Softsign => Some("Softsign"),
        Activation::Softplus => Some("Softplus"),
        _ => None,
    }
}

impl Recurrent {
    fn new(writer: &Writer, layer: &Described<'_>, reversed: bool) -> Result<Self> {
        let numbers = |name: &str| -> Result<Tensor<f64>> {
            let mut tensor = writer.needed(layer, name)?;
            if let Some(rho) = writer.rho.get(layer.path()) {
                multiply_rho(layer.description(), name, &mut tensor, &rho.values);
            }
            Ok(tensor)
        };
        let (kernel, recurrent) = (numbers("kernel")?, numbers("recurrent_kernel")?);
        let (units, columns) = (recurrent.shape[0], recurrent.shape[1]);
        let mut biases = [vec![0.0; columns], vec![0.0; columns]];
        if writer.parameter(layer, "bias").is_some() {
            let lines = numbers("bias")?.values;
            biases
                .iter_mut()
                .zip(lines.chunks_exact(columns))
                .for_each(|(to, line)| to.copy_from_slice(line));
        }
        Ok(Self {
            cell: option(layer, "cell")?,
            units,
            gates: columns / units,
            activation: activation(layer, "activation")?,
            gate: activation(layer, "recurrent_activation")?,
            reversed,
            kernel,
            recurrent,
            biases,
        })
    }

    /// A kernel as ONNX has it, `[1, gates·units, rows]`, gates in ONNX's order.
    fn turned(&self, kernel: &Tensor<f64>) -> Tensor<f64> {
        let (rows, columns) = (kernel.shape[0], kernel.shape[1]);
        let line = |column: usize| (0..rows).map(move |row| kernel.values[row * columns + column]);
        let values = self.columns().flat_map(line).collect();
        Tensor { shape: vec![1, columns, rows], values }
    }

    /// The columns in ONNX's order of gates: input, output, forget and cell for an LSTM.
    fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        let order: &[usize] = if self.cell == Cell::Lstm { &[0, 3, 1, 2] } else { &[0, 1, 2] };
        let (units, gates) = (self.units, self.gates);
        order[..gates].iter().flat_map(move |gate| gate * units..(gate + 1) * units)
    }

    /// The operator and the names of its activations, unless it lacks one of them.
    fn operator(&self) -> Option<(&'static str, Vec<String>)> {
        let (gate, own) = (operators_name(self.gate), operators_name(self.activation));
        let (operator, activations) = match self.cell {
            Cell::SimpleRnn => ("RNN", vec![own?]),
            Cell::Lstm => ("LSTM", vec![gate?, own?, own?]),
            Cell::Gru { .. } => ("GRU", vec![gate?, own?]),
        };
        Some((operator, activations.into_iter().map(str::to_owned).collect()))
    }
}

impl Writer {
    pub(super) fn recurrent(&mut self, layer: &Described<'_>, x: Value, mask: Mask) -> Result<(Value, Mask)> {
        let backwards: bool = option(layer, "go_backwards")?;
        let mut y = self.run_through(layer, &x, mask.as_deref(), backwards)?;
        let mut mask = mask.filter(|_| y.shape.len() > 1);
        if backwards && y.shape.len() > 1 {
            y = y.like(self.reversed(&y.name));
            mask = mask.map(|mask| self.reversed(&mask));
        }
        Ok((y, mask))
    }

    /// The tensor with its time steps in reversed order.
    fn reversed(&mut self, x: &str) -> String {
        let bounds = [("starts", -1), ("ends", i64::MIN), ("axes", 1), ("steps", -1)];
        let [starts, ends, axes, steps] = bounds.map(|(name, value)| self.graph.ints(name, &[value]));
        self.graph.op("Slice", &[x, &starts, &ends, &axes, &steps])
    }

    /// A layer over all time steps; its output is in the order of time.
    pub(super) fn run_through(
        &mut self,
        layer: &Described<'_>,
        x: &Value,
        mask: Option<&str>,
        reversed: bool,
    ) -> Result<Value> {
        let of = Recurrent::new(self, layer, reversed)?;
        let (steps, units) = (x.shape[0], of.units);
        let stateful: bool = option(layer, "stateful")?;
        let names = if of.cell == Cell::Lstm { &["h", "c"][..] } else { &["h"] };
        let path = layer.path();
        let initial: Vec<String> = match stateful {
            true => {
                let input =
                    |name: &&str| self.graph.input(&format!("{path}.{name}"), &[units], DataType::Float);
                names.iter().map(input).collect()
            }
            false => {
                let zeros = self.zeros(x, units);
                vec![zeros; names.len()]
            }
        };
        let run = match of.operator() {
            Some((operator, activations)) => self.operate(&of, (operator, activations), x, mask, &initial),
            None => self.looped(&of, x, mask, &initial),
        };
        if stateful || option(layer, "return_state")? {
            for (name, state) in names.iter().zip(&run.states) {
                self.graph.output(state, &format!("{path}.{name}.next"), &[units], DataType::Float);
            }
        }
        match option(layer, "return_sequences")? {
            true => Ok(Value::new(run.sequence, [steps, units])),
            false => Ok(Value::new(run.states[0].clone(), [units])),
        }
    }

    /// Zeros `[batch, units]`.
    fn zeros(&mut self, x: &Value, units: usize) -> String {
        let rows = vec![("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let rows = self.graph.op_with("Shape", &[&x.name], rows);
        let columns = self.graph.ints("units", &[units as i64]);
        let sizes = self.graph.op_with("Concat", &[&rows, &columns], vec![("axis", Attribute::Int(0))]);
        let zero = self.graph.floats("zero", &[1, 1], &[0.0]);
        self.graph.op("Expand", &[&zero, &sizes])
    }

    /// An operator of ONNX. Steps that do not count are moved behind those that do, and their number is told to the operator.
    fn operate(
        &mut self,
        of: &Recurrent,
        (operator, activations): (&str, Vec<String>),
        x: &Value,
        mask: Option<&str>,
        initial: &[String],
    ) -> Run {
        let (w, r) = (of.turned(&of.kernel), of.turned(&of.recurrent));
        let biases: Vec<f64> =
            of.biases.iter().flat_map(|bias| of.columns().map(|column| bias[column])).collect();
        let graph = &mut self.graph;
        let w = graph.floats("kernel", &w.shape, &w.values);
        let r = graph.floats("recurrent_kernel", &r.shape, &r.values);
        let b = graph.floats("bias", &[1, biases.len()], &biases);
        let [zeroth, first] = [0, 1].map(|axis| graph.ints("axis", &[axis]));
        let counted = mask.map(|mask| Counted::new(self, x, mask));
        let steps_first = || vec![("perm", Attribute::Ints(vec![1, 0, 2]))];
        let graph = &mut self.graph;
        let x = counted.as_ref().map_or(&x.name, |counted| &counted.x);
        let x = graph.op_with("Transpose", &[x], steps_first());
        let given: Vec<String> =
            initial.iter().map(|state| graph.op("Unsqueeze", &[state, &zeroth])).collect();
        let lengths = counted.as_ref().map_or("", |counted| &counted.lengths);
        let inputs: Vec<&str> =
            [x.as_str(), &w, &r, &b, lengths].into_iter().chain(given.iter().map(String::as_str)).collect();
        let mut attributes = vec![
            ("hidden_size", Attribute::Int(of.units as i64)),
            ("direction", Attribute::Text(if of.reversed { "reverse" } else { "forward" })),
            ("activations", Attribute::Texts(activations)),
        ];
        if let Cell::Gru { reset_after } = of.cell {
            attributes.push(("linear_before_reset", Attribute::Int(reset_after.into())));
        }
        let outputs = graph.node(operator, &inputs, attributes, 1 + initial.len());
        let sequence = graph.op("Squeeze", &[&outputs[0], &first]);
        let sequence = graph.op_with("Transpose", &[&sequence], steps_first());
        let states: Vec<String> =
            outputs[1..].iter().map(|state| graph.op("Squeeze", &[state, &zeroth])).collect();
        match counted {
            None => Run { sequence, states },
            Some(counted) => counted.spread(self, of, Run { sequence, states }, initial),
        }
    }
}

/// Sequences whose steps that count are moved to the front.
struct Counted {
    /// `[batch, steps, features]`.
    x: String,
    /// How many steps count, at least 1, `[batch]`.
    lengths: String,
    /// How many count, `[batch, 1]`.
    count: String,
    mask: String,
    steps: usize,
}

impl Counted {
    fn new(writer: &mut Writer, x: &Value, mask: &str) -> Self {
        let steps = x.shape[0];
        let graph = &mut writer.graph;
        let along = graph.ints("axis", &[1]);
        let count = graph.op_with("ReduceSum", &[mask, &along], vec![("keepdims", Attribute::Int(1))]);
        let lengths = graph.op("Squeeze", &[&count, &along]);
        let one = graph.floats("one", &[], &[1.0]);
        let lengths = graph.op("Max", &[&lengths, &one]);
        let lengths = graph.cast(&lengths, DataType::Int32);
        // Those that count before the others, both in the order of time.
        let times: Vec<f64> = (0..steps).map(|t| t as f64).collect();
        let (times, ahead) =
            (graph.floats("time", &[steps], &times), graph.floats("ahead", &[], &[steps as f64]));
        let rank = graph.op("Mul", &[mask, &ahead]);
        let rank = graph.op("Sub", &[&rank, &times]);
        let all = graph.ints("steps", &[steps as i64]);
        let order = graph.node("TopK", &[&rank, &all], vec![("axis", Attribute::Int(1))], 2).swap_remove(1);
        let x = gathered(writer, &x.name, &order, x.channels());
        Self { x, lengths, count, mask: mask.to_owned(), steps }
    }

    /// Every step with the state that it has: a step that does not count has that of the one before it.
    fn spread(self, writer: &mut Writer, of: &Recurrent, run: Run, initial: &[String]) -> Run {
        let graph = &mut writer.graph;
        let along = graph.ints("axis", &[1]);
        let start = graph.op("Unsqueeze", &[&initial[0], &along]);
        let exclusive = vec![("exclusive", Attribute::Int(of.reversed.into()))];
        let axis = graph.ints("axis", &[1]);
        let before = graph.op_with("CumSum", &[&self.mask, &axis], exclusive);
        let (parts, place) = if of.reversed {
            let end = graph.floats("end", &[], &[self.steps as f64]);
            let there = graph.op("Less", &[&before, &self.count]);
            ([&run.sequence, &start], graph.op("Where", &[&there, &before, &end]))
        } else {
            ([&start, &run.sequence], before)
        };
        let all = graph.op_with("Concat", &parts.map(String::as_str), vec![("axis", Attribute::Int(1))]);
        let place = graph.cast(&place, DataType::Int64);
        let sequence = gathered(writer, &all, &place, of.units);
        let graph = &mut writer.graph;
        let last = graph.ints("last", &[if of.reversed { 0 } else { self.steps as i64 - 1 }]);
        let last = graph.op_with("Gather", &[&sequence, &last], vec![("axis", Attribute::Int(1))]);
        let mut states = vec![graph.op("Squeeze", &[&last, &along])];
        // A sequence of which no step counts leaves an LSTM's memory as it was.
        if let ([_, memory], [_, given]) = (run.states.as_slice(), initial) {
            let zero = graph.floats("zero", &[], &[0.0]);
            let any = graph.op("Greater", &[&self.count, &zero]);
            states.push(graph.op("Where", &[&any, memory, given]));
        }
        Run { sequence, states }
    }
}

/// The lines of `[batch, steps, width]` at these places `[batch, places]`.
fn gathered(writer: &mut Writer, x: &str, places: &str, width: usize) -> String {
    let graph = &mut writer.graph;
    let shape = graph.op("Shape", &[places]);
    let width = graph.ints("width", &[width as i64]);
    let shape = graph.op_with("Concat", &[&shape, &width], vec![("axis", Attribute::Int(0))]);
    let last = graph.ints("axis", &[2]);
    let places = graph.op("Unsqueeze", &[places, &last]);
    let places = graph.op("Expand", &[&places, &shape]);
    graph.op_with("GatherElements", &[x, &places], vec![("axis", Attribute::Int(1))])
}
