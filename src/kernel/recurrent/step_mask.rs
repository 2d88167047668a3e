//! The mask of padded sequences, and zeros in the steps that it hides.

use crate::Real;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, flat_grid, ports, quad_grid, uniforms,
    wgsl,
};

uniforms!(StepMaskUniforms { rows: u32, features: u32, value: f32 });
uniforms!(MaskRowsUniforms { rows: u32, features: u32 });

/// mask\[r\] = 0 where every number of row r of x `[rows, F]` is `value`, else 1.
#[derive(Clone, Copy, Debug)]
pub struct StepMask {
    /// Time steps of all samples.
    pub rows: usize,
    /// F.
    pub features: usize,
    /// What padded steps are filled with.
    pub value: f32,
}

/// y = x with zeros in the rows whose mask is 0. x and y are `[rows, F]`. With `mean`, x is rescaled from a mean over all rows to
/// one over the `total[0]` rows that count.
#[derive(Clone, Copy, Debug)]
pub struct MaskRows {
    /// Time steps of all samples.
    pub rows: usize,
    /// F.
    pub features: usize,
    /// Whether to rescale from a mean over all rows to one over those that count.
    pub mean: bool,
}

impl StepMask {
    /// Whether a whole workgroup, not one invocation, handles a row.
    fn wide(&self) -> bool {
        self.features > 256
    }
}

ports! {
    /// The ports of [`StepMask`].
    pub struct StepMaskPorts {
        /// The inputs of each step.
        x: Read,
        /// 1 for a step that counts, else 0.
        mask: Write,
    }
}

impl Family for StepMask {
    const NAME: &'static str = "step_mask";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = StepMaskPorts<Lens>;
    type Uniforms = StepMaskUniforms;

    fn lens(&self) -> StepMaskPorts<Lens> {
        StepMaskPorts { x: self.rows * self.features, mask: self.rows }
    }

    fn uniforms(&self) -> StepMaskUniforms {
        StepMaskUniforms { rows: self.rows as u32, features: self.features as u32, value: self.value }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let wide = constants(&[("WIDE", self.wide())]);
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            wide,
            wgsl!("recurrent/step_mask.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.rows, if self.wide() { 1 } else { 64 })
    }

    fn rounds(&self, _variant: usize) -> usize {
        if self.wide() { self.features.div_ceil(64) } else { self.features }
    }

    fn twin<T: Real>(&self, ports: StepMaskPorts<Slices<'_, T>>) {
        let StepMaskPorts { x, mask } = ports;
        let value = T::of(self.value.into());
        let rows = x.chunks_exact(self.features);
        for (mask, row) in mask.iter_mut().zip(rows) {
            *mask = if row.iter().all(|&x| x == value) { T::zero() } else { T::one() };
        }
    }
}

ports! {
    /// The ports of [`MaskRows`].
    pub struct MaskRowsPorts {
        /// The rows.
        x: Read,
        /// 1 for a step that counts, else 0.
        mask: Read,
        /// The sum of the mask, with `mean`.
        total: Option<Read>,
        /// The rows, 0 where they do not count.
        y: Write,
    }
}

impl Family for MaskRows {
    const NAME: &'static str = "mask_rows";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = MaskRowsPorts<Lens>;
    type Uniforms = MaskRowsUniforms;

    fn lens(&self) -> MaskRowsPorts<Lens> {
        let count = self.rows * self.features;
        MaskRowsPorts { x: count, mask: self.rows, total: (self.mean).then_some(1), y: count }
    }

    fn uniforms(&self) -> MaskRowsUniforms {
        MaskRowsUniforms { rows: self.rows as u32, features: self.features as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), constants(&[("MEAN", self.mean)]), wgsl!("recurrent/mask_rows.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.rows, self.features)
    }

    fn by_fours(&self) -> bool {
        self.features.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: MaskRowsPorts<Slices<'_, T>>) {
        let MaskRowsPorts { x, mask, total, y } = ports;
        let total = total.unwrap_or_default();
        let rows = x.chunks_exact(self.features).zip(mask);
        let factor = if self.mean { T::of(self.rows as f64) / total[0] } else { T::one() };
        for (y, (x, &mask)) in y.chunks_exact_mut(self.features).zip(rows) {
            if mask == T::zero() {
                y.fill(T::zero());
            } else {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = factor * x);
            }
        }
    }
}
