//! From dy to df, with the sums over the batch that ρ, λ and the bias need.

use super::product::Block;
use super::rows::{Cycle, fold, map_each, round, stretches};
use super::zones::Zones;
use super::{
    Args, BY_FOURS, Binding, Family, Grid, MAX_GROUPS, Trust, UNUSED, constants, read, slices, uniforms,
    wgsl, write,
};
use crate::{Activation, Real, Rotation, Rule};

uniforms!(RotateBackwardUniforms {
    batch: u32,
    units: u32,
    filters: u32,
    chunk: u32,
    x_q: f32,
    epsilon: f32
});

/// dz = dy ⊙ σ'(z), df = ρ ⊙ dz, s = Σ dz ⊙ z, dq, db and the virtual sample's share of dW.
/// Serves classic layers too: there ρ = 1 and dq = 0.
///
/// With `zones` a unit is a filter at a position that is told apart, and ρ one of `[zones, filters]`. Sums over stretches of the
/// batch are left then, for [`RotateSums`](super::RotateSums) to finish: `s` and `d_b` are `[chunks, N]`, d_b holding sums of
/// df alone.
#[derive(Clone, Copy, Debug)]
pub struct RotateBackward {
    /// B.
    pub batch: usize,
    /// N.
    pub units: usize,
    /// Whether db is asked for.
    pub has_bias: bool,
    /// σ.
    pub activation: Activation,
    /// The rotation, or `None` for a classic layer.
    pub rotation: Option<Rotation>,
    /// The zones of a layer of windows.
    pub zones: Option<Zones>,
}

/// Rows summed together on one CPU thread; fixed, so that the sums do not depend on the number of threads.
const ROWS: usize = 32;

/// Columns that are worked on together: their sums stay in a cache, and memory is read in long pieces.
const COLUMNS: usize = 4096;

/// Rows of a partial sum, unless there would be more than [`MAX_CHUNKS`].
const CHUNK: usize = 512;

/// The most partial sums.
const MAX_CHUNKS: usize = 4096;

/// Columns from which on there are enough to occupy a device without splitting the rows.
const WIDE: usize = 2048;

/// How many partial sums a batch has.
pub fn chunks(batch: usize) -> usize {
    batch.div_ceil(chunk(batch))
}

/// The rows of each.
fn chunk(batch: usize) -> usize {
    CHUNK.max(batch.div_ceil(MAX_CHUNKS).next_multiple_of(ROWS))
}

impl RotateBackward {
    /// Quads of columns of a workgroup: where there are many columns, as many as lie well beside each other in memory.
    fn across(&self) -> usize {
        if self.units >= WIDE { 64 } else { 4 }
    }

    /// Units of a zone.
    fn filters(&self) -> usize {
        self.units / self.zones.map_or(1, |zones| zones.positions())
    }

    fn chunk(&self) -> usize {
        if self.zones.is_some() { chunk(self.batch) } else { self.batch }
    }
}

impl Family for RotateBackward {
    const NAME: &'static str = "rotate_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["d_y", "z", "rotation", "b", "d_f", "d_b", "virtual_sample", "s"];
    const BINDINGS: &'static [Binding] = &[
        read("d_y"),
        read("z"),
        read("rotation"),
        read("b"),
        write("d_f"),
        write("d_b"),
        write("virtual_sample"),
        write("s"),
    ];
    type Uniforms = RotateBackwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (outputs, n) = (self.batch * self.units, self.units);
        let sums = self.batch.div_ceil(self.chunk()) * n;
        let (rotated, finish) = (self.rotation.is_some(), self.zones.is_none());
        let zones = self.zones.map_or(1, |zones| zones.count());
        let used = |used: bool, len: usize| if used { len } else { UNUSED };
        vec![
            outputs,
            outputs,
            used(rotated, 2 * zones * self.filters()),
            used(self.has_bias && finish, n),
            outputs,
            used(self.has_bias, sums),
            used(rotated && finish, n),
            used(rotated, sums),
        ]
    }

    fn uniforms(&self) -> RotateBackwardUniforms {
        RotateBackwardUniforms {
            batch: self.batch as u32,
            units: self.units as u32,
            filters: self.filters() as u32,
            chunk: self.chunk() as u32,
            x_q: self.rotation.map_or(0.0, |r| r.x_q),
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("HAS_BIAS", self.has_bias), ("PARTIAL", self.zones.is_some())]);
        let zones = self.zones.unwrap_or(Zones::one([1; 3]));
        vec![
            wgsl!("lib/math.wgsl"),
            self.activation.wgsl(),
            options,
            rotation_constants(self.rotation),
            wgsl!("lib/rotation.wgsl"),
            zones.wgsl(),
            slices(self.across()),
            wgsl!("rotate_backward.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let columns = self.units.div_ceil(4 * self.across()) as u32;
        let folds = columns.div_ceil(MAX_GROUPS);
        [columns.div_ceil(folds), self.batch.div_ceil(self.chunk()) as u32, folds]
    }

    fn by_fours(&self) -> bool {
        self.filters().is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_y, z, rotation, b) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (d_f, d_b) = (args.write(4), args.write(5));
        let (virtual_sample, s) = (args.write(6), args.write(7));
        let n = self.units;
        let rho = &rotation[..rotation.len() / 2];
        let rho = self.rotation.map(|_| Cycle::of_zones(rho, self.zones));
        // s and db of a tile of rows and columns, side by side.
        let tiles: Vec<Block<'_, T>> = Block::tiles(d_f, n, ROWS, COLUMNS).collect();
        let across = n.div_ceil(COLUMNS);
        let sums = map_each(
            tiles,
            self.batch * n,
            #[inline(always)]
            |mut tile| {
                let (width, round) = (tile.width(), round(tile.width()));
                let (mut sum_s, mut sum_b) = (vec![T::zero(); round], vec![T::zero(); round]);
                for (at, d_f) in tile.stretches() {
                    for (line, d_f) in d_f.chunks_mut(round).enumerate() {
                        let at = at + line * round;
                        stretches(
                            at,
                            d_f.len(),
                            &[&rho],
                            #[inline(always)]
                            |first, count| {
                                let at = at + first;
                                let (d_y, z, d_f) =
                                    (&d_y[at..][..count], &z[at..][..count], &mut d_f[first..][..count]);
                                self.activation.derivatives(z, d_f);
                                let sum_b = &mut sum_b[first..][..count];
                                match &rho {
                                    Some(rho) => {
                                        let sum_s = &mut sum_s[first..][..count];
                                        let sums = sum_s.iter_mut().zip(sum_b);
                                        let all = d_f.iter_mut().zip(d_y).zip(z).zip(rho.from(at)).zip(sums);
                                        all.for_each(|((((d_f, &d_y), &z), &rho), (s, b))| {
                                            let d_z = *d_f * d_y;
                                            *s = *s + d_z * z;
                                            *d_f = rho * d_z;
                                            *b = *b + *d_f;
                                        });
                                    }
                                    None => {
                                        d_f.iter_mut().zip(d_y).zip(sum_b).for_each(|((d_f, &d_y), b)| {
                                            *d_f = *d_f * d_y;
                                            *b = *b + *d_f;
                                        });
                                    }
                                }
                            },
                        );
                    }
                }
                fold(&mut sum_s, width);
                fold(&mut sum_b, width);
                [sum_s, sum_b]
            },
        );
        // The sums of some rows of tiles.
        let total = |tiles: &[[Vec<T>; 2]], which: usize, out: &mut [T]| {
            out.fill(T::zero());
            for (block, out) in out.chunks_mut(COLUMNS).enumerate() {
                for tile in tiles[block..].iter().step_by(across) {
                    out.iter_mut().zip(&tile[which]).for_each(|(sum, &part)| *sum = *sum + part);
                }
            }
        };
        for (chunk, tiles) in sums.chunks(self.chunk().div_ceil(ROWS) * across).enumerate() {
            if self.rotation.is_some() {
                total(tiles, 0, &mut s[chunk * n..][..n]);
            }
            if self.has_bias {
                total(tiles, 1, &mut d_b[chunk * n..][..n]);
            }
        }
        if let Some(rotating) = self.rotation.filter(|_| self.zones.is_none()) {
            let x_q = T::of(rotating.x_q.into());
            for i in 0..n {
                let bias = if self.has_bias { b[i] } else { T::zero() };
                let (d_v, share) = d_v(&rotating, rotation[n + i], s[i], bias);
                virtual_sample[i] = if rotating.rule == Rule::Diagonal { x_q * d_v } else { x_q * x_q * d_v };
                if self.has_bias {
                    d_b[i] = d_b[i] + share;
                }
            }
        }
    }
}

/// What s = Σ dz ⊙ z of a unit tells: dq by the diagonal and dq/q by the aligned rule, and the share of db.
#[inline(always)]
pub(super) fn d_v<T: Real>(rotation: &Rotation, q: T, s: T, bias: T) -> (T, T) {
    let d_q = rotation.d_q(q, s);
    match rotation.rule {
        Rule::Diagonal => (d_q, d_q),
        Rule::Aligned if q == T::zero() => (T::zero(), T::zero()),
        Rule::Aligned => (d_q / q, bias * d_q / q),
    }
}

/// The options that `lib/rotation.wgsl` and its users need, as WGSL constants.
pub(super) fn rotation_constants(rotation: Option<Rotation>) -> String {
    constants(&[
        ("ROTATED", rotation.is_some()),
        ("ALIGNED", rotation.is_some_and(|r| r.rule == Rule::Aligned)),
        ("DETACHED", rotation.is_some_and(|r| r.detached)),
    ])
}
