//! Loops of the twins: over several threads where that pays, and with the widest vectors the processor has.

use rayon::prelude::*;

/// Below this many elements a second thread costs more than it saves.
const PARALLEL_ELEMENTS: usize = 1 << 14;

/// Elements that one task takes at least.
const TASK_ELEMENTS: usize = 1 << 12;

/// Runs a loop compiled for the processor at hand; the crate itself is built for the oldest one.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// How many rows of `width` a task takes.
fn task_rows(width: usize) -> usize {
    TASK_ELEMENTS.div_ceil(width)
}

/// Calls `work(first element, values)` for stretches of `out` that are whole rows of `width` elements.
pub(crate) fn for_each<T: Send>(out: &mut [T], width: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let task = task_rows(width) * width;
    let call = |(index, values): (usize, &mut [T])| vectorised(|| work(index * task, values));
    if out.len() < PARALLEL_ELEMENTS {
        out.chunks_mut(task).enumerate().for_each(call);
    } else {
        out.par_chunks_mut(task).enumerate().for_each(call);
    }
}

/// Calls `work(first element, a, b)` for stretches of `a` that are whole rows, with the same stretch of `b` when
/// `both`, else with an empty `b`.
pub(crate) fn for_each_pair<T: Send>(
    a: &mut [T],
    b: &mut [T],
    width: usize,
    both: bool,
    work: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    if !both {
        return for_each(a, width, |first, values| work(first, values, &mut []));
    }
    let task = task_rows(width) * width;
    let call = |(index, (a, b)): (usize, (&mut [T], &mut [T]))| vectorised(|| work(index * task, a, b));
    if a.len() < PARALLEL_ELEMENTS {
        a.chunks_mut(task).zip(b.chunks_mut(task)).enumerate().for_each(call);
    } else {
        a.par_chunks_mut(task).zip(b.par_chunks_mut(task)).enumerate().for_each(call);
    }
}

/// Splits `out` into blocks of `width` elements, gives each to `work(index, block)` and returns the results in order:
/// sums over blocks do not depend on the number of threads.
pub(crate) fn map_blocks<T: Send, R: Send>(
    out: &mut [T],
    width: usize,
    work: impl Fn(usize, &mut [T]) -> R + Sync,
) -> Vec<R> {
    let call = |(index, block): (usize, &mut [T])| vectorised(|| work(index, block));
    if out.len() < PARALLEL_ELEMENTS {
        out.chunks_mut(width).enumerate().map(call).collect()
    } else {
        out.par_chunks_mut(width).enumerate().map(call).collect()
    }
}

/// Gives stretches of `width` elements to `work` and returns the results in order, like [`map_blocks`].
pub(crate) fn map_parts<T: Sync, R: Send>(
    values: &[T],
    width: usize,
    work: impl Fn(&[T]) -> R + Sync,
) -> Vec<R> {
    let call = |part: &[T]| vectorised(|| work(part));
    if values.len() < PARALLEL_ELEMENTS {
        values.chunks(width).map(call).collect()
    } else {
        values.par_chunks(width).map(call).collect()
    }
}
