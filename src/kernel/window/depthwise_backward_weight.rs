//! A depthwise convolution's dW, computed directly, in several partial sums where there are many rows.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::geometry::taps::Taps;
use crate::kernel::product::{Copies, unroll};
use crate::kernel::window::conv::channel_constants;
use crate::kernel::window::conv_backward_weight::{split_rows, splits};
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, ports, slices, uniforms, wgsl};
use rayon::prelude::*;

uniforms!(DepthwiseBackwardWeightUniforms { batch: u32, split_rows: u32 });

/// dW\[t, n\] = Σ over samples b and positions p of x\[b, source(p, t), n/m\]·df\[b, p, n\], in partial sums like those of
/// [`ConvBackwardWeight`](crate::kernel::ConvBackwardWeight). x is `[B, sources, C]`, df `[B, positions, C·m]`, a partial sum
/// `[taps, C·m]`.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseBackwardWeight {
    /// B.
    pub batch: usize,
    /// Which sources a position sees.
    pub taps: Taps,
    /// C.
    pub channels: usize,
    /// m, the filters per channel.
    pub multiplier: usize,
}

impl DepthwiseBackwardWeight {
    fn rows(&self) -> usize {
        self.batch * self.taps.positions()
    }

    fn filters(&self) -> usize {
        self.channels * self.multiplier
    }

    /// The taps that a workgroup sums for: a whole window if that is small.
    fn taps_at_once(&self) -> usize {
        self.taps.taps().min(9)
    }

    fn weights(&self) -> usize {
        self.taps.taps() * self.filters()
    }
}

ports! {
    /// The ports of [`DepthwiseBackwardWeight`].
    pub struct DepthwiseBackwardWeightPorts {
        /// x.
        x: Read,
        /// ∂ℓ/∂f.
        d_f: Read,
        /// Partial sums for ∂ℓ/∂W.
        partials: Write,
    }
}

impl Family for DepthwiseBackwardWeight {
    const NAME: &'static str = "depthwise_backward_weight";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "d_f", "partials"];
    type Ports = DepthwiseBackwardWeightPorts<Lens>;
    type Uniforms = DepthwiseBackwardWeightUniforms;

    fn lens(&self) -> DepthwiseBackwardWeightPorts<Lens> {
        DepthwiseBackwardWeightPorts {
            x: self.batch * self.taps.sources() * self.channels,
            d_f: self.rows() * self.filters(),
            partials: splits(self.rows(), self.weights()) * self.weights(),
        }
    }

    fn uniforms(&self) -> DepthwiseBackwardWeightUniforms {
        DepthwiseBackwardWeightUniforms {
            batch: self.batch as u32,
            split_rows: split_rows(self.rows(), self.weights()) as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            self.taps.wgsl(),
            channel_constants(self.channels, self.filters(), 1),
            format!("const MULTIPLIER: u32 = {}u;\n", self.multiplier),
            slices(4),
            unroll(
                &wgsl!("window/depthwise_backward_weight.wgsl"),
                Copies { down: 1, across: 1, loads: self.taps_at_once() },
            ),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let columns = self.filters().div_ceil(16);
        let taps = self.taps.taps().div_ceil(self.taps_at_once());
        [columns as u32, taps as u32, splits(self.rows(), self.weights()) as u32]
    }

    fn rounds(&self, _variant: usize) -> usize {
        split_rows(self.rows(), self.weights()).div_ceil(64)
    }

    fn by_fours(&self) -> bool {
        self.multiplier == 1 && self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: DepthwiseBackwardWeightPorts<Slices<'_, T>>) {
        let DepthwiseBackwardWeightPorts { x, d_f, partials } = ports;
        let (rows, split, n, m) =
            (self.rows(), split_rows(self.rows(), self.weights()), self.filters(), self.multiplier);
        let sources = self.taps.sources();
        let table = self.taps.table();
        partials.par_chunks_mut(self.weights()).enumerate().for_each(|(i, partial)| {
            vectorised(
                #[inline(always)]
                || {
                    partial.fill(T::zero());
                    let mut at = table.row(i * split);
                    for row in i * split..rows.min((i + 1) * split) {
                        let d_f = &d_f[row * n..][..n];
                        table.each(
                            &at,
                            #[inline(always)]
                            |t, source| {
                                let x = &x[(at.sample * sources + source) * self.channels..][..self.channels];
                                let d_w = &mut partial[t * n..][..n];
                                if m == 1 {
                                    d_w.iter_mut()
                                        .zip(x)
                                        .zip(d_f)
                                        .for_each(|((d_w, &x), &d_f)| *d_w = *d_w + x * d_f);
                                } else {
                                    for ((d_w, &x), d_f) in
                                        d_w.chunks_exact_mut(m).zip(x).zip(d_f.chunks_exact(m))
                                    {
                                        d_w.iter_mut().zip(d_f).for_each(|(d_w, &d_f)| *d_w = *d_w + x * d_f);
                                    }
                                }
                            },
                        );
                        table.advance(&mut at);
                    }
                },
            );
        });
    }
}
