//! dx = df·Wᵀ.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::product::{self, Block, PANEL, for_each_part, matrix, multiply};
use crate::kernel::{Choice, Family, Grid, Lens, Slices, Trust, ports, uniforms, wgsl};

uniforms!(DenseBackwardInputUniforms { batch: u32, inputs: u32, units: u32 });

/// The gradient of a dense layer's input: dx `[B, K]` = df `[B, N]` · W `[K, N]`ᵀ.
#[derive(Clone, Copy, Debug)]
pub struct DenseBackwardInput {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
}

impl DenseBackwardInput {
    fn size(&self) -> product::Size {
        product::Size::one(self.batch, self.units, self.inputs)
    }
}

ports! {
    /// The ports of [`DenseBackwardInput`].
    pub struct DenseBackwardInputPorts {
        /// ∂ℓ/∂f, `[B, N]`.
        d_f: Read,
        /// W, `[K, N]`.
        w: Read,
        /// ∂ℓ/∂x, `[B, K]`.
        d_x: Write,
    }
}

impl Family for DenseBackwardInput {
    const NAME: &'static str = "dense_backward_input";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["d_f", "w", "d_x"];
    type Ports = DenseBackwardInputPorts<Lens>;
    type Uniforms = DenseBackwardInputUniforms;

    fn lens(&self) -> DenseBackwardInputPorts<Lens> {
        DenseBackwardInputPorts {
            d_f: self.batch * self.units,
            w: self.inputs * self.units,
            d_x: self.batch * self.inputs,
        }
    }

    fn uniforms(&self) -> DenseBackwardInputUniforms {
        DenseBackwardInputUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let mut parts = vec![product::plain()];
        parts.extend(product::shader(wgsl!("dense/dense_backward_input.wgsl"), variant, false));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.size())
    }

    fn by_fours(&self) -> bool {
        self.inputs.is_multiple_of(4) && self.units.is_multiple_of(4)
    }

    fn choice(&self) -> Option<Box<dyn Choice>> {
        Some(Box::new(self.size()))
    }

    fn twin<T: Real>(&self, ports: DenseBackwardInputPorts<Slices<'_, T>>) {
        let DenseBackwardInputPorts { d_f, w, d_x } = ports;
        let (batch, n) = (self.batch, self.units);
        let work = batch * self.inputs * n;
        // The transposed product W·dfᵀ reads W along its rows without packing; transposing df and the result costs less.
        let mut columns = vec![T::zero(); d_f.len()];
        for_each_part(work, columns.chunks_mut(PANEL * batch).enumerate(), |(i, columns)| {
            let lines = columns.chunks_exact_mut(batch).enumerate();
            lines.for_each(|(c, line)| copy_column(d_f, i * PANEL + c, n, line));
        });
        for_each_part(work, Block::split(d_x, self.inputs), |mut d_x| {
            let (rows, width) = (d_x.rows(), d_x.width());
            let mut turned = vec![T::zero(); width * rows];
            let w = matrix(&w[d_x.col * n..], n);
            multiply(&mut turned, (width, n, rows), w, matrix(&columns[d_x.row..], batch));
            vectorised(
                #[inline(always)]
                || (0..rows).for_each(|row| copy_column(&turned, row, rows, d_x.line(row))),
            );
        });
    }
}

/// Copies a column of `from`, stored in rows of `stride`, to `to`.
#[inline(always)]
fn copy_column<T: Real>(from: &[T], column: usize, stride: usize, to: &mut [T]) {
    to.iter_mut().zip(from[column..].iter().step_by(stride)).for_each(|(to, &from)| *to = from);
}
