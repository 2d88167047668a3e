//! dW = xᵀ·df, with the virtual sample's and the regulariser's share.

use super::product::{self, matrix, multiply, transposed};
use super::{Args, Binding, Family, Grid, Traits, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(DenseBackwardWeightUniforms {
    batch: u32,
    inputs: u32,
    units: u32,
    rotated: u32,
    l1: f32,
    l2: f32,
});

/// The gradient of a dense layer's kernel: dW `[K, N]` = x `[B, K]`ᵀ · df `[B, N]` + shift + scale ⊙ W
/// + l1·sign(W) + 2·l2·W, where shift and scale are the virtual sample's share of column n.
#[derive(Clone, Copy, Debug)]
pub struct DenseBackwardWeight {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// Whether the virtual sample contributes.
    pub rotated: bool,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
}

impl DenseBackwardWeight {
    /// Whether the operands can be read as vec4s.
    fn by_fours(&self) -> bool {
        [self.batch, self.inputs, self.units].iter().all(|n| n.is_multiple_of(4))
    }
}

impl Family for DenseBackwardWeight {
    const NAME: &'static str = "dense_backward_weight";
    const BINDINGS: &'static [Binding] =
        &[read("x"), read("d_f"), read("w"), read("virtual_sample"), write("d_w")];
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    type Uniforms = DenseBackwardWeightUniforms;

    fn lens(&self) -> Vec<usize> {
        let weights = self.inputs * self.units;
        vec![
            self.batch * self.inputs,
            self.batch * self.units,
            weights,
            if self.rotated { 2 * self.units } else { 1 },
            weights,
        ]
    }

    fn uniforms(&self) -> DenseBackwardWeightUniforms {
        DenseBackwardWeightUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
            rotated: self.rotated.into(),
            l1: self.l1,
            l2: self.l2,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        product::shader(
            wgsl!("dense_backward_weight.wgsl"),
            [wgsl!("lib/load/dense_backward_weight.wgsl"), wgsl!("lib/load/dense_backward_weight4.wgsl")],
            variant,
        )
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.inputs, self.units)
    }

    fn quads(&self, variant: usize) -> &'static [&'static str] {
        product::quads(variant, &["x", "d_f"])
    }

    fn supports(&self, variant: usize) -> bool {
        product::supports(variant, self.by_fours())
    }

    fn prefer(&self, traits: Traits) -> usize {
        product::prefer(traits, self.by_fours(), (self.inputs, self.batch, self.units))
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, d_f, w, virtual_sample) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let d_w = args.write(4);
        let units = self.units;
        multiply(d_w, (self.inputs, self.batch, units), transposed(x, self.inputs), matrix(d_f, units));
        if self.rotated {
            let (shift, scale) = virtual_sample.split_at(units);
            // The diagonal rule has no share that depends on the weights.
            let shifted_only = scale.iter().all(|&s| s == T::zero());
            super::rows::for_each(d_w, units, |first, d_w| {
                for (d_w, w) in d_w.chunks_exact_mut(units).zip(w[first..].chunks_exact(units)) {
                    if shifted_only {
                        d_w.iter_mut().zip(shift).for_each(|(d_w, &shift)| *d_w = *d_w + shift);
                    } else {
                        for (((d_w, &w), &shift), &scale) in d_w.iter_mut().zip(w).zip(shift).zip(scale) {
                            *d_w = *d_w + shift + scale * w;
                        }
                    }
                }
            });
        }
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        if self.l1 != 0.0 || self.l2 != 0.0 {
            for (d_w, &w) in d_w.iter_mut().zip(w) {
                // Unlike signum, the sign of 0 is 0.
                let sign = if w == T::zero() { T::zero() } else { w.signum() };
                *d_w = *d_w + l1 * sign + l2 * w;
            }
        }
    }
}
