//! What every tap receives of a gradient of the virtual sample's outputs.

use super::taps::Taps;
use super::zones::Zones;
use super::{Args, Binding, Family, Grid, Trust, flat_grid, read, uniforms, wgsl, write};
use crate::Real;

uniforms!(TapSharesUniforms { filters: u32 });

/// `shares[t, n]` = Σ of `d_v[k, n]` over the zones k in which tap t has a source: the gradient of
/// [`TapTotals`](super::TapTotals) by its sums, but for the factor.
#[derive(Clone, Copy, Debug)]
pub struct TapShares {
    /// Which taps have a source.
    pub taps: Taps,
    /// The filters.
    pub filters: usize,
}

impl Family for TapShares {
    const NAME: &'static str = "tap_shares";
    const TRUST: Trust<Self> = Trust::OWN;
    const BINDINGS: &'static [Binding] = &[read("d_v"), write("shares")];
    type Uniforms = TapSharesUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![Zones::of(&self.taps).count() * self.filters, self.taps.taps() * self.filters]
    }

    fn uniforms(&self) -> TapSharesUniforms {
        TapSharesUniforms { filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let zones = Zones::of(&self.taps).wgsl();
        vec![wgsl!("lib/index.wgsl"), self.taps.wgsl(), zones, wgsl!("tap_shares.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.taps.taps() * self.filters, 64)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_v, shares, n) = (args.read(0), args.write(1), self.filters);
        shares.fill(T::zero());
        let table = self.taps.table();
        for (d_v, position) in d_v.chunks_exact(n).zip(Zones::of(&self.taps).firsts()) {
            table.each(&table.row(position), |t, _| {
                shares[t * n..].iter_mut().zip(d_v).for_each(|(share, &d_v)| *share = *share + d_v);
            });
        }
    }
}
