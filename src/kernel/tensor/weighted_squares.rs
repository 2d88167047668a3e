//! Weighted sums of squared weights: what the aligned rule needs for two linear maps in a row.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::{Family, Grid, Lens, Slices, Trust, constants, flat_grid, ports, uniforms, wgsl};

uniforms!(WeightedSquaresUniforms { channels: u32, filters: u32 });

/// `sums[n]` = Σ over the channels c of `factors[c]·w[c, n]²`. w is `[channels, filters]`, or turned `[filters, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct WeightedSquares {
    /// What is summed over.
    pub channels: usize,
    /// The number of sums.
    pub filters: usize,
    /// Whether the filters come before the channels in w.
    pub turned: bool,
}

ports! {
    /// The ports of [`WeightedSquares`].
    pub struct WeightedSquaresPorts {
        /// W.
        w: Read,
        /// The factor of each channel.
        factors: Read,
        /// The sum of each filter.
        sums: Write,
    }
}

impl Family for WeightedSquares {
    const NAME: &'static str = "weighted_squares";
    const TRUST: Trust<Self> = Trust::OWN;
    type Ports = WeightedSquaresPorts<Lens>;
    type Uniforms = WeightedSquaresUniforms;

    fn lens(&self) -> WeightedSquaresPorts<Lens> {
        WeightedSquaresPorts { w: self.channels * self.filters, factors: self.channels, sums: self.filters }
    }

    fn uniforms(&self) -> WeightedSquaresUniforms {
        WeightedSquaresUniforms { channels: self.channels as u32, filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("TURNED", self.turned)]);
        vec![
            wgsl!("base/parts/index.wgsl"),
            wgsl!("base/parts/reduce.wgsl"),
            options,
            wgsl!("tensor/weighted_squares.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.filters, 1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        self.channels.div_ceil(64)
    }

    fn twin<T: Real>(&self, ports: WeightedSquaresPorts<Slices<'_, T>>) {
        let WeightedSquaresPorts { w, factors, sums } = ports;
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
