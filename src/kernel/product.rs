//! What the product kernels share: their shader bodies, their grid and the CPU's matrix product.

use super::{Grid, Traits, wgsl};
use crate::Real;

/// The bodies that every product kernel can take: through workgroup memory, straight from the buffers, or with the depth
/// split over a workgroup; each number by number or, for sizes that are multiples of 4, from vec4 buffers.
pub(crate) const VARIANTS: &[&str] = &["tile", "direct", "reduce", "tile4", "direct4", "reduce4"];

/// The first variant that reads vec4s.
const QUADS: usize = 3;

/// Whether a variant can do sizes that are, or are not, multiples of 4 where it matters.
pub(crate) fn supports(variant: usize, quads: bool) -> bool {
    quads || variant < QUADS
}

/// Fewer workgroups than this leave most of a GPU idle.
const FEW_GROUPS: usize = 64;

/// The least depth worth splitting.
const DEEP: usize = 64;

/// A small table: software adapters have no fast workgroup memory, and on others a small output must split its
/// depth to occupy the GPU.
pub(crate) fn prefer(traits: Traits, quads: bool, (rows, depth, cols): (usize, usize, usize)) -> usize {
    let small = rows.div_ceil(64) * cols.div_ceil(64) < FEW_GROUPS && depth >= DEEP;
    let body = match (traits.software, small) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    body + if quads { QUADS } else { 0 }
}

/// The bindings that a variant reads as vec4s: the operands, or none.
pub(crate) fn quads(variant: usize, operands: &'static [&'static str]) -> &'static [&'static str] {
    if variant < QUADS { &[] } else { operands }
}

/// The parts of a product shader: the stem, its loaders by number or by block, and the variant's body.
pub(crate) fn shader(stem: String, [single, block]: [String; 2], variant: usize) -> Vec<String> {
    let mut parts = vec![stem, if variant < QUADS { single } else { block }];
    parts.extend(match VARIANTS[variant] {
        "tile" => vec![wgsl!("lib/product_store.wgsl"), wgsl!("lib/product_tile.wgsl")],
        "direct" => vec![wgsl!("lib/product_store.wgsl"), wgsl!("lib/product_direct.wgsl")],
        "reduce" => vec![wgsl!("lib/load/blocks.wgsl"), wgsl!("lib/product_reduce.wgsl")],
        "tile4" => vec![wgsl!("lib/product_store.wgsl"), wgsl!("lib/product_tile4.wgsl")],
        "direct4" => vec![wgsl!("lib/product_store.wgsl"), wgsl!("lib/product_direct4.wgsl")],
        _ => vec![wgsl!("lib/product_reduce.wgsl")],
    });
    parts
}

/// The workgroups for an output of this size.
pub(crate) fn grid(variant: usize, rows: usize, cols: usize) -> Grid {
    let (tile_rows, tile_cols) = match VARIANTS[variant] {
        "direct" => (32, 32),
        "direct4" => (32, 64),
        "reduce" | "reduce4" => (16, 16),
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

impl<T> Matrix<'_, T> {
    /// The number of stored elements that a matrix of this size reaches over.
    fn reach(&self, rows: usize, cols: usize) -> usize {
        if rows == 0 || cols == 0 {
            return 0;
        }
        (rows - 1) * self.row_step.unsigned_abs() + (cols - 1) * self.col_step.unsigned_abs() + 1
    }
}

/// Below this many multiplications a second thread costs more than it saves.
pub(crate) const PARALLEL_WORK: usize = 1 << 20;

/// out[rows, cols] = a[rows, depth]·b[depth, cols], on all threads where that pays.
pub(crate) fn multiply<T: Real>(
    out: &mut [T],
    size: (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    let (rows, depth, cols) = size;
    let parallelism = if rows * depth * cols < PARALLEL_WORK {
        gemm::Parallelism::None
    } else {
        gemm::Parallelism::Rayon(0)
    };
    multiply_on(parallelism, out, size, a, b);
}

/// [`multiply`] on the calling thread.
pub(crate) fn multiply_here<T: Real>(
    out: &mut [T],
    size: (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    multiply_on(gemm::Parallelism::None, out, size, a, b);
}

#[expect(unsafe_code, reason = "gemm takes pointers; the assertions bound every access")]
fn multiply_on<T: Real>(
    parallelism: gemm::Parallelism,
    out: &mut [T],
    (rows, depth, cols): (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    assert!(out.len() >= rows * cols);
    assert!(a.values.len() >= a.reach(rows, depth) && b.values.len() >= b.reach(depth, cols));
    // SAFETY: `reach` is the last element that sizes and strides touch, so the assertions bound all three matrices;
    // `out` is borrowed exclusively.
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
