//! One forward time step of a recurrent layer.

use crate::Real;
use crate::kernel::product::{Block, for_each_part_from};
use crate::kernel::recurrent::step::{
    PARALLEL_STEP, RecurrentStep, Stage, VARIANTS, activated, each_line, gate_product, or_none, padded,
    state_part,
};
use crate::kernel::{Family, Grid, Lens, Slices, Traits, Trust, ports, uniforms, wgsl};

uniforms!(RecurrentForwardUniforms {
    batch: u32,
    steps: u32,
    units: u32,
    depth: u32,
    part: u32,
    at: u32,
    prior: u32,
    to: u32,
});

/// All gates and the new state of one time step, from the inputs' share of the pre-activations and the previous state. Formulas:
/// `recurrent_forward.wgsl`.
///
/// z `[B, T, width·H]` holds the inputs' share, `x·W + b`, and receives the pre-activations. y `[B, T, H]` holds the states. Memory
/// holds c of an LSTM, `[B, T, H]`; m = h'·U_h + b_h of a GRU in the third part of `[B, T, 3H]`; or γ(r)·h', `[B, T, H]`. Left
/// receives the left operand of the product, `[B, T, H]`, for the gradient of U.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentForward {
    /// The step.
    pub step: RecurrentStep,
    /// Whether there is a recurrent bias, the second line of `[2, 3H]`; for [`Stage::Gru`] only.
    pub has_bias: bool,
    /// Whether a backward pass follows.
    pub keep: bool,
}

impl RecurrentForward {
    /// What the product sums over: nothing where the previous state is 0.
    fn depth(&self) -> usize {
        if self.step.from.is_some() || self.step.initial { self.step.units } else { 0 }
    }
}

ports! {
    /// The ports of [`RecurrentForward`].
    pub struct RecurrentForwardPorts {
        /// U, the recurrent weights.
        u_kernel: Read,
        /// The biases, if the recurrent product has one.
        b: Option<Read>,
        /// The initial state and the factors of recurrent dropout, where either is used.
        state: Option<Read>,
        /// The mask, where there is one: 1 for a step that counts, else 0.
        mask: Option<Read>,
        /// The inputs' share, replaced by the pre-activations.
        z: Update,
        /// The outputs.
        y: Update,
        /// c of an LSTM, m of a GRU, or γ(r)·h'.
        memory: Option<Update>,
        /// The left operand of the product, where the backward pass needs it.
        left: Option<Update>,
    }
}

impl Family for RecurrentForward {
    const NAME: &'static str = "recurrent_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = VARIANTS;
    const QUADS: &'static [&'static str] = &["u_kernel", "b", "state", "z", "y", "memory", "left"];
    type Ports = RecurrentForwardPorts<Lens>;
    type Uniforms = RecurrentForwardUniforms;

    fn lens(&self) -> RecurrentForwardPorts<Lens> {
        let step = &self.step;
        let outputs = step.outputs();
        let width = step.stage.width();
        let memory = match step.stage {
            Stage::SimpleRnn => None,
            Stage::Gru => self.keep.then_some(width * outputs),
            Stage::Lstm | Stage::GruGates | Stage::GruCandidate => Some(outputs),
        };
        let keeps = self.keep && step.stage != Stage::GruCandidate;
        RecurrentForwardPorts {
            u_kernel: step.units * step.line(),
            b: (self.has_bias).then_some(2 * step.line()),
            state: step.state(),
            mask: step.mask(),
            z: width * outputs,
            y: outputs,
            memory,
            left: (keeps).then_some(outputs),
        }
    }

    fn uniforms(&self) -> RecurrentForwardUniforms {
        let step = &self.step;
        RecurrentForwardUniforms {
            batch: step.batch as u32,
            steps: step.steps as u32,
            units: step.units as u32,
            depth: self.depth() as u32,
            part: state_part(step.batch, step.units) as u32,
            at: step.at as u32,
            prior: or_none(step.from),
            to: step.to as u32,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let options = [("HAS_BIAS", self.has_bias), ("KEEP", self.keep)];
        self.step.shader(
            wgsl!("recurrent/recurrent_forward.wgsl"),
            self.step.product_gates(),
            &options,
            variant,
        )
    }

    fn grid(&self, variant: usize) -> Grid {
        self.step.grid(variant)
    }

    fn rounds(&self, variant: usize) -> usize {
        crate::kernel::recurrent::step::rounds(variant, self.depth())
    }

    fn by_fours(&self) -> bool {
        self.step.units.is_multiple_of(4)
    }

    fn prefer(&self, traits: Traits) -> usize {
        self.step.prefer(self.by_fours(), traits)
    }

    fn twin<T: Real>(&self, ports: RecurrentForwardPorts<Slices<'_, T>>) {
        let RecurrentForwardPorts { u_kernel: u, b, state, mask, z, y, memory, left } = ports;
        let [b, state, mask] = [b, state, mask].map(Option::unwrap_or_default);
        let [memory, left] = [memory, left].map(Option::unwrap_or_default);
        let Self { step, .. } = *self;
        let RecurrentStep { units, stage, .. } = step;
        let depth = self.depth();
        let before = step.before(y, state, 0);
        let dropped: Option<Vec<T>> =
            step.drop(state).map(|drop| before.iter().zip(drop).map(|(&h, &drop)| h * drop).collect());
        let left_operand = dropped.as_ref().unwrap_or(&before);
        let c_before = if stage == Stage::Lstm { step.before(memory, state, 1) } else { Vec::new() };
        let reset = match stage {
            Stage::GruCandidate => step.gather(memory, step.at, units, (0, units)),
            _ => Vec::new(),
        };
        let operand = if stage == Stage::GruCandidate { &reset } else { left_operand };

        let width = step.line();
        let multiplications = step.batch * units * depth.max(1) * step.product_gates();
        let tile = step.tile(multiplications);
        let tiles = |values, (to, width): (usize, usize), gates| {
            Block::gates(values, step.lines(to, width), (step.batch, gates, units), tile)
        };
        let zs = tiles(z, (step.at, width), stage.width());
        let ys = tiles(y, (step.to, units), 1);
        let mut memories = match stage {
            Stage::Lstm => Some(tiles(memory, (step.to, units), 1)),
            Stage::GruGates => Some(tiles(memory, (step.at, units), 1)),
            Stage::Gru if self.keep => Some(tiles(memory, (step.at, width), 3)),
            _ => None,
        };
        let keeps_left = self.keep && stage != Stage::GruCandidate;
        let mut lefts = keeps_left.then(|| tiles(left, (step.at, units), 1));
        let parts = zs.zip(ys).map(|(z, y)| {
            let memory = memories.as_mut().and_then(Iterator::next).unwrap_or_default();
            (z, y, memory, lefts.as_mut().and_then(Iterator::next).unwrap_or_default())
        });
        for_each_part_from(PARALLEL_STEP, multiplications, parts, |(mut z, mut y, mut memory, mut left)| {
            let y = &mut y[0];
            let (rows, w) = (y.rows(), y.width());
            let product = |gate: usize| {
                let column = step.first_column() + gate * units;
                gate_product(y, operand, (u, column, width), depth)
            };
            let products: Vec<Vec<T>> = (0..step.product_gates()).map(product).collect();
            let (row, col) = (y.row, y.col);
            each_line(
                rows,
                #[inline(always)]
                |i| {
                    let at = (row + i) * units + col;
                    let share = |gate: usize| &products[gate][i * w..][..w];
                    let bias = |gate: usize| &b[width + gate * units + col..][..w];
                    let add = |line: &mut [T], share: &[T]| {
                        line.iter_mut().zip(share).for_each(|(line, &share)| *line = *line + share);
                    };
                    let before = &before[at..][..w];
                    let stays = step.is_masked(mask, row + i);
                    if let Some(left) = left.last_mut() {
                        left.line(i).copy_from_slice(&left_operand[at..][..w]);
                    }
                    match stage {
                        Stage::SimpleRnn => {
                            let a = z[0].line(i);
                            add(a, share(0));
                            y.line(i).copy_from_slice(&activated(step.activation, a)[..w]);
                        }
                        Stage::Lstm => {
                            (0..4).for_each(|gate| add(z[gate].line(i), share(gate)));
                            // One by one: the compiler does not inline what `map` of an array calls.
                            let i_gate = activated(step.gate, z[0].line(i));
                            let f = activated(step.gate, z[1].line(i));
                            let o = activated(step.gate, z[3].line(i));
                            let mut c = activated(step.activation, z[2].line(i));
                            let c_before = &c_before[at..][..w];
                            let c = &mut c[..w];
                            for (((c, &before), &i_gate), &f) in
                                c.iter_mut().zip(c_before).zip(&i_gate).zip(&f)
                            {
                                *c = f * before + i_gate * *c;
                            }
                            if stays {
                                c.copy_from_slice(c_before);
                            }
                            if let Some(memory) = memory.last_mut() {
                                memory.line(i).copy_from_slice(c);
                            }
                            let h = activated(step.activation, c);
                            y.line(i).iter_mut().zip(&h).zip(&o).for_each(|((y, &h), &o)| *y = o * h);
                        }
                        Stage::Gru => {
                            (0..2).for_each(|gate| add(z[gate].line(i), share(gate)));
                            let mut m = padded(share(2));
                            let m = &mut m[..w];
                            if self.has_bias {
                                (0..2).for_each(|gate| add(z[gate].line(i), bias(gate)));
                                add(m, bias(2));
                            }
                            let reset = activated(step.gate, z[1].line(i));
                            let a = z[2].line(i);
                            a.iter_mut().zip(&reset).zip(&*m).for_each(|((a, &r), &m)| *a = *a + r * m);
                            let candidate = activated(step.activation, a);
                            mix(activated(step.gate, z[0].line(i)), before, candidate, y.line(i));
                            if let Some(memory) = memory.last_mut() {
                                memory.line(i).copy_from_slice(m);
                            }
                        }
                        Stage::GruGates => {
                            (0..2).for_each(|gate| add(z[gate].line(i), share(gate)));
                            let reset = activated(step.gate, z[1].line(i));
                            if let Some(memory) = memory.last_mut() {
                                let operand = &left_operand[at..][..w];
                                let out = memory.line(i).iter_mut().zip(operand).zip(&reset);
                                out.for_each(|((out, &h), &r)| *out = r * h);
                            }
                            return;
                        }
                        Stage::GruCandidate => {
                            add(z[2].line(i), share(0));
                            let candidate = activated(step.activation, z[2].line(i));
                            mix(activated(step.gate, z[0].line(i)), before, candidate, y.line(i));
                        }
                    }
                    if stays {
                        y.line(i).copy_from_slice(before);
                    }
                },
            );
        });
    }
}

/// The new state of a GRU: h = z·before + (1 − z)·candidate.
#[inline(always)]
fn mix<T: Real>(update: impl AsRef<[T]>, before: &[T], candidate: impl AsRef<[T]>, h: &mut [T]) {
    let values = update.as_ref().iter().zip(before).zip(candidate.as_ref());
    h.iter_mut().zip(values).for_each(|(h, ((&z, &before), &candidate))| {
        *h = z * before + (T::one() - z) * candidate;
    });
}
