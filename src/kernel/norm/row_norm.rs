//! What the normalisation of rows, or of groups of numbers, needs of every one of them, forward and backward.

use crate::Real;
use crate::kernel::base::rows::{map_each, total};
use crate::kernel::norm::norm_backward::inverses;
use crate::kernel::norm::norm_backward::sizes;
use crate::kernel::norm::norm_statistics::{Groups, norm_chunk, norm_chunks};
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};
use std::ops::Range;

uniforms!(RowStatisticsUniforms {
    count: u32,
    channels: u32,
    positions: u32,
    parts: u32,
    width: u32,
    chunk: u32,
    chunks: u32
});
uniforms!(RowNormSumsUniforms {
    count: u32,
    channels: u32,
    positions: u32,
    parts: u32,
    width: u32,
    chunk: u32,
    chunks: u32,
    epsilon: f32
});

/// Per row of x `[R, C]`, or per group, the mean over every chunk of its n numbers and the sum of squared distances from it, in two passes;
/// `[chunks, G]` with [`norm_chunks`] of n, as [`NormFinish`](crate::kernel::NormFinish) takes them with G channels of n rows.
#[derive(Clone, Copy, Debug)]
pub struct RowStatistics {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
    /// What is a group.
    pub groups: Groups,
}

/// Per row, or per group, Σ g and Σ g ⊙ x̂ over every chunk of its numbers, g = γ ⊙ dy and x̂ = (x − mean)/√(variance + ε). dy and x are
/// `[R, C]`, mean and variance `[G]`, γ `[C]`, the sums `[chunks, G]`.
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
    /// What is a group.
    pub groups: Groups,
}

impl RowStatistics {
    /// The number of groups, and of the numbers of each.
    fn extent(&self) -> [usize; 2] {
        [self.groups.count(self.rows), self.groups.numbers(self.channels)]
    }
}

impl RowNormSums {
    /// As for [`RowStatistics`].
    fn extent(&self) -> [usize; 2] {
        [self.groups.count(self.rows), self.groups.numbers(self.channels)]
    }
}

/// Calls `work(group, numbers)` for every chunk of every group, all groups of a chunk before those of the next, and stores what it returns.
fn each_chunk<T: Real>(
    (count, numbers): (usize, usize),
    [first, second]: [&mut [T]; 2],
    work: impl Fn(usize, Range<usize>) -> [T; 2] + Sync,
) {
    let size = norm_chunk(numbers);
    let parts = (0..norm_chunks(numbers)).flat_map(|chunk| (0..count).map(move |group| (group, chunk)));
    let found = map_each(
        parts.collect(),
        count * numbers,
        #[inline(always)]
        |(group, chunk)| work(group, chunk * size..numbers.min((chunk + 1) * size)),
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
        let [count, numbers] = self.extent();
        let parts = norm_chunks(numbers) * count;
        RowStatisticsPorts { x: self.rows * self.channels, means: parts, squares: parts }
    }

    fn uniforms(&self) -> RowStatisticsUniforms {
        let [_, channels, positions, parts, width] = sizes(self.rows, self.channels, Some(self.groups));
        let [count, numbers] = self.extent();
        RowStatisticsUniforms {
            count: count as u32,
            channels,
            positions,
            parts,
            width,
            chunk: norm_chunk(numbers) as u32,
            chunks: norm_chunks(numbers) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let grouped = constants(&[("GROUPED", self.groups.grouped())]);
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            grouped,
            wgsl!("norm/parts/place.wgsl"),
            wgsl!("norm/row_statistics.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let [count, numbers] = self.extent();
        flat_grid(norm_chunks(numbers) * count, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        let [_, numbers] = self.extent();
        2 * norm_chunk(numbers).min(numbers).div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: RowStatisticsPorts<Slices<'_, T>>) {
        let RowStatisticsPorts { x, means, squares } = ports;
        let [count, numbers] = self.extent();
        each_chunk(
            (count, numbers),
            [means, squares],
            #[inline(always)]
            |group, part| {
                let len = part.len() as f64;
                let of = |i: usize| x[self.groups.place(self.channels, group, i)];
                let mean = T::of(total(part.clone().map(of)).wide() / len);
                [mean, total(part.map(|i| (of(i) - mean) * (of(i) - mean)))]
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
        /// The mean of each group.
        mean: Read,
        /// The variance of each group.
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
        let [count, numbers] = self.extent();
        let (all, parts) = (self.rows * self.channels, norm_chunks(numbers) * count);
        RowNormSumsPorts {
            d_y: all,
            x: all,
            mean: count,
            variance: count,
            gamma: self.scale.then_some(self.channels),
            sums: parts,
            products: parts,
        }
    }

    fn uniforms(&self) -> RowNormSumsUniforms {
        let [_, channels, positions, parts, width] = sizes(self.rows, self.channels, Some(self.groups));
        let [count, numbers] = self.extent();
        RowNormSumsUniforms {
            count: count as u32,
            channels,
            positions,
            parts,
            width,
            chunk: norm_chunk(numbers) as u32,
            chunks: norm_chunks(numbers) as u32,
            epsilon: self.epsilon,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("SCALE", self.scale), ("GROUPED", self.groups.grouped())]);
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            options,
            wgsl!("norm/parts/place.wgsl"),
            wgsl!("norm/row_norm_sums.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let [count, numbers] = self.extent();
        flat_grid(norm_chunks(numbers) * count, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        let [_, numbers] = self.extent();
        norm_chunk(numbers).min(numbers).div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: RowNormSumsPorts<Slices<'_, T>>) {
        let RowNormSumsPorts { d_y, x, mean, variance, gamma, sums, products } = ports;
        let inverse = inverses(variance, self.epsilon);
        let [count, numbers] = self.extent();
        each_chunk(
            (count, numbers),
            [sums, products],
            #[inline(always)]
            |group, part| {
                let (mean, inverse) = (mean[group], inverse[group]);
                let place = |i: usize| self.groups.place(self.channels, group, i);
                let of = |i: usize| gamma.map_or(d_y[i], |gamma| d_y[i] * gamma[i % self.channels]);
                let normal = |i: usize| (x[i] - mean) * inverse;
                let products = part.clone().map(place).map(|i| of(i) * normal(i));
                [total(part.map(place).map(of)), total(products)]
            },
        );
    }
}
