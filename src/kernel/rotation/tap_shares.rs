//! Every tap's share of the gradient of the virtual sample's outputs.

use crate::Real;
use crate::kernel::geometry::taps::Taps;
use crate::kernel::geometry::zones::Zones;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(TapSharesUniforms { filters: u32 });

/// `shares[t, n]` = Σ of `d_v[k, n]` over the zones k in which tap t has a source: the gradient of
/// [`TapTotals`](crate::kernel::TapTotals) with respect to its sums, up to the factor.
#[derive(Clone, Copy, Debug)]
pub struct TapShares {
    /// Which taps have a source.
    pub taps: Taps,
    /// The filters.
    pub filters: usize,
}

ports! {
    /// The ports of [`TapShares`].
    pub struct TapSharesPorts {
        /// ∂ℓ/∂v of each zone.
        d_v: Read,
        /// The share of each tap.
        shares: Write,
    }
}

impl Family for TapShares {
    const NAME: &'static str = "tap_shares";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["d_v", "shares"];
    type Ports = TapSharesPorts<Lens>;
    type Uniforms = TapSharesUniforms;

    fn lens(&self) -> TapSharesPorts<Lens> {
        TapSharesPorts {
            d_v: Zones::of(&self.taps).count() * self.filters,
            shares: self.taps.taps() * self.filters,
        }
    }

    fn uniforms(&self) -> TapSharesUniforms {
        TapSharesUniforms { filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            shares_shader(&self.taps, &Zones::of(&self.taps)),
            wgsl!("rotation/tap_shares.wgsl"),
            each_quad(),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.taps.taps(), self.filters)
    }

    fn rounds(&self, _variant: usize) -> usize {
        Zones::of(&self.taps).count()
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: TapSharesPorts<Slices<'_, T>>) {
        let TapSharesPorts { d_v, shares } = ports;
        tap_shares(&self.taps, self.filters, d_v, shares);
    }
}

/// The function that sums over zones per tap, with the taps and zones themselves.
pub(super) fn shares_shader(taps: &Taps, zones: &Zones) -> String {
    taps.wgsl() + &zones.wgsl() + &wgsl!("rotation/parts/share_of_tap.wgsl")
}

/// Computes the sums per tap and filter.
pub(super) fn tap_shares<T: Real>(taps: &Taps, filters: usize, d_v: &[T], shares: &mut [T]) {
    shares.fill(T::zero());
    let table = taps.table();
    for (d_v, position) in d_v.chunks_exact(filters).zip(Zones::of(taps).firsts()) {
        table.each(&table.row(position), |t, _| {
            shares[t * filters..].iter_mut().zip(d_v).for_each(|(share, &d_v)| *share = *share + d_v);
        });
    }
}
