//! What a recurrent layer records: one product of all inputs, a kernel for every time step, and back.

use super::recurrent::{Cell, Direction};
use super::{Facts, Node, Regularizer, Signal, Trace};
use crate::kernel::{
    Activate, CopyRows, DenseBackwardInput, DenseBackwardWeight, DenseForward, Dropout, FoldRotation,
    GateKernels, RecurrentBackward, RecurrentForward, RecurrentStep, Rows, RunningAverage, Stage, Sum,
    SumRows, UnfoldRotation, state_part,
};
use crate::plan::arena::{ParameterId, keys};
use crate::plan::{Purpose, Recorder, View};
use crate::{Activation, LearnL, Range, Rotation};

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
struct Kernels {
    w: View,
    u: View,
    b: View,
}

/// What the forward pass keeps for the backward one.
#[derive(Clone, Copy, Debug)]
struct Kept {
    /// The inputs, after dropout.
    x: View,
    /// The pre-activations, which their gradients replace.
    z: View,
    /// The states.
    y: View,
    /// What the cell remembers beside them; see `RecurrentForward`.
    memory: View,
    /// The left operand of the recurrent product.
    left: View,
    /// Initial states and recurrent dropout.
    state: View,
    mask: View,
    kernels: Kernels,
}

impl Kept {
    fn views(self) -> Vec<View> {
        let Self { x, z, y, memory, left, state, mask, kernels: Kernels { w, u, b } } = self;
        vec![x, z, y, memory, left, state, mask, w, u, b]
    }

    fn of(views: &[View]) -> Option<Self> {
        let &[x, z, y, memory, left, state, mask, w, u, b] = views else { return None };
        Some(Self { x, z, y, memory, left, state, mask, kernels: Kernels { w, u, b } })
    }
}

impl RecurrentNode {
    fn gates(&self) -> usize {
        self.activations.len()
    }

    /// Numbers of a line of pre-activations.
    fn columns(&self) -> usize {
        self.gates() * self.units
    }

    /// h, and c of an LSTM.
    fn states(&self) -> usize {
        if self.cell == Cell::Lstm { 2 } else { 1 }
    }

    fn resets_before(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: false })
    }

    /// The kernels of a time step, in the order of the forward pass.
    fn stages(&self) -> &'static [Stage] {
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

    fn drops_states(&self, rec: &Recorder<'_>) -> bool {
        rec.training() && self.recurrent_dropout > 0.0
    }

    /// Whether a sequence begins with a state that is kept.
    fn continues(&self, rec: &Recorder<'_>) -> bool {
        self.stateful && rec.purpose() != Purpose::Inspect
    }

    /// The step that the `number`-th of the course takes, and where its output goes.
    fn place(&self, number: usize) -> (usize, usize) {
        match self.direction {
            Direction::Forward => (number, number),
            Direction::Backward => (self.steps - 1 - number, number),
            Direction::Aligned => (self.steps - 1 - number, self.steps - 1 - number),
        }
    }

    /// The `number`-th step of the course.
    fn step(&self, rec: &Recorder<'_>, number: usize, stage: Stage) -> RecurrentStep {
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

    fn gate_kernels(&self, rotated: &Rotated) -> GateKernels {
        GateKernels {
            inputs: self.features,
            units: self.units,
            gates: self.gates(),
            lines: if self.parameters.bias.is_some() { self.parameters.bias_lines } else { 0 },
            rotation: rotated.rotation,
            h_q: rotated.h_q,
        }
    }

    fn parameters(&self, rec: &mut Recorder<'_>) -> Kernels {
        let b = self.parameters.bias.map(|id| rec.parameter(id));
        Kernels {
            w: rec.parameter(self.parameters.kernel),
            u: rec.parameter(self.parameters.recurrent),
            b: b.unwrap_or_else(|| rec.unused()),
        }
    }

    /// Records ρ, q and the kernels with ρ in them.
    fn fold(&self, rec: &mut Recorder<'_>, rotated: &Rotated) -> (Kernels, View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let lambda = self.parameters.lambda.map(|id| rec.parameter(id));
        let lambda = lambda.unwrap_or_else(|| rec.unused());
        let kernels = self.gate_kernels(rotated);
        let rotation = rec.scratch(2 * self.columns());
        let folded = Kernels {
            w: rec.scratch(w.len),
            u: if rotated.h_q.is_some() { rec.scratch(u.len) } else { rec.unused() },
            b: rec.scratch(b.len),
        };
        let mut limits = [1.0; 4];
        limits.iter_mut().zip(&rotated.limits).for_each(|(to, &limit)| *to = limit);
        rec.op(FoldRotation { kernels, limits }, [w, u, b, lambda, rotation, folded.w, folded.u, folded.b]);
        let u = if rotated.h_q.is_some() { folded.u } else { u };
        (Kernels { u, ..folded }, rotation)
    }

    /// The inputs, or their gradients, with a share dropped that is the same for all steps of a sequence.
    fn drop_inputs(&self, rec: &mut Recorder<'_>, x: View) -> View {
        if !rec.training() || self.dropout == 0.0 {
            return x;
        }
        let count = rec.batch() * self.steps * self.features;
        let (clock, y) = (rec.clock(), rec.scratch(count));
        let shared = [self.steps, self.features];
        rec.op(Dropout { count, shared, of_ones: false, rate: self.dropout, seed: self.seed }, [x, clock, y]);
        y
    }

    /// The buffer that keeps the states from one batch to the next.
    fn kept_states(&self, rec: &mut Recorder<'_>) -> View {
        let key = keys::state(&self.path, rec.batch(), rec.purpose() != Purpose::Infer);
        let part = state_part(rec.batch(), self.units);
        rec.shared(&key, crate::kernel::Element::Float, self.states() * part)
    }

    /// Records the initial states and what recurrent dropout multiplies by.
    fn state(&self, rec: &mut Recorder<'_>) -> View {
        let (continues, drops) = (self.continues(rec), self.drops_states(rec));
        if !continues && !drops {
            return rec.unused();
        }
        let part = state_part(rec.batch(), self.units);
        let state = rec.scratch(3 * part);
        if continues {
            let kept = self.kept_states(rec);
            let width = self.states() * part;
            let all = Rows { first: 0, stride: width };
            rec.op(CopyRows { rows: 1, width, from: all, to: all }, [kept, state]);
        }
        if drops {
            let count = rec.batch() * self.units;
            let (clock, unused) = (rec.clock(), rec.unused());
            let to = rec.part(state, 2 * part, part);
            // Another draw than that of the inputs.
            let seed = self.seed ^ 0x5bd1_e995;
            let rate = self.recurrent_dropout;
            rec.op(Dropout { count, shared: [1; 2], of_ones: true, rate, seed }, [unused, clock, to]);
        }
        state
    }

    /// Records how the final states are kept, once it is known that they are finite.
    fn keep_states(&self, rec: &mut Recorder<'_>, kept: &Kept) {
        let purpose = matches!(rec.purpose(), Purpose::Train | Purpose::Infer);
        if !(self.stateful || self.return_state) || !purpose {
            return;
        }
        let to = self.kept_states(rec);
        let part = state_part(rec.batch(), self.units);
        for (i, from) in [kept.y, kept.memory].into_iter().take(self.states()).enumerate() {
            let (count, clock) = (rec.batch() * self.units, rec.clock());
            let last = self.last(rec, from);
            let to = rec.part(to, i * part, part);
            rec.defer(RunningAverage { count, momentum: 0.0, factor: 1.0 }, [last, clock, to]);
        }
    }

    /// Where the last step of the course lies in a buffer of states.
    fn last_rows(&self) -> Rows {
        let (_, to) = self.place(self.steps - 1);
        Rows { first: to * self.units, stride: self.steps * self.units }
    }

    /// The last step of a buffer of states.
    fn last(&self, rec: &mut Recorder<'_>, states: View) -> View {
        let (rows, width) = (rec.batch(), self.units);
        let out = rec.scratch(rows * width);
        let kernel = CopyRows { rows, width, from: self.last_rows(), to: Rows { first: 0, stride: width } };
        rec.op(kernel, [states, out]);
        out
    }

    /// Records the gradient of the recurrent kernel, one product over all time steps, or two where the candidate
    /// has another left operand than the gates.
    fn backward_recurrent(&self, rec: &mut Recorder<'_>, kept: &Kept) {
        let (units, columns) = (self.units, self.columns());
        let rotated = self.rotated.as_ref().is_some_and(|r| r.h_q.is_some());
        let Regularizer { l1, l2 } = if rotated { Regularizer::default() } else { self.penalties[1] };
        let batch = rec.batch() * self.steps;
        let product = DenseBackwardWeight { batch, inputs: units, units: columns, rule: None, l1, l2 };
        let u = rec.parameter(self.parameters.recurrent);
        let d_u = rec.gradient(self.parameters.recurrent);
        let d_recurrent = if self.has_own_recurrent_gradients() { kept.memory } else { kept.z };
        let unused = rec.unused();
        rec.op(product, [kept.left, d_recurrent, u, unused, d_u]);
        if self.resets_before() {
            let of_candidate = rec.scratch(units * columns);
            let unused = rec.unused();
            rec.op(product, [kept.memory, kept.z, u, unused, of_candidate]);
            let rows = Rows { first: 2 * units, stride: columns };
            rec.op(CopyRows { rows: units, width: units, from: rows, to: rows }, [of_candidate, d_u]);
        }
    }

    /// Whether the gradients of the recurrent products are others than those of the inputs' product.
    fn has_own_recurrent_gradients(&self) -> bool {
        self.cell == (Cell::Gru { reset_after: true })
    }

    /// Records the gradient of the bias.
    fn backward_bias(&self, rec: &mut Recorder<'_>, kept: &Kept) {
        let Some(id) = self.parameters.bias else { return };
        let d_b = rec.gradient(id);
        let (rows, columns) = (rec.batch() * self.steps, self.columns());
        rec.op(SumRows { rows, columns }, [kept.z, d_b]);
        if self.parameters.bias_lines == 2 {
            let second = rec.scratch(columns);
            rec.op(SumRows { rows, columns }, [kept.memory, second]);
            let from = Rows { first: 0, stride: columns };
            let to = Rows { first: columns, stride: columns };
            rec.op(CopyRows { rows: 1, width: columns, from, to }, [second, d_b]);
        }
    }

    /// Records the way from the gradients of the folded kernels to those of the parameters and of λ.
    fn unfold(&self, rec: &mut Recorder<'_>, rotated: &Rotated, rotation: View) {
        let Kernels { w, u, b } = self.parameters(rec);
        let Parameters { kernel, recurrent, bias, lambda, .. } = self.parameters;
        let d_w = rec.gradient(kernel);
        let d_u = if rotated.h_q.is_some() { rec.gradient(recurrent) } else { rec.unused() };
        let d_b = bias.map(|id| rec.gradient(id));
        let d_b = d_b.unwrap_or_else(|| rec.unused());
        let learn = rotated.rotation.learn;
        let s = match (learn, lambda) {
            (LearnL::PerUnit, Some(id)) => rec.gradient(id),
            _ => rec.scratch(self.columns()),
        };
        let factors = |Regularizer { l1, l2 }: Regularizer| [l1, l2];
        let unfold = UnfoldRotation {
            kernels: self.gate_kernels(rotated),
            penalty: factors(self.penalties[0]),
            recurrent_penalty: factors(self.penalties[1]),
        };
        rec.op(unfold, [w, u, b, rotation, d_w, d_u, d_b, s]);
        if let (LearnL::PerLayer, Some(id)) = (learn, lambda) {
            let d_lambda = rec.gradient(id);
            rec.op(Sum { count: self.units, parts: self.gates() }, [s, d_lambda]);
        }
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
        let product = DenseForward {
            batch: rows,
            inputs: self.features,
            units: columns,
            has_bias: self.parameters.bias.is_some(),
            rotation: None,
            keep_z: false,
            activation: Activation::Linear,
        };
        let unused: [View; 4] = std::array::from_fn(|_| rec.unused());
        rec.op(product, [x, kernels.w, kernels.b, unused[0], unused[1], unused[2], z]);
        let keep = rec.backward_follows();
        let y = rec.scratch(rows * units);
        let memory = match self.cell {
            Cell::SimpleRnn => rec.unused(),
            Cell::Gru { reset_after: true } if keep => rec.scratch(rows * columns),
            Cell::Gru { reset_after: true } => rec.unused(),
            _ => rec.scratch(rows * units),
        };
        let left = if keep { rec.scratch(rows * units) } else { rec.unused() };
        let state = self.state(rec);
        let kept = Kept { x, z, y, memory, left, state, mask: mask.unwrap_or(unused[3]), kernels };
        let has_bias = self.has_recurrent_bias();
        let b = if has_bias { kernels.b } else { unused[3] };
        for number in 0..self.steps {
            for &stage in self.stages() {
                let step = self.step(rec, number, stage);
                let kernel = RecurrentForward { step, has_bias, keep };
                rec.op(kernel, [kernels.u, b, state, kept.mask, z, y, memory, left]);
            }
        }
        self.keep_states(rec, &kept);
        let output = if self.return_sequences { y } else { self.last(rec, y) };
        // The backward pass replaces them.
        let pre_activation = rec.keeps_all().then(|| {
            let (count, copy) = (rows * columns, rec.scratch(rows * columns));
            let unused = rec.unused();
            rec.op(Activate { count, sum: false, activation: Activation::Linear }, [z, unused, copy]);
            copy
        });
        Trace {
            pre_activation,
            rotation,
            d_pre_activation: Some(z),
            kept: kept.views(),
            ..Trace::new(input, output)
        }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let kept = Kept::of(&trace.kept)?;
        let (batch, units, columns) = (rec.batch(), self.units, self.columns());
        let rows = batch * self.steps;
        let carry = rec.scratch(2 * state_part(batch, units));
        for number in (0..self.steps).rev() {
            let last = number + 1 == self.steps;
            let cut = self.truncate.is_some_and(|steps| (number + 1).is_multiple_of(steps));
            let next = (!last && !cut).then(|| self.place(number + 1).0);
            for &stage in self.stages().iter().rev() {
                let step = self.step(rec, number, stage);
                let d_y_at = match (self.return_sequences, last) {
                    (true, _) => Some((step.to * units, self.steps * units)),
                    (false, true) => Some((0, units)),
                    (false, false) => None,
                };
                let kernel = match stage {
                    Stage::GruGates => RecurrentBackward { step, next: Some(step.at), d_y: None },
                    _ => RecurrentBackward { step, next, d_y: d_y_at },
                };
                let Kept { z, y, memory, state, mask, kernels, .. } = kept;
                rec.op(kernel, [kernels.u, d_y, state, mask, y, z, memory, carry]);
            }
        }
        let d_w = rec.gradient(self.parameters.kernel);
        let (w, unused) = (rec.parameter(self.parameters.kernel), rec.unused());
        let Regularizer { l1, l2 } =
            if self.rotated.is_some() { Regularizer::default() } else { self.penalties[0] };
        let product =
            DenseBackwardWeight { batch: rows, inputs: self.features, units: columns, rule: None, l1, l2 };
        rec.op(product, [kept.x, kept.z, w, unused, d_w]);
        self.backward_recurrent(rec, &kept);
        self.backward_bias(rec, &kept);
        if let (Some(rotated), Some(rotation)) = (&self.rotated, trace.rotation) {
            self.unfold(rec, rotated, rotation);
        }
        need_d_x.then(|| {
            let d_x = rec.scratch(rows * self.features);
            let product = DenseBackwardInput { batch: rows, inputs: self.features, units: columns };
            rec.op(product, [kept.z, kept.kernels.w, d_x]);
            self.drop_inputs(rec, d_x)
        })
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
            activations: self.activations.clone(),
            states: if self.stateful || self.return_state { self.states() } else { 0 },
            stateful: self.stateful,
            limits: self.rotated.as_ref().map_or(Vec::new(), |rotated| rotated.limits.clone()),
            ..Facts::default()
        }
    }
}
