//! What the normalisation of rows needs of every row, forward and backward.

use crate::Real;
use crate::kernel::base::rows::{map_each, total};
use crate::kernel::norm::norm_backward::inverses;
use crate::kernel::norm::norm_statistics::{norm_chunk, norm_chunks};
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};
use std::ops::Range;

uniforms!(RowStatisticsUniforms { rows: u32, channels: u32, chunk: u32, chunks: u32 });
uniforms!(RowNormSumsUniforms { rows: u32, channels: u32, chunk: u32, chunks: u32, epsilon: f32 });

/// Per row of x `[R, C]`, the mean over every chunk of its numbers and the sum of squared distances from it, in two passes;
/// `[chunks, R]` with [`norm_chunks`] of C, as [`NormFinish`](crate::kernel::NormFinish) takes them with R channels of C rows.
#[derive(Clone, Copy, Debug)]
pub struct RowStatistics {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
}

/// Per row, Σ g and Σ g ⊙ x̂ over every chunk of its numbers, g = γ ⊙ dy and x̂ = (x − mean)/√(variance + ε). dy and x are `[R, C]`, mean
/// and variance `[R]`, γ `[C]`, the sums `[chunks, R]`.
#[derive(Clone, Copy, Debug)]
pub struct RowNormSums {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// ε.
    pub epsilon: f32,
    /// Whether there is a γ.
    pub scale: bool,
}

/// Calls `work(row, places)` for every chunk of every row, all rows of a chunk before those of the next, and stores what it returns.
fn each_chunk<T: Real>(
    (rows, channels): (usize, usize),
    [first, second]: [&mut [T]; 2],
    work: impl Fn(usize, Range<usize>) -> [T; 2] + Sync,
) {
    let size = norm_chunk(channels);
    let parts = (0..norm_chunks(channels)).flat_map(|chunk| (0..rows).map(move |row| (row, chunk)));
    let found = map_each(
        parts.collect(),
        rows * channels,
        #[inline(always)]
        |(row, chunk)| {
            let begin = chunk * size;
            work(row, row * channels + begin..row * channels + channels.min(begin + size))
        },
    );
    for ((first, second), found) in first.iter_mut().zip(second).zip(found) {
        [*first, *second] = found;
    }
}

ports! {
    /// The ports of [`RowStatistics`].
    pub struct RowStatisticsPorts {
        /// x.
        x: Read,
        /// The mean of each chunk.
        means: Write,
        /// The sum of squared distances from it.
        squares: Write,
    }
}

impl Family for RowStatistics {
    const NAME: &'static str = "row_statistics";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = RowStatisticsPorts<Lens>;
    type Uniforms = RowStatisticsUniforms;

    fn lens(&self) -> RowStatisticsPorts<Lens> {
        let parts = norm_chunks(self.channels) * self.rows;
        RowStatisticsPorts { x: self.rows * self.channels, means: parts, squares: parts }
    }

    fn uniforms(&self) -> RowStatisticsUniforms {
        RowStatisticsUniforms {
            rows: self.rows as u32,
            channels: self.channels as u32,
            chunk: norm_chunk(self.channels) as u32,
            chunks: norm_chunks(self.channels) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let parts = [wgsl!("base/parts/index.wgsl"), wgsl!("base/parts/reduce.wgsl")];
        [&parts[..], &[wgsl!("norm/row_statistics.wgsl")]].concat()
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(norm_chunks(self.channels) * self.rows, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * norm_chunk(self.channels).min(self.channels).div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: RowStatisticsPorts<Slices<'_, T>>) {
        let RowStatisticsPorts { x, means, squares } = ports;
        each_chunk(
            (self.rows, self.channels),
            [means, squares],
            #[inline(always)]
            |_, places| {
                let x = &x[places];
                let mean = T::of(total(x.iter().copied()).wide() / x.len() as f64);
                [mean, total(x.iter().map(|&x| (x - mean) * (x - mean)))]
            },
        );
    }
}

ports! {
    /// The ports of [`RowNormSums`].
    pub struct RowNormSumsPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// x.
        x: Read,
        /// The mean of each row.
        mean: Read,
        /// The variance of each row.
        variance: Read,
        /// γ, where there is one.
        gamma: Option<Read>,
        /// Σ g of each chunk.
        sums: Write,
        /// Σ g ⊙ x̂ of each chunk.
        products: Write,
    }
}

impl Family for RowNormSums {
    const NAME: &'static str = "row_norm_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = RowNormSumsPorts<Lens>;
    type Uniforms = RowNormSumsUniforms;

    fn lens(&self) -> RowNormSumsPorts<Lens> {
        let (all, parts) = (self.rows * self.channels, norm_chunks(self.channels) * self.rows);
        RowNormSumsPorts {
            d_y: all,
            x: all,
            mean: self.rows,
            variance: self.rows,
            gamma: self.scale.then_some(self.channels),
            sums: parts,
            products: parts,
        }
    }

    fn uniforms(&self) -> RowNormSumsUniforms {
        RowNormSumsUniforms {
            rows: self.rows as u32,
            channels: self.channels as u32,
            chunk: norm_chunk(self.channels) as u32,
            chunks: norm_chunks(self.channels) as u32,
            epsilon: self.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let parts = [wgsl!("base/parts/index.wgsl"), wgsl!("base/parts/reduce.wgsl")];
        let options = constants(&[("SCALE", self.scale)]);
        [&parts[..], &[options, wgsl!("norm/row_norm_sums.wgsl")]].concat()
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(norm_chunks(self.channels) * self.rows, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        norm_chunk(self.channels).min(self.channels).div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: RowNormSumsPorts<Slices<'_, T>>) {
        let RowNormSumsPorts { d_y, x, mean, variance, gamma, sums, products } = ports;
        let inverse = inverses(variance, self.epsilon);
        each_chunk(
            (self.rows, self.channels),
            [sums, products],
            #[inline(always)]
            |row, places| {
                let (mean, inverse) = (mean[row], inverse[row]);
                let first = places.start - row * self.channels;
                let of = |i: usize| gamma.map_or(d_y[i], |gamma| d_y[i] * gamma[first + i - places.start]);
                let normal = |i: usize| (x[i] - mean) * inverse;
                [total(places.clone().map(of)), total(places.clone().map(|i| of(i) * normal(i)))]
            },
        );
    }
}
