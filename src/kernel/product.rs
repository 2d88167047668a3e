//! What the matrix product kernels share: shader bodies, grid, and the split of a product among CPU threads.

use crate::kernel::{Choice, Grid, MAX_GROUPS, Traits, wgsl};
pub(crate) use crate::unchecked::block::{Block, matrix, multiply, multiply_block, transposed};
use rayon::prelude::*;

/// A way to compute C = A·B on a GPU.
struct Body {
    /// Rows and columns of the output per workgroup.
    tile: (usize, usize),
    /// What an invocation has several of.
    copies: Copies,
    /// Constants that the body's file needs.
    constants: &'static str,
    /// Terms of the depth per round of an invocation.
    step: usize,
    file: fn() -> String,
}

/// The bodies of product kernels, each reading number by number or, for sizes that are multiples of 4, from vec4 buffers.
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
        copies: Copies { down: 2, across: 2, loads: 2 },
        constants: "const TILE: u32 = 64u;\n",
        step: 16,
        file: || wgsl!("product/parts/product_tile.wgsl"),
    },
    Body {
        tile: (128, 128),
        copies: Copies { down: 2, across: 2, loads: 1 },
        constants: "const TILE: u32 = 128u;\n",
        step: 16,
        file: || wgsl!("product/parts/product_tile.wgsl"),
    },
    Body {
        tile: (16, 16),
        copies: Copies { down: 1, across: 1, loads: 2 },
        constants: "const BLOCKS_ACROSS: u32 = 4u;\n",
        step: 64,
        file: || wgsl!("product/parts/product_reduce.wgsl"),
    },
    Body {
        tile: (4, 64),
        copies: Copies { down: 1, across: 1, loads: 2 },
        constants: "const BLOCKS_ACROSS: u32 = 16u;\n",
        step: 64,
        file: || wgsl!("product/parts/product_reduce.wgsl"),
    },
    Body {
        tile: (64, 128),
        copies: Copies { down: 2, across: 4, loads: 1 },
        constants: "",
        step: 4,
        file: || wgsl!("product/parts/product_direct.wgsl"),
    },
    Body {
        tile: (32, 32),
        copies: Copies { down: 8, across: 1, loads: 1 },
        constants: "",
        step: 4,
        file: || wgsl!("product/parts/product_shuffle.wgsl"),
    },
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

/// Enough workgroups to occupy a GPU.
const MANY_GROUPS: usize = 128;

/// The smallest depth worth splitting.
const DEEP: usize = 64;

impl Choice for Size {
    fn sizes(&self) -> String {
        let Self { rows, depth, cols, parts } = self;
        let parts = if *parts > 1 { format!("x{parts}") } else { String::new() };
        format!("{rows}x{depth}x{cols}{parts}")
    }

    fn bodies(&self) -> String {
        let shared = [wgsl!("product/parts/product_blocks.wgsl"), wgsl!("product/parts/product_tiles.wgsl")];
        BODIES.iter().map(|body| (body.file)()).chain(shared).collect()
    }

    fn rounds(&self, variant: usize) -> usize {
        self.depth.div_ceil(BODIES[variant % BODIES.len()].step)
    }

    fn supports(&self, variant: usize, traits: Traits) -> bool {
        variant % BODIES.len() != SHUFFLE || traits.subgroup == SHUFFLE_SUBGROUP
    }

    /// The built-in table. Software adapters have no fast workgroup memory, and gathering dominates their loads; on GPUs, a small
    /// output must split its depth to occupy the device, and a large one is worth large tiles.
    fn prefer(&self, traits: Traits, by_fours: bool) -> usize {
        let Self { rows, depth, cols, parts } = *self;
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
        } else if groups(WIDE) >= MANY_GROUPS {
            WIDE
        } else {
            TILE
        };
        body + if by_fours { BODIES.len() } else { 0 }
    }

    /// On a software adapter, compiling would cost more than it could gain.
    fn candidates(&self, traits: Traits, by_fours: bool) -> Vec<usize> {
        let first = self.prefer(traits, by_fours);
        let mut all = vec![first];
        if !traits.software {
            let few_rows = self.rows <= 4 * BODIES[ROW].tile.0;
            let bodies = [TILE, WIDE, REDUCE].into_iter().chain(few_rows.then_some(ROW));
            all.extend(bodies.map(|body| body + first / BODIES.len() * BODIES.len()).filter(|&v| v != first));
        }
        all
    }
}

/// The parts of a product shader: the stem, the shared loading of blocks, and the variant's body. A stem without column sums of B
/// also needs [`plain`]; one that gathers its lines number by number has so much to do for each that a split depth takes them one
/// at a time.
pub(crate) fn shader(stem: String, variant: usize, gathers: bool) -> Vec<String> {
    let variant = variant % BODIES.len();
    let body = &BODIES[variant];
    let mut copies = body.copies;
    if gathers && matches!(variant, REDUCE | ROW) {
        copies.loads = 1;
    }
    vec![
        body.constants.to_owned(),
        stem,
        wgsl!("product/parts/product_blocks.wgsl"),
        wgsl!("product/parts/product_tiles.wgsl"),
        unroll(&(body.file)(), copies),
    ]
}

/// The stem's functions for column sums, where there are none.
pub(crate) fn plain() -> String {
    wgsl!("product/parts/product_plain.wgsl")
}

/// How many times a shader's body has what differs by a number alone.
#[derive(Clone, Copy)]
pub(crate) struct Copies {
    /// Blocks of 4 × 4 sums below each other.
    pub down: usize,
    /// Blocks side by side.
    pub across: usize,
    /// What it loads at once: blocks of an operand, or a window's taps.
    pub loads: usize,
}

/// Writes a shader's body out: a line with `#q` becomes one line per thing that is loaded at once, `#a` one per block down, `#n` one
/// per row of a block and `#b` one per block across. Sums in named variables stay in registers; a local array with a running index
/// may not.
pub(crate) fn unroll(text: &str, copies: Copies) -> String {
    let Copies { down, across, loads } = copies;
    let mut out = format!("const LOADS: u32 = {loads}u;\n");
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or("");
        let mut lines = vec![line.to_owned()];
        for (mark, count) in [("#q", loads), ("#a", down), ("#n", 4), ("#b", across)] {
            if code.contains(mark) {
                let written =
                    |line: &String| (0..count).map(|i| line.replace(mark, &i.to_string())).collect();
                lines = lines.iter().flat_map::<Vec<_>, _>(written).collect();
            }
        }
        out += &lines.join("\n");
        out += "\n";
    }
    out
}

/// The grid for a product of this size. Rows of tiles that do not fit into the second dimension continue in the third, which also
/// counts the parts.
pub(crate) fn grid(variant: usize, size: Size) -> Grid {
    let (tile_rows, tile_cols) = BODIES[variant % BODIES.len()].tile;
    let rows = size.rows.div_ceil(tile_rows) as u32;
    let folds = rows.div_ceil(MAX_GROUPS);
    [size.cols.div_ceil(tile_cols) as u32, rows.div_ceil(folds), folds * size.parts as u32]
}

/// Below this many multiplications a second thread costs more than it saves.
const PARALLEL_WORK: usize = 1 << 20;

/// Columns of a product per task: at a depth of 2,048 their share of B, 512 KiB, stays in a cache, so that further passes over it
/// cost little.
pub(crate) const PANEL: usize = 64;

/// Rows of a product per task: many, so that few tasks read the same columns of B, but not all, so that a narrow product occupies
/// several threads too.
pub(crate) const PANEL_ROWS: usize = 256;

impl<'a, T> Block<'a, T> {
    /// Splits `values`, stored in rows of `stride`, into blocks of up to [`PANEL_ROWS`] × [`PANEL`].
    pub(crate) fn split(values: &'a mut [T], stride: usize) -> impl Iterator<Item = Self> + use<'a, T> {
        Self::tiles(values, stride, PANEL_ROWS, PANEL)
    }
}

/// Calls `work` for every part, on all threads if `multiplications` is large enough to pay.
pub(crate) fn for_each_part<P: Send>(
    multiplications: usize,
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) + Sync + Send,
) {
    for_each_part_from(PARALLEL_WORK, multiplications, parts, work);
}

/// [`for_each_part`], on all threads from `least` multiplications on.
pub(crate) fn for_each_part_from<P: Send>(
    least: usize,
    multiplications: usize,
    parts: impl IntoIterator<Item = P>,
    work: impl Fn(P) + Sync + Send,
) {
    if multiplications < least {
        parts.into_iter().for_each(work);
    } else {
        parts.into_iter().collect::<Vec<P>>().into_par_iter().for_each(work);
    }
}
