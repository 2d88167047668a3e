//! Which positions of one grid a window of another covers: shared by pooling, up-sampling and padding.

use crate::Real;
use crate::kernel::wgsl;
use crate::shape::Geometry;

/// The spans of a geometry without dilation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spans(pub(super) Geometry);

/// A half-open range per dimension.
pub(super) type Span = [(usize, usize); 3];

fn cut(first: isize, end: isize, len: usize) -> (usize, usize) {
    let first = first.max(0) as usize;
    (first, (end.max(0) as usize).min(len).max(first))
}

impl Spans {
    /// The inputs that each window covers.
    pub(super) fn down(&self) -> Table {
        let Geometry { input, output, kernel, strides, before, .. } = self.0;
        Table::new(output, |d, place| {
            let first = (place * strides[d]) as isize - before[d] as isize;
            cut(first, first + kernel[d] as isize, input[d])
        })
    }

    /// The windows that cover each input.
    pub(super) fn up(&self) -> Table {
        let Geometry { input, output, kernel, strides, before, .. } = self.0;
        Table::new(input, |d, place| {
            let (last, stride) = ((place + before[d]) as isize, strides[d] as isize);
            let first = (last - kernel[d] as isize + stride).max(0) / stride;
            cut(first, last / stride + 1, output[d])
        })
    }

    /// The generated constants and the functions that use them.
    pub(super) fn wgsl(&self) -> String {
        let Geometry { input, output, kernel, strides, before, .. } = self.0;
        let constants = [
            ("INPUT", input),
            ("OUTPUT", output),
            ("WINDOW", kernel),
            ("STRIDES", strides),
            ("BEFORE", before),
        ];
        let mut text: String = constants
            .iter()
            .map(|(name, [a, b, c])| format!("const {name}: vec3<i32> = vec3<i32>({a}, {b}, {c});\n"))
            .collect();
        for (name, grid) in [("INPUTS", input), ("OUTPUTS", output)] {
            text += &format!("const {name}: u32 = {}u;\n", grid.iter().product::<usize>());
        }
        text + &wgsl!("window/parts/spans.wgsl")
    }
}

/// The spans of all positions of a grid, by dimension.
pub(super) struct Table([Vec<(usize, usize)>; 3]);

impl Table {
    fn new(grid: [usize; 3], along: impl Fn(usize, usize) -> (usize, usize)) -> Self {
        Self([0, 1, 2].map(|d| (0..grid[d]).map(|place| along(d, place)).collect()))
    }

    /// Calls `each(position, span)` for every position in order.
    #[inline(always)]
    pub(super) fn each(&self, mut each: impl FnMut(usize, Span)) {
        let mut position = 0;
        for &plane in &self.0[0] {
            for &line in &self.0[1] {
                for &place in &self.0[2] {
                    each(position, [plane, line, place]);
                    position += 1;
                }
            }
        }
    }
}

impl Table {
    /// The spans of all positions in order.
    pub(super) fn all(&self) -> Vec<Span> {
        let mut all = Vec::new();
        self.each(|_, span| all.push(span));
        all
    }
}

/// The i-th position of a span on a grid, as [`each`] visits them.
#[inline(always)]
pub(super) fn nth(span: &Span, grid: [usize; 3], i: usize) -> Option<usize> {
    let [planes, lines, places] = span.map(|(first, end)| end - first);
    if i >= planes * lines * places {
        return None;
    }
    let [plane, line, place] = [i / (lines * places), i / places % lines, i % places];
    let at = (span[0].0 + plane) * grid[1] + span[1].0 + line;
    Some(at * grid[2] + span[2].0 + place)
}

/// How many positions a span has.
pub(super) fn count(span: &Span) -> usize {
    span.iter().map(|(first, end)| end - first).product()
}

/// Calls `each` with the number of every position of a span on a grid, the last dimension running fastest.
#[inline(always)]
pub(super) fn each(span: &Span, grid: [usize; 3], mut each: impl FnMut(usize)) {
    for plane in span[0].0..span[0].1 {
        for line in span[1].0..span[1].1 {
            for place in span[2].0..span[2].1 {
                each((plane * grid[1] + line) * grid[2] + place);
            }
        }
    }
}

/// 1/count of a span, 0 for an empty one.
pub(super) fn share<T: Real>(span: &Span) -> T {
    match count(span) {
        0 => T::zero(),
        n => T::one() / T::of(n as f64),
    }
}
