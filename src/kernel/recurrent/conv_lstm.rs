//! What a convolutional LSTM computes besides its convolutions, in each time step.

use crate::kernel::base::rows::vectorised;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use crate::{Activation, Real};

uniforms!(ConvLstmForwardUniforms {
    rows: u32,
    steps: u32,
    positions: u32,
    filters: u32,
    at: u32,
    to: u32,
    next: u32,
});

uniforms!(ConvLstmBackwardUniforms {
    rows: u32,
    steps: u32,
    positions: u32,
    filters: u32,
    at: u32,
    to: u32,
    outputs: u32,
});

/// A time step of a convolutional LSTM: the step's place in the inputs and in what comes of them.
#[derive(Clone, Copy, Debug)]
pub struct ConvLstmStep {
    /// B.
    pub batch: usize,
    /// T.
    pub steps: usize,
    /// P, the positions of a state.
    pub positions: usize,
    /// F.
    pub filters: usize,
    /// γ, the activation of the gates.
    pub gate: Activation,
    /// σ, the activation of the cell.
    pub activation: Activation,
    /// The time step.
    pub at: usize,
    /// Whether no step comes before it.
    pub first: bool,
}

/// The pre-activations and the states of one time step. Formulas: `conv_lstm_forward.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct ConvLstmForward {
    /// The step.
    pub step: ConvLstmStep,
    /// The time step after it, if there is one.
    pub next: Option<usize>,
    /// The place of its state in the sequence of outputs, if all of them are wanted.
    pub to: Option<usize>,
    /// Whether its state is wanted by itself.
    pub state: bool,
    /// Whether what the backward pass needs is kept.
    pub keep: bool,
}

/// The gradients of the pre-activations of one time step, which replace them. Formulas: `conv_lstm_backward.wgsl`.
#[derive(Clone, Copy, Debug)]
pub struct ConvLstmBackward {
    /// The step.
    pub step: ConvLstmStep,
    /// Whether no step comes after it.
    pub last: bool,
    /// How many outputs dy has, T or 1, and which of them is the step's, if it has one.
    pub output: Option<(usize, usize)>,
}

impl ConvLstmStep {
    fn rows(&self) -> usize {
        self.batch * self.positions
    }

    /// The length of a state.
    fn state(&self) -> usize {
        self.rows() * self.filters
    }

    /// The length of a state in every time step.
    fn all(&self) -> usize {
        self.steps * self.state()
    }

    /// The row among those of all time steps.
    fn row_of(&self, row: usize, step: usize) -> usize {
        (row / self.positions * self.steps + step) * self.positions + row % self.positions
    }

    fn parts(&self, options: &[(&str, bool)], stem: String) -> Vec<String> {
        vec![
            each_quad(),
            wgsl!("base/parts/math.wgsl"),
            self.activation.wgsl(),
            self.gate.wgsl().replace("activation", "gate"),
            constants(&[("FIRST", self.first)]),
            constants(options),
            wgsl!("recurrent/parts/conv_lstm.wgsl"),
            stem,
        ]
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }
}

ports! {
    /// The ports of [`ConvLstmForward`].
    pub struct ConvLstmForwardPorts {
        /// The inputs' share of the pre-activations.
        z: Read,
        /// What the recurrent convolution adds, unless it is the first step.
        recurrent: Option<Read>,
        /// c of the step before it, if there is one.
        before: Option<Read>,
        /// The pre-activations, where they are kept.
        a: Option<Update>,
        /// The states before each step, where they are kept.
        left: Option<Update>,
        /// c.
        c: Write,
        /// h, where it is wanted by itself.
        h: Option<Write>,
        /// h of all steps, where all are wanted.
        y: Option<Update>,
    }
}

impl Family for ConvLstmForward {
    const NAME: &'static str = "conv_lstm_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["z", "recurrent", "before", "a", "left", "c", "h", "y"];
    type Ports = ConvLstmForwardPorts<Lens>;
    type Uniforms = ConvLstmForwardUniforms;

    fn lens(&self) -> ConvLstmForwardPorts<Lens> {
        let (state, all) = (self.step.state(), self.step.all());
        let past = |len: usize| (!self.step.first).then_some(len);
        ConvLstmForwardPorts {
            z: 4 * all,
            recurrent: past(4 * state),
            before: past(state),
            a: self.keep.then_some(4 * all),
            left: self.keep.then_some(all),
            c: state,
            h: self.state.then_some(state),
            y: self.to.map(|_| all),
        }
    }

    fn uniforms(&self) -> ConvLstmForwardUniforms {
        let place = |step: Option<usize>| step.map_or(u32::MAX, |step| step as u32);
        ConvLstmForwardUniforms {
            rows: self.step.rows() as u32,
            steps: self.step.steps as u32,
            positions: self.step.positions as u32,
            filters: self.step.filters as u32,
            at: self.step.at as u32,
            to: place(self.to),
            next: place(self.next),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("KEEPS", self.keep), ("STATE", self.state), ("SEQUENCES", self.to.is_some())];
        self.step.parts(&options, wgsl!("recurrent/conv_lstm_forward.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.step.rows(), self.step.filters)
    }

    fn by_fours(&self) -> bool {
        self.step.by_fours()
    }

    fn twin<T: Real>(&self, ports: ConvLstmForwardPorts<Slices<'_, T>>) {
        let ConvLstmForwardPorts { z, recurrent, before, a: kept, left, c, h, y } = ports;
        let [recurrent, before] = [recurrent, before].map(Option::unwrap_or_default);
        let [kept, left, h, y] = [kept, left, h, y].map(Option::unwrap_or_default);
        let Self { step, next, to, .. } = *self;
        let (n, own) = (step.filters, step.at);
        let mut a = vec![T::zero(); 4 * n];
        let mut squashed = vec![T::zero(); n];
        vectorised(
            #[inline(always)]
            || {
                for (row, c) in c.chunks_exact_mut(n).enumerate() {
                    let place = step.row_of(row, own);
                    a.copy_from_slice(&z[4 * place * n..][..4 * n]);
                    if !step.first {
                        let added = &recurrent[4 * row * n..];
                        a.iter_mut().zip(added).for_each(|(a, &added)| *a = *a + added);
                    }
                    if self.keep {
                        kept[4 * place * n..][..4 * n].copy_from_slice(&a);
                    }
                    step.gate.apply(&mut a[..2 * n]);
                    step.activation.apply(&mut a[2 * n..3 * n]);
                    step.gate.apply(&mut a[3 * n..]);
                    for (k, c) in c.iter_mut().enumerate() {
                        let past = if step.first { T::zero() } else { before[row * n + k] };
                        *c = a[n + k] * past + a[k] * a[2 * n + k];
                    }
                    squashed.copy_from_slice(c);
                    step.activation.apply(&mut squashed);
                    squashed.iter_mut().zip(&a[3 * n..]).for_each(|(h, &o)| *h = *h * o);
                    let put = |out: &mut [T], row: usize| {
                        out[row * n..][..n].copy_from_slice(&squashed);
                    };
                    if self.keep {
                        if step.first {
                            left[place * n..][..n].fill(T::zero());
                        }
                        if let Some(next) = next {
                            put(left, step.row_of(row, next));
                        }
                    }
                    if self.state {
                        put(h, row);
                    }
                    if let Some(to) = to {
                        put(y, step.row_of(row, to));
                    }
                }
            },
        );
    }
}

ports! {
    /// The ports of [`ConvLstmBackward`].
    pub struct ConvLstmBackwardPorts {
        /// ∂ℓ/∂y, if the step has an output.
        d_y: Option<Read>,
        /// ∂ℓ/∂h from the step after it, if there is one.
        d_h: Option<Read>,
        /// c.
        c: Read,
        /// c of the step before it, if there is one.
        before: Option<Read>,
        /// ∂ℓ/∂c, carried from step to step.
        carry: Update,
        /// The pre-activations, replaced by their gradients.
        a: Update,
        /// The same gradients by themselves, if there is a step before it.
        d_a: Option<Write>,
    }
}

impl Family for ConvLstmBackward {
    const NAME: &'static str = "conv_lstm_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "d_h", "c", "before", "carry", "a", "d_a"];
    type Ports = ConvLstmBackwardPorts<Lens>;
    type Uniforms = ConvLstmBackwardUniforms;

    fn lens(&self) -> ConvLstmBackwardPorts<Lens> {
        let state = self.step.state();
        let past = |len: usize| (!self.step.first).then_some(len);
        ConvLstmBackwardPorts {
            d_y: self.output.map(|(outputs, _)| outputs * state),
            d_h: (!self.last).then_some(state),
            c: state,
            before: past(state),
            carry: state,
            a: 4 * self.step.all(),
            d_a: past(4 * state),
        }
    }

    fn uniforms(&self) -> ConvLstmBackwardUniforms {
        let (outputs, to) = self.output.unwrap_or((1, 0));
        ConvLstmBackwardUniforms {
            rows: self.step.rows() as u32,
            steps: self.step.steps as u32,
            positions: self.step.positions as u32,
            filters: self.step.filters as u32,
            at: self.step.at as u32,
            to: to as u32,
            outputs: outputs as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("LAST", self.last), ("HAS_OUTPUT", self.output.is_some())];
        self.step.parts(&options, wgsl!("recurrent/conv_lstm_backward.wgsl"))
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.step.rows(), self.step.filters)
    }

    fn by_fours(&self) -> bool {
        self.step.by_fours()
    }

    fn twin<T: Real>(&self, ports: ConvLstmBackwardPorts<Slices<'_, T>>) {
        let ConvLstmBackwardPorts { d_y, d_h, c, before, carry, a, d_a } = ports;
        let [d_y, d_h, before] = [d_y, d_h, before].map(Option::unwrap_or_default);
        let d_a = d_a.unwrap_or_default();
        let ConvLstmStep { positions, filters: n, gate, activation, .. } = self.step;
        let mut values = vec![T::zero(); 4 * n];
        let mut slopes = vec![T::zero(); 4 * n];
        let (mut squashed, mut slope_c) = (vec![T::zero(); n], vec![T::zero(); n]);
        vectorised(
            #[inline(always)]
            || {
                for (row, carry) in carry.chunks_exact_mut(n).enumerate() {
                    let line = &mut a[4 * self.step.row_of(row, self.step.at) * n..][..4 * n];
                    for (part, of) in [gate, gate, activation, gate].into_iter().enumerate() {
                        let range = part * n..(part + 1) * n;
                        of.both(&line[range.clone()], &mut values[range.clone()], &mut slopes[range]);
                    }
                    activation.both(&c[row * n..][..n], &mut squashed, &mut slope_c);
                    for k in 0..n {
                        let mut d_state = T::zero();
                        if let Some((outputs, to)) = self.output {
                            let output = (row / positions * outputs + to) * positions + row % positions;
                            d_state = d_y[output * n + k];
                        }
                        let mut d_memory = T::zero();
                        if !self.last {
                            d_state = d_state + d_h[row * n + k];
                            d_memory = carry[k];
                        }
                        let past = if self.step.first { T::zero() } else { before[row * n + k] };
                        let [i, f, g, o] = [0, 1, 2, 3].map(|part| values[part * n + k]);
                        d_memory = d_memory + d_state * o * slope_c[k];
                        carry[k] = d_memory * f;
                        let all = [d_memory * g, d_memory * past, d_memory * i, d_state * squashed[k]];
                        for (part, d) in all.into_iter().enumerate() {
                            line[part * n + k] = d * slopes[part * n + k];
                        }
                    }
                    if !self.step.first {
                        d_a[4 * row * n..][..4 * n].copy_from_slice(line);
                    }
                }
            },
        );
    }
}
