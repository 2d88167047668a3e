//! Copies columns of one matrix to columns of another.

use crate::Real;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(CopyRowsUniforms {
    rows: u32,
    width: u32,
    first: u32,
    stride: u32,
    out_first: u32,
    out_stride: u32
});

/// The layout of rows: the place of the first number, and the stride.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    /// The place of the first number.
    pub first: usize,
    /// From one row to the next.
    pub stride: usize,
}

/// `out[r, c] = values[r, c]` for `width` numbers per row, or with every row reversed.
#[derive(Clone, Copy, Debug)]
pub struct CopyRows {
    /// The number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub width: usize,
    /// Where they lie.
    pub from: Strided,
    /// Where they go; rows must not overlap.
    pub to: Strided,
    /// Whether a row's last number comes first.
    pub reversed: bool,
}

impl CopyRows {
    fn len(&self, rows: Strided) -> usize {
        rows.first + (self.rows - 1) * rows.stride + self.width
    }
}

ports! {
    /// The ports of [`CopyRows`].
    pub struct CopyRowsPorts {
        /// The rows.
        values: Read,
        /// Where they go.
        out: Update,
    }
}

impl Family for CopyRows {
    const NAME: &'static str = "copy_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values", "out"];
    type Ports = CopyRowsPorts<Lens>;
    type Uniforms = CopyRowsUniforms;

    fn lens(&self) -> CopyRowsPorts<Lens> {
        CopyRowsPorts { values: self.len(self.from), out: self.len(self.to) }
    }

    fn uniforms(&self) -> CopyRowsUniforms {
        CopyRowsUniforms {
            rows: self.rows as u32,
            width: self.width as u32,
            first: self.from.first as u32,
            stride: self.from.stride as u32,
            out_first: self.to.first as u32,
            out_stride: self.to.stride as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), constants(&[("REVERSED", self.reversed)]), wgsl!("tensor/copy_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.width)
    }

    fn by_fours(&self) -> bool {
        let places = [self.from.first, self.from.stride, self.to.first, self.to.stride];
        !self.reversed && places.iter().chain([&self.width]).all(|n| n.is_multiple_of(4))
    }

    fn twin<T: Real>(&self, ports: CopyRowsPorts<Slices<'_, T>>) {
        let CopyRowsPorts { values, out } = ports;
        for row in 0..self.rows {
            let from = &values[self.from.first + row * self.from.stride..][..self.width];
            let out = &mut out[self.to.first + row * self.to.stride..][..self.width];
            out.copy_from_slice(from);
            if self.reversed {
                out.reverse();
            }
        }
    }
}
