//! Sums of a kernel's weights over its channels: all that the virtual sample needs to know of them.

use super::{Args, Binding, Family, Grid, Trust, UNUSED, constants, flat_grid, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(TapSumsUniforms { taps: u32, channels: u32, filters: u32 });

/// `sums[t, n]` = Σ over the channels c of n of w\[t, c, n\], of their squares, or of either times `factors[c]`. w is
/// `[taps, channels, filters]`, or turned `[taps, filters, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct TapSums {
    /// The window's taps.
    pub taps: usize,
    /// Channels that a filter sees.
    pub channels: usize,
    /// The filters.
    pub filters: usize,
    /// Whether the filters come before the channels in w.
    pub turned: bool,
    /// Whether the weights are squared.
    pub squared: bool,
    /// Whether every channel has a factor.
    pub weighted: bool,
}

impl Family for TapSums {
    const NAME: &'static str = "tap_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("w"), read("factors"), write("sums")];
    type Uniforms = TapSumsUniforms;

    fn lens(&self) -> Vec<usize> {
        let sums = self.taps * self.filters;
        vec![sums * self.channels, if self.weighted { self.channels } else { UNUSED }, sums]
    }

    fn uniforms(&self) -> TapSumsUniforms {
        TapSumsUniforms {
            taps: self.taps as u32,
            channels: self.channels as u32,
            filters: self.filters as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("TURNED", self.turned), ("SQUARED", self.squared), ("WEIGHTED", self.weighted)];
        vec![wgsl!("lib/index.wgsl"), constants(&options), wgsl!("tap_sums.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.taps * self.filters, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (w, factors) = (args.read(0), args.read(1));
        let one = T::one();
        let factor = |c: usize| if self.weighted { factors[c] } else { one };
        let term = |w: T| if self.squared { w * w } else { w };
        let sums = args.write(2).chunks_exact_mut(self.filters);
        for (sums, w) in sums.zip(w.chunks_exact(self.channels * self.filters)) {
            if self.turned {
                for (sum, w) in sums.iter_mut().zip(w.chunks_exact(self.channels)) {
                    *sum = w.iter().enumerate().map(|(c, &w)| factor(c) * term(w)).sum();
                }
            } else {
                sums.fill(T::zero());
                for (c, w) in w.chunks_exact(self.filters).enumerate() {
                    sums.iter_mut().zip(w).for_each(|(sum, &w)| *sum = *sum + factor(c) * term(w));
                }
            }
        }
    }
}
