//! Which steps of padded sequences count, and zeros for the others.

use super::{
    Args, BY_FOURS, Binding, Family, Grid, Trust, UNUSED, constants, each_quad, flat_grid, quad_grid, read,
    uniforms, wgsl, write,
};
use crate::Real;

uniforms!(StepMaskUniforms { rows: u32, features: u32, value: f32 });
uniforms!(MaskRowsUniforms { rows: u32, features: u32 });

/// mask\[r\] = 0 where every number of row r of x `[rows, F]` is `value`, else 1.
#[derive(Clone, Copy, Debug)]
pub struct StepMask {
    /// Steps of all samples.
    pub rows: usize,
    /// F.
    pub features: usize,
    /// What padded steps are filled with.
    pub value: f32,
}

/// y = x with zeros in the rows whose mask is 0. x and y are `[rows, F]`. What was divided by the number of all
/// rows may be divided by that of those that count instead, `total[0]`.
#[derive(Clone, Copy, Debug)]
pub struct MaskRows {
    /// Steps of all samples.
    pub rows: usize,
    /// F.
    pub features: usize,
    /// Whether x is a share of a mean over all rows, and y one of a mean over those that count.
    pub mean: bool,
}

impl StepMask {
    /// Whether a workgroup looks at every row, rather than an invocation.
    fn wide(&self) -> bool {
        self.features > 256
    }
}

impl Family for StepMask {
    const NAME: &'static str = "step_mask";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("x"), write("mask")];
    type Uniforms = StepMaskUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.rows * self.features, self.rows]
    }

    fn uniforms(&self) -> StepMaskUniforms {
        StepMaskUniforms { rows: self.rows as u32, features: self.features as u32, value: self.value }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let wide = constants(&[("WIDE", self.wide())]);
        vec![wgsl!("lib/index.wgsl"), wgsl!("lib/reduce.wgsl"), wide, wgsl!("step_mask.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows, if self.wide() { 1 } else { 64 })
    }

    fn rounds(&self, _variant: usize) -> usize {
        if self.wide() { self.features.div_ceil(64) } else { self.features }
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let value = T::of(self.value.into());
        let rows = args.read(0).chunks_exact(self.features);
        for (mask, row) in args.write(1).iter_mut().zip(rows) {
            *mask = if row.iter().all(|&x| x == value) { T::zero() } else { T::one() };
        }
    }
}

impl Family for MaskRows {
    const NAME: &'static str = "mask_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    const BINDINGS: &'static [Binding] = &[read("x"), read("mask"), read("total"), write("y")];
    type Uniforms = MaskRowsUniforms;

    fn lens(&self) -> Vec<usize> {
        let count = self.rows * self.features;
        vec![count, self.rows, if self.mean { 1 } else { UNUSED }, count]
    }

    fn uniforms(&self) -> MaskRowsUniforms {
        MaskRowsUniforms { rows: self.rows as u32, features: self.features as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), constants(&[("MEAN", self.mean)]), wgsl!("mask_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.features)
    }

    fn by_fours(&self) -> bool {
        self.features.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let rows = args.read(0).chunks_exact(self.features).zip(args.read(1));
        let factor = if self.mean { T::of(self.rows as f64) / args.read(2)[0] } else { T::one() };
        for (y, (x, &mask)) in args.write(3).chunks_exact_mut(self.features).zip(rows) {
            if mask == T::zero() {
                y.fill(T::zero());
            } else {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = factor * x);
            }
        }
    }
}
