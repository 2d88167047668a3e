//! Where the target's class stands among many outputs: accuracy and top-k accuracy of rows too long for
//! [`Score`](super::Score).

use super::score::first_largest;
use super::{
    Args, Binding, Family, Grid, Trust, UNUSED, constants, flat_grid, read, uniforms, update, wgsl, write,
};
use crate::Real;

/// Values that one workgroup goes over.
const PIECE: usize = 4096;

/// The most outputs of a row, or positions of a sample, whose places are told apart: those that are whole numbers in single precision.
pub(crate) const MOST_PLACES: usize = 1 << 24;

uniforms!(LargestUniforms { rows: u32, width: u32, pieces: u32 });
uniforms!(RankUniforms { batch: u32, outputs: u32, pieces: u32 });
uniforms!(HitsUniforms { batch: u32, pieces: u32, columns: u32, column: u32, k: u32 });

/// The first of the largest values of every piece of 4,096 of a row, and its place in the row: values `[rows, width]` →
/// tops and places `[rows, pieces]`. From those of pieces, with their places, come those of whole rows.
#[derive(Clone, Copy, Debug)]
pub struct Largest {
    /// The rows.
    pub rows: usize,
    /// Values of a row.
    pub width: usize,
    /// Whether the values are tops of pieces, whose places come with them.
    pub of_pieces: bool,
}

impl Largest {
    /// How many pieces so many values have.
    pub fn pieces(width: usize) -> usize {
        width.div_ceil(PIECE)
    }
}

/// How many of a piece's outputs are larger than the one at the row's place; with `ties` also those that are as large and come
/// before it. All of a piece where that one is not a number. x `[B, C]`, places `[B]` → counts `[B, pieces]`.
#[derive(Clone, Copy, Debug)]
pub struct Rank {
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// Whether equal outputs that come before count.
    pub ties: bool,
}

/// 1 for every row of whose counts `[B, pieces]` the sum is less than k, else 0, in a column of scores `[B, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct Hits {
    /// B.
    pub batch: usize,
    /// Counts of a row.
    pub pieces: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// The column to fill.
    pub column: usize,
    /// k.
    pub k: usize,
}

impl Family for Largest {
    const NAME: &'static str = "largest";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("values"), read("origins"), write("tops"), write("places")];
    type Uniforms = LargestUniforms;

    fn lens(&self) -> Vec<usize> {
        let (all, pieces) = (self.rows * self.width, self.rows * Self::pieces(self.width));
        vec![all, if self.of_pieces { all } else { UNUSED }, pieces, pieces]
    }

    fn uniforms(&self) -> LargestUniforms {
        LargestUniforms {
            rows: self.rows as u32,
            width: self.width as u32,
            pieces: Self::pieces(self.width) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("OF_PIECES", self.of_pieces)]);
        vec![wgsl!("lib/index.wgsl"), options, wgsl!("largest.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows * Self::pieces(self.width), 1)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (values, origins) = (args.read(0), args.read(1));
        let mut out = args.write(2).iter_mut().zip(args.write(3));
        for (row, values) in values.chunks_exact(self.width).take(self.rows).enumerate() {
            for (piece, values) in values.chunks(PIECE).enumerate() {
                let Some((top, place)) = out.next() else { return };
                let here = first_largest(values);
                let at = piece * PIECE + here;
                *top = values[here];
                *place = if self.of_pieces { origins[row * self.width + at] } else { T::of(at as f64) };
            }
        }
    }
}

impl Family for Rank {
    const NAME: &'static str = "rank";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("x"), read("places"), write("counts")];
    type Uniforms = RankUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.batch * self.outputs, self.batch, self.batch * Largest::pieces(self.outputs)]
    }

    fn uniforms(&self) -> RankUniforms {
        RankUniforms {
            batch: self.batch as u32,
            outputs: self.outputs as u32,
            pieces: Largest::pieces(self.outputs) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("TIES", self.ties)]);
        vec![
            wgsl!("lib/index.wgsl"),
            wgsl!("lib/math.wgsl"),
            wgsl!("lib/reduce.wgsl"),
            options,
            wgsl!("rank.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * Largest::pieces(self.outputs), 1)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, places) = (args.read(0), args.read(1));
        let counts = args.write(2).chunks_exact_mut(Largest::pieces(self.outputs));
        for ((counts, x), place) in counts.zip(x.chunks_exact(self.outputs)).zip(places) {
            let place = (place.wide() as usize).min(self.outputs - 1);
            let wanted = x[place];
            for (piece, (count, values)) in counts.iter_mut().zip(x.chunks(PIECE)).enumerate() {
                let before = |i: usize| self.ties && piece * PIECE + i < place;
                let above =
                    values.iter().enumerate().filter(|&(i, &v)| v > wanted || v == wanted && before(i));
                *count = T::of(if wanted.is_nan() { PIECE } else { above.count() } as f64);
            }
        }
    }
}

impl Family for Hits {
    const NAME: &'static str = "hits";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("counts"), update("scores")];
    type Uniforms = HitsUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.batch * self.pieces, self.batch * self.columns]
    }

    fn uniforms(&self) -> HitsUniforms {
        HitsUniforms {
            batch: self.batch as u32,
            pieces: self.pieces as u32,
            columns: self.columns as u32,
            column: self.column as u32,
            k: self.k as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("lib/index.wgsl"), wgsl!("hits.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 64)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.pieces
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let rows = args.read(0).chunks_exact(self.pieces);
        for (scores, counts) in args.write(1).chunks_exact_mut(self.columns).zip(rows) {
            let above: f64 = counts.iter().map(|count| count.wide()).sum();
            scores[self.column] = if above < self.k as f64 { T::one() } else { T::zero() };
        }
    }
}
