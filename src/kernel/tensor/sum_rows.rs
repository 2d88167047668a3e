//! Column sums of matrices, in blocks of rows.

use crate::Real;
use crate::kernel::base::rows::{column_sums, map_each};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, MAX_GROUPS, Slices, Trust, constants, ports, slices, uniforms, wgsl,
};

uniforms!(SumRowsUniforms { parts: u32, rows: u32, columns: u32, block: u32 });

/// `totals[m, k, c]` = Σ over the rows r of the k-th block of `values[m, r, c]`, or of its square.
///
/// [`Recorder::sum_rows`](crate::plan::Recorder::sum_rows) records as many of these in a row as a sum needs.
#[derive(Clone, Copy, Debug)]
pub struct SumRows {
    /// The number of matrices.
    pub parts: usize,
    /// The number of rows per matrix.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
    /// Whether the values are squared.
    pub squared: bool,
}

impl SumRows {
    /// Rows per block: 1,024, or more where there would be more blocks than workgroups fit into a grid's dimension.
    fn block(rows: usize) -> usize {
        rows.div_ceil(MAX_GROUPS as usize).max(1024)
    }

    /// The number of blocks of `rows` rows.
    pub fn blocks(rows: usize) -> usize {
        rows.div_ceil(Self::block(rows))
    }
}

ports! {
    /// The ports of [`SumRows`].
    pub struct SumRowsPorts {
        /// The values.
        values: Read,
        /// Their sums.
        totals: Write,
    }
}

impl Family for SumRows {
    const NAME: &'static str = "sum_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values", "totals"];
    type Ports = SumRowsPorts<Lens>;
    type Uniforms = SumRowsUniforms;

    fn lens(&self) -> SumRowsPorts<Lens> {
        let blocks = Self::blocks(self.rows);
        SumRowsPorts {
            values: self.parts * self.rows * self.columns,
            totals: self.parts * blocks * self.columns,
        }
    }

    fn uniforms(&self) -> SumRowsUniforms {
        SumRowsUniforms {
            parts: self.parts as u32,
            rows: self.rows as u32,
            columns: self.columns as u32,
            block: Self::block(self.rows) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![constants(&[("SQUARED", self.squared)]), slices(4), wgsl!("tensor/sum_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let across = self.columns.div_ceil(16) as u32;
        let folds = across.div_ceil(MAX_GROUPS);
        [across.div_ceil(folds), Self::blocks(self.rows) as u32, self.parts as u32 * folds]
    }

    fn rounds(&self, _variant: usize) -> usize {
        Self::block(self.rows).min(self.rows).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        self.columns.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: SumRowsPorts<Slices<'_, T>>) {
        let SumRowsPorts { values, totals } = ports;
        let columns = self.columns;
        let values = &values[..self.parts * self.rows * columns];
        let blocks =
            values.chunks(self.rows * columns).flat_map(|of| of.chunks(Self::block(self.rows) * columns));
        let sums = map_each(
            blocks.collect(),
            values.len(),
            #[inline(always)]
            |block: &[T]| column_sums(block, columns, |v| if self.squared { v * v } else { v }),
        );
        for (totals, sums) in totals.chunks_exact_mut(columns).zip(sums) {
            totals.copy_from_slice(&sums);
        }
    }
}
