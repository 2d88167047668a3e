//! What a recurrent layer records: one product of all inputs, a GPU kernel per time step, and the backward pass.

use super::cell::{Cell, Direction};
use crate::kernel::{
    CopyRows, CopyRowsPorts, DenseForward, DenseForwardPorts, DropoutKernel, DropoutPorts, DropoutValues,
    Epilogue, FoldRotation, FoldRotationPorts, GateKernels, MAX_DEPTH, RecurrentForward,
    RecurrentForwardPorts, RecurrentStep, Stage, Strided,
};
use crate::layer::neuron::Neurons;
use crate::layer::product::{MapPorts, Product, map_alone};
use crate::layer::{Facts, Node, Signal, Trace};
use crate::plan::arena::ParameterId;
use crate::plan::{Purpose, Recorder, View};
use crate::{Activation, Frame, Rotation};

#[derive(Debug)]
pub(super) struct RecurrentNode {
    pub(super) cell: Cell,
    pub(super) steps: usize,
    pub(super) features: usize,
    /// The neurons of all gates, with the parameters of their input part.
    pub(super) neurons: Neurons,
    pub(super) recurrent_activation: Activation,
    /// h_Q if the whole pre-activations are rotated.
    pub(super) h_q: Option<f32>,
    /// The recurrent kernel.
    pub(super) recurrent: ParameterId,
    pub(super) dropout: f32,
    pub(super) recurrent_dropout: f32,
    pub(super) seed: u32,
    pub(super) direction: Direction,
    pub(super) return_sequences: bool,
    pub(super) return_state: bool,
    pub(super) stateful: bool,
    pub(super) truncate: Option<usize>,
    pub(super) masked: bool,
    pub(super) output: Signal,
}

/// The weight kernels and bias that the steps use: the parameters, or with ρ folded in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    pub(super) w: View,
    pub(super) u: View,
    pub(super) b: Option<View>,
}

/// What the forward pass keeps for the backward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The inputs, after dropout.
    pub(super) x: View,
    /// The pre-activations, later overwritten by their gradients.
    pub(super) z: View,
    /// The states.
    pub(super) y: View,
    /// What else the cell stores; see `RecurrentForward`.
    pub(super) memory: Option<View>,
    /// The left operand of the recurrent product.
    pub(super) left: Option<View>,
    /// Initial states and recurrent dropout.
    pub(super) state: Option<View>,
    pub(super) mask: Option<View>,
    pub(super) kernels: Kernels,
}

impl RecurrentNode {
    pub(super) fn gates(&self) -> usize {
        self.neurons.activations.len()
    }

    /// The number of pre-activations per time step.
    pub(super) fn columns(&self) -> usize {
        self.gates() * self.neurons.units
    }

    pub(super) fn resets_before(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: false })
    }

    /// The GPU kernels of a time step, in the order of the forward pass.
    pub(super) fn stages(&self) -> &'static [Stage] {
        match self.cell {
            Cell::SimpleRnn => &[Stage::SimpleRnn],
            Cell::Lstm => &[Stage::Lstm],
            Cell::Gru { reset_after: true } => &[Stage::Gru],
            Cell::Gru { reset_after: false } => &[Stage::GruGates, Stage::GruCandidate],
        }
    }

    fn has_recurrent_bias(&self) -> bool {
        self.neurons.bias.is_some() && self.cell.bias_lines() == 2
    }

    pub(super) fn drops_states(&self, rec: &Recorder<'_>) -> bool {
        rec.training() && self.recurrent_dropout > 0.0
    }

    /// Whether a sequence starts from a kept state.
    pub(super) fn continues(&self, rec: &Recorder<'_>) -> bool {
        self.stateful && rec.purpose() != Purpose::Inspect
    }

    /// The time step that is processed as the `number`-th, and the place of its output.
    pub(super) fn place(&self, number: usize) -> (usize, usize) {
        match self.direction {
            Direction::Forward => (number, number),
            Direction::Backward => (self.steps - 1 - number, number),
            Direction::Aligned => (self.steps - 1 - number, self.steps - 1 - number),
        }
    }

    /// The `number`-th step to process.
    pub(super) fn step(&self, rec: &Recorder<'_>, number: usize, stage: Stage) -> RecurrentStep {
        let (at, to) = self.place(number);
        RecurrentStep {
            batch: rec.batch(),
            steps: self.steps,
            units: self.neurons.units,
            stage,
            gate: self.recurrent_activation,
            activation: self.neurons.activation,
            masked: self.masked,
            dropped: self.drops_states(rec),
            initial: self.continues(rec),
            at,
            from: number.checked_sub(1).map(|before| self.place(before).1),
            to,
        }
    }

    pub(super) fn gate_kernels(&self, rotation: Rotation) -> GateKernels {
        GateKernels {
            inputs: self.features,
            units: self.neurons.units,
            gates: self.gates(),
            lines: if self.neurons.bias.is_some() { self.cell.bias_lines() } else { 0 },
            rotation,
            h_q: self.h_q,
        }
    }

    pub(super) fn parameters(&self, rec: &mut Recorder<'_>) -> Kernels {
        Kernels {
            w: rec.parameter(self.neurons.kernel),
            u: rec.parameter(self.recurrent),
            b: self.neurons.parameters(rec)[0],
        }
    }

    /// Records ρ, q and the weights with ρ folded in.
    fn fold(&self, rec: &mut Recorder<'_>, rotation: Rotation) -> (Kernels, View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let [_, lambda] = self.neurons.parameters(rec);
        let kernels = self.gate_kernels(rotation);
        let rotation = rec.scratch(2 * self.columns());
        let w_folded = rec.scratch(w.len);
        let u_folded = self.h_q.map(|_| rec.scratch(u.len));
        let b_folded = b.map(|b| rec.scratch(b.len));
        let limits = self.neurons.four_limits();
        rec.op(
            FoldRotation { kernels, limits },
            FoldRotationPorts { w, u_kernel: Some(u), b, lambda, rotation, w_folded, u_folded, b_folded },
        );
        (Kernels { w: w_folded, u: u_folded.unwrap_or(u), b: b_folded }, rotation)
    }

    /// Dropout of the inputs, or of their gradients, with the same draw for all steps of a sequence.
    pub(super) fn drop_inputs(&self, rec: &mut Recorder<'_>, x: View) -> View {
        if !rec.training() || self.dropout == 0.0 {
            return x;
        }
        let count = rec.batch() * self.steps * self.features;
        let (clock, y) = (rec.clock(), rec.scratch(count));
        let (shared, rate) = ([self.steps, self.features], self.dropout);
        rec.op(
            DropoutKernel {
                count,
                shared,
                of_ones: false,
                rate,
                values: DropoutValues::scaled(rate),
                seed: self.seed,
            },
            DropoutPorts { x: Some(x), clock, y },
        );
        y
    }
}

impl Node for RecurrentNode {
    fn path(&self) -> &str {
        &self.neurons.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (batch, units, columns) = (rec.batch(), self.neurons.units, self.columns());
        let rows = batch * self.steps;
        let mask = rec.mask().filter(|_| self.masked);
        let (kernels, rotation, normed) = match self.neurons.rotation {
            Some(rotation) => {
                let (kernels, rotation) = self.fold(rec, rotation);
                (kernels, Some(rotation), None)
            }
            None => {
                let (w, normed) = self.neurons.weights(rec);
                (Kernels { w, ..self.parameters(rec) }, None, normed)
            }
        };
        let input = self.neurons.enter(rec, input);
        let x = self.drop_inputs(rec, input);
        let z = rec.scratch(rows * columns);
        let has_bias = self.neurons.bias.is_some();
        if self.features > MAX_DEPTH {
            let product = Product { rows, inputs: self.features, units: columns };
            let epilogue = Epilogue { has_bias, ..Epilogue::default() };
            product.forward(rec, epilogue, MapPorts { b: kernels.b, ..map_alone(x, kernels.w, z) });
        } else {
            let product = DenseForward {
                batch: rows,
                inputs: self.features,
                units: columns,
                frame: Frame::default(),
                has_bias,
                rotation: None,
                keep_z: false,
                activation: Activation::Linear,
            };
            rec.op(
                product,
                DenseForwardPorts {
                    x,
                    w: kernels.w,
                    b: kernels.b,
                    lambda: None,
                    rotation: None,
                    z: None,
                    y: z,
                },
            );
        }
        // The steps add to z, and the backward pass overwrites it.
        let copied = |rec: &mut Recorder<'_>| {
            let copy = rec.scratch(rows * columns);
            let lines = Strided { first: 0, stride: columns };
            rec.op(
                CopyRows { rows, width: columns, from: lines, to: lines, reversed: false },
                CopyRowsPorts { values: z, out: copy },
            );
            copy
        };
        let linear = rec.keeps_all().then(|| copied(rec));
        let keep = rec.backward_follows();
        let y = rec.scratch(rows * units);
        let memory = match self.cell {
            Cell::SimpleRnn => None,
            Cell::Gru { reset_after: true } => keep.then(|| rec.scratch(rows * columns)),
            _ => Some(rec.scratch(rows * units)),
        };
        let left = keep.then(|| rec.scratch(rows * units));
        let state = self.state(rec);
        let kept = Kept { x, z, y, memory, left, state, mask, kernels };
        let has_bias = self.has_recurrent_bias();
        for number in 0..self.steps {
            for &stage in self.stages() {
                let step = self.step(rec, number, stage);
                let kernel = RecurrentForward { step, has_bias, keep };
                rec.op(
                    kernel,
                    RecurrentForwardPorts {
                        u_kernel: kernels.u,
                        b: kernels.b,
                        state,
                        mask,
                        z,
                        y,
                        memory,
                        left,
                    },
                );
            }
        }
        self.keep_states(rec, &kept);
        let output = if self.return_sequences { y } else { self.last(rec, y) };
        let pre_activation = rec.keeps_all().then(|| copied(rec));
        // Outputs in reversed order have their mask in that order.
        let reversed = self.return_sequences && self.direction == Direction::Backward;
        let turned_mask = mask.filter(|_| reversed).map(|mask| {
            let turned = rec.scratch(rows);
            let lines = Strided { first: 0, stride: self.steps };
            let kernel = CopyRows { rows: batch, width: self.steps, from: lines, to: lines, reversed: true };
            rec.op(kernel, CopyRowsPorts { values: mask, out: turned });
            turned
        });
        Trace {
            mask: turned_mask,
            pre_activation,
            rotation,
            d_pre_activation: Some(z),
            normed,
            linear,
            ..Trace::new(input, output)
        }
        .keeping(kept)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        self.record_backward(rec, trace, d_y, need_d_x)
    }

    fn facts(&self) -> Facts {
        Facts { h_q: self.h_q, steps: Some(self.steps), ..self.neurons.facts() }
    }
}
