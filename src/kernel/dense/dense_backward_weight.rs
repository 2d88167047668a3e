//! dW = xᵀ·df, plus the virtual sample's and the regulariser's shares, and db.

use super::frame_wgsl;
use crate::kernel::base::rows::{column_sums, vectorised};
use crate::kernel::product::{
    self, Block, PANEL, PANEL_ROWS, for_each_part, matrix, multiply_block, transposed,
};
use crate::kernel::{Choice, Family, Grid, Lens, Share, Slices, Trust, constants, ports, uniforms, wgsl};
use crate::{Frame, Real};

uniforms!(DenseBackwardWeightUniforms {
    batch: u32,
    inputs: u32,
    units: u32,
    l1: f32,
    l2: f32,
    shift: f32,
    factor: f32,
});

/// The gradient of a dense layer's weights: dW `[K, N]` = ((x `[B, K]` − c)/d)ᵀ · df `[B, N]` + the virtual sample's share +
/// l1·sign(W) + 2·l2·W; with `bias`, db `[N]` = Σ_B df as well.
#[derive(Clone, Copy, Debug)]
pub struct DenseBackwardWeight {
    /// B.
    pub batch: usize,
    /// K.
    pub inputs: usize,
    /// N.
    pub units: usize,
    /// c and d, as in [`DenseForward`](crate::extend::kernel::DenseForward).
    pub frame: Frame,
    /// The virtual sample's share, from numbers that include its factor: [`Share::Shift`], [`Share::Scale`] or none.
    pub share: Share,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
    /// Whether to write db, for a layer without a kernel for df that does.
    pub bias: bool,
}

/// Longer sums are fastest in narrow tiles, whose columns of df are read once; shorter ones in whole rows of dW.
const LONG: usize = 512;

impl DenseBackwardWeight {
    fn size(&self) -> product::Size {
        product::Size::one(self.inputs, self.batch, self.units)
    }
}

ports! {
    /// The ports of [`DenseBackwardWeight`].
    pub struct DenseBackwardWeightPorts {
        /// Inputs, `[B, K]`.
        x: Read,
        /// ∂ℓ/∂f, `[B, N]`.
        d_f: Read,
        /// W, `[K, N]`.
        w: Read,
        /// The virtual sample's share, `[N]`, of a rotated layer.
        virtual_sample: Option<Read>,
        /// ∂ℓ/∂W, `[K, N]`.
        d_w: Write,
        /// ∂ℓ/∂b, `[N]`.
        d_b: Option<Write>,
    }
}

impl Family for DenseBackwardWeight {
    const NAME: &'static str = "dense_backward_weight";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "d_f", "w", "virtual_sample", "d_w", "d_b"];
    type Ports = DenseBackwardWeightPorts<Lens>;
    type Uniforms = DenseBackwardWeightUniforms;

    fn lens(&self) -> DenseBackwardWeightPorts<Lens> {
        let weights = self.inputs * self.units;
        DenseBackwardWeightPorts {
            x: self.batch * self.inputs,
            d_f: self.batch * self.units,
            w: weights,
            virtual_sample: self.share.numbers([1, self.inputs, self.units]),
            d_w: weights,
            d_b: self.bias.then_some(self.units),
        }
    }

    fn uniforms(&self) -> DenseBackwardWeightUniforms {
        DenseBackwardWeightUniforms {
            batch: self.batch as u32,
            inputs: self.inputs as u32,
            units: self.units as u32,
            l1: self.l1,
            l2: self.l2,
            shift: self.frame.shift(),
            factor: self.frame.factor(),
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let options = constants(&[("REGULARISED", self.l1 != 0.0 || self.l2 != 0.0)]);
        let columns = if self.bias { wgsl!("dense/parts/bias_sums.wgsl") } else { product::plain() };
        let mut parts = vec![options, self.share.wgsl(), columns, frame_wgsl(self.frame)];
        parts.extend(product::shader(wgsl!("dense/dense_backward_weight.wgsl"), variant, false));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.size())
    }

    fn by_fours(&self) -> bool {
        [self.batch, self.inputs, self.units].iter().all(|n| n.is_multiple_of(4))
    }

    fn choice(&self) -> Option<Box<dyn Choice>> {
        Some(Box::new(self.size()))
    }

    fn twin<T: Real>(&self, ports: DenseBackwardWeightPorts<Slices<'_, T>>) {
        let DenseBackwardWeightPorts { x, d_f, w, virtual_sample, d_w, d_b } = ports;
        if let Some(d_b) = d_b {
            d_b.copy_from_slice(&column_sums(
                d_f,
                self.units,
                #[inline(always)]
                |d_f| d_f,
            ));
        }
        let virtual_sample = virtual_sample.unwrap_or_default();
        let units = self.units;
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        let (centre, factor) = (T::of(self.frame.centre.into()), T::of(self.frame.factor().into()));
        // What belongs to every row of dW: −c·Σdf/d, and the diagonal rule's share.
        let mut added = if self.frame.centre == 0.0 {
            vec![T::zero(); units]
        } else {
            column_sums(
                d_f,
                units,
                #[inline(always)]
                |d_f| -(centre * factor * d_f),
            )
        };
        if self.share == Share::Shift {
            added.iter_mut().zip(virtual_sample).for_each(|(added, &v)| *added = *added + v);
        }
        let (rows, columns) = if self.batch > LONG { (PANEL_ROWS, PANEL) } else { (PANEL, units) };
        let tiles = Block::tiles(d_w, units, rows, columns);
        for_each_part(self.inputs * self.batch * units, tiles, |mut d_w| {
            let (first, columns) = (d_w.row, d_w.col..d_w.col + d_w.width());
            let x = transposed(&x[first..], self.inputs);
            multiply_block(&mut d_w, self.batch, x, matrix(&d_f[columns.start..], units), false);
            let added = &added[columns.clone()];
            // The shares are added while the product is still in a cache.
            vectorised(
                #[inline(always)]
                || {
                    for row in 0..d_w.rows() {
                        let (d_w, w) = (d_w.line(row), &w[(first + row) * units..][columns.clone()]);
                        match self.share {
                            Share::Scale => {
                                let terms = added.iter().zip(&virtual_sample[columns.clone()]).zip(w);
                                d_w.iter_mut().zip(terms).for_each(|(d_w, ((&added, &v), &w))| {
                                    *d_w = *d_w * factor + added + v * w
                                });
                            }
                            Share::None if self.frame == Frame::default() => {}
                            _ => {
                                d_w.iter_mut()
                                    .zip(added)
                                    .for_each(|(d_w, &added)| *d_w = *d_w * factor + added);
                            }
                        }
                        if self.l1 != 0.0 || self.l2 != 0.0 {
                            d_w.iter_mut().zip(w).for_each(|(d_w, &w)| *d_w = *d_w + l1 * w.sign() + l2 * w);
                        }
                    }
                },
            );
        });
    }
}
