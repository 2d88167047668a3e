//! Mean and variance of every channel, of chunks of rows and of all; [`RowStatistics`](crate::kernel::RowStatistics) has those of rows.

use crate::Real;
use crate::kernel::base::rows::{ColumnSums, Cycle, column_sums, map_each, round};
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, flat_grid, ports, slices, uniforms, wgsl};

uniforms!(NormStatisticsUniforms { rows: u32, channels: u32, chunk: u32 });
uniforms!(NormFinishUniforms { rows: u32, channels: u32, chunk: u32, chunks: u32 });

/// The number of chunks of `rows` rows.
pub fn norm_chunks(rows: usize) -> usize {
    rows.div_ceil(norm_chunk(rows))
}

/// Rows per chunk: 1,024, or more where there would be more than 4,096 chunks.
pub(super) fn norm_chunk(rows: usize) -> usize {
    rows.div_ceil(4096).max(1024)
}

/// Per channel, the mean of x `[R, C]` over every chunk of rows and the sum of squared distances from it, in two passes, so that a
/// large mean does not drown a small variance.
#[derive(Clone, Copy, Debug)]
pub struct NormStatistics {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
}

/// Mean and variance (divided by R) per channel from those of the chunks (Chan, Golub and LeVeque 1979).
#[derive(Clone, Copy, Debug)]
pub struct NormFinish {
    /// R.
    pub rows: usize,
    /// C.
    pub channels: usize,
}

ports! {
    /// The ports of [`NormStatistics`].
    pub struct NormStatisticsPorts {
        /// x.
        x: Read,
        /// The mean of each chunk.
        means: Write,
        /// The sum of squared distances from it.
        squares: Write,
    }
}

impl Family for NormStatistics {
    const NAME: &'static str = "norm_statistics";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "means", "squares"];
    type Ports = NormStatisticsPorts<Lens>;
    type Uniforms = NormStatisticsUniforms;

    fn lens(&self) -> NormStatisticsPorts<Lens> {
        let parts = norm_chunks(self.rows) * self.channels;
        NormStatisticsPorts { x: self.rows * self.channels, means: parts, squares: parts }
    }

    fn uniforms(&self) -> NormStatisticsUniforms {
        NormStatisticsUniforms {
            rows: self.rows as u32,
            channels: self.channels as u32,
            chunk: norm_chunk(self.rows) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![slices(4), wgsl!("norm/norm_statistics.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.channels.div_ceil(16) as u32, norm_chunks(self.rows) as u32, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * norm_chunk(self.rows).min(self.rows).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: NormStatisticsPorts<Slices<'_, T>>) {
        let NormStatisticsPorts { x, means, squares } = ports;
        let c = self.channels;
        let parts = map_each(
            x.chunks(norm_chunk(self.rows) * c).collect(),
            x.len(),
            #[inline(always)]
            |x: &[T]| {
                let count = (x.len() / c) as f64;
                let mut mean = column_sums(x, c, |x| x);
                mean.iter_mut().for_each(|mean| *mean = T::of(mean.wide() / count));
                let (means, mut squares) = (Cycle::new(&mean), ColumnSums::new(c));
                for x in x.chunks(round(c)) {
                    let distances = x.iter().zip(means.from(0)).map(|(&x, &mean)| x - mean);
                    squares.next().iter_mut().zip(distances).for_each(|(sum, d)| *sum = *sum + d * d);
                }
                let squares = squares.finish();
                drop(means);
                (mean, squares)
            },
        );
        let (means, squares) = (means.chunks_exact_mut(c), squares.chunks_exact_mut(c));
        for ((means, squares), part) in means.zip(squares).zip(parts) {
            means.copy_from_slice(&part.0);
            squares.copy_from_slice(&part.1);
        }
    }
}

ports! {
    /// The ports of [`NormFinish`].
    pub struct NormFinishPorts {
        /// The mean of each chunk.
        means: Read,
        /// The sum of squared distances from it.
        squares: Read,
        /// The mean of each channel.
        mean: Write,
        /// The variance of each channel.
        variance: Write,
    }
}

impl Family for NormFinish {
    const NAME: &'static str = "norm_finish";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["means", "squares", "mean", "variance"];
    type Ports = NormFinishPorts<Lens>;
    type Uniforms = NormFinishUniforms;

    fn lens(&self) -> NormFinishPorts<Lens> {
        let parts = norm_chunks(self.rows) * self.channels;
        NormFinishPorts { means: parts, squares: parts, mean: self.channels, variance: self.channels }
    }

    fn uniforms(&self) -> NormFinishUniforms {
        NormFinishUniforms {
            rows: self.rows as u32,
            channels: self.channels as u32,
            chunk: norm_chunk(self.rows) as u32,
            chunks: norm_chunks(self.rows) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![wgsl!("base/parts/index.wgsl"), slices(4), wgsl!("norm/norm_finish.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.channels.div_ceil(16), 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        2 * norm_chunks(self.rows).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: NormFinishPorts<Slices<'_, T>>) {
        let NormFinishPorts { means, squares, mean, variance } = ports;
        let size = norm_chunk(self.rows);
        let count = |chunk: usize| size.min(self.rows - chunk * size) as f64;
        let (rows, chunks) = (self.rows as f64, norm_chunks(self.rows));
        for c in 0..self.channels {
            let part = |of: &[T], chunk: usize| of[chunk * self.channels + c].wide();
            let whole = (0..chunks).map(|chunk| count(chunk) * part(means, chunk)).sum::<f64>() / rows;
            let distance = |chunk: usize| part(means, chunk) - whole;
            let spread = (0..chunks).map(|k| part(squares, k) + count(k) * distance(k) * distance(k));
            mean[c] = T::of(whole);
            variance[c] = T::of(spread.sum::<f64>() / rows);
        }
    }
}
