//! Loops of the twins: over several threads where that pays, and with the widest vectors the processor has.

use rayon::prelude::*;

/// Below this many elements a second thread costs more than it saves.
const PARALLEL_ELEMENTS: usize = 1 << 14;

/// Runs a loop compiled for the processor at hand; the crate itself is built for the oldest one.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
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

/// Gives every part to `work` and returns the results in order, like [`map_blocks`]; the parts have `elements` in all.
pub(crate) fn map_each<P: Send, R: Send>(
    parts: Vec<P>,
    elements: usize,
    work: impl Fn(P) -> R + Sync,
) -> Vec<R> {
    let call = |part: P| vectorised(|| work(part));
    if elements < PARALLEL_ELEMENTS {
        parts.into_iter().map(call).collect()
    } else {
        parts.into_par_iter().map(call).collect()
    }
}
