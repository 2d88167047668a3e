//! What the product kernels share: their shader bodies, their grid and the CPU's matrix product.

use super::{Grid, MAX_GROUPS, Traits, wgsl};
use crate::Real;
use rayon::prelude::*;
use std::marker::PhantomData;

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

/// The size of a matrix product C = A·B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of A, rows of B: what is summed over.
    pub depth: usize,
    /// Columns of B and C.
    pub cols: usize,
    /// How many products of this size run side by side: groups of channels, or stretches of a long depth.
    pub parts: usize,
}

impl Size {
    /// A single product.
    pub(crate) fn one(rows: usize, depth: usize, cols: usize) -> Self {
        Self { rows, depth, cols, parts: 1 }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.rows, self.depth, self.cols)?;
        if self.parts > 1 { write!(f, "x{}", self.parts) } else { Ok(()) }
    }
}

/// Whether a variant works on such an adapter.
pub(crate) fn supports(variant: usize, traits: Traits) -> bool {
    variant % BODIES.len() != SHUFFLE || traits.subgroup == SHUFFLE_SUBGROUP
}

/// As many workgroups occupy a GPU.
const MANY_GROUPS: usize = 64;

/// The least depth worth splitting.
const DEEP: usize = 64;

/// The built-in table. Software adapters have no fast workgroup memory, and what a load costs there is the gathering;
/// on others a small output must split its depth to occupy the GPU, and a large one is worth large tiles.
pub(crate) fn prefer(traits: Traits, quads: bool, size: Size) -> usize {
    let Size { rows, depth, cols, parts } = size;
    let groups = |body: usize| {
        let (tile_rows, tile_cols) = BODIES[body].tile;
        rows.div_ceil(tile_rows) * cols.div_ceil(tile_cols) * parts
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

/// The variants worth timing, the table's first. A software adapter compiles longer than it would gain.
pub(crate) fn candidates(traits: Traits, quads: bool, size: Size) -> Vec<usize> {
    let first = prefer(traits, quads, size);
    let mut all = vec![first];
    if !traits.software {
        let few_rows = size.rows <= 4 * BODIES[ROW].tile.0;
        let bodies = [TILE, WIDE, REDUCE].into_iter().chain(few_rows.then_some(ROW));
        all.extend(bodies.map(|body| body + first / BODIES.len() * BODIES.len()).filter(|&v| v != first));
    }
    all
}

/// The parts of a product shader: the stem, the shared loading of blocks, and the variant's body. A stem whose columns
/// need no sums of B takes `plain` for its side of them.
pub(crate) fn shader(stem: String, variant: usize) -> Vec<String> {
    let body = &BODIES[variant % BODIES.len()];
    vec![
        body.constants.to_owned(),
        stem,
        wgsl!("lib/product_blocks.wgsl"),
        wgsl!("lib/product_tiles.wgsl"),
        unroll(&(body.file)(), body.blocks),
    ]
}

/// The text of all bodies.
pub(crate) fn bodies() -> String {
    let shared = [wgsl!("lib/product_blocks.wgsl"), wgsl!("lib/product_tiles.wgsl")];
    BODIES.iter().map(|body| (body.file)()).chain(shared).collect()
}

/// The stem's side of column sums where there are none.
pub(crate) fn plain() -> String {
    wgsl!("lib/product_plain.wgsl")
}

/// Writes the register tile out: a line that names `#a` stands for one line per block down, `#b` one per block across,
/// and `#l` one per row of a block, x to w, with `#n` its number. Sums in named variables stay in registers, which a
/// local array with a running index may not.
pub(super) fn unroll(text: &str, (down, across): (usize, usize)) -> String {
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

/// The workgroups for a product of this size. What does not fit into the second dimension goes on in the third, which also
/// counts the parts.
pub(crate) fn grid(variant: usize, size: Size) -> Grid {
    let (tile_rows, tile_cols) = BODIES[variant % BODIES.len()].tile;
    let rows = size.rows.div_ceil(tile_rows) as u32;
    let folds = rows.div_ceil(MAX_GROUPS);
    [size.cols.div_ceil(tile_cols) as u32, rows.div_ceil(folds), folds * size.parts as u32]
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
const PARALLEL_WORK: usize = 1 << 20;

/// Columns of a product that one task computes: with a depth of 2,048 their share of B, 512 KiB, stays in a cache, so that
/// what else passes over it costs little.
pub(crate) const PANEL: usize = 64;

/// Rows of a product that one task computes: many, so that few tasks read the same columns of B, but not all, so that a
/// narrow product occupies several threads too.
const PANEL_ROWS: usize = 256;

/// A block of a matrix that is stored in rows.
pub(crate) struct Block<'a, T> {
    /// Its first row in the matrix.
    pub(crate) row: usize,
    /// Its first column in the matrix.
    pub(crate) col: usize,
    first: *mut T,
    rows: usize,
    width: usize,
    stride: usize,
    matrix: PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "an exclusive borrow of the block, as `&mut [T]` is of a slice")]
// SAFETY: `tiles` and `gates` hand every number out once, so a `Block` is to its numbers what a `&mut [T]` would be.
unsafe impl<T: Send> Send for Block<'_, T> {}

impl<'a, T> Block<'a, T> {
    /// All of `values`, stored in rows of `stride`, in blocks of up to [`PANEL`] columns.
    pub(crate) fn split(values: &'a mut [T], stride: usize) -> impl Iterator<Item = Self> + use<'a, T> {
        Self::tiles(values, stride, PANEL_ROWS, PANEL)
    }

    /// All of `values`, stored in rows of `stride`, in blocks of up to `rows` × `width`.
    pub(crate) fn tiles(
        values: &'a mut [T],
        stride: usize,
        rows: usize,
        width: usize,
    ) -> impl Iterator<Item = Self> + use<'a, T> {
        let all = values.len() / stride;
        let start = values.as_mut_ptr();
        let corners =
            (0..all).step_by(rows).flat_map(move |row| (0..stride).step_by(width).map(move |col| (row, col)));
        corners.map(move |(row, col)| Self {
            row,
            col,
            first: start.wrapping_add(row * stride + col),
            rows: rows.min(all - row),
            width: width.min(stride - col),
            stride,
            matrix: PhantomData,
        })
    }

    /// `gates` neighbouring matrices of `units` columns each, which lie from `first` on in lines that are `stride` apart, in
    /// tiles of up to `rows` × [`PANEL`]: each with its block of every gate.
    pub(crate) fn gates(
        values: &'a mut [T],
        (first, stride): (usize, usize),
        (all, gates, units): (usize, usize, usize),
        rows: usize,
    ) -> impl Iterator<Item = Vec<Self>> + use<'a, T> {
        assert!(gates * units <= stride && (all - 1) * stride + first + gates * units <= values.len());
        let start = values.as_mut_ptr();
        let corners =
            (0..all).step_by(rows).flat_map(move |row| (0..units).step_by(PANEL).map(move |col| (row, col)));
        corners.map(move |(row, col)| {
            let block = |gate: usize| Self {
                row,
                col,
                first: start.wrapping_add(first + row * stride + gate * units + col),
                rows: rows.min(all - row),
                width: PANEL.min(units - col),
                stride,
                matrix: PhantomData,
            };
            (0..gates).map(block).collect()
        })
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// The block's part of its row number `row`.
    #[expect(unsafe_code, reason = "a stretch of the borrowed matrix")]
    pub(crate) fn line(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows);
        // SAFETY: inside the matrix, since row < rows and the block's columns lie below the stride; no one else has these
        // numbers.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.width) }
    }

    /// The block in stretches of neighbouring numbers, each with the number of its first in the matrix.
    #[expect(unsafe_code, reason = "stretches of the borrowed matrix")]
    pub(crate) fn stretches(&mut self) -> impl Iterator<Item = (usize, &mut [T])> {
        let Self { row, col, first, rows, width, stride, .. } = *self;
        let (count, len) = if width == stride { (1, rows * width) } else { (rows, width) };
        // SAFETY: lines of the block, which do not overlap, or all of them in one where they lie side by side.
        (0..count).map(move |i| unsafe {
            ((row + i) * stride + col, std::slice::from_raw_parts_mut(first.add(i * stride), len))
        })
    }
}

/// Calls `work` for every part, on all threads where `multiplications` make it pay.
pub(crate) fn for_each_part<P: Send>(
    multiplications: usize,
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) + Sync + Send,
) {
    if multiplications < PARALLEL_WORK {
        parts.into_iter().for_each(work);
    } else {
        parts.into_iter().collect::<Vec<P>>().into_par_iter().for_each(work);
    }
}

/// out[rows, cols] = a[rows, depth]·b[depth, cols] on the calling thread.
pub(crate) fn multiply<T: Real>(
    out: &mut [T],
    (rows, depth, cols): (usize, usize, usize),
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
) {
    assert!(out.len() >= rows * cols);
    let first = out.as_mut_ptr();
    let mut out = Block { row: 0, col: 0, first, rows, width: cols, stride: cols, matrix: PhantomData };
    multiply_block(&mut out, depth, a, b, false);
}

/// [`multiply`] into a block of a larger matrix, added to what is there when `accumulate`.
#[expect(unsafe_code, reason = "gemm takes pointers; the assertion and the block bound every access")]
pub(crate) fn multiply_block<T: Real>(
    out: &mut Block<'_, T>,
    depth: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    accumulate: bool,
) {
    let (rows, cols) = (out.rows, out.width);
    assert!(a.values.len() >= a.reach(rows, depth) && b.values.len() >= b.reach(depth, cols));
    // SAFETY: `reach` is the last element that sizes and strides touch, so the assertion bounds the operands; `out` holds
    // its numbers exclusively.
    unsafe {
        gemm::gemm(
            rows,
            cols,
            depth,
            out.first,
            1,
            out.stride as isize,
            accumulate,
            a.values.as_ptr(),
            a.col_step,
            a.row_step,
            b.values.as_ptr(),
            b.col_step,
            b.row_step,
            if accumulate { T::one() } else { T::zero() },
            T::one(),
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
