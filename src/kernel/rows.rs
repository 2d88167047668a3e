//! Row-wise loops of the twins, over several threads where that pays.

use rayon::prelude::*;

/// Below this many elements a second thread costs more than it saves.
const PARALLEL_ELEMENTS: usize = 1 << 14;

/// Calls `work(row, values)` for every row of `width` elements.
pub(crate) fn for_each<T: Send>(out: &mut [T], width: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if out.len() < PARALLEL_ELEMENTS {
        out.chunks_mut(width).enumerate().for_each(|(row, values)| work(row, values));
    } else {
        out.par_chunks_mut(width).enumerate().for_each(|(row, values)| work(row, values));
    }
}

/// Calls `work(row, a, b)` for every row of `width` elements of `a` and, when `both`, of `b`; else with an
/// empty `b`.
pub(crate) fn for_each_pair<T: Send>(
    a: &mut [T],
    b: &mut [T],
    width: usize,
    both: bool,
    work: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    if !both {
        for_each(a, width, |row, values| work(row, values, &mut []));
    } else if a.len() < PARALLEL_ELEMENTS {
        a.chunks_mut(width).zip(b.chunks_mut(width)).enumerate().for_each(|(row, (a, b))| work(row, a, b));
    } else {
        a.par_chunks_mut(width)
            .zip(b.par_chunks_mut(width))
            .enumerate()
            .for_each(|(row, (a, b))| work(row, a, b));
    }
}
