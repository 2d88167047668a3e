//! What the product kernels share: their shader bodies, their grid and the CPU's matrix product.

use super::{Grid, Traits, wgsl};
use crate::Real;

/// The bodies that every product kernel can take: through workgroup memory or straight from the buffers, number by
/// number or in blocks of 4 × 4.
pub(crate) const VARIANTS: &[&str] = &["tile", "direct", "tile4", "direct4"];

/// Whether a variant can do sizes that are, or are not, multiples of 4 where it matters.
pub(crate) fn supports(variant: usize, quads: bool) -> bool {
    quads || variant < 2
}

/// Workgroup memory is fast on every adapter but software ones.
pub(crate) fn prefer(traits: Traits, quads: bool) -> usize {
    usize::from(traits.software) + if quads { 2 } else { 0 }
}

/// The bindings that a variant reads as vec4s: the operands, or none.
pub(crate) fn quads(variant: usize, operands: &'static [&'static str]) -> &'static [&'static str] {
    if variant < 2 { &[] } else { operands }
}

/// The parts of a product shader: the stem, its loaders by number and by block, and the variant's body.
pub(crate) fn shader(stem: String, [single, block]: [String; 2], variant: usize) -> Vec<String> {
    let body = match VARIANTS[variant] {
        "tile" => wgsl!("lib/product_tile.wgsl"),
        "direct" => wgsl!("lib/product_direct.wgsl"),
        "tile4" => wgsl!("lib/product_tile4.wgsl"),
        _ => wgsl!("lib/product_direct4.wgsl"),
    };
    vec![stem, if variant < 2 { single } else { block }, wgsl!("lib/product_store.wgsl"), body]
}

/// The workgroups for an output of this size.
pub(crate) fn grid(variant: usize, rows: usize, cols: usize) -> Grid {
    let (tile_rows, tile_cols) = match VARIANTS[variant] {
        "direct" => (32, 32),
        "direct4" => (32, 64),
        _ => (64, 64),
    };
    [cols.div_ceil(tile_cols) as u32, rows.div_ceil(tile_rows) as u32, 1]
}

/// A stored matrix, read as it is or as its transpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    values: &'a [T],
    row_step: isize,
    col_step: isize,
}

/// `values` as stored, rows of `stride`.
pub(crate) fn matrix<T>(values: &[T], stride: usize) -> Matrix<'_, T> {
    Matrix { values, row_step: stride as isize, col_step: 1 }
}

/// The transpose of `values`, stored in rows of `stride`.
pub(crate) fn transposed<T>(values: &[T], stride: usize) -> Matrix<'_, T> {
    Matrix { values, row_step: 1, col_step: stride as isize }
}

/// Below this many multiplications a second thread costs more than it saves.
const PARALLEL_WORK: usize = 1 << 20;

/// out[rows, cols] = a[rows, depth]·b[depth, cols].
#[expect(unsafe_code, reason = "gemm takes pointers; the assertions bound every access")]
pub(crate) fn multiply<T: Real>(
    out: &mut [T],
    (rows, depth, cols): (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    assert!(out.len() >= rows * cols && a.values.len() >= rows * depth && b.values.len() >= depth * cols);
    let parallelism = if rows * depth * cols < PARALLEL_WORK {
        gemm::Parallelism::None
    } else {
        gemm::Parallelism::Rayon(0)
    };
    // SAFETY: all three matrices are dense with the asserted sizes, and `out` is borrowed exclusively.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            depth,
            out.as_mut_ptr(),
            1,
            cols as isize,
            false,
            a.values.as_ptr(),
            a.col_step,
            a.row_step,
            b.values.as_ptr(),
            b.col_step,
            b.row_step,
            T::zero(),
            T::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}
