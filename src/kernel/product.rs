//! What the product kernels share: their shader bodies, their grid and the CPU's matrix product.

use super::{Grid, Traits, wgsl};
use crate::Real;

/// A way to compute C = A·B on a GPU.
struct Body {
    /// Rows and columns of the output that a workgroup computes.
    tile: (usize, usize),
    /// Blocks of 4 × 4 sums that an invocation keeps: down and across.
    blocks: (usize, usize),
    /// Constants that the body's file needs.
    constants: &'static str,
    file: fn() -> String,
}

/// The bodies that every product kernel can take; each number by number or, for sizes that are multiples of 4, from vec4
/// buffers.
pub(crate) const VARIANTS: &[&str] = &[
    "tile", "wide", "reduce", "row", "direct", "shuffle", "tile4", "wide4", "reduce4", "row4", "direct4",
    "shuffle4",
];

const TILE: usize = 0;
const WIDE: usize = 1;
const REDUCE: usize = 2;
const ROW: usize = 3;
const DIRECT: usize = 4;
const SHUFFLE: usize = 5;

const BODIES: [Body; 6] = [
    Body {
        tile: (64, 64),
        blocks: (1, 1),
        constants: "const TILE: u32 = 64u;\n",
        file: || wgsl!("lib/product_tile.wgsl"),
    },
    Body {
        tile: (128, 128),
        blocks: (2, 2),
        constants: "const TILE: u32 = 128u;\n",
        file: || wgsl!("lib/product_tile.wgsl"),
    },
    Body {
        tile: (16, 16),
        blocks: (1, 1),
        constants: "const BLOCKS_ACROSS: u32 = 4u;\n",
        file: || wgsl!("lib/product_reduce.wgsl"),
    },
    Body {
        tile: (4, 64),
        blocks: (1, 1),
        constants: "const BLOCKS_ACROSS: u32 = 16u;\n",
        file: || wgsl!("lib/product_reduce.wgsl"),
    },
    Body { tile: (64, 128), blocks: (2, 4), constants: "", file: || wgsl!("lib/product_direct.wgsl") },
    Body { tile: (32, 32), blocks: (8, 1), constants: "", file: || wgsl!("lib/product_shuffle.wgsl") },
];

/// The subgroup size for which the body `shuffle` is written.
const SHUFFLE_SUBGROUP: u32 = 8;

/// Whether a variant can do sizes that are, or are not, multiples of 4 where it matters, on such an adapter.
pub(crate) fn supports(variant: usize, quads: bool, traits: Traits) -> bool {
    (quads || !by_quads(variant))
        && (variant % BODIES.len() != SHUFFLE || traits.subgroup == SHUFFLE_SUBGROUP)
}

/// Whether a variant reads and writes vec4s.
fn by_quads(variant: usize) -> bool {
    variant >= BODIES.len()
}

/// As many workgroups occupy a GPU.
const MANY_GROUPS: usize = 64;

/// The least depth worth splitting.
const DEEP: usize = 64;

/// The built-in table. Software adapters have no fast workgroup memory, and what a load costs there is the gathering;
/// on others a small output must split its depth to occupy the GPU, and a large one is worth large tiles.
pub(crate) fn prefer(traits: Traits, quads: bool, (rows, depth, cols): (usize, usize, usize)) -> usize {
    let groups = |body: usize| {
        let (tile_rows, tile_cols) = BODIES[body].tile;
        rows.div_ceil(tile_rows) * cols.div_ceil(tile_cols)
    };
    let body = if rows <= BODIES[ROW].tile.0 {
        ROW
    } else if traits.software {
        if traits.subgroup == SHUFFLE_SUBGROUP { SHUFFLE } else { DIRECT }
    } else if groups(TILE) < MANY_GROUPS && depth >= DEEP {
        REDUCE
    } else if groups(WIDE) >= 2 * MANY_GROUPS {
        WIDE
    } else {
        TILE
    };
    body + if quads { BODIES.len() } else { 0 }
}

/// The parts of a product shader: the stem, the shared loading of blocks, and the variant's body. A stem whose columns
/// need no sums of B takes `plain` for its side of them.
pub(crate) fn shader(stem: String, variant: usize) -> Vec<String> {
    let body = &BODIES[variant % BODIES.len()];
    let constants = format!("const QUADS: bool = {};\n{}", by_quads(variant), body.constants);
    vec![constants, stem, wgsl!("lib/product_blocks.wgsl"), unroll(&(body.file)(), body.blocks)]
}

/// The stem's side of column sums where there are none.
pub(crate) fn plain() -> String {
    wgsl!("lib/product_plain.wgsl")
}

/// Writes the register tile out: a line that names `#a` stands for one line per block down, `#b` one per block across,
/// and `#l` one per row of a block, x to w, with `#n` its number. Sums in named variables stay in registers, which a
/// local array with a running index may not.
fn unroll(text: &str, (down, across): (usize, usize)) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or("");
        let count = |mark: &str, n: usize| if code.contains(mark) { n } else { 1 };
        for a in 0..count("#a", down) {
            for (n, l) in ["x", "y", "z", "w"]
                .iter()
                .enumerate()
                .take(if code.contains("#l") || code.contains("#n") { 4 } else { 1 })
            {
                for b in 0..count("#b", across) {
                    let line = line.replace("#a", &a.to_string()).replace("#b", &b.to_string());
                    out += &line.replace("#l", l).replace("#n", &n.to_string());
                    out += "\n";
                }
            }
        }
    }
    out
}

/// The workgroups for an output of this size.
pub(crate) fn grid(variant: usize, rows: usize, cols: usize) -> Grid {
    let (tile_rows, tile_cols) = BODIES[variant % BODIES.len()].tile;
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
