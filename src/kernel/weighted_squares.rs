//! Sums of squared weights: what the aligned rule needs to know of two kernels in a row.

use super::rows::total;
use super::{Args, Binding, Family, Grid, Trust, constants, flat_grid, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(WeightedSquaresUniforms { channels: u32, filters: u32 });

/// `sums[n]` = Σ over the channels c of `factors[c]·w[c, n]²`. w is `[channels, filters]`, or turned `[filters, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct WeightedSquares {
    /// What is summed over.
    pub channels: usize,
    /// The sums.
    pub filters: usize,
    /// Whether the filters come before the channels in w.
    pub turned: bool,
}

impl Family for WeightedSquares {
    const NAME: &'static str = "weighted_squares";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("w"), read("factors"), write("sums")];
    type Uniforms = WeightedSquaresUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.channels * self.filters, self.channels, self.filters]
    }

    fn uniforms(&self) -> WeightedSquaresUniforms {
        WeightedSquaresUniforms { channels: self.channels as u32, filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("TURNED", self.turned)]);
        vec![wgsl!("lib/index.wgsl"), wgsl!("lib/reduce.wgsl"), options, wgsl!("weighted_squares.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.filters, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.channels.div_ceil(64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (w, factors, sums) = (args.read(0), args.read(1), args.write(2));
        if self.turned {
            for (sum, w) in sums.iter_mut().zip(w.chunks_exact(self.channels)) {
                *sum = total(w.iter().zip(factors).map(|(&w, &factor)| factor * w * w));
            }
        } else {
            let mut all = vec![0.0; self.filters];
            for (w, &factor) in w.chunks_exact(self.filters).zip(factors) {
                all.iter_mut().zip(w).for_each(|(sum, &w)| *sum += (factor * w * w).wide());
            }
            sums.iter_mut().zip(all).for_each(|(sum, all)| *sum = T::of(all));
        }
    }
}
