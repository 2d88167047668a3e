//! Rows of a table by their indices.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(LookupForwardUniforms { positions: u32, rows: u32, columns: u32, missing: f32 });

/// `y[p]` = `table[x[p]]`, for indices x `[P]` that are stored as numbers: y is `[P, C]`. Where an index is negative, not whole or not below
/// the number of rows, y is not a number (NaN), which the checks behind it find.
#[derive(Clone, Copy, Debug)]
pub struct LookupForward {
    /// P.
    pub positions: usize,
    /// Rows of the table.
    pub rows: usize,
    /// C.
    pub columns: usize,
}

/// The row that an index stands for; `rows` where it stands for none.
#[inline(always)]
pub(super) fn key<T: Real>(index: T, rows: usize) -> usize {
    let whole = index.wide();
    if whole >= 0.0 && whole < rows as f64 && whole.fract() == 0.0 { whole as usize } else { rows }
}

ports! {
    /// The ports of [`LookupForward`].
    pub struct LookupForwardPorts {
        /// The indices.
        x: Read,
        /// The table.
        table: Read,
        /// Their rows.
        y: Write,
    }
}

impl Family for LookupForward {
    const NAME: &'static str = "lookup_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["table", "y"];
    type Ports = LookupForwardPorts<Lens>;
    type Uniforms = LookupForwardUniforms;

    fn lens(&self) -> LookupForwardPorts<Lens> {
        let Self { positions, rows, columns } = *self;
        LookupForwardPorts { x: positions, table: rows * columns, y: positions * columns }
    }

    fn uniforms(&self) -> LookupForwardUniforms {
        LookupForwardUniforms {
            positions: self.positions as u32,
            rows: self.rows as u32,
            columns: self.columns as u32,
            missing: f32::NAN,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), wgsl!("lookup/parts/key.wgsl"), wgsl!("lookup/lookup_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.positions, self.columns)
    }

    fn by_fours(&self) -> bool {
        self.columns.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: LookupForwardPorts<Slices<'_, T>>) {
        let LookupForwardPorts { x, table, y } = ports;
        let c = self.columns;
        map_blocks(
            y,
            POSITIONS * c,
            #[inline(always)]
            |index, y| {
                for (y, &x) in y.chunks_exact_mut(c).zip(&x[index * POSITIONS..]) {
                    match key(x, self.rows) {
                        row if row < self.rows => y.copy_from_slice(&table[row * c..][..c]),
                        _ => y.fill(T::of(f64::NAN)),
                    }
                }
            },
        );
    }
}

/// Positions per task of the twin.
const POSITIONS: usize = 64;
