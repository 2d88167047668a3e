//! What forward and backward time steps share: sizes, memory layout, and the products of the gates.

use crate::kernel::base::rows::vectorised;
use crate::kernel::product::{self, Block, Copies, PANEL, matrix, multiply};
use crate::kernel::{ALIGNMENT, Grid, Traits, constants, flat_grid, wgsl};
use crate::{Activation, Real};
use rayon::prelude::*;

/// What a time step computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A step of a simple recurrent layer.
    SimpleRnn,
    /// A step of an LSTM; gates i, f, c, o.
    Lstm,
    /// A step of a GRU that resets after the recurrent product; gates z, r, h.
    Gru,
    /// The gates z and r of a GRU that resets before the product.
    GruGates,
    /// The candidate h of such a GRU, and its new state.
    GruCandidate,
}

impl Stage {
    /// The number of gates whose pre-activations are kept.
    pub fn width(self) -> usize {
        match self {
            Self::SimpleRnn => 1,
            Self::Lstm => 4,
            Self::Gru | Self::GruGates | Self::GruCandidate => 3,
        }
    }

    /// The first gate of the stage's product, and their number.
    fn gates(self) -> (usize, usize) {
        match self {
            Self::GruGates => (0, 2),
            Self::GruCandidate => (2, 1),
            _ => (0, self.width()),
        }
    }

    fn wgsl(self) -> String {
        constants(&[
            ("SIMPLE_RNN", self == Self::SimpleRnn),
            ("LSTM", self == Self::Lstm),
            ("GRU", self == Self::Gru),
            ("GRU_GATES", self == Self::GruGates),
            ("GRU_CANDIDATE", self == Self::GruCandidate),
        ]) + &format!("const WIDTH: u32 = {}u;\n", self.width())
    }
}

/// One time step of a recurrent layer over a batch `[B, T, ...]`.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentStep {
    /// B.
    pub batch: usize,
    /// T.
    pub steps: usize,
    /// H.
    pub units: usize,
    /// What it computes.
    pub stage: Stage,
    /// γ, the gates' activation.
    pub gate: Activation,
    /// σ, the cell's activation.
    pub activation: Activation,
    /// Whether a mask `[B, T]` tells which steps count.
    pub masked: bool,
    /// Whether recurrent dropout is on.
    pub dropped: bool,
    /// Whether an initial state is given.
    pub initial: bool,
    /// The time step in inputs, mask and pre-activations.
    pub at: usize,
    /// The step of y that holds the previous state, or `None` at the beginning.
    pub from: Option<usize>,
    /// The step of y that it writes.
    pub to: usize,
}

/// The length of a part of the state, `[B, H]`, up to where the next part may begin.
pub fn state_part(batch: usize, units: usize) -> usize {
    (batch * units).next_multiple_of(ALIGNMENT)
}

/// The step as WGSL has it: `NONE` where there is none.
pub(super) fn or_none(step: Option<usize>) -> u32 {
    step.map_or(u32::MAX, |step| step as u32)
}

/// Invocations across a workgroup in `recurrent/parts/product_gates.wgsl`.
const ACROSS: usize = 8;

/// Blocks side by side in `recurrent/parts/product_gates_reduce.wgsl`.
const BLOCKS: usize = 16;

/// Slices of the depth there.
const SLICES: usize = 16;

/// The variants of both kernels: the whole depth in one invocation, or split over a workgroup.
pub(super) const VARIANTS: &[&str] = &["direct", "reduce", "direct4", "reduce4"];

fn reduces(variant: usize) -> bool {
    VARIANTS[variant].starts_with("reduce")
}

/// The rounds of an invocation's loop over the depth.
pub(super) fn rounds(variant: usize, depth: usize) -> usize {
    depth.div_ceil(if reduces(variant) { 4 * SLICES } else { 4 })
}

impl RecurrentStep {
    pub(super) fn outputs(&self) -> usize {
        self.batch * self.steps * self.units
    }

    /// The length of the state, where there is one.
    pub(super) fn state(&self) -> Option<usize> {
        (self.initial || self.dropped).then(|| 3 * state_part(self.batch, self.units))
    }

    /// The length of the mask, where there is one.
    pub(super) fn mask(&self) -> Option<usize> {
        self.masked.then_some(self.batch * self.steps)
    }

    /// The shader's parts around the stem.
    pub(super) fn shader(
        &self,
        stem: String,
        gates: usize,
        options: &[(&str, bool)],
        variant: usize,
    ) -> Vec<String> {
        let body = if reduces(variant) {
            wgsl!("recurrent/parts/product_gates_reduce.wgsl")
        } else {
            wgsl!("recurrent/parts/product_gates.wgsl")
        };
        let of_gates = self.gate.wgsl().replace("activation", "gate");
        let first = self.stage.gates().0;
        vec![
            wgsl!("base/parts/math.wgsl"),
            self.activation.wgsl(),
            of_gates,
            self.stage.wgsl(),
            format!("const GATES: u32 = {gates}u;\nconst FIRST_GATE: u32 = {first}u;\n"),
            constants(&[
                ("MASKED", self.masked),
                ("DROPPED", self.dropped),
                ("INITIAL", self.initial && self.from.is_none()),
            ]),
            constants(options),
            wgsl!("recurrent/parts/recurrent.wgsl"),
            stem,
            wgsl!("product/parts/product_blocks.wgsl"),
            // A round of about 256 multiply-adds.
            product::unroll(&body, Copies { down: 1, across: gates, loads: 3usize.div_ceil(gates) }),
        ]
    }

    pub(super) fn grid(&self, variant: usize) -> Grid {
        let across = 4 * if reduces(variant) { BLOCKS } else { ACROSS };
        flat_grid(self.units.div_ceil(across) * self.batch.div_ceil(4), 1)
    }

    pub(super) fn prefer(&self, by_fours: bool, traits: Traits) -> usize {
        usize::from(!traits.software) + 2 * usize::from(by_fours)
    }

    /// The number of gates in the forward product.
    pub(super) fn product_gates(&self) -> usize {
        self.stage.gates().1
    }

    /// The first column of these gates.
    pub(super) fn first_column(&self) -> usize {
        self.stage.gates().0 * self.units
    }

    /// Rows and columns of a tile, for a step with so many multiplications: fewer rows where a step is small, but still worth
    /// several threads.
    pub(super) fn tile(&self, multiplications: usize) -> (usize, usize) {
        let across = self.units.div_ceil(PANEL);
        let mut rows = TILE_ROWS;
        while rows > FEW_ROWS
            && multiplications >= PARALLEL_STEP
            && self.batch.div_ceil(rows) * across < TILES
        {
            rows /= 2;
        }
        (rows, PANEL)
    }

    /// Numbers per line of z.
    pub(super) fn line(&self) -> usize {
        self.stage.width() * self.units
    }

    /// Where a step's lines of `width` numbers begin, and their stride.
    pub(super) fn lines(&self, step: usize, width: usize) -> (usize, usize) {
        (step * width, self.steps * width)
    }

    /// A step's lines of `width` numbers, packed: `count` columns from `first` on.
    pub(super) fn gather<T: Real>(
        &self,
        values: &[T],
        step: usize,
        width: usize,
        (first, count): (usize, usize),
    ) -> Vec<T> {
        let (begin, stride) = self.lines(step, width);
        let line = |row: usize| &values[row * stride + begin + first..][..count];
        let mut out = vec![T::zero(); self.batch * count];
        let copy = |(row, out): (usize, &mut [T])| out.copy_from_slice(line(row));
        if out.len() < PARALLEL_COPY {
            out.chunks_exact_mut(count).enumerate().for_each(copy);
        } else {
            out.par_chunks_exact_mut(count).enumerate().for_each(copy);
        }
        out
    }

    /// [`RecurrentStep::gather`], transposed: one line per column, with the numbers of all samples.
    pub(super) fn gather_turned<T: Real>(
        &self,
        values: &[T],
        step: usize,
        width: usize,
        (first, count): (usize, usize),
    ) -> Vec<T> {
        let (begin, stride) = self.lines(step, width);
        let mut out = vec![T::zero(); self.batch * count];
        let turn = |(panel, out): (usize, &mut [T])| {
            for row in 0..self.batch {
                let line = &values[row * stride + begin + first + panel * PANEL..][..out.len() / self.batch];
                out[row..].iter_mut().step_by(self.batch).zip(line).for_each(|(to, &from)| *to = from);
            }
        };
        if out.len() < PARALLEL_COPY {
            out.chunks_mut(PANEL * self.batch).enumerate().for_each(turn);
        } else {
            out.par_chunks_mut(PANEL * self.batch).enumerate().for_each(turn);
        }
        out
    }

    /// h or c before the step, from the buffer of all steps or from the initial state.
    pub(super) fn before<T: Real>(&self, all: &[T], state: &[T], part: usize) -> Vec<T> {
        let (count, units) = (self.batch * self.units, self.units);
        match self.from {
            Some(step) => self.gather(all, step, units, (0, units)),
            None if self.initial => state[part * state_part(self.batch, units)..][..count].to_vec(),
            None => vec![T::zero(); count],
        }
    }

    /// The factors of recurrent dropout.
    pub(super) fn drop<'a, T>(&self, state: &'a [T]) -> Option<&'a [T]> {
        self.dropped.then(|| &state[2 * state_part(self.batch, self.units)..][..self.batch * self.units])
    }

    /// Whether a sample's step is masked.
    #[inline(always)]
    pub(super) fn is_masked<T: Real>(&self, mask: &[T], row: usize) -> bool {
        self.masked && mask[row * self.steps + self.at] == T::zero()
    }
}

/// Below this many numbers a second thread costs more than it saves.
const PARALLEL_COPY: usize = 1 << 15;

/// Rows of a tile at most.
const TILE_ROWS: usize = 128;

/// Rows of a tile at least: fewer multiply slowly.
const FEW_ROWS: usize = 8;

/// Enough tiles for several threads.
const TILES: usize = 4;

/// Below this many multiplications a second thread costs more than it saves: fewer than elsewhere, since activations come on top.
pub(super) const PARALLEL_STEP: usize = 1 << 17;

/// A gate's product for a tile: its rows of `left`, `depth` wide, times columns of U.
pub(super) fn gate_product<T: Real>(
    tile: &Block<'_, T>,
    left: &[T],
    (u, column, width): (&[T], usize, usize),
    depth: usize,
) -> Vec<T> {
    let mut out = vec![T::zero(); tile.rows() * tile.width()];
    if depth > 0 {
        let left = matrix(&left[tile.row * depth..], depth);
        multiply(&mut out, (tile.rows(), depth, tile.width()), left, matrix(&u[column + tile.col..], width));
    }
    out
}

/// A tile's rows of the transpose of `turned`, `[depth, batch]`, times rows of U from column `column` on. Reading U along its rows
/// avoids packing it; transposing the result costs less.
pub(super) fn turned_product<T: Real>(
    tile: &Block<'_, T>,
    (turned, batch): (&[T], usize),
    (u, column, width): (&[T], usize, usize),
    depth: usize,
) -> Vec<T> {
    let (rows, units) = (tile.rows(), tile.width());
    let mut out = vec![T::zero(); rows * units];
    if depth > 0 {
        let mut product = out.clone();
        let u = matrix(&u[tile.col * width + column..], width);
        multiply(&mut product, (units, depth, rows), u, matrix(&turned[tile.row..], batch));
        for (unit, line) in product.chunks_exact(rows).enumerate() {
            out[unit..].iter_mut().step_by(units).zip(line).for_each(|(to, &from)| *to = from);
        }
    }
    out
}

/// A line of a tile.
pub(super) type Line<T> = [T; PANEL];

/// The numbers, then zeros. Copied in vector registers where they fill a line, as in most tiles.
#[inline(always)]
pub(super) fn padded<T: Real>(values: &[T]) -> Line<T> {
    <&Line<T>>::try_from(values).copied().unwrap_or_else(|_| {
        let mut out = [T::zero(); PANEL];
        out[..values.len()].copy_from_slice(values);
        out
    })
}

/// `activation` of every number.
#[inline(always)]
pub(super) fn activated<T: Real>(activation: Activation, values: &[T]) -> Line<T> {
    let mut out = padded(values);
    activation.apply(&mut out[..values.len()]);
    out
}

/// `activation` of every number, and its derivative there.
#[inline(always)]
pub(super) fn with_derivatives<T: Real>(activation: Activation, values: &[T]) -> (Line<T>, Line<T>) {
    let mut out = ([T::zero(); PANEL], [T::zero(); PANEL]);
    activation.both(values, &mut out.0[..values.len()], &mut out.1[..values.len()]);
    out
}

/// Runs `line(row of the tile)` for every row, compiled for the current processor.
#[inline(always)]
pub(super) fn each_line(rows: usize, mut line: impl FnMut(usize)) {
    vectorised(
        #[inline(always)]
        || {
            // Not `for_each(&mut line)`, which the compiler does not inline.
            for row in 0..rows {
                line(row);
            }
        },
    );
}
