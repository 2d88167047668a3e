//! Sums over the positions of zones, for lines too long for [`RotateSums`](super::RotateSums) to go over.

use super::rows::total;
use super::zones::Zones;
use super::{Args, BY_FOURS, Binding, Family, Grid, Trust, read, slices, uniforms, wgsl, write};
use crate::Real;

/// Positions that one workgroup sums.
const PIECE: usize = 1024;

uniforms!(ZoneSumsUniforms { filters: u32 });

/// `sums[j, k, n]` = Σ of values\[p, n\] over the j-th 1,024 positions p of zone k: values `[positions that are told apart, N]` →
/// sums `[pieces, zones, N]`.
#[derive(Clone, Copy, Debug)]
pub struct ZoneSums {
    /// The zones.
    pub zones: Zones,
    /// N.
    pub filters: usize,
}

impl ZoneSums {
    /// The pieces of the longest zone.
    pub fn pieces(zones: &Zones) -> usize {
        zones.sample().1.div_ceil(PIECE)
    }
}

impl Family for ZoneSums {
    const NAME: &'static str = "zone_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["values", "sums"];
    const BINDINGS: &'static [Binding] = &[read("values"), write("sums")];
    type Uniforms = ZoneSumsUniforms;

    fn lens(&self) -> Vec<usize> {
        let Self { zones, filters } = self;
        vec![zones.told_apart() * filters, Self::pieces(zones) * zones.count() * filters]
    }

    fn uniforms(&self) -> ZoneSumsUniforms {
        ZoneSumsUniforms { filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![self.zones.wgsl(), slices(4), wgsl!("zone_sums.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let Self { zones, filters } = self;
        [filters.div_ceil(16) as u32, zones.count() as u32, Self::pieces(zones) as u32]
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, mut args: Args<'_, T>) {
        let (values, n, zones) = (args.read(0), self.filters, self.zones.count());
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); zones];
        for (place, zone) in self.zones.table().into_iter().enumerate() {
            places[zone].push(place);
        }
        for (i, sum) in args.write(1).iter_mut().enumerate() {
            let (piece, zone, filter) = (i / n / zones, i / n % zones, i % n);
            let here = places[zone].chunks(PIECE).nth(piece).unwrap_or(&[]);
            *sum = total(here.iter().map(|place| values[place * n + filter]));
        }
    }
}
