//! dW = xᵀ·df, with the virtual sample's and the regulariser's share.

use super::product::{self, PANEL, for_each_part, matrix, multiply, transposed};
use super::rows::vectorised;
use super::{Args, Binding, Family, Grid, Trust, UNUSED, constants, read, uniforms, wgsl, write};
use crate::{Real, Rule};

uniforms!(DenseBackwardWeightUniforms { batch: u32, inputs: u32, units: u32, l1: f32, l2: f32 });

/// The gradient of a dense layer's kernel: dW `[K, N]` = x `[B, K]`ᵀ · df `[B, N]` + the virtual sample's share
/// + l1·sign(W) + 2·l2·W. The share is shift\[n\] by the diagonal rule and scale\[n\]·W by the aligned one.
#[derive(Clone, Copy, Debug)]
pub struct DenseBackwardWeight {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// The rule by which the virtual sample contributes, or `None` for a classic layer.
    pub rule: Option<Rule>,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
}

impl DenseBackwardWeight {
    fn size(&self) -> product::Size {
        product::Size::one(self.inputs, self.batch, self.units)
    }
}

impl Family for DenseBackwardWeight {
    const NAME: &'static str = "dense_backward_weight";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] =
        &[read("x"), read("d_f"), read("w"), read("virtual_sample"), write("d_w")];
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "d_f", "w", "virtual_sample", "d_w"];
    type Uniforms = DenseBackwardWeightUniforms;

    fn lens(&self) -> Vec<usize> {
        let weights = self.inputs * self.units;
        vec![
            self.batch * self.inputs,
            self.batch * self.units,
            weights,
            if self.rule.is_some() { self.units } else { UNUSED },
            weights,
        ]
    }

    fn uniforms(&self) -> DenseBackwardWeightUniforms {
        DenseBackwardWeightUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
            l1: self.l1,
            l2: self.l2,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let options = constants(&[
            ("DIAGONAL", self.rule == Some(Rule::Diagonal)),
            ("ALIGNED", self.rule == Some(Rule::Aligned)),
            ("REGULARISED", self.l1 != 0.0 || self.l2 != 0.0),
        ]);
        let mut parts = vec![options, product::plain()];
        parts.extend(product::shader(wgsl!("dense_backward_weight.wgsl"), variant));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.size())
    }

    fn by_fours(&self) -> bool {
        [self.batch, self.inputs, self.units].iter().all(|n| n.is_multiple_of(4))
    }

    fn product(&self) -> Option<product::Size> {
        Some(self.size())
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (x, d_f, w, virtual_sample) = (args.read(0), args.read(1), args.read(2), args.read(3));
        let d_w = args.write(4);
        let units = self.units;
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        let panels = d_w.chunks_mut(PANEL * units).enumerate();
        for_each_part(self.inputs * self.batch * units, panels, |(index, d_w)| {
            let (first, rows) = (index * PANEL, d_w.len() / units);
            let w = &w[first * units..][..d_w.len()];
            let x = transposed(&x[first..], self.inputs);
            multiply(d_w, (rows, self.batch, units), x, matrix(d_f, units));
            // The shares are added while the product is still in a cache.
            vectorised(
                #[inline(always)]
                || {
                    for (d_w, w) in d_w.chunks_exact_mut(units).zip(w.chunks_exact(units)) {
                        match self.rule {
                            None => {}
                            Some(Rule::Diagonal) => {
                                d_w.iter_mut()
                                    .zip(virtual_sample)
                                    .for_each(|(d_w, &shift)| *d_w = *d_w + shift);
                            }
                            Some(Rule::Aligned) => {
                                let shares = w.iter().zip(virtual_sample).map(|(&w, &scale)| w * scale);
                                d_w.iter_mut().zip(shares).for_each(|(d_w, share)| *d_w = *d_w + share);
                            }
                        }
                        if self.l1 != 0.0 || self.l2 != 0.0 {
                            // Unlike signum, the sign of 0 is 0.
                            let sign = |w: T| if w == T::zero() { T::zero() } else { w.signum() };
                            d_w.iter_mut().zip(w).for_each(|(d_w, &w)| *d_w = *d_w + l1 * sign(w) + l2 * w);
                        }
                    }
                },
            );
        });
    }
}
