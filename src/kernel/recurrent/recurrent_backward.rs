//! One backward time step of a recurrent layer.

use crate::Real;
use crate::kernel::product::{Block, for_each_part_from};
use crate::kernel::recurrent::step::{
    PARALLEL_STEP, RecurrentStep, Stage, VARIANTS, each_line, or_none, padded, state_part, turned_product,
    with_derivatives,
};
use crate::kernel::{Family, Grid, Lens, Slices, Traits, Trust, UNUSED, ports, uniforms, wgsl};

uniforms!(RecurrentBackwardUniforms {
    batch: u32,
    steps: u32,
    units: u32,
    depth: u32,
    part: u32,
    at: u32,
    prior: u32,
    to: u32,
    next: u32,
    first_column: u32,
    d_y_first: u32,
    d_y_stride: u32,
});

/// The gradients of one time step's pre-activations, which replace them in z, from those of the next step and dy. Formulas:
/// `recurrent_backward.wgsl`.
///
/// Carry, two parts of `[B, H]`, holds what reaches dh and dc of the previous step other than through the product. The memory of a
/// GRU receives the gradients of its recurrent products, `[B, T, 3H]`.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentBackward {
    /// The step.
    pub step: RecurrentStep,
    /// The step whose gradients flow in, or `None`: at the end, or where they are cut off. For [`Stage::GruGates`], the step
    /// itself.
    pub next: Option<usize>,
    /// Where dy of the step lies: the first number of the first sample, and the stride between samples.
    pub d_y: Option<(usize, usize)>,
}

impl RecurrentBackward {
    /// What the product sums over.
    fn depth(&self) -> usize {
        let units = self.step.units;
        match (self.next, self.step.stage) {
            (None, _) => 0,
            (_, Stage::GruGates) => units,
            (_, Stage::GruCandidate) => 2 * units,
            _ => self.step.line(),
        }
    }

    /// The first column of U that takes part.
    fn first_column(&self) -> usize {
        if self.step.stage == Stage::GruGates { 2 * self.step.units } else { 0 }
    }

    /// The bound length of dy.
    fn d_y(&self) -> usize {
        let RecurrentStep { batch, units, .. } = self.step;
        self.d_y.map_or(UNUSED.min(batch * units), |(first, stride)| first + (batch - 1) * stride + units)
    }

    /// Whether dh also reaches the previous step other than through the product.
    fn carries(&self) -> bool {
        self.step.masked || !matches!(self.step.stage, Stage::SimpleRnn | Stage::Lstm)
    }
}

ports! {
    /// The ports of [`RecurrentBackward`].
    pub struct RecurrentBackwardPorts {
        /// U, the recurrent weights.
        u_kernel: Read,
        /// ∂ℓ/∂y.
        d_y: Read,
        /// The initial state and the factors of recurrent dropout, where either is used.
        state: Option<Read>,
        /// The mask, where there is one: 1 for a step that counts, else 0.
        mask: Option<Read>,
        /// The outputs, for GRUs.
        y: Option<Read>,
        /// The pre-activations, replaced by their gradients.
        z: Update,
        /// c of an LSTM; m of a GRU, replaced by the gradients of its recurrent products.
        memory: Option<Update>,
        /// The gradients carried to the previous step.
        carry: Update,
    }
}

impl Family for RecurrentBackward {
    const NAME: &'static str = "recurrent_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = VARIANTS;
    const QUADS: &'static [&'static str] = &["u_kernel", "d_y", "state", "y", "z", "memory", "carry"];
    type Ports = RecurrentBackwardPorts<Lens>;
    type Uniforms = RecurrentBackwardUniforms;

    fn lens(&self) -> RecurrentBackwardPorts<Lens> {
        let step = &self.step;
        let outputs = step.outputs();
        let width = step.stage.width();
        let memory = match step.stage {
            Stage::Lstm => Some(outputs),
            Stage::Gru => Some(width * outputs),
            _ => None,
        };
        RecurrentBackwardPorts {
            u_kernel: step.units * step.line(),
            d_y: self.d_y(),
            state: step.state(),
            mask: step.mask(),
            y: (!matches!(step.stage, Stage::SimpleRnn | Stage::Lstm)).then_some(outputs),
            z: width * outputs,
            memory,
            carry: 2 * state_part(step.batch, step.units),
        }
    }

    fn uniforms(&self) -> RecurrentBackwardUniforms {
        let step = &self.step;
        let (d_y_first, d_y_stride) = self.d_y.map_or((u32::MAX, 0), |(f, s)| (f as u32, s as u32));
        RecurrentBackwardUniforms {
            batch: step.batch as u32,
            steps: step.steps as u32,
            units: step.units as u32,
            depth: self.depth() as u32,
            part: state_part(step.batch, step.units) as u32,
            at: step.at as u32,
            prior: or_none(step.from),
            to: step.to as u32,
            next: or_none(self.next),
            first_column: self.first_column() as u32,
            d_y_first,
            d_y_stride,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        self.step.shader(wgsl!("recurrent/recurrent_backward.wgsl"), 1, &[], variant)
    }

    fn grid(&self, variant: usize) -> Grid {
        self.step.grid(variant)
    }

    fn rounds(&self, variant: usize) -> usize {
        crate::kernel::recurrent::step::rounds(variant, self.depth())
    }

    fn by_fours(&self) -> bool {
        let aligned =
            self.d_y.is_none_or(|(first, stride)| first.is_multiple_of(4) && stride.is_multiple_of(4));
        self.step.units.is_multiple_of(4) && aligned
    }

    fn prefer(&self, traits: Traits) -> usize {
        self.step.prefer(self.by_fours(), traits)
    }

    fn twin<T: Real>(&self, ports: RecurrentBackwardPorts<Slices<'_, T>>) {
        let RecurrentBackwardPorts { u_kernel: u, d_y, state, mask, y, z, memory, carry } = ports;
        let [state, mask, y] = [state, mask, y].map(Option::unwrap_or_default);
        let memory = memory.unwrap_or_default();
        let Self { step, next, .. } = *self;
        let RecurrentStep { batch, units, stage, gate, activation, .. } = step;
        let (depth, width) = (self.depth(), step.line());
        let operand = match next {
            None => Vec::new(),
            Some(next) => {
                let from: &[T] = if stage == Stage::Gru { memory } else { z };
                step.gather_turned(from, next, width, (self.first_column(), depth))
            }
        };
        let drop = step.drop(state);
        let needs_h = !matches!(stage, Stage::SimpleRnn | Stage::Lstm);
        let before = if needs_h { step.before(y, state, 0) } else { Vec::new() };
        let c_before = if stage == Stage::Lstm { step.before(memory, state, 1) } else { Vec::new() };
        // The step's own part of the memory is read for an LSTM, written for a GRU.
        let c = match stage {
            Stage::Lstm => step.gather(memory, step.to, units, (0, units)),
            _ => Vec::new(),
        };
        let multiplications = batch * units * depth.max(1);
        let tile = step.tile(multiplications);
        let zs = Block::gates(z, step.lines(step.at, width), (batch, stage.width(), units), tile);
        let mut memories = (stage == Stage::Gru)
            .then(|| Block::gates(memory, step.lines(step.at, width), (batch, 3, units), tile));
        let (carry_h, carry_c) = carry.split_at_mut(state_part(batch, units));
        let [carries_h, carries_c] =
            [carry_h, carry_c].map(|carry| Block::gates(carry, (0, units), (batch, 1, units), tile));
        let parts = zs.zip(carries_h).zip(carries_c).map(|((z, h), c)| {
            let memory = memories.as_mut().and_then(Iterator::next).unwrap_or_default();
            (z, memory, h, c)
        });
        for_each_part_from(
            PARALLEL_STEP,
            multiplications,
            parts,
            |(mut z, mut memory, mut carry_h, mut carry_c)| {
                let (rows, w) = (z[0].rows(), z[0].width());
                let (row, col) = (z[0].row, z[0].col);
                let product =
                    turned_product(&z[0], (&operand, batch), (u, self.first_column(), width), depth);
                each_line(
                    rows,
                    #[inline(always)]
                    |i| {
                        let at = (row + i) * units + col;
                        let part = |values| -> &[T] { part_of(values, at, w) };
                        let product = &product[i * w..][..w];
                        let carry_h = carry_h[0].line(i);
                        let mut d_h = padded(product);
                        let d_h = &mut d_h[..w];
                        if let Some(drop) = drop {
                            times(d_h, part(drop));
                        }
                        if stage == Stage::GruGates {
                            let a = z[1].line(i);
                            let (reset, slope) = with_derivatives(gate, a);
                            for (k, a) in a.iter_mut().enumerate() {
                                let mut h = before[at + k];
                                if let Some(drop) = drop {
                                    h = h * drop[at + k];
                                }
                                *a = product[k] * h * slope[k];
                                carry_h[k] = carry_h[k] + d_h[k] * reset[k];
                            }
                            return;
                        }
                        if let Some((first, stride)) = self.d_y {
                            plus(d_h, part_of(d_y, first + (row + i) * stride + col, w));
                        }
                        if next.is_some() && self.carries() {
                            plus(d_h, carry_h);
                        }
                        let stays = step.is_masked(mask, row + i);
                        if stays {
                            // The reset gate belongs to `GruGates`.
                            let own = |gate: &usize| stage != Stage::GruCandidate || *gate != 1;
                            (0..z.len()).filter(own).for_each(|gate| z[gate].line(i).fill(T::zero()));
                            memory.iter_mut().for_each(|m| m.line(i).fill(T::zero()));
                            carry_h.copy_from_slice(d_h);
                            if next.is_none() && stage == Stage::Lstm {
                                carry_c[0].line(i).fill(T::zero());
                            }
                            return;
                        }
                        let mut zs = z.iter_mut().map(|z| z.line(i));
                        match stage {
                            Stage::SimpleRnn => zs.for_each(|a| {
                                let (_, slope) = with_derivatives(activation, a);
                                a.iter_mut().zip(&slope).zip(&*d_h).for_each(|((a, &s), &d)| *a = d * s);
                            }),
                            Stage::Lstm => {
                                let [a_i, a_f, a_g, a_o] =
                                    std::array::from_fn(|_| zs.next().unwrap_or_default());
                                let carry_c = carry_c[0].line(i);
                                if next.is_none() {
                                    carry_c.fill(T::zero());
                                }
                                // One by one: the compiler does not inline what `map` of an array calls.
                                let (i_gate, slope_i) = with_derivatives(gate, a_i);
                                let (f, slope_f) = with_derivatives(gate, a_f);
                                let (o, slope_o) = with_derivatives(gate, a_o);
                                let (g, slope_g) = with_derivatives(activation, a_g);
                                let (c, c_before) = (part(&c), part(&c_before));
                                let (squashed, slope_c) = with_derivatives(activation, c);
                                // Of one length, so that the loop runs on vectors.
                                let [a_i, a_f, a_g, a_o, carry_c] =
                                    [a_i, a_f, a_g, a_o, carry_c].map(|line| &mut line[..w]);
                                let [i_gate, slope_i, f, slope_f, o, slope_o, g, slope_g, squashed, slope_c] =
                                    [
                                        &i_gate, &slope_i, &f, &slope_f, &o, &slope_o, &g, &slope_g,
                                        &squashed, &slope_c,
                                    ]
                                    .map(|line| &line[..w]);
                                for k in 0..w {
                                    let d_c = carry_c[k] + d_h[k] * o[k] * slope_c[k];
                                    carry_c[k] = d_c * f[k];
                                    a_i[k] = d_c * g[k] * slope_i[k];
                                    a_f[k] = d_c * c_before[k] * slope_f[k];
                                    a_g[k] = d_c * i_gate[k] * slope_g[k];
                                    a_o[k] = d_h[k] * squashed[k] * slope_o[k];
                                }
                            }
                            _ => {
                                let [a_z, a_r, a_h] = std::array::from_fn(|_| zs.next().unwrap_or_default());
                                let (update, slope_z) = with_derivatives(gate, a_z);
                                let (candidate, slope_h) = with_derivatives(activation, a_h);
                                let before = part(&before);
                                let [a_z, a_r, a_h, carry_h] =
                                    [a_z, a_r, a_h, carry_h].map(|line| &mut line[..w]);
                                let [update, slope_z, candidate, slope_h] =
                                    [&update, &slope_z, &candidate, &slope_h].map(|line| &line[..w]);
                                for k in 0..w {
                                    a_z[k] = d_h[k] * (before[k] - candidate[k]) * slope_z[k];
                                    a_h[k] = d_h[k] * (T::one() - update[k]) * slope_h[k];
                                    carry_h[k] = d_h[k] * update[k];
                                }
                                if stage == Stage::Gru {
                                    let mut memory = memory.iter_mut().map(|memory| memory.line(i));
                                    let [d_z, d_r, m] =
                                        std::array::from_fn(|_| memory.next().unwrap_or_default());
                                    let (reset, slope_r) = with_derivatives(gate, a_r);
                                    let (m, reset, slope_r) = (&mut m[..w], &reset[..w], &slope_r[..w]);
                                    d_z.copy_from_slice(a_z);
                                    for k in 0..w {
                                        a_r[k] = a_h[k] * m[k] * slope_r[k];
                                        m[k] = reset[k] * a_h[k];
                                    }
                                    d_r.copy_from_slice(a_r);
                                }
                                return;
                            }
                        }
                        if self.carries() {
                            carry_h.fill(T::zero());
                        }
                    },
                );
            },
        );
    }
}

#[inline(always)]
fn part_of<T>(values: &[T], at: usize, count: usize) -> &[T] {
    &values[at..][..count]
}

#[inline(always)]
fn plus<T: Real>(values: &mut [T], others: &[T]) {
    values.iter_mut().zip(others).for_each(|(value, &other)| *value = *value + other);
}

#[inline(always)]
fn times<T: Real>(values: &mut [T], others: &[T]) {
    values.iter_mut().zip(others).for_each(|(value, &other)| *value = *value * other);
}
