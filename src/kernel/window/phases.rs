//! Windows between whose taps are gaps, on the CPU: gradients of convolutions with strides, and transposed convolutions. Only some of
//! the taps have a source at a position, the same ones at every so many positions, so products are computed for those alone.

use crate::Real;
use crate::kernel::geometry::taps::{Phase, Table};
use crate::kernel::product::{for_each_part, matrix, multiply};
use crate::unchecked::block::Block;

/// Numbers that a task gathers.
const GATHERED: usize = 1 << 16;

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

    let mut of_position = vec![0; positions];
    for (i, phase) in phases.iter().enumerate() {
        phase.positions.iter().for_each(|&position| of_position[position] = i);
    }
    let mut lines: Vec<Vec<Block<'_, T>>> = Vec::new();
    lines.resize_with(packed.len(), Vec::new);
    for line in Block::tiles(y, filters, 1, width) {
        lines[line.col / width * phases.len() + of_position[line.row % positions]].push(line);
    }
    let parts = lines.iter_mut().enumerate().flat_map(|(i, lines)| {
        let depth = phases[i % phases.len()].taps.len() * count;
        let rows = (GATHERED / depth.max(1)).clamp(64, 512);
        lines.chunks_mut(rows).enumerate().map(move |(chunk, lines)| (i, chunk * rows, lines))
    });
    for_each_part(work, parts, |(i, first, lines)| {
        let Phase { taps, positions, sources: from } = &phases[i % phases.len()];
        let depth = taps.len() * count;
        let mut product = vec![T::zero(); lines.len() * width];
        if depth > 0 {
            let mut gathered = vec![T::zero(); lines.len() * depth];
            for (row, out) in (first..).zip(gathered.chunks_exact_mut(depth)) {
                let (sample, position) = (row / positions.len(), row % positions.len());
                let x = &x[sample * sources * channels + i / phases.len() * count..];
                let from = &from[position * taps.len()..];
                for (out, &source) in out.chunks_exact_mut(count).zip(from) {
                    out.copy_from_slice(&x[source * channels..][..count]);
                }
            }
            let (x, w) = (matrix(&gathered, depth), matrix(&packed[i], width));
            multiply(&mut product, (lines.len(), depth, width), x, w);
        }
        for (line, product) in lines.iter_mut().zip(product.chunks_exact(width)) {
            line.line(0).copy_from_slice(product);
        }
    });
}
