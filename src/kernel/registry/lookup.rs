//! Examples of tables and their gradients.

use super::{Entry, entry};
use crate::kernel::{Fill, LookupBackward, LookupBlocks, LookupForward, LookupSort, LookupStarts};

/// Positions, rows and columns: few, many of the same index, more rows than positions, several blocks.
const SIZES: [(usize, usize, usize); 6] =
    [(1, 1, 1), (37, 5, 3), (70, 12, 8), (5, 130, 6), (2100, 9, 4), (5000, 700, 3)];

pub(super) fn entries() -> Vec<Entry> {
    let backward = |(positions, rows, columns)| LookupBackward {
        positions,
        rows,
        columns,
        l1: if rows == 12 { 0.01 } else { 0.0 },
        l2: if rows == 9 { 0.02 } else { 0.0 },
    };
    let sort = |(positions, run)| LookupSort { positions, rows: 20, run };
    vec![
        entry([1, 301].map(|count| Fill { count, value: 0.5 })),
        entry(SIZES.map(|(positions, rows, columns)| LookupForward { positions, rows, columns })),
        entry([(1, 1), (37, 1), (64, 1), (300, 1), (300, 64), (4096, 64), (5000, 64)].map(sort))
            .long([sort((300_000, 64))]),
        entry(SIZES.map(|(positions, rows, _)| LookupStarts { positions, rows }))
            .long([LookupStarts { positions: 300_000, rows: 5 }]),
        entry(SIZES.map(|(positions, _, columns)| LookupBlocks { positions, columns }))
            .long([LookupBlocks { positions: 300_000, columns: 3 }]),
        entry(SIZES.map(backward)).long([backward((300_000, 3, 3))]),
    ]
}
