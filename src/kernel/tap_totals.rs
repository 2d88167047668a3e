//! The linear map of a constant sample, and its gradient, by way of sums over the channels.

use super::taps::Taps;
use super::zones::Zones;
use super::{Args, Binding, Family, Grid, Trust, flat_grid, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(TapTotalsUniforms { filters: u32, factor: f32 });

/// `totals[k, n]` = factor·Σ of `sums[t, n]` over the taps that have a source in zone k: what a convolution makes of a sample
/// that is everywhere `factor`, its borders padded with zeros.
#[derive(Clone, Copy, Debug)]
pub struct TapTotals {
    /// Which taps have a source.
    pub taps: Taps,
    /// The filters.
    pub filters: usize,
    /// The number that fills the sample.
    pub factor: f32,
}

impl Family for TapTotals {
    const NAME: &'static str = "tap_totals";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("sums"), write("totals")];
    type Uniforms = TapTotalsUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.taps.taps() * self.filters, Zones::of(&self.taps).count() * self.filters]
    }

    fn uniforms(&self) -> TapTotalsUniforms {
        TapTotalsUniforms { filters: self.filters as u32, factor: self.factor }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let zones = Zones::of(&self.taps).wgsl();
        vec![wgsl!("lib/index.wgsl"), self.taps.wgsl(), zones, wgsl!("tap_totals.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(Zones::of(&self.taps).count() * self.filters, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let sums = args.read(0);
        let (factor, n) = (T::of(self.factor.into()), self.filters);
        let table = self.taps.table();
        for (totals, position) in args.write(1).chunks_exact_mut(n).zip(Zones::of(&self.taps).firsts()) {
            totals.fill(T::zero());
            table.each(&table.row(position), |t, _| {
                totals.iter_mut().zip(&sums[t * n..]).for_each(|(total, &sum)| *total = *total + sum);
            });
            totals.iter_mut().for_each(|total| *total = factor * *total);
        }
    }
}
