//! What a recurrent layer records: one product of all inputs, a kernel for every time step, and back.

use super::cell::{Cell, Direction};
use crate::kernel::{
    CopyRows, CopyRowsPorts, DenseForward, DenseForwardPorts, Dropout, DropoutPorts, Ending, FoldRotation,
    FoldRotationPorts, GateKernels, MAX_DEPTH, RecurrentForward, RecurrentForwardPorts, RecurrentStep, Stage,
    Strided,
};
use crate::layer::product::{MapPorts, Product, map_alone};
use crate::layer::{Facts, Node, Regularizer, Signal, Trace};
use crate::plan::arena::ParameterId;
use crate::plan::{Purpose, Recorder, View};
use crate::{Activation, Range, Rotation};

/// The layer's parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub(super) kernel: ParameterId,
    pub(super) recurrent: ParameterId,
    pub(super) bias: Option<ParameterId>,
    pub(super) bias_lines: usize,
    pub(super) lambda: Option<ParameterId>,
}

/// The rotation of the gates.
#[derive(Clone, Debug)]
pub(super) struct Rotated {
    /// The first gate's.
    pub(super) rotation: Rotation,
    /// L of every gate.
    pub(super) limits: Vec<f32>,
    /// h_Q where the whole pre-activations are rotated.
    pub(super) h_q: Option<f32>,
}

#[derive(Debug)]
pub(super) struct RecurrentNode {
    pub(super) path: String,
    pub(super) cell: Cell,
    pub(super) steps: usize,
    pub(super) features: usize,
    pub(super) units: usize,
    /// Of the gates.
    pub(super) activations: Vec<Activation>,
    pub(super) activation: Activation,
    pub(super) recurrent_activation: Activation,
    pub(super) rotated: Option<Rotated>,
    pub(super) parameters: Parameters,
    /// Of the kernel and of the recurrent kernel.
    pub(super) penalties: [Regularizer; 2],
    pub(super) dropout: f32,
    pub(super) recurrent_dropout: f32,
    pub(super) seed: u32,
    pub(super) direction: Direction,
    pub(super) return_sequences: bool,
    pub(super) return_state: bool,
    pub(super) stateful: bool,
    pub(super) truncate: Option<usize>,
    pub(super) masked: bool,
    pub(super) input_range: Option<Range>,
    pub(super) output: Signal,
}

/// Kernels and bias as the layer runs with them: the parameters, or with ρ folded in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kernels {
    pub(super) w: View,
    pub(super) u: View,
    pub(super) b: Option<View>,
}

/// What the forward pass keeps for the backward one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The inputs, after dropout.
    pub(super) x: View,
    /// The pre-activations, which their gradients replace.
    pub(super) z: View,
    /// The states.
    pub(super) y: View,
    /// What the cell remembers beside them; see `RecurrentForward`.
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
        self.activations.len()
    }

    /// Numbers of a line of pre-activations.
    pub(super) fn columns(&self) -> usize {
        self.gates() * self.units
    }

    /// h, and c of an LSTM.
    pub(super) fn states(&self) -> usize {
        if self.cell == Cell::Lstm { 2 } else { 1 }
    }

    pub(super) fn resets_before(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: false })
    }

    /// The kernels of a time step, in the order of the forward pass.
    pub(super) fn stages(&self) -> &'static [Stage] {
        match self.cell {
            Cell::SimpleRnn => &[Stage::SimpleRnn],
            Cell::Lstm => &[Stage::Lstm],
            Cell::Gru { reset_after: true } => &[Stage::Gru],
            Cell::Gru { reset_after: false } => &[Stage::GruGates, Stage::GruCandidate],
        }
    }

    fn has_recurrent_bias(&self) -> bool {
        self.parameters.bias.is_some() && self.parameters.bias_lines == 2
    }

    pub(super) fn drops_states(&self, rec: &Recorder<'_>) -> bool {
        rec.training() && self.recurrent_dropout > 0.0
    }

    /// Whether a sequence begins with a state that is kept.
    pub(super) fn continues(&self, rec: &Recorder<'_>) -> bool {
        self.stateful && rec.purpose() != Purpose::Inspect
    }

    /// The step that the `number`-th of the course takes, and where its output goes.
    pub(super) fn place(&self, number: usize) -> (usize, usize) {
        match self.direction {
            Direction::Forward => (number, number),
            Direction::Backward => (self.steps - 1 - number, number),
            Direction::Aligned => (self.steps - 1 - number, self.steps - 1 - number),
        }
    }

    /// The `number`-th step of the course.
    pub(super) fn step(&self, rec: &Recorder<'_>, number: usize, stage: Stage) -> RecurrentStep {
        let (at, to) = self.place(number);
        RecurrentStep {
            batch: rec.batch(),
            steps: self.steps,
            units: self.units,
            stage,
            gate: self.recurrent_activation,
            activation: self.activation,
            masked: self.masked,
            dropped: self.drops_states(rec),
            initial: self.continues(rec),
            at,
            from: number.checked_sub(1).map(|before| self.place(before).1),
            to,
        }
    }

    pub(super) fn gate_kernels(&self, rotated: &Rotated) -> GateKernels {
        GateKernels {
            inputs: self.features,
            units: self.units,
            gates: self.gates(),
            lines: if self.parameters.bias.is_some() { self.parameters.bias_lines } else { 0 },
            rotation: rotated.rotation,
            h_q: rotated.h_q,
        }
    }

    pub(super) fn parameters(&self, rec: &mut Recorder<'_>) -> Kernels {
        Kernels {
            w: rec.parameter(self.parameters.kernel),
            u: rec.parameter(self.parameters.recurrent),
            b: self.parameters.bias.map(|id| rec.parameter(id)),
        }
    }

    /// Records ρ, q and the kernels with ρ in them.
    fn fold(&self, rec: &mut Recorder<'_>, rotated: &Rotated) -> (Kernels, View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let lambda = self.parameters.lambda.map(|id| rec.parameter(id));
        let kernels = self.gate_kernels(rotated);
        let rotation = rec.scratch(2 * self.columns());
        let w_folded = rec.scratch(w.len);
        let u_folded = rotated.h_q.map(|_| rec.scratch(u.len));
        let b_folded = b.map(|b| rec.scratch(b.len));
        let mut limits = [1.0; 4];
        limits.iter_mut().zip(&rotated.limits).for_each(|(to, &limit)| *to = limit);
        rec.op(
            FoldRotation { kernels, limits },
            FoldRotationPorts { w, u_kernel: Some(u), b, lambda, rotation, w_folded, u_folded, b_folded },
        );
        (Kernels { w: w_folded, u: u_folded.unwrap_or(u), b: b_folded }, rotation)
    }

    /// The inputs, or their gradients, with a share dropped that is the same for all steps of a sequence.
    pub(super) fn drop_inputs(&self, rec: &mut Recorder<'_>, x: View) -> View {
        if !rec.training() || self.dropout == 0.0 {
            return x;
        }
        let count = rec.batch() * self.steps * self.features;
        let (clock, y) = (rec.clock(), rec.scratch(count));
        let shared = [self.steps, self.features];
        rec.op(
            Dropout { count, shared, of_ones: false, rate: self.dropout, seed: self.seed },
            DropoutPorts { x: Some(x), clock, y },
        );
        y
    }
}

impl Node for RecurrentNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (batch, units, columns) = (rec.batch(), self.units, self.columns());
        let rows = batch * self.steps;
        let mask = rec.mask().filter(|_| self.masked);
        let (kernels, rotation) = match &self.rotated {
            Some(rotated) => {
                let (kernels, rotation) = self.fold(rec, rotated);
                (kernels, Some(rotation))
            }
            None => (self.parameters(rec), None),
        };
        let x = self.drop_inputs(rec, input);
        let z = rec.scratch(rows * columns);
        let has_bias = self.parameters.bias.is_some();
        if self.features > MAX_DEPTH {
            let product = Product { rows, inputs: self.features, units: columns };
            let ending = Ending { has_bias, ..Ending::default() };
            product.forward(rec, ending, MapPorts { b: kernels.b, ..map_alone(x, kernels.w, z) });
        } else {
            let product = DenseForward {
                batch: rows,
                inputs: self.features,
                units: columns,
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
        // The backward pass replaces them.
        let pre_activation = rec.keeps_all().then(|| {
            let copy = rec.scratch(rows * columns);
            let lines = Strided { first: 0, stride: columns };
            rec.op(
                CopyRows { rows, width: columns, from: lines, to: lines, reversed: false },
                CopyRowsPorts { values: z, out: copy },
            );
            copy
        });
        // Outputs that come in the order of a course backwards have their mask in that order.
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
            ..Trace::new(input, output)
        }
        .keeping(kept)
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        self.record_backward(rec, trace, d_y, need_d_x)
    }

    fn facts(&self) -> Facts {
        let Parameters { kernel, recurrent, bias, lambda, .. } = self.parameters;
        let kernels = vec![kernel, recurrent];
        let penalties = kernels.iter().copied().zip(self.penalties);
        Facts {
            parameters: [Some(kernel), Some(recurrent), bias, lambda].into_iter().flatten().collect(),
            penalties: penalties.filter(|(_, penalty)| *penalty != Regularizer::default()).collect(),
            kernels,
            input_range: self.input_range,
            rotation: self.rotated.as_ref().map(|rotated| rotated.rotation),
            lambda,
            h_q: self.rotated.as_ref().and_then(|rotated| rotated.h_q),
            activations: self.activations.clone(),
            steps: Some(self.steps),
            states: if self.stateful || self.return_state { self.states() } else { 0 },
            stateful: self.stateful,
            limits: self.rotated.as_ref().map_or(Vec::new(), |rotated| rotated.limits.clone()),
            ..Facts::default()
        }
    }
}
