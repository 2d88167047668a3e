//! The sums that [`RotateBackward`](super::RotateBackward) left in parts, finished.

use super::rotate_backward::{chunks, d_v, rotation_constants};
use super::rows::{Cycle, fold, map_each, round};
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, read, slices, uniforms, wgsl, write,
};
use crate::{Real, Rotation};

uniforms!(RotateSumsUniforms { chunks: u32, positions: u32, filters: u32, epsilon: f32 });

/// s, dq and db of a layer with a ρ for each of `positions` × `filters`, from partial sums of dz ⊙ z and df over the batch:
/// `d_v[p, n]` = dq, or by the aligned rule dq/q; `s[n]` and `d_b[n]` are summed over the positions, too.
#[derive(Clone, Copy, Debug)]
pub struct RotateSums {
    /// The rows that the partial sums go over: B·positions where one ρ serves all positions, else B.
    pub batch: usize,
    /// The positions that have a ρ of their own.
    pub positions: usize,
    /// The filters.
    pub filters: usize,
    /// Whether db is asked for.
    pub has_bias: bool,
    /// The rotation, or `None` for a classic layer, of which db is all there is to finish.
    pub rotation: Option<Rotation>,
}

impl Family for RotateSums {
    const NAME: &'static str = "rotate_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["partial_s", "partial_b", "rotation", "b", "d_b", "d_v", "s"];
    const BINDINGS: &'static [Binding] = &[
        read("partial_s"),
        read("partial_b"),
        read("rotation"),
        read("b"),
        write("d_b"),
        write("d_v"),
        write("s"),
    ];
    type Uniforms = RotateSumsUniforms;

    fn lens(&self) -> Vec<usize> {
        let units = self.positions * self.filters;
        let sums = chunks(self.batch) * units;
        let rotated = self.rotation.is_some();
        let used = |used: bool, len: usize| if used { len } else { UNUSED };
        vec![
            used(rotated, sums),
            used(self.has_bias, sums),
            used(rotated, 2 * units),
            used(self.has_bias, self.filters),
            used(self.has_bias, self.filters),
            used(rotated, units),
            used(rotated, self.filters),
        ]
    }

    fn uniforms(&self) -> RotateSumsUniforms {
        RotateSumsUniforms {
            chunks: chunks(self.batch) as u32,
            positions: self.positions as u32,
            filters: self.filters as u32,
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("HAS_BIAS", self.has_bias), ("PER_POSITION", self.positions > 1)];
        vec![
            constants(&options),
            rotation_constants(self.rotation),
            wgsl!("lib/rotation.wgsl"),
            slices(4),
            wgsl!("rotate_sums.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.filters.div_ceil(16) as u32, 1, 1]
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (partial_s, partial_b, rotation, b) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (d_b, all_d_v, s) = (args.write(4), args.write(5), args.write(6));
        let (n, units) = (self.filters, self.positions * self.filters);
        let none = vec![T::zero(); n];
        let (round, b) = (round(n), Cycle::new(if self.has_bias { b } else { &none }));
        // Positions are shared out in pieces of whole rounds, each with its part of d_v.
        let mut all_d_v = all_d_v.chunks_mut(PIECE * round);
        let firsts = (0..units).step_by(PIECE * round);
        let pieces =
            firsts.map(|first| (first, all_d_v.next().filter(|_| self.rotation.is_some()))).collect();
        let sums = map_each(
            pieces,
            units,
            #[inline(always)]
            |(first, mut d_v): (usize, Option<&mut [T]>)| {
                let (mut sum_s, mut sum_b) = (vec![T::zero(); round], vec![T::zero(); round]);
                let mut part = vec![T::zero(); round];
                for at in (first..units.min(first + PIECE * round)).step_by(round) {
                    let part = &mut part[..round.min(units - at)];
                    if self.has_bias {
                        total(partial_b, units, at, part);
                        sum_b.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum = *sum + part);
                    }
                    if let (Some(rotating), Some(d_v)) = (&self.rotation, &mut d_v) {
                        total(partial_s, units, at, part);
                        sum_s.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum = *sum + part);
                        let d_v = &mut d_v[at - first..];
                        let parameters = rotation[units + at..].iter().zip(b.from(0)).zip(&mut sum_b);
                        for ((d_v, &s), ((&q, &bias), sum_b)) in d_v.iter_mut().zip(&*part).zip(parameters) {
                            let share;
                            (*d_v, share) = self::d_v(rotating, q, s, bias);
                            *sum_b = *sum_b + share;
                        }
                    }
                }
                fold(&mut sum_s, n);
                fold(&mut sum_b, n);
                [sum_s, sum_b]
            },
        );
        for (out, which) in [(self.rotation.is_some().then_some(s), 0), (self.has_bias.then_some(d_b), 1)] {
            let Some(out) = out else { continue };
            out.fill(T::zero());
            for sums in &sums {
                out.iter_mut().zip(&sums[which]).for_each(|(total, &sum)| *total = *total + sum);
            }
        }
    }
}

/// Rounds of positions that one task takes.
const PIECE: usize = 16;

/// The sums over the chunks, each of `units`, of the numbers from `first` on.
#[inline(always)]
fn total<T: Real>(parts: &[T], units: usize, first: usize, out: &mut [T]) {
    out.copy_from_slice(&parts[first..][..out.len()]);
    for chunk in parts.chunks_exact(units).skip(1) {
        out.iter_mut().zip(&chunk[first..]).for_each(|(sum, &part)| *sum = *sum + part);
    }
}
