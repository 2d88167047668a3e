//! Recurrent layers with activations that ONNX's operators lack: the time steps as a loop.

use super::Writer;
use super::graph::{Attribute, Value};
use super::recurrent::{Recurrent, Run};
use crate::layer::Cell;

impl Writer {
    /// A loop over the time steps.
    pub(super) fn looped(
        &mut self,
        of: &Recurrent,
        x: &Value,
        mask: Option<&str>,
        initial: &[String],
    ) -> Run {
        let columns = of.gates * of.units;
        let graph = &mut self.graph;
        let w = graph.floats("kernel", &of.kernel.shape, &of.kernel.values);
        let b = graph.floats("bias", &[columns], &of.biases[0]);
        let z = graph.op("MatMul", &[&x.name, &w]);
        let z = graph.op("Add", &[&z, &b]);
        let last = graph.ints("axis", &[2]);
        let mask = mask.map(|mask| graph.op("Unsqueeze", &[mask, &last]));
        let states = initial.len();
        let named = ["h", "c"][..states].iter().chain(&["z"]).chain(mask.is_some().then_some(&"m"));
        let named: Vec<&str> = named.copied().collect();
        // The body is written by `self`, whose graph makes the body.
        let mut graph = std::mem::take(&mut self.graph);
        let body = graph.body(&named, |graph, inputs| {
            std::mem::swap(&mut self.graph, graph);
            let new = self.step(of, &inputs[..states], &inputs[states]);
            let new = match inputs.get(states + 1) {
                Some(mask) => new.iter().zip(inputs).map(|(new, old)| self.chosen(mask, new, old)).collect(),
                None => new,
            };
            let line = self.graph.op("Identity", &[&new[0]]);
            std::mem::swap(&mut self.graph, graph);
            new.into_iter().chain([line]).collect()
        });
        self.graph = graph;
        let scanned = 1 + usize::from(mask.is_some());
        let (along, backwards) = (vec![1; scanned], i64::from(of.reversed));
        let attributes = vec![
            ("body", Attribute::Graph(Box::new(body))),
            ("num_scan_inputs", Attribute::Int(scanned as i64)),
            ("scan_input_axes", Attribute::Ints(along)),
            ("scan_input_directions", Attribute::Ints(vec![backwards; scanned])),
            ("scan_output_axes", Attribute::Ints(vec![1])),
            ("scan_output_directions", Attribute::Ints(vec![backwards])),
        ];
        let inputs: Vec<&str> = initial.iter().chain([&z]).chain(&mask).map(String::as_str).collect();
        let mut outputs = self.graph.node("Scan", &inputs, attributes, states + 1);
        let sequence = outputs.pop().unwrap_or_default();
        Run { sequence, states: outputs }
    }

    /// The new value where the mask is 1, else the old one.
    fn chosen(&mut self, mask: &str, new: &str, old: &str) -> String {
        let difference = self.graph.op("Sub", &[new, old]);
        let taken = self.graph.op("Mul", &[mask, &difference]);
        self.graph.op("Add", &[old, &taken])
    }

    /// One time step: the new states, from the old ones and the share of the inputs in the pre-activations.
    fn step(&mut self, of: &Recurrent, states: &[String], z: &str) -> Vec<String> {
        let h = &states[0];
        match of.cell {
            Cell::SimpleRnn => {
                let share = self.product(of, h, 0..1, false);
                let z = self.graph.op("Add", &[z, &share]);
                vec![self.activated(of.activation, &z)]
            }
            Cell::Lstm => {
                let share = self.product(of, h, 0..4, false);
                let z = self.graph.op("Add", &[z, &share]);
                let gates = self.parts(&z, 4);
                let [input, forget, output] =
                    [0, 1, 3].map(|gate: usize| self.activated(of.gate, &gates[gate]));
                let candidate = self.activated(of.activation, &gates[2]);
                let kept = self.graph.op("Mul", &[&forget, &states[1]]);
                let added = self.graph.op("Mul", &[&input, &candidate]);
                let memory = self.graph.op("Add", &[&kept, &added]);
                let shown = self.activated(of.activation, &memory);
                vec![self.graph.op("Mul", &[&output, &shown]), memory]
            }
            Cell::Gru { reset_after } => {
                let z = self.parts(z, 3);
                let of_state = match reset_after {
                    true => {
                        let share = self.product(of, h, 0..3, true);
                        self.parts(&share, 3)
                    }
                    false => {
                        let share = self.product(of, h, 0..2, false);
                        self.parts(&share, 2)
                    }
                };
                let [update, reset] = [0, 1].map(|gate: usize| {
                    let sum = self.graph.op("Add", &[&z[gate], &of_state[gate]]);
                    self.activated(of.gate, &sum)
                });
                let share = match of_state.get(2) {
                    Some(share) => self.graph.op("Mul", &[&reset, share]),
                    None => {
                        let state = self.graph.op("Mul", &[&reset, h]);
                        self.product(of, &state, 2..3, false)
                    }
                };
                let sum = self.graph.op("Add", &[&z[2], &share]);
                let candidate = self.activated(of.activation, &sum);
                // candidate + update·(h − candidate)
                vec![self.chosen(&update, h, &candidate)]
            }
        }
    }

    /// The product of a state with the recurrent kernel of some gates, with its bias where it has one.
    fn product(
        &mut self,
        of: &Recurrent,
        state: &str,
        gates: std::ops::Range<usize>,
        has_bias: bool,
    ) -> String {
        let range = gates.start * of.units..gates.end * of.units;
        let lines = of.recurrent.values.chunks_exact(of.gates * of.units);
        let kernel: Vec<f64> = lines.flat_map(|line| &line[range.clone()]).copied().collect();
        let u = self.graph.floats("recurrent_kernel", &[of.units, range.len()], &kernel);
        let product = self.graph.op("MatMul", &[state, &u]);
        if !has_bias {
            return product;
        }
        let b = self.graph.floats("recurrent_bias", &[range.len()], &of.biases[1][range]);
        self.graph.op("Add", &[&product, &b])
    }

    /// The equal parts of a line.
    fn parts(&mut self, line: &str, count: usize) -> Vec<String> {
        self.graph.node("Split", &[line], vec![("axis", Attribute::Int(1))], count)
    }
}
