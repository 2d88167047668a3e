//! Batch normalisation, backward: the sums over the rows, and what follows from them.

use super::norm_statistics::{norm_chunk, norm_chunks};
use super::rows::{ColumnSums, Cycle, map_blocks, map_each, round};
use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, each_quad, quad_grid, read, slices,
    uniforms, wgsl, write,
};
use crate::Real;

uniforms!(NormBackwardSumsUniforms { rows: u32, channels: u32, chunk: u32, epsilon: f32 });
uniforms!(NormBackwardUniforms { rows: u32, channels: u32, epsilon: f32 });

/// Σ dy and Σ dy ⊙ x̂ over every part of the rows by channel, x̂ = (x − mean)/√(variance + ε): parts of dβ and dγ.
#[derive(Clone, Copy, Debug)]
pub struct NormBackwardSums {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// ε.
    pub epsilon: f32,
}

/// dx = γ/√(variance + ε) ⊙ (dy − Σdy/R − x̂ ⊙ Σ(dy ⊙ x̂)/R): mean and variance depend on x (Ioffe and Szegedy 2015).
#[derive(Clone, Copy, Debug)]
pub struct NormBackward {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// ε.
    pub epsilon: f32,
    /// Whether there is a γ.
    pub scale: bool,
}

pub(super) fn inverses<T: Real>(variance: &[T], epsilon: f32) -> Vec<T> {
    variance.iter().map(|&v| T::one() / (v + T::of(epsilon.into())).sqrt()).collect()
}

impl Family for NormBackwardSums {
    const NAME: &'static str = "norm_backward_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[
        read("d_y"),
        read("x"),
        read("mean"),
        read("variance"),
        write("partial_beta"),
        write("partial_gamma"),
    ];
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "x", "mean", "variance", "partial_beta", "partial_gamma"];
    type Uniforms = NormBackwardSumsUniforms;

    fn lens(&self) -> Vec<usize> {
        let (all, c, parts) =
            (self.rows * self.channels, self.channels, norm_chunks(self.rows) * self.channels);
        vec![all, all, c, c, parts, parts]
    }

    fn uniforms(&self) -> NormBackwardSumsUniforms {
        NormBackwardSumsUniforms {
            rows: self.rows as u32,
            channels: self.channels as u32,
            chunk: norm_chunk(self.rows) as u32,
            epsilon: self.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![slices(4), wgsl!("norm_backward_sums.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.channels.div_ceil(16) as u32, norm_chunks(self.rows) as u32, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        norm_chunk(self.rows).min(self.rows).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_y, x, mean, variance) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (c, inverse) = (self.channels, inverses(variance, self.epsilon));
        let chunk = norm_chunk(self.rows);
        let (mean, inverse, round) = (Cycle::new(mean), Cycle::new(&inverse), round(c));
        let pairs = d_y.chunks(chunk * c).zip(x.chunks(chunk * c)).collect();
        let parts = map_each(
            pairs,
            x.len(),
            #[inline(always)]
            |(d_y, x): (&[T], &[T])| {
                let (mut betas, mut gammas) = (ColumnSums::new(c), ColumnSums::new(c));
                for (d_y, x) in d_y.chunks(round).zip(x.chunks(round)) {
                    let (beta, gamma) = (betas.next(), gammas.next());
                    beta.iter_mut().zip(d_y).for_each(|(sum, &d_y)| *sum = *sum + d_y);
                    let statistics = mean.from(0).iter().zip(inverse.from(0));
                    let normal = x.iter().zip(statistics).map(|(&x, (&mean, &inverse))| (x - mean) * inverse);
                    gamma.iter_mut().zip(d_y).zip(normal).for_each(|((sum, &d_y), n)| *sum = *sum + d_y * n);
                }
                (betas.finish(), gammas.finish())
            },
        );
        let (beta, gamma) = (args.write(4).chunks_exact_mut(c), args.write(5).chunks_exact_mut(c));
        for ((beta, gamma), part) in beta.zip(gamma).zip(parts) {
            beta.copy_from_slice(&part.0);
            gamma.copy_from_slice(&part.1);
        }
    }
}

impl Family for NormBackward {
    const NAME: &'static str = "norm_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[
        read("d_y"),
        read("x"),
        read("mean"),
        read("variance"),
        read("gamma"),
        read("d_beta"),
        read("d_gamma"),
        write("d_x"),
    ];
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["d_y", "x", "mean", "variance", "gamma", "d_beta", "d_gamma", "d_x"];
    type Uniforms = NormBackwardUniforms;

    fn lens(&self) -> Vec<usize> {
        let (all, c) = (self.rows * self.channels, self.channels);
        vec![all, all, c, c, if self.scale { c } else { UNUSED }, c, c, all]
    }

    fn uniforms(&self) -> NormBackwardUniforms {
        NormBackwardUniforms { rows: self.rows as u32, channels: self.channels as u32, epsilon: self.epsilon }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), constants(&[("SCALE", self.scale)]), wgsl!("norm_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.channels)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_y, x, mean, variance) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let (gamma, d_beta, d_gamma) = (args.read(4), args.read(5), args.read(6));
        let (c, rows) = (self.channels, T::of(self.rows as f64));
        let inverse = inverses(variance, self.epsilon);
        // dx = factor·dy − shift − slope·(x − mean)
        let factor: Vec<T> =
            inverse.iter().enumerate().map(|(c, &i)| if self.scale { gamma[c] * i } else { i }).collect();
        let shift: Vec<T> = factor.iter().zip(d_beta).map(|(&f, &d)| f * d / rows).collect();
        let slopes = factor.iter().zip(d_gamma).zip(&inverse).map(|((&f, &d), &i)| f * d * i / rows);
        let slope: Vec<T> = slopes.collect();
        let [mean, factor, shift, slope] = [mean, &factor, &shift, &slope].map(Cycle::new);
        map_blocks(
            args.write(7),
            ROWS * c,
            #[inline(always)]
            |index, d_x| {
                let (first, round) = (index * ROWS * c, round(c));
                let rows =
                    d_x.chunks_mut(round).zip(x[first..].chunks(round)).zip(d_y[first..].chunks(round));
                for ((d_x, x), d_y) in rows {
                    let lines = slope.from(0).iter().zip(shift.from(0)).zip(mean.from(0));
                    d_x.iter_mut().zip(x).zip(lines).for_each(|((d_x, &x), ((&slope, &shift), &mean))| {
                        *d_x = -(slope * (x - mean)) - shift;
                    });
                    let factors = factor.from(0);
                    d_x.iter_mut().zip(d_y).zip(factors).for_each(|((d_x, &d_y), &f)| *d_x = *d_x + f * d_y);
                }
            },
        );
    }
}

/// Rows that one task of the twin takes.
const ROWS: usize = 64;
