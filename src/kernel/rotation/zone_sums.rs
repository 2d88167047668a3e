//! Sums over the positions of zones, for lines too long for [`RotateSums`](crate::kernel::RotateSums) to sum.

use crate::Real;
use crate::kernel::base::rows::total;
use crate::kernel::geometry::zones::Zones;
use crate::kernel::{BY_FOURS, Family, Grid, Lens, Slices, Trust, ports, slices, uniforms, wgsl};

/// Positions that one workgroup sums.
const PIECE: usize = 1024;

uniforms!(ZoneSumsUniforms { filters: u32 });

/// `sums[j, k, n]` = Σ of values\[p, n\] over the j-th 1,024 positions p of zone k: values `[distinct positions, N]` → sums
/// `[pieces, zones, N]`.
#[derive(Clone, Copy, Debug)]
pub struct ZoneSums {
    /// The zones.
    pub zones: Zones,
    /// N.
    pub filters: usize,
}

impl ZoneSums {
    /// The number of pieces per zone, enough for the longest.
    pub fn pieces(zones: &Zones) -> usize {
        zones.sample().1.div_ceil(PIECE)
    }
}

ports! {
    /// The ports of [`ZoneSums`].
    pub struct ZoneSumsPorts {
        /// A number at every position.
        values: Read,
        /// Their sums over zones, in pieces.
        sums: Write,
    }
}

impl Family for ZoneSums {
    const NAME: &'static str = "zone_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values", "sums"];
    type Ports = ZoneSumsPorts<Lens>;
    type Uniforms = ZoneSumsUniforms;

    fn lens(&self) -> ZoneSumsPorts<Lens> {
        let Self { zones, filters } = self;
        ZoneSumsPorts {
            values: zones.told_apart() * filters,
            sums: Self::pieces(zones) * zones.count() * filters,
        }
    }

    fn uniforms(&self) -> ZoneSumsUniforms {
        ZoneSumsUniforms { filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![self.zones.wgsl(), slices(4), wgsl!("rotation/zone_sums.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let Self { zones, filters } = self;
        [filters.div_ceil(16) as u32, zones.count() as u32, Self::pieces(zones) as u32]
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: ZoneSumsPorts<Slices<'_, T>>) {
        let ZoneSumsPorts { values, sums } = ports;
        let (n, zones) = (self.filters, self.zones.count());
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); zones];
        for (place, zone) in self.zones.table().into_iter().enumerate() {
            places[zone].push(place);
        }
        for (i, sum) in sums.iter_mut().enumerate() {
            let (piece, zone, filter) = (i / n / zones, i / n % zones, i % n);
            let here = places[zone].chunks(PIECE).nth(piece).unwrap_or(&[]);
            *sum = total(here.iter().map(|place| values[place * n + filter]));
        }
    }
}
