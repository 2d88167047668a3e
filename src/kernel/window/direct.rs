//! Convolutions on the CPU straight from padded samples: no window is gathered, and no operand packed but the weights.
//!
//! A sample is copied into a frame of zeros so large that every tap of every position has a source. What a window sees is then a few
//! runs of neighbouring numbers at places that are the same for all positions, beside the position's own.

use crate::Real;
use crate::kernel::geometry::taps::Taps;
use crate::unchecked::block::Block;

/// Filters whose sums are computed together: those of a vector or two.
pub(super) const LANES: usize = 16;

/// Positions, or terms of a weight's gradient, whose sums are computed together.
const ROWS: usize = 8;

/// Written out: sums that a loop counts through would not stay in registers.
macro_rules! each_row {
    ($r:ident => $body:expr) => {
        each_row!($r => $body; 0, 1, 2, 3, 4, 5, 6, 7)
    };
    ($r:ident => $body:expr; $($number:literal),*) => {
        $({
            let $r: usize = $number;
            $body;
        })*
    };
}

/// Rows of an output per task, if a line has no more: few enough to stay in a cache until the activation is applied.
const TASK: usize = 1024;

/// Where windows find their numbers in padded samples.
#[derive(Debug)]
pub(super) struct Direct {
    /// Lines and places of the positions.
    at: [usize; 2],
    /// Lines and places of a sample.
    from: [usize; 2],
    /// Lines and places from a position to the next.
    scale: [usize; 2],
    /// The line and place of a sample that the padded one begins with.
    low: [i64; 2],
    /// The lines and places that a window reaches beyond its first.
    reach: [usize; 2],
    channels: usize,
    /// Where each run of a window begins, counted from its first number, and its length; in the order of the weights.
    runs: Vec<(usize, usize)>,
}

impl Direct {
    /// For windows over lines, if the processor has registers for the sums and the filters fill vectors.
    pub(super) fn new(taps: &Taps, channels: usize, filters: usize) -> Option<Self> {
        let in_lines = taps.at[0] * taps.from[0] * taps.kernel[0] == 1;
        // Of the positions that are computed, at most a quarter twice.
        let places = taps.at[2];
        let fills = places >= ROWS && places.next_multiple_of(ROWS) * 3 <= places * 4;
        if !in_lines || !fills || !filters.is_multiple_of(LANES) || taps.taps() == 1 || !keeps_sums() {
            return None;
        }
        let [lines, places] = [taps.steps(1)?, taps.steps(2)?];
        let reach = [lines, places].map(|along| (along.taps as i64 - 1) * along.step);
        let width = (taps.at[2] as i64 - 1) * places.scale + reach[1].abs() + 1;
        let offset = |line: i64, place: i64| {
            let first = (line - reach[0].min(0)) * width + place - reach[1].min(0);
            first as usize * channels
        };
        let runs = (0..lines.taps as i64).flat_map(|line| {
            // Neighbouring taps with neighbouring sources are one run.
            let (count, taps) = if places.step == 1 { (1, places.taps) } else { (places.taps as i64, 1) };
            (0..count).map(move |place| (offset(line * lines.step, place * places.step), taps * channels))
        });
        Some(Self {
            at: [taps.at[1], taps.at[2]],
            from: [taps.from[1], taps.from[2]],
            scale: [lines.scale as usize, places.scale as usize],
            low: [lines.shift + reach[0].min(0), places.shift + reach[1].min(0)],
            reach: reach.map(|reach| reach.unsigned_abs() as usize),
            channels,
            runs: runs.collect(),
        })
    }

    /// Rows of the output per task: whole lines of one sample.
    pub(super) fn rows(&self) -> usize {
        let [lines, places] = self.at;
        let most = (1..=lines).rev().find(|count| lines.is_multiple_of(*count) && count * places <= TASK);
        most.unwrap_or(1) * places
    }

    /// Numbers of a line of a padded sample.
    fn width(&self) -> usize {
        ((self.at[1] - 1) * self.scale[1] + self.reach[1] + 1) * self.channels
    }

    /// What the windows of `lines` lines of positions see of a sample, from line `first` on.
    fn pad<T: Real>(&self, sample: &[T], first: usize, lines: usize) -> Vec<T> {
        let (width, line_len) = (self.width(), self.from[1] * self.channels);
        let mut padded = vec![T::zero(); ((lines - 1) * self.scale[0] + self.reach[0] + 1) * width];
        let begin = self.low[1] * self.channels as i64;
        let (before, skipped) = (begin.min(0).unsigned_abs() as usize, begin.max(0) as usize);
        let count = width.saturating_sub(before).min(line_len.saturating_sub(skipped));
        for (i, out) in padded.chunks_exact_mut(width).enumerate() {
            let line = (first * self.scale[0] + i) as i64 + self.low[0];
            if count > 0 && (0..self.from[0] as i64).contains(&line) {
                let from = &sample[line as usize * line_len + skipped..][..count];
                out[before..][..count].copy_from_slice(from);
            }
        }
        padded
    }

    /// Lines of all filters, weights or gradients, as columns of [`LANES`] filters.
    pub(super) fn pack<T: Real>(w: &[T], filters: usize) -> Vec<Vec<[T; LANES]>> {
        let column = |first: usize| {
            let lines = w.chunks_exact(filters);
            lines.map(|line| line[first..].first_chunk().copied().unwrap_or([T::zero(); LANES])).collect()
        };
        (0..filters).step_by(LANES).map(column).collect()
    }

    /// y, which begins with line `first` of the positions of `sample`.
    #[inline(always)]
    pub(super) fn forward<T: Real>(
        &self,
        y: &mut Block<'_, T>,
        first: usize,
        sample: &[T],
        w: &[Vec<[T; LANES]>],
    ) {
        let places = self.at[1];
        let padded = self.pad(sample, first, y.rows() / places);
        let step = self.scale[1] * self.channels;
        for (column, w) in w.iter().enumerate() {
            for line in 0..y.rows() / places {
                let x = &padded[line * self.scale[0] * self.width()..];
                for block in (0..places).step_by(ROWS) {
                    // The last block may compute some positions again.
                    let place = block.min(places - ROWS);
                    let sums = self.sums(&x[place * step..], step, w);
                    for (r, sums) in sums.iter().enumerate() {
                        let y = y.line(line * places + place + r);
                        y[column * LANES..][..LANES].copy_from_slice(sums);
                    }
                }
            }
        }
    }

    /// The sums of neighbouring positions, whose windows lie `step` apart.
    #[inline(always)]
    fn sums<T: Real>(&self, x: &[T], step: usize, mut w: &[[T; LANES]]) -> [[T; LANES]; ROWS] {
        let mut sums = [[T::zero(); LANES]; ROWS];
        for &(offset, len) in &self.runs {
            let (of_run, behind) = w.split_at(len);
            w = behind;
            let mut windows = [&x[..0]; ROWS];
            each_row!(r => windows[r] = &x[offset + r * step..][..len]);
            for (k, w) in of_run.iter().enumerate() {
                each_row!(r => add(&mut sums[r], windows[r][k], w));
            }
        }
        sums
    }

    /// A padded sample, channel by channel: what each of the neighbouring positions of a line sees through a tap lies side by side.
    /// Places whose numbers leave the same remainder by the scale are together.
    fn planes<T: Real>(&self, sample: &[T]) -> Vec<T> {
        let padded = self.pad(sample, 0, self.at[0]);
        let (width, scale) = (self.width(), self.scale[1]);
        let (lines, along) = (padded.len() / width, self.along());
        let mut planes = vec![T::zero(); self.channels * lines * scale * along];
        for (line, padded) in padded.chunks_exact(width).enumerate() {
            for (place, numbers) in padded.chunks_exact(self.channels).enumerate() {
                let at = (line * scale + place % scale) * along + place / scale;
                let out = planes[at..].iter_mut().step_by(lines * scale * along);
                out.zip(numbers).for_each(|(out, &number)| *out = number);
            }
        }
        planes
    }

    /// Places that leave the same remainder by the scale.
    fn along(&self) -> usize {
        (self.width() / self.channels).div_ceil(self.scale[1])
    }

    /// Where the first position's number of every term lies in the planes of a sample.
    pub(super) fn terms(&self) -> Vec<usize> {
        let (scale, along) = (self.scale[1], self.along());
        let lines = (self.at[0] - 1) * self.scale[0] + self.reach[0] + 1;
        let place = |at: usize| {
            let (line, rest) = (at / self.width(), at % self.width());
            let (place, channel) = (rest / self.channels, rest % self.channels);
            ((channel * lines + line) * scale + place % scale) * along + place / scale
        };
        self.runs.iter().flat_map(|&(first, len)| (first..first + len).map(place)).collect()
    }

    /// Adds the products of a sample's windows and `d_f` `[positions, filters]` to `d_w` `[terms, filters]`.
    #[inline(always)]
    pub(super) fn add_weight_gradient<T: Real>(
        &self,
        d_w: &mut [T],
        terms: &[usize],
        sample: &[T],
        d_f: &[T],
    ) {
        let filters = d_w.len() / terms.len();
        let planes = self.planes(sample);
        for (column, d_f) in Self::pack(d_f, filters).iter().enumerate() {
            let blocks = terms.chunks(ROWS).zip(d_w.chunks_mut(ROWS * filters));
            for (terms, d_w) in blocks {
                let sums = self.products(&planes, terms, d_f);
                for (d_w, sums) in d_w.chunks_exact_mut(filters).zip(&sums) {
                    let d_w = &mut d_w[column * LANES..][..LANES];
                    d_w.iter_mut().zip(sums).for_each(|(d_w, &sum)| *d_w = *d_w + sum);
                }
            }
        }
    }

    /// The sums over all positions of the products of a column of filters and up to [`ROWS`] terms.
    #[inline(always)]
    fn products<T: Real>(&self, planes: &[T], terms: &[usize], d_f: &[[T; LANES]]) -> [[T; LANES]; ROWS] {
        let mut sums = [[T::zero(); LANES]; ROWS];
        let step = self.scale[0] * self.scale[1] * self.along();
        for (line, d_f) in d_f.chunks_exact(self.at[1]).enumerate() {
            let mut numbers = [&planes[..0]; ROWS];
            // Where there are fewer terms, the last one stands for those that lack.
            let last = terms.len() - 1;
            each_row!(r => numbers[r] = &planes[terms[last.min(r)] + line * step..][..d_f.len()]);
            for (k, d_f) in d_f.iter().enumerate() {
                each_row!(r => add(&mut sums[r], numbers[r][k], d_f));
            }
        }
        sums
    }
}

/// sums += x·w.
#[inline(always)]
fn add<T: Real>(sums: &mut [T; LANES], x: T, w: &[T; LANES]) {
    for lane in 0..LANES {
        sums[lane] = x.mul_add(w[lane], sums[lane]);
    }
}

/// Whether the vectorised loops keep [`ROWS`] × [`LANES`] sums in registers and add to them with one instruction: those of AVX-512 do.
/// With shorter vectors there are too few, and without such an instruction `mul_add` is a slow call.
fn keeps_sums() -> bool {
    #[cfg(target_arch = "x86_64")]
    return pulp::x86::V4::try_new().is_some();
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Geometry;

    const CHANNELS: usize = 3;
    const FILTERS: usize = 2 * LANES;

    fn numbers(count: usize, seed: usize) -> Vec<f64> {
        (0..count).map(|i| ((i * 37 + seed * 101 + i * i % 13) % 29) as f64 / 14.0 - 1.0).collect()
    }

    /// Windows with strides, dilation and padding on all sides, and inputs to windows.
    fn windows() -> Vec<Taps> {
        let geometry = |[lines, places]: [usize; 2], kernel, strides: [usize; 2], dilation, before| {
            let size = |d: usize, from: usize| [1, lines, places][d].max(from);
            let all = |[a, b]: [usize; 2]| [1, a, b];
            let (kernel, dilation) = (all(kernel), all(dilation));
            Geometry {
                // Wide enough for all positions but for what the padding adds.
                input: [0, 1, 2].map(|d| match d {
                    0 => 1,
                    _ => (size(d, 1) - 1) * strides[d - 1] + (kernel[d] - 1) * dilation[d] + 1,
                }),
                output: [1, lines, places],
                kernel,
                strides: all(strides),
                dilation,
                before: [0, before, before],
            }
        };
        let all = [
            geometry([5, 8], [3, 3], [1, 1], [1, 1], 1),
            geometry([4, 12], [3, 3], [2, 2], [1, 1], 0),
            geometry([3, 15], [2, 4], [1, 3], [2, 2], 2),
            geometry([1, 16], [1, 5], [1, 1], [1, 3], 4),
            geometry([6, 23], [1, 2], [3, 1], [1, 1], 1),
            geometry([4, 7], [3, 3], [1, 1], [1, 1], 1),
            geometry([4, 9], [3, 3], [1, 1], [1, 1], 1),
        ];
        let up = all.iter().filter(|geometry| geometry.strides == [1; 3]).map(Taps::up);
        all.iter().map(Taps::down).chain(up).collect()
    }

    #[test]
    fn sums_are_those_over_every_tap_that_has_a_source() {
        if !keeps_sums() {
            return;
        }
        let mut checked = 0;
        for taps in windows() {
            let Some(direct) = Direct::new(&taps, CHANNELS, FILTERS) else { continue };
            let (positions, terms) = (taps.positions(), taps.taps() * CHANNELS);
            let x = numbers(taps.sources() * CHANNELS, 1);
            let w = numbers(terms * FILTERS, 2);
            let d_f = numbers(positions * FILTERS, 3);
            let (mut wanted_y, mut wanted_w) = (vec![0.0; positions * FILTERS], vec![0.0; terms * FILTERS]);
            let table = taps.table();
            for position in 0..positions {
                table.each(&table.row(position), |tap, source| {
                    for (channel, n) in (0..CHANNELS).flat_map(|c| (0..FILTERS).map(move |n| (c, n))) {
                        let x = x[source * CHANNELS + channel];
                        let at = (tap * CHANNELS + channel) * FILTERS + n;
                        wanted_y[position * FILTERS + n] += x * w[at];
                        wanted_w[at] += x * d_f[position * FILTERS + n];
                    }
                });
            }
            let close = |found: &[f64], wanted: &[f64], what: &str| {
                let far = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(far < 1e-10, "{what} of {taps:?}: {far}");
            };
            let mut y = vec![f64::NAN; positions * FILTERS];
            let packed = Direct::pack(&w, FILTERS);
            for mut tile in Block::tiles(&mut y, FILTERS, direct.rows(), FILTERS) {
                let line = tile.row / taps.at[2];
                direct.forward(&mut tile, line, &x, &packed);
            }
            close(&y, &wanted_y, "y");
            let mut d_w = vec![0.0; terms * FILTERS];
            direct.add_weight_gradient(&mut d_w, &direct.terms(), &x, &d_f);
            close(&d_w, &wanted_w, "dW");
            checked += 1;
        }
        assert!(checked >= 6, "{checked} windows");
    }
}
