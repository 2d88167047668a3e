//! The gradient of a table whose rows were looked up.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(LookupBlocksUniforms { positions: u32, columns: u32, block: u32 });
uniforms!(LookupBackwardUniforms { positions: u32, rows: u32, columns: u32, block: u32, l1: f32, l2: f32 });

/// The sums of blocks of neighbouring lines of dy `[P, C]` in a given order.
#[derive(Clone, Copy, Debug)]
pub struct LookupBlocks {
    /// P.
    pub positions: usize,
    /// C.
    pub columns: usize,
}

/// `d_table[r]` = Σ dy over the positions with the index r, one after another, + l1·sign(table) + 2·l2·table. No two invocations add to the
/// same number, so the same inputs give the same bits. Of many positions with the same index whole blocks are added, which
/// [`LookupBlocks`] has summed.
#[derive(Clone, Copy, Debug)]
pub struct LookupBackward {
    /// P.
    pub positions: usize,
    /// Rows of the table.
    pub rows: usize,
    /// C.
    pub columns: usize,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
}

impl LookupBlocks {
    /// Lines per block; `None` where there are so few that no blocks are needed.
    fn block(positions: usize) -> Option<usize> {
        (positions > 1024).then(|| positions.div_ceil(2048).max(64))
    }

    /// The number of blocks; `None` where no blocks are needed.
    pub fn count(positions: usize) -> Option<usize> {
        Self::block(positions).map(|block| positions.div_ceil(block))
    }

    fn size(&self) -> usize {
        Self::block(self.positions).unwrap_or(self.positions)
    }
}

/// Adds the lines of dy in this order to the sums, which are in double precision.
#[inline(always)]
fn add<T: Real>(sums: &mut [f64], d_y: &[T], order: &[T]) {
    for position in order {
        let first = position.wide() as usize * sums.len();
        sums.iter_mut().zip(&d_y[first..]).for_each(|(sum, d_y)| *sum += d_y.wide());
    }
}

ports! {
    /// The ports of [`LookupBlocks`].
    pub struct LookupBlocksPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// The positions in the order of their indices.
        order: Read,
        /// The sums.
        blocks: Write,
    }
}

impl Family for LookupBlocks {
    const NAME: &'static str = "lookup_blocks";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "blocks"];
    type Ports = LookupBlocksPorts<Lens>;
    type Uniforms = LookupBlocksUniforms;

    fn lens(&self) -> LookupBlocksPorts<Lens> {
        let blocks = self.positions.div_ceil(self.size());
        LookupBlocksPorts {
            d_y: self.positions * self.columns,
            order: self.positions,
            blocks: blocks * self.columns,
        }
    }

    fn uniforms(&self) -> LookupBlocksUniforms {
        LookupBlocksUniforms {
            positions: self.positions as u32,
            columns: self.columns as u32,
            block: self.size() as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("lookup/lookup_blocks.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.positions.div_ceil(self.size()), self.columns)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.size().min(self.positions)
    }

    fn by_fours(&self) -> bool {
        self.columns.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: LookupBlocksPorts<Slices<'_, T>>) {
        let LookupBlocksPorts { d_y, order, blocks } = ports;
        let size = self.size();
        map_blocks(
            blocks,
            self.columns,
            #[inline(always)]
            |index, block| {
                let mut sums = vec![0.0; self.columns];
                add(&mut sums, d_y, &order[index * size..self.positions.min((index + 1) * size)]);
                block.iter_mut().zip(sums).for_each(|(block, sum)| *block = T::of(sum));
            },
        );
    }
}

ports! {
    /// The ports of [`LookupBackward`].
    pub struct LookupBackwardPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// The positions in the order of their indices.
        order: Read,
        /// Where those of each row begin, and where the last ones end.
        starts: Read,
        /// Sums of blocks in this order, where there are many positions.
        blocks: Option<Read>,
        /// The table.
        table: Read,
        /// ∂ℓ/∂table.
        d_table: Write,
    }
}

impl Family for LookupBackward {
    const NAME: &'static str = "lookup_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_y", "blocks", "table", "d_table"];
    type Ports = LookupBackwardPorts<Lens>;
    type Uniforms = LookupBackwardUniforms;

    fn lens(&self) -> LookupBackwardPorts<Lens> {
        let Self { positions, rows, columns, .. } = *self;
        LookupBackwardPorts {
            d_y: positions * columns,
            order: positions,
            starts: rows + 1,
            blocks: LookupBlocks::count(positions).map(|blocks| blocks * columns),
            table: rows * columns,
            d_table: rows * columns,
        }
    }

    fn uniforms(&self) -> LookupBackwardUniforms {
        LookupBackwardUniforms {
            positions: self.positions as u32,
            rows: self.rows as u32,
            columns: self.columns as u32,
            block: LookupBlocks::block(self.positions).unwrap_or(1) as u32,
            l1: self.l1,
            l2: self.l2,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("BLOCKS", LookupBlocks::count(self.positions).is_some())]);
        vec![each_quad(), options, wgsl!("lookup/lookup_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.columns)
    }

    fn rounds(&self, _variant: usize) -> usize {
        LookupBlocks::block(self.positions)
            .map_or(self.positions, |block| 2 * block + self.positions.div_ceil(block))
    }

    fn by_fours(&self) -> bool {
        self.columns.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: LookupBackwardPorts<Slices<'_, T>>) {
        let LookupBackwardPorts { d_y, order, starts, blocks, table, d_table } = ports;
        let c = self.columns;
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        map_blocks(
            d_table,
            ROWS * c,
            #[inline(always)]
            |index, d_table| {
                let mut sums = vec![0.0; c];
                for (i, d_table) in d_table.chunks_exact_mut(c).enumerate() {
                    let row = index * ROWS + i;
                    let [mut begin, end] = [starts[row], starts[row + 1]].map(|start| start.wide() as usize);
                    sums.fill(0.0);
                    if let (Some(blocks), Some(block)) = (blocks, LookupBlocks::block(self.positions)) {
                        let (first, last) = (begin.div_ceil(block), end / block);
                        if first < last {
                            add(&mut sums, d_y, &order[begin..first * block]);
                            for line in blocks[first * c..last * c].chunks_exact(c) {
                                sums.iter_mut().zip(line).for_each(|(sum, v)| *sum += v.wide());
                            }
                            begin = last * block;
                        }
                    }
                    add(&mut sums, d_y, &order[begin..end]);
                    let table = &table[row * c..][..c];
                    for ((d, &sum), &w) in d_table.iter_mut().zip(&sums).zip(table) {
                        *d = T::of(sum) + l1 * w.sign() + l2 * w;
                    }
                }
            },
        );
    }
}

/// Rows per task of the twin.
const ROWS: usize = 64;
