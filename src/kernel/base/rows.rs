//! Loops of the twins: multi-threaded where that pays, with the widest vectors of the processor.

use crate::Real;
use rayon::prelude::*;
use std::borrow::Cow;

/// Below this many elements a second thread costs more than it saves.
const PARALLEL_ELEMENTS: usize = 1 << 14;

/// Runs a loop compiled for the current processor; the crate itself is built for the oldest one. This covers only inlined code:
/// this closure, those of the functions below and all closures passed on inside them must carry `#[inline(always)]`.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Splits `out` into blocks of `width` elements, calls `work(index, block)` for each and returns the results in order: sums over
/// blocks do not depend on the number of threads.
pub(crate) fn map_blocks<T: Send, R: Send>(
    out: &mut [T],
    width: usize,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let elements = out.len();
    map_each(
        out.chunks_mut(width).enumerate().collect(),
        elements,
        #[inline(always)]
        |(index, block): (usize, &mut [T])| work(index, block),
    )
}

/// Calls `work` for every part and returns the results in order, like [`map_blocks`]; `elements` is the parts' total size.
pub(crate) fn map_each<P: Send, R: Send>(
    parts: Vec<P>,
    elements: usize,
    work: impl Fn(P) -> R + Sync,
) -> Vec<R> {
    let call = |part: P| {
        vectorised(
            #[inline(always)]
            || work(part),
        )
    };
    if elements < PARALLEL_ELEMENTS {
        parts.into_iter().map(call).collect()
    } else {
        parts.into_par_iter().map(call).collect()
    }
}

/// Numbers that a loop processes at a time: enough for the widest vectors, few enough to stay in the L1 cache.
const STRETCH: usize = 1024;

/// The length of as many whole rows of this width as fill a stretch: narrow rows are summed several at a time.
pub(crate) fn round(width: usize) -> usize {
    width * STRETCH.div_ceil(width)
}

/// Sums consecutive rows of this width into the first.
#[inline(always)]
pub(crate) fn fold<T: Real>(rows: &mut Vec<T>, width: usize) {
    let (first, others) = rows.split_at_mut(width);
    for row in others.chunks_exact(width) {
        first.iter_mut().zip(row).for_each(|(sum, &value)| *sum = *sum + value);
    }
    rows.truncate(width);
}

/// Σ of numbers, accumulated in double precision.
#[inline(always)]
pub(crate) fn total<T: Real>(values: impl Iterator<Item = T>) -> T {
    T::of(values.map(T::wide).sum())
}

/// Rounds that are summed in the type itself, before they are added up in double precision.
const RUN: usize = 32;

/// Column sums, accumulated in rounds of consecutive rows.
pub(crate) struct ColumnSums<T> {
    run: Vec<T>,
    rounds: usize,
    sums: Vec<f64>,
}

impl<T: Real> ColumnSums<T> {
    pub(crate) fn new(columns: usize) -> Self {
        Self { run: vec![T::zero(); round(columns)], rounds: 0, sums: vec![0.0; columns] }
    }

    /// The sums to which the next round is to be added.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> &mut [T] {
        if self.rounds == RUN {
            self.flush();
        }
        self.rounds += 1;
        &mut self.run
    }

    #[inline(always)]
    fn flush(&mut self) {
        for run in self.run.chunks_exact(self.sums.len()) {
            self.sums.iter_mut().zip(run).for_each(|(sum, run)| *sum += run.wide());
        }
        self.run.fill(T::zero());
        self.rounds = 0;
    }

    #[inline(always)]
    pub(crate) fn finish(mut self) -> Vec<T> {
        self.flush();
        self.sums.into_iter().map(T::of).collect()
    }
}

/// Σ of `term(value)` over the rows, per column.
#[inline(always)]
pub(crate) fn column_sums<T: Real>(values: &[T], columns: usize, term: impl Fn(T) -> T) -> Vec<T> {
    let mut sums = ColumnSums::new(columns);
    for values in values.chunks(round(columns)) {
        sums.next().iter_mut().zip(values).for_each(|(sum, &v)| *sum = *sum + term(v));
    }
    sums.finish()
}

/// Parameters that repeat with every row of outputs, or with lines of positions, written out often enough that loops over several
/// rows are long enough for vectors.
pub(crate) struct Cycle<'a, T: Copy> {
    values: Cow<'a, [T]>,
    /// The numbers of a round.
    len: usize,
    /// The round of each line of positions.
    rounds: Vec<usize>,
}

impl<'a, T: Copy> Cycle<'a, T> {
    /// Repeats the parameters of a row.
    pub(crate) fn new(row: &'a [T]) -> Self {
        let (width, len) = (row.len(), round(row.len()));
        let values = if width == len { Cow::Borrowed(row) } else { Cow::Owned(row.repeat(len / width)) };
        Self { values, len, rounds: vec![0] }
    }

    /// Takes `values` in rounds of `len`; `rounds` gives the round of each line of positions.
    pub(crate) fn of_lines(values: Vec<T>, len: usize, rounds: Vec<usize>) -> Self {
        Self { values: Cow::Owned(values), len, rounds }
    }

    /// Where the parameters of number `at` are, and how many are contiguous from there.
    #[inline(always)]
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        let round = self.rounds[at / self.len % self.rounds.len()];
        (round * self.len + at % self.len, self.len - at % self.len)
    }

    /// The parameters of number `at` and of those after it, as far as they are contiguous.
    #[inline(always)]
    pub(crate) fn from(&self, at: usize) -> &[T] {
        let (first, count) = self.place(at);
        &self.values[first..][..count]
    }

    /// The number of places.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

/// Splits `len` numbers from number `at` on where a cycle wraps, and calls `each(first, count)` for every stretch.
#[inline(always)]
pub(crate) fn stretches<T: Copy>(
    at: usize,
    len: usize,
    cycles: &[Option<&Cycle<'_, T>>],
    mut each: impl FnMut(usize, usize),
) {
    let mut first = 0;
    while first < len {
        let ends = cycles.iter().flatten().map(|cycle| cycle.place(at + first).1);
        let count = ends.fold((len - first).min(STRETCH), usize::min);
        each(first, count);
        first += count;
    }
}
