//! How positions of one grid map to positions of another through the taps of a window: shared by convolutions, transposed
//! convolutions and their gradients.

use crate::kernel::wgsl;
use crate::shape::Geometry;
use std::collections::BTreeMap;

/// From a position and a tap to its source, per dimension: (position·scale + tap·step + shift)/divisor. There is no source where
/// that is not an integer or lies outside the source grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taps {
    /// The grid of positions.
    pub at: [usize; 3],
    /// The grid of sources.
    pub from: [usize; 3],
    /// The window's taps.
    pub kernel: [usize; 3],
    scale: [i32; 3],
    step: [i32; 3],
    shift: [i32; 3],
    divisor: [i32; 3],
}

/// Sources along a dimension without a divisor: position·scale + tap·step + shift.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steps {
    pub(crate) taps: usize,
    pub(crate) scale: i64,
    pub(crate) step: i64,
    pub(crate) shift: i64,
}

fn signed(values: [usize; 3]) -> [i32; 3] {
    values.map(|v| v as i32)
}

impl Taps {
    /// From windows to the inputs that they cover.
    pub fn down(geometry: &Geometry) -> Self {
        Self {
            at: geometry.output,
            from: geometry.input,
            kernel: geometry.kernel,
            scale: signed(geometry.strides),
            step: signed(geometry.dilation),
            shift: signed(geometry.before).map(|v| -v),
            divisor: [1; 3],
        }
    }

    /// From inputs to the windows that cover them.
    pub fn up(geometry: &Geometry) -> Self {
        Self {
            at: geometry.input,
            from: geometry.output,
            kernel: geometry.kernel,
            scale: [1; 3],
            step: signed(geometry.dilation).map(|v| -v),
            shift: signed(geometry.before),
            divisor: signed(geometry.strides),
        }
    }

    /// From every position to the source with the same number.
    pub fn pointwise(grid: [usize; 3]) -> Self {
        let (ones, zeros) = ([1; 3], [0; 3]);
        Self { at: grid, from: grid, kernel: [1; 3], scale: ones, step: ones, shift: zeros, divisor: ones }
    }

    /// From a single position to one source per tap: a window that no border cuts off.
    pub fn whole(kernel: [usize; 3]) -> Self {
        let (at, divisor) = ([1; 3], [1; 3]);
        Self { at, from: kernel, kernel, scale: [0; 3], step: [1; 3], shift: [0; 3], divisor }
    }

    /// The sources along a dimension, if they have no divisor.
    pub(crate) fn steps(&self, d: usize) -> Option<Steps> {
        let [scale, step, shift] = [self.scale[d], self.step[d], self.shift[d]].map(i64::from);
        (self.divisor[d] == 1).then_some(Steps { taps: self.kernel[d], scale, step, shift })
    }

    /// The number of positions.
    pub fn positions(&self) -> usize {
        self.at.iter().product()
    }

    /// The number of sources.
    pub fn sources(&self) -> usize {
        self.from.iter().product()
    }

    /// The number of taps.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Whether some tap may lack a source at some position.
    pub fn misses(&self) -> bool {
        // Without a divisor the extremes lie at the corners.
        let inside = |d: usize| {
            let last = |size: usize| size as i64 - 1;
            let corners = [
                (0, 0),
                (last(self.at[d]), 0),
                (0, last(self.kernel[d])),
                (last(self.at[d]), last(self.kernel[d])),
            ];
            let at = |(position, tap): (i64, i64)| {
                position * i64::from(self.scale[d]) + tap * i64::from(self.step[d]) + i64::from(self.shift[d])
            };
            corners.into_iter().all(|corner| (0..self.from[d] as i64).contains(&at(corner)))
        };
        self.divides() || !(0..3).all(inside)
    }

    /// The positions along a dimension from which no tap reaches outside the source grid, and the period with which the taps that
    /// have a source repeat among them.
    pub(crate) fn inside(&self, d: usize) -> (std::ops::Range<usize>, usize) {
        let (divisor, scale) = (i64::from(self.divisor[d]), i64::from(self.scale[d]));
        let reach = (self.kernel[d] as i64 - 1) * i64::from(self.step[d]);
        let (low, high) = (reach.min(0), reach.max(0));
        let shift = i64::from(self.shift[d]);
        let (all, sources) = (self.at[d] as i64, self.from[d] as i64 * divisor);
        // A position p is inside where 0 ≤ p·scale + shift + low and p·scale + shift + high < sources.
        let before = (-(shift + low)).max(0);
        let behind = (sources - shift - high).max(0);
        let (first, end) = match scale {
            0 if before == 0 && behind > 0 => (0, all),
            0 => (all, all),
            _ => ((before + scale - 1) / scale, ((behind + scale - 1) / scale).min(all)),
        };
        let range = if first < end { first as usize..end as usize } else { self.at[d]..self.at[d] };
        let (mut period, mut rest) = (divisor, scale);
        while rest != 0 {
            (period, rest) = (rest, period % rest);
        }
        (range, (divisor / period) as usize)
    }

    /// Whether sources lie between positions, so that taps have them at some positions only.
    pub(crate) fn divides(&self) -> bool {
        self.divisor != [1; 3]
    }

    /// Whether every position has exactly one source, with the same number.
    pub(crate) fn is_identity(&self) -> bool {
        let plain = Self::pointwise(self.at);
        // With a single tap, its step does not matter.
        self.taps() == 1 && Self { step: plain.step, ..*self } == plain
    }

    /// The sources along a dimension, by position and tap.
    fn along(&self, d: usize) -> Vec<Option<usize>> {
        let source = |position: usize, tap: usize| {
            let at = position as i32 * self.scale[d] + tap as i32 * self.step[d] + self.shift[d];
            let whole = at % self.divisor[d] == 0 && at >= 0;
            usize::try_from(at / self.divisor[d]).ok().filter(|&s| whole && s < self.from[d])
        };
        let positions = 0..self.at[d];
        positions.flat_map(|p| (0..self.kernel[d]).map(move |t| (p, t))).map(|(p, t)| source(p, t)).collect()
    }

    /// The generated constants and the functions that use them.
    pub(crate) fn wgsl(&self) -> String {
        let vector = |name: &str, kind: &str, v: [i32; 3]| {
            format!("const {name}: vec3<{kind}> = vec3<{kind}>({}, {}, {});\n", v[0], v[1], v[2])
        };
        let mut text = vector("AT", "u32", signed(self.at))
            + &vector("FROM", "i32", signed(self.from))
            + &vector("KERNEL", "u32", signed(self.kernel))
            + &vector("SCALE", "i32", self.scale)
            + &vector("STEP_OF_TAP", "i32", self.step)
            + &vector("SHIFT", "i32", self.shift)
            + &vector("DIVISOR", "i32", self.divisor);
        let counts = [("POSITIONS", self.positions()), ("SOURCES", self.sources()), ("TAPS", self.taps())];
        for (name, count) in counts {
            text += &format!("const {name}: u32 = {count}u;\n");
        }
        text += &crate::kernel::constants(&[("DIVIDES", self.divides()), ("MISSES", self.misses())]);
        text + &wgsl!("geometry/parts/taps.wgsl")
    }

    /// The sources of every position and tap, for the twins.
    pub(crate) fn table(&self) -> Table {
        let runs = self.step[2] == 1 && self.divisor[2] == 1;
        let along = [0, 1, 2].map(|d| self.along(d));
        let seen = [0, 1, 2].map(|d| Seen::new(&along[d], self.kernel[d]));
        Table { taps: *self, along, seen, runs }
    }
}

/// A row of a convolution's output: a position of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The sample.
    pub(crate) sample: usize,
    /// The position's number.
    pub(crate) position: usize,
    place: [usize; 3],
}

/// The sources of [`Taps`] as a lookup table.
#[derive(Debug)]
pub(crate) struct Table {
    taps: Taps,
    along: [Vec<Option<usize>>; 3],
    /// The same without the taps that have no source.
    seen: [Seen; 3],
    /// Whether neighbouring taps have neighbouring sources.
    runs: bool,
}

/// Taps and their sources along a dimension, by position.
#[derive(Debug)]
struct Seen {
    /// Where each position's begin, and where the last one's end.
    begins: Vec<usize>,
    pairs: Vec<(usize, usize)>,
}

impl Seen {
    fn new(along: &[Option<usize>], taps: usize) -> Self {
        let (mut begins, mut pairs) = (vec![0], Vec::new());
        for sources in along.chunks_exact(taps) {
            pairs.extend(sources.iter().enumerate().filter_map(|(tap, source)| Some((tap, (*source)?))));
            begins.push(pairs.len());
        }
        Self { begins, pairs }
    }

    #[inline(always)]
    fn at(&self, position: usize) -> &[(usize, usize)] {
        &self.pairs[self.begins[position]..self.begins[position + 1]]
    }
}

impl Table {
    /// The row of this number.
    pub(crate) fn row(&self, row: usize) -> Row {
        let (at, positions) = (self.taps.at, self.taps.positions());
        let position = row % positions;
        let place = [position / at[2] / at[1], position / at[2] % at[1], position % at[2]];
        Row { sample: row / positions, position, place }
    }

    /// Moves to the next row: counting costs less than dividing.
    #[inline(always)]
    pub(crate) fn advance(&self, row: &mut Row) {
        row.position += 1;
        for d in (0..3).rev() {
            row.place[d] += 1;
            if row.place[d] < self.taps.at[d] {
                return;
            }
            row.place[d] = 0;
        }
        *row = Row { sample: row.sample + 1, position: 0, place: [0; 3] };
    }

    /// Calls `each(tap, source)` for every tap of a row's position that has a source.
    #[inline(always)]
    pub(crate) fn each(&self, row: &Row, mut each: impl FnMut(usize, usize)) {
        let Taps { from, kernel, .. } = self.taps;
        let [planes, lines, places] = &self.seen;
        for (plane_tap, plane) in planes.at(row.place[0]) {
            for (line_tap, line) in lines.at(row.place[1]) {
                let (tap, source) = (plane_tap * kernel[1] + line_tap, plane * from[1] + line);
                for (place_tap, place) in places.at(row.place[2]) {
                    each(tap * kernel[2] + place_tap, source * from[2] + place);
                }
            }
        }
    }

    /// Writes what a row's window sees to `out` `[taps, count]`: `count` channels from `first` on of every source, or zeros where
    /// there is none. `x` is the row's sample, `[sources, channels]`.
    pub(crate) fn gather<T: crate::Real>(
        &self,
        x: &[T],
        channels: usize,
        first: usize,
        row: &Row,
        out: &mut [T],
    ) {
        let Taps { from, kernel, .. } = self.taps;
        let count = out.len() / self.taps.taps();
        let width = kernel[2];
        let planes = &self.along[0][row.place[0] * kernel[0]..][..kernel[0]];
        let lines = &self.along[1][row.place[1] * kernel[1]..][..kernel[1]];
        let places = self.seen[2].at(row.place[2]);
        let (Some(&(begin, source)), Some(&(last, _))) = (places.first(), places.last()) else {
            return out.fill(T::zero());
        };
        let mut outs = out.chunks_exact_mut(width * count);
        for plane in planes {
            for (line, out) in lines.iter().zip(&mut outs) {
                let (Some(plane), Some(line)) = (plane, line) else {
                    out.fill(T::zero());
                    continue;
                };
                let line = (plane * from[1] + line) * from[2];
                if self.runs && count == channels {
                    let (before, rest) = out.split_at_mut(begin * count);
                    let (seen, behind) = rest.split_at_mut((last + 1 - begin) * count);
                    before.fill(T::zero());
                    copy(seen, &x[(line + source) * channels..][..seen.len()]);
                    behind.fill(T::zero());
                    continue;
                }
                if places.len() < width {
                    out.fill(T::zero());
                }
                for (tap, source) in places {
                    copy(&mut out[tap * count..][..count], &x[(line + source) * channels + first..][..count]);
                }
            }
        }
    }
}

/// Positions that have sources by the same taps.
#[derive(Debug, Default)]
pub(crate) struct Phase {
    /// Those taps.
    pub(crate) taps: Vec<usize>,
    /// The positions, in order.
    pub(crate) positions: Vec<usize>,
    /// For each of them the source of every tap.
    pub(crate) sources: Vec<usize>,
}

impl Table {
    /// All positions of a sample, by the taps that have a source there.
    pub(crate) fn phases(&self) -> Vec<Phase> {
        let mut phases: BTreeMap<Vec<usize>, Phase> = BTreeMap::new();
        let mut row = self.row(0);
        for position in 0..self.taps.positions() {
            let (mut taps, mut sources) = (Vec::new(), Vec::new());
            self.each(&row, |tap, source| {
                taps.push(tap);
                sources.push(source);
            });
            let phase = phases.entry(taps).or_default();
            phase.positions.push(position);
            phase.sources.append(&mut sources);
            self.advance(&mut row);
        }
        phases.into_iter().map(|(taps, phase)| Phase { taps, ..phase }).collect()
    }
}

/// Copies numbers, without a call where they are few.
#[inline(always)]
fn copy<T: Copy>(out: &mut [T], from: &[T]) {
    if out.len() > 64 {
        return out.copy_from_slice(from);
    }
    let (blocks, rest) = out.as_chunks_mut::<8>();
    let (from_blocks, from_rest) = from.as_chunks::<8>();
    blocks.iter_mut().zip(from_blocks).for_each(|(out, from)| *out = *from);
    rest.iter_mut().zip(from_rest).for_each(|(out, from)| *out = *from);
}
