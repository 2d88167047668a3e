//! The rank of the target's class among many outputs: accuracy and top-k accuracy of rows too long for
//! [`Score`](crate::kernel::Score).

use crate::Real;
use crate::kernel::loss::score::first_largest;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl};

/// Values per workgroup.
const PIECE: usize = 4096;

/// The most outputs per row, or positions per sample, whose places can be told apart: whole numbers that f32 represents exactly.
pub(crate) const MOST_PLACES: usize = 1 << 24;

uniforms!(LargestUniforms { rows: u32, width: u32, pieces: u32 });
uniforms!(RankUniforms { batch: u32, outputs: u32, pieces: u32 });
uniforms!(HitsUniforms { batch: u32, pieces: u32, columns: u32, column: u32, k: u32 });

/// The first largest value of every piece of 4,096 values of a row, and its place in the row: values `[rows, width]` → tops and
/// places `[rows, pieces]`. Applied to tops and places of pieces, it yields those of larger pieces.
#[derive(Clone, Copy, Debug)]
pub struct Largest {
    /// The rows.
    pub rows: usize,
    /// Values per row.
    pub width: usize,
    /// Whether the values are tops of pieces, given with their places.
    pub of_pieces: bool,
}

impl Largest {
    /// The number of pieces of `width` values.
    pub fn pieces(width: usize) -> usize {
        width.div_ceil(PIECE)
    }
}

/// How many of a piece's outputs are larger than the one at the row's place; with `ties`, also equal ones that come before it. A
/// whole piece if that output is NaN. x `[B, C]`, places `[B]` → counts `[B, pieces]`.
#[derive(Clone, Copy, Debug)]
pub struct Rank {
    /// B.
    pub batch: usize,
    /// C.
    pub outputs: usize,
    /// Whether equal outputs that come before count.
    pub ties: bool,
}

/// 1 for every row whose counts `[B, pieces]` sum to less than k, else 0, in a column of scores `[B, columns]`.
#[derive(Clone, Copy, Debug)]
pub struct Hits {
    /// B.
    pub batch: usize,
    /// Counts per row.
    pub pieces: usize,
    /// The width of a row of scores.
    pub columns: usize,
    /// The column to fill.
    pub column: usize,
    /// k.
    pub k: usize,
}

ports! {
    /// The ports of [`Largest`].
    pub struct LargestPorts {
        /// The values.
        values: Read,
        /// Their places, if they are tops of pieces.
        origins: Option<Read>,
        /// The largest of each piece.
        tops: Write,
        /// Its place.
        places: Write,
    }
}

impl Family for Largest {
    const NAME: &'static str = "largest";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = LargestPorts<Lens>;
    type Uniforms = LargestUniforms;

    fn lens(&self) -> LargestPorts<Lens> {
        let (all, pieces) = (self.rows * self.width, self.rows * Self::pieces(self.width));
        LargestPorts { values: all, origins: (self.of_pieces).then_some(all), tops: pieces, places: pieces }
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
        vec![wgsl!("base/parts/index.wgsl"), options, wgsl!("loss/largest.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows * Self::pieces(self.width), 1)
    }

    fn twin<T: Real>(&self, ports: LargestPorts<Slices<'_, T>>) {
        let LargestPorts { values, origins, tops, places } = ports;
        let origins = origins.unwrap_or_default();
        let mut out = tops.iter_mut().zip(places);
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

ports! {
    /// The ports of [`Rank`].
    pub struct RankPorts {
        /// The outputs.
        x: Read,
        /// The place of the target of each row.
        places: Read,
        /// How many outputs rank above it, per piece.
        counts: Write,
    }
}

impl Family for Rank {
    const NAME: &'static str = "rank";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = RankPorts<Lens>;
    type Uniforms = RankUniforms;

    fn lens(&self) -> RankPorts<Lens> {
        RankPorts {
            x: self.batch * self.outputs,
            places: self.batch,
            counts: self.batch * Largest::pieces(self.outputs),
        }
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
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/math.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            options,
            wgsl!("loss/rank.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch * Largest::pieces(self.outputs), 1)
    }

    fn twin<T: Real>(&self, ports: RankPorts<Slices<'_, T>>) {
        let RankPorts { x, places, counts } = ports;
        let counts = counts.chunks_exact_mut(Largest::pieces(self.outputs));
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

ports! {
    /// The ports of [`Hits`].
    pub struct HitsPorts {
        /// How many outputs rank above the target, per piece.
        counts: Read,
        /// The rows of scores.
        scores: Update,
    }
}

impl Family for Hits {
    const NAME: &'static str = "hits";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = HitsPorts<Lens>;
    type Uniforms = HitsUniforms;

    fn lens(&self) -> HitsPorts<Lens> {
        HitsPorts { counts: self.batch * self.pieces, scores: self.batch * self.columns }
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
        vec![each(), wgsl!("loss/hits.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.batch, 64)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.pieces
    }

    fn twin<T: Real>(&self, ports: HitsPorts<Slices<'_, T>>) {
        let HitsPorts { counts, scores } = ports;
        let rows = counts.chunks_exact(self.pieces);
        for (scores, counts) in scores.chunks_exact_mut(self.columns).zip(rows) {
            let above: f64 = counts.iter().map(|count| count.wide()).sum();
            scores[self.column] = if above < self.k as f64 { T::one() } else { T::zero() };
        }
    }
}
