//! The sums that [`RotateBackward`](super::RotateBackward) left in parts, finished.

use super::rotate_backward::{chunks, d_v, rotation_constants};
use super::rows::vectorised;
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
        let (mut sum_s, mut sum_b) = (vec![T::zero(); n], vec![T::zero(); n]);
        let (mut part_s, mut part_b) = (vec![T::zero(); n], vec![T::zero(); n]);
        // The sums over the chunks of the filters at a position.
        let total = |parts: &[T], first: usize, out: &mut [T]| {
            out.fill(T::zero());
            for chunk in parts.chunks_exact(units) {
                out.iter_mut().zip(&chunk[first..]).for_each(|(sum, &part)| *sum = *sum + part);
            }
        };
        vectorised(|| {
            for first in (0..units).step_by(n) {
                if self.has_bias {
                    total(partial_b, first, &mut part_b);
                    sum_b.iter_mut().zip(&part_b).for_each(|(sum, &part)| *sum = *sum + part);
                }
                if let Some(rotating) = &self.rotation {
                    total(partial_s, first, &mut part_s);
                    for (i, &part) in part_s.iter().enumerate() {
                        let bias = if self.has_bias { b[i] } else { T::zero() };
                        let (d_v, share) = d_v(rotating, rotation[units + first + i], part, bias);
                        all_d_v[first + i] = d_v;
                        sum_b[i] = sum_b[i] + share;
                    }
                    sum_s.iter_mut().zip(&part_s).for_each(|(sum, &part)| *sum = *sum + part);
                }
            }
        });
        if self.rotation.is_some() {
            s.copy_from_slice(&sum_s);
        }
        if self.has_bias {
            d_b.copy_from_slice(&sum_b);
        }
    }
}
