//! What every tap receives of a gradient of the virtual sample's outputs.

use super::taps::{Row, Taps};
use super::{Args, BY_FOURS, Binding, Family, Grid, Trust, read, slices, uniforms, wgsl, write};
use crate::Real;

uniforms!(TapSharesUniforms { filters: u32 });

/// `shares[t, n]` = Σ of `d_v[p, n]` over the positions p at which tap t has a source: the gradient of
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
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_v", "shares"];
    type Uniforms = TapSharesUniforms;

    fn lens(&self) -> Vec<usize> {
        vec![self.taps.positions() * self.filters, self.taps.taps() * self.filters]
    }

    fn uniforms(&self) -> TapSharesUniforms {
        TapSharesUniforms { filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![self.taps.wgsl(), slices(4), wgsl!("tap_shares.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.filters.div_ceil(16) as u32, self.taps.taps() as u32, 1]
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (d_v, shares, n) = (args.read(0), args.write(1), self.filters);
        shares.fill(T::zero());
        let table = self.taps.table();
        // Positions in a row that have sources for the same taps are summed first.
        let mut alike = vec![T::zero(); n];
        let (mut row, mut last) = (table.row(0), table.row(0));
        let mut give = |row: &Row, alike: &mut [T]| {
            table.each(row, |t, _| {
                shares[t * n..].iter_mut().zip(&*alike).for_each(|(share, &sum)| *share = *share + sum);
            });
            alike.fill(T::zero());
        };
        for d_v in d_v.chunks_exact(n) {
            if !table.resembles_last(&row) {
                give(&last, &mut alike);
            }
            alike.iter_mut().zip(d_v).for_each(|(sum, &d_v)| *sum = *sum + d_v);
            last = row;
            table.advance(&mut row);
        }
        give(&last, &mut alike);
    }
}
