//! Mean and variance of every channel, of chunks of rows and of all; [`RowStatistics`](crate::kernel::RowStatistics) has those of rows and
//! groups.

use crate::Real;
use crate::kernel::base::rows::{ColumnSums, Cycle, column_sums, map_each, round};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, slices, uniforms, wgsl,
};

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

/// Which numbers of `[R, C]` share a mean and a variance: those of a part of the channels in neighbouring rows. The groups are counted by
/// rows, then by channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Neighbouring rows of a group; a divisor of R.
    pub positions: usize,
    /// The parts of the channels; a divisor of C.
    pub parts: usize,
}

impl Groups {
    /// Every row by itself.
    pub const ROWS: Self = Self { positions: 1, parts: 1 };

    /// The number of groups.
    pub fn count(self, rows: usize) -> usize {
        rows / self.positions * self.parts
    }

    /// Channels of a group.
    pub fn width(self, channels: usize) -> usize {
        channels / self.parts
    }

    /// Numbers of a group.
    pub fn numbers(self, channels: usize) -> usize {
        self.positions * self.width(channels)
    }

    /// The groups that a row is in.
    pub(super) fn of_row(self, row: usize) -> std::ops::Range<usize> {
        let first = row / self.positions * self.parts;
        first..first + self.parts
    }

    /// Where the number i of a group is.
    #[inline(always)]
    pub(super) fn place(self, channels: usize, group: usize, i: usize) -> usize {
        if self == Self::ROWS {
            return group * channels + i;
        }
        let width = self.width(channels);
        (group / self.parts * self.positions + i / width) * channels + group % self.parts * width + i % width
    }

    /// Whether it is not simply every row.
    pub(super) fn grouped(self) -> bool {
        self != Self::ROWS
    }
}

/// Functions `NAME_of(row, c)` that return what belongs to four neighbouring channels of a row, where the bindings of these names hold it by
/// channel or by group.
pub(super) fn accessors(groups: Option<Groups>, names: &[&str]) -> String {
    let mut text =
        constants(&[("BY_GROUP", groups.is_some()), ("GROUPED", groups.is_some_and(Groups::grouped))]);
    text += &wgsl!("norm/parts/of_group.wgsl");
    for name in names {
        text += &format!(
            "
fn {name}_of(row: u32, c: u32) -> vec4<f32> {{
    if (!BY_GROUP) {{
        return get_{name}(c);
    }}
    let own = group_of(row, c);
    if (!GROUPED) {{
        return vec4<f32>(of_group(get_{name}(own), own));
    }}
    let next = vec3<u32>(group_of(row, c + 1u), group_of(row, c + 2u), group_of(row, c + 3u));
    return vec4<f32>(
        of_group(get_{name}(own), own), of_group(get_{name}(next.x), next.x),
        of_group(get_{name}(next.y), next.y), of_group(get_{name}(next.z), next.z),
    );
}}
"
        );
    }
    text
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
