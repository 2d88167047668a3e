//! Normalisation by channel or by group, backward: the sums over the rows, and what follows from them.

use crate::Real;
use crate::kernel::base::rows::{ColumnSums, Cycle, map_blocks, map_each, round};
use crate::kernel::norm::norm_statistics::{Groups, accessors, norm_chunk, norm_chunks};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, slices, uniforms,
    wgsl,
};

uniforms!(NormBackwardSumsUniforms {
    rows: u32,
    channels: u32,
    positions: u32,
    parts: u32,
    width: u32,
    chunk: u32,
    epsilon: f32
});
uniforms!(NormBackwardUniforms {
    rows: u32,
    channels: u32,
    positions: u32,
    parts: u32,
    width: u32,
    epsilon: f32
});

/// Per channel, Σ dy and Σ dy ⊙ x̂ over every chunk of rows, x̂ = (x − mean)/√(variance + ε): partial sums of dβ and dγ. Mean and variance
/// are those of the channels `[C]`, or of groups, such as the rows `[R]`.
#[derive(Clone, Copy, Debug)]
pub struct NormBackwardSums {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// ε.
    pub epsilon: f32,
    /// The groups whose mean and variance these are; `None` for the channels'.
    pub groups: Option<Groups>,
}

/// dx = γ/√(variance + ε) ⊙ (dy − Σdy/R − x̂ ⊙ Σ(dy ⊙ x̂)/R), since mean and variance depend on x (Ioffe and Szegedy 2015); by group
/// of n numbers dx = (g − Σg/n − x̂ ⊙ Σ(g ⊙ x̂)/n)/√(variance + ε) with g = γ ⊙ dy (Ba et al. 2016, Wu and He 2018).
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
    /// The groups whose mean, variance and two sums these are; `None` for the channels'.
    pub groups: Option<Groups>,
}

/// Whether four neighbouring channels may be a vec4, and so statistics of groups.
pub(super) fn quads(rows: usize, channels: usize, groups: Option<Groups>) -> bool {
    channels.is_multiple_of(4) && groups.is_none_or(|groups| groups.count(rows).is_multiple_of(4))
}

/// Rows, channels, and a group's rows, parts and channels, for the uniform blocks.
pub(super) fn sizes(rows: usize, channels: usize, groups: Option<Groups>) -> [u32; 5] {
    let groups = groups.unwrap_or(Groups::ROWS);
    [rows, channels, groups.positions, groups.parts, groups.width(channels)].map(|size| size as u32)
}

pub(super) fn inverses<T: Real>(variance: &[T], epsilon: f32) -> Vec<T> {
    variance.iter().map(|&v| T::one() / (v + T::of(epsilon.into())).sqrt()).collect()
}

ports! {
    /// The ports of [`NormBackwardSums`].
    pub struct NormBackwardSumsPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// x.
        x: Read,
        /// The mean of each channel or group.
        mean: Read,
        /// The variance of each channel or group.
        variance: Read,
        /// Partial sums for ∂ℓ/∂β.
        partial_beta: Write,
        /// Partial sums for ∂ℓ/∂γ.
        partial_gamma: Write,
    }
}

impl Family for NormBackwardSums {
    const NAME: &'static str = "norm_backward_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "x", "mean", "variance", "partial_beta", "partial_gamma"];
    type Ports = NormBackwardSumsPorts<Lens>;
    type Uniforms = NormBackwardSumsUniforms;

    fn lens(&self) -> NormBackwardSumsPorts<Lens> {
        let (all, parts) = (self.rows * self.channels, norm_chunks(self.rows) * self.channels);
        let statistics = self.groups.map_or(self.channels, |groups| groups.count(self.rows));
        NormBackwardSumsPorts {
            d_y: all,
            x: all,
            mean: statistics,
            variance: statistics,
            partial_beta: parts,
            partial_gamma: parts,
        }
    }

    fn uniforms(&self) -> NormBackwardSumsUniforms {
        let [rows, channels, positions, parts, width] = sizes(self.rows, self.channels, self.groups);
        NormBackwardSumsUniforms {
            rows,
            channels,
            positions,
            parts,
            width,
            chunk: norm_chunk(self.rows) as u32,
            epsilon: self.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let statistics = accessors(self.groups, &["mean", "variance"]);
        vec![slices(4), statistics, wgsl!("norm/norm_backward_sums.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.channels.div_ceil(16) as u32, norm_chunks(self.rows) as u32, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        norm_chunk(self.rows).min(self.rows).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        quads(self.rows, self.channels, self.groups)
    }

    fn twin<T: Real>(&self, ports: NormBackwardSumsPorts<Slices<'_, T>>) {
        let NormBackwardSumsPorts { d_y, x, mean, variance, partial_beta, partial_gamma } = ports;
        let (c, inverse) = (self.channels, inverses(variance, self.epsilon));
        let chunk = norm_chunk(self.rows);
        let round = round(c);
        let [means, inverses] = [mean, &inverse[..]].map(|of| self.groups.is_none().then(|| Cycle::new(of)));
        let pairs = d_y.chunks(chunk * c).zip(x.chunks(chunk * c)).enumerate().collect();
        let parts = map_each(
            pairs,
            x.len(),
            #[inline(always)]
            |(index, (d_y, x)): (usize, (&[T], &[T]))| {
                let (mut betas, mut gammas) = (ColumnSums::new(c), ColumnSums::new(c));
                let (Some(mean), Some(inverse)) = (&means, &inverses) else {
                    let groups = self.groups.unwrap_or(Groups::ROWS);
                    let width = groups.width(c);
                    for (row, (d_y, x)) in d_y.chunks_exact(c).zip(x.chunks_exact(c)).enumerate() {
                        let (beta, gamma) = (betas.next(), gammas.next());
                        beta.iter_mut().zip(d_y).for_each(|(sum, &d_y)| *sum = *sum + d_y);
                        let parts = d_y.chunks_exact(width).zip(x.chunks_exact(width));
                        let parts = gamma.chunks_exact_mut(width).zip(parts);
                        for ((gamma, (d_y, x)), own) in parts.zip(groups.of_row(index * chunk + row)) {
                            let (mean, inverse) = (mean[own], inverse[own]);
                            let pairs = d_y.iter().zip(x);
                            gamma.iter_mut().zip(pairs).for_each(|(sum, (&d_y, &x))| {
                                *sum = *sum + d_y * ((x - mean) * inverse);
                            });
                        }
                    }
                    return (betas.finish(), gammas.finish());
                };
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
        let (beta, gamma) = (partial_beta.chunks_exact_mut(c), partial_gamma.chunks_exact_mut(c));
        for ((beta, gamma), part) in beta.zip(gamma).zip(parts) {
            beta.copy_from_slice(&part.0);
            gamma.copy_from_slice(&part.1);
        }
    }
}

ports! {
    /// The ports of [`NormBackward`].
    pub struct NormBackwardPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// x.
        x: Read,
        /// The mean of each channel or group.
        mean: Read,
        /// The variance of each channel or group.
        variance: Read,
        /// γ, where there is one.
        gamma: Option<Read>,
        /// Σ dy of each channel, ∂ℓ/∂β; or Σ g of each group.
        d_beta: Read,
        /// Σ dy ⊙ x̂ of each channel, ∂ℓ/∂γ; or Σ g ⊙ x̂ of each group.
        d_gamma: Read,
        /// ∂ℓ/∂x.
        d_x: Write,
    }
}

impl Family for NormBackward {
    const NAME: &'static str = "norm_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["d_y", "x", "mean", "variance", "gamma", "d_beta", "d_gamma", "d_x"];
    type Ports = NormBackwardPorts<Lens>;
    type Uniforms = NormBackwardUniforms;

    fn lens(&self) -> NormBackwardPorts<Lens> {
        let (all, c) = (self.rows * self.channels, self.channels);
        let statistics = self.groups.map_or(c, |groups| groups.count(self.rows));
        NormBackwardPorts {
            d_y: all,
            x: all,
            mean: statistics,
            variance: statistics,
            gamma: (self.scale).then_some(c),
            d_beta: statistics,
            d_gamma: statistics,
            d_x: all,
        }
    }

    fn uniforms(&self) -> NormBackwardUniforms {
        let [rows, channels, positions, parts, width] = sizes(self.rows, self.channels, self.groups);
        NormBackwardUniforms { rows, channels, positions, parts, width, epsilon: self.epsilon }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("SCALE", self.scale)]);
        let statistics = accessors(self.groups, &["mean", "variance", "d_beta", "d_gamma"]);
        vec![each_quad(), options, statistics, wgsl!("norm/norm_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.channels)
    }

    fn by_fours(&self) -> bool {
        quads(self.rows, self.channels, self.groups)
    }

    fn twin<T: Real>(&self, ports: NormBackwardPorts<Slices<'_, T>>) {
        let NormBackwardPorts { d_y, x, mean, variance, gamma, d_beta, d_gamma, d_x } = ports;
        let gamma = gamma.unwrap_or_default();
        let (c, rows) = (self.channels, T::of(self.rows as f64));
        let inverse = inverses(variance, self.epsilon);
        if let Some(groups) = self.groups {
            let (width, count) = (groups.width(c), T::of(groups.numbers(c) as f64));
            map_blocks(
                d_x,
                ROWS * c,
                #[inline(always)]
                |index, d_x| {
                    let first = index * ROWS;
                    let rows = x[first * c..].chunks_exact(c).zip(d_y[first * c..].chunks_exact(c));
                    for (row, (d_x, (x, d_y))) in d_x.chunks_exact_mut(c).zip(rows).enumerate() {
                        d_x.copy_from_slice(d_y);
                        d_x.iter_mut().zip(gamma).for_each(|(d_x, &gamma)| *d_x = *d_x * gamma);
                        let parts = d_x.chunks_exact_mut(width).zip(x.chunks_exact(width));
                        for ((d_x, x), own) in parts.zip(groups.of_row(first + row)) {
                            let (mean, inverse) = (mean[own], inverse[own]);
                            let (shift, slope) = (d_beta[own] / count, d_gamma[own] * inverse / count);
                            d_x.iter_mut().zip(x).for_each(|(d_x, &x)| {
                                *d_x = inverse * (*d_x - shift - (x - mean) * slope);
                            });
                        }
                    }
                },
            );
            return;
        }
        // dx = factor·dy − shift − slope·(x − mean)
        let factor: Vec<T> =
            inverse.iter().enumerate().map(|(c, &i)| if self.scale { gamma[c] * i } else { i }).collect();
        let shift: Vec<T> = factor.iter().zip(d_beta).map(|(&f, &d)| f * d / rows).collect();
        let slopes = factor.iter().zip(d_gamma).zip(&inverse).map(|((&f, &d), &i)| f * d * i / rows);
        let slope: Vec<T> = slopes.collect();
        let [mean, factor, shift, slope] = [mean, &factor, &shift, &slope].map(Cycle::new);
        map_blocks(
            d_x,
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

/// Rows per task of the twin.
const ROWS: usize = 64;
