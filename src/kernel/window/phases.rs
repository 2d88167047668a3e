//! Windows between whose taps are gaps, on the CPU: gradients of convolutions with strides, and transposed convolutions. Only some of
//! the taps have a source at a position, the same ones at every so many positions, so products are computed for those alone.

use crate::Real;
use crate::kernel::geometry::taps::{Phase, Table};
use crate::kernel::product::{for_each_part, matrix, multiply};
use std::ops::Range;

/// Numbers that are gathered for a product.
const GATHERED: usize = 1 << 16;

/// Enough tasks for several threads.
const TASKS: usize = 4;

/// Rows of y in a task: of every phase enough for a product, and few enough to stay in a cache.
const FEW_ROWS: usize = 256;
const MANY_ROWS: usize = 2048;

/// The sizes of such a product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) positions: usize,
    pub(super) sources: usize,
    /// Channels of x, filters of y, and groups of both.
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) groups: usize,
}

/// y `[B, positions, N]` = Σ over the taps with a source of x `[B, sources, C]` · W. `weights(group, tap)` writes a tap's
/// `[C/groups, N/groups]` of a group.
pub(super) fn multiply_by_phase<T: Real>(
    table: &Table,
    sizes: Sizes,
    x: &[T],
    weights: impl Fn(usize, usize, &mut [T]) + Sync + Send,
    y: &mut [T],
) {
    let Sizes { batch, positions, sources, channels, filters, groups } = sizes;
    let (count, width) = (channels / groups, filters / groups);
    let phases = table.phases();
    let terms: usize = phases.iter().map(|phase| phase.sources.len()).sum();
    let work = batch * terms * count * filters;

    let mut packed: Vec<Vec<T>> = Vec::new();
    packed.resize_with(groups * phases.len(), Vec::new);
    for_each_part(work, packed.iter_mut().enumerate(), |(i, packed)| {
        let (group, phase) = (i / phases.len(), &phases[i % phases.len()]);
        packed.resize(phase.taps.len() * count * width, T::zero());
        let taps = packed.chunks_exact_mut(count * width).zip(&phase.taps);
        taps.for_each(|(out, &tap)| weights(group, tap, out));
    });

    let rows = batch * positions;
    let per_task = (rows / TASKS).clamp(FEW_ROWS, MANY_ROWS);
    let tasks = y[..rows * filters].chunks_mut(per_task * filters).enumerate();
    for_each_part(work, tasks, |(task, y)| {
        let here = task * per_task..task * per_task + y.len() / filters;
        for (i, packed) in packed.iter().enumerate() {
            let (group, phase) = (i / phases.len(), &phases[i % phases.len()]);
            let depth = phase.taps.len() * count;
            for rows in of_phase(phase, positions, here.clone()).chunks((GATHERED / depth.max(1)).max(16)) {
                let mut product = vec![T::zero(); rows.len() * width];
                if depth > 0 {
                    let mut gathered = vec![T::zero(); rows.len() * depth];
                    for (&(row, place), out) in rows.iter().zip(gathered.chunks_exact_mut(depth)) {
                        let x = &x[row / positions * sources * channels + group * count..];
                        let from = &phase.sources[place * phase.taps.len()..];
                        for (out, &source) in out.chunks_exact_mut(count).zip(from) {
                            out.copy_from_slice(&x[source * channels..][..count]);
                        }
                    }
                    let (x, w) = (matrix(&gathered, depth), matrix(packed, width));
                    multiply(&mut product, (rows.len(), depth, width), x, w);
                }
                for (&(row, _), product) in rows.iter().zip(product.chunks_exact(width)) {
                    let line = &mut y[(row - here.start) * filters + group * width..][..width];
                    line.copy_from_slice(product);
                }
            }
        }
    });
}

/// The rows of a range, `[B, positions]`, that belong to a phase, each with its position's place in the phase.
fn of_phase(phase: &Phase, positions: usize, rows: Range<usize>) -> Vec<(usize, usize)> {
    let samples = rows.start / positions..rows.end.div_ceil(positions);
    let of_sample = |sample: usize| {
        let first = sample * positions;
        let place = |row: usize| phase.positions.partition_point(|position| first + position < row);
        (place(rows.start)..place(rows.end)).map(move |place| (first + phase.positions[place], place))
    };
    samples.flat_map(of_sample).collect()
}
