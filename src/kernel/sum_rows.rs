//! The sum of every column of a matrix of few rows.

use super::{Args, BY_FOURS, Binding, Family, Grid, Trust, read, slices, uniforms, wgsl, write};
use crate::Real;

uniforms!(SumRowsUniforms { rows: u32, columns: u32 });

/// `totals[c]` = Σ over the rows r of `values[r, c]`.
#[derive(Clone, Copy, Debug)]
pub struct SumRows {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
}

impl Family for SumRows {
    const NAME: &'static str = "sum_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("values"), write("totals")];
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values", "totals"];
    type Uniforms = SumRowsUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.rows * self.columns, self.columns]
    }

    fn uniforms(&self) -> SumRowsUniforms {
        SumRowsUniforms { rows: self.rows as u32, columns: self.columns as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![slices(4), wgsl!("sum_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.columns.div_ceil(16) as u32, 1, 1]
    }

    fn by_fours(&self) -> bool {
        self.columns.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (values, totals) = (args.read(0), args.write(1));
        totals.fill(T::zero());
        for values in values.chunks_exact(self.columns) {
            totals.iter_mut().zip(values).for_each(|(total, &value)| *total = *total + value);
        }
    }
}
