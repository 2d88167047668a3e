//! Finishes the partial sums of [`RotateBackward`](crate::kernel::RotateBackward).

use crate::kernel::base::rows::{map_each, total};
use crate::kernel::geometry::taps::Taps;
use crate::kernel::geometry::zones::Zones;
use crate::kernel::rotation::formula::d_v_wgsl;
use crate::kernel::rotation::tap_shares::{shares_shader, tap_shares};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, MAX_ROUNDS, Slices, Trust, constants, ports, slices, uniforms, wgsl,
};
use crate::{Real, Rotation};

uniforms!(RotateSumsUniforms { chunks: u32, filters: u32, epsilon: f32 });

/// s, d_v and db of a layer with a ρ per zone and filter, from partial sums of dz ⊙ z and df over the batch,
/// `[chunks, distinct positions, filters]`: `d_v[k, n]` = dq, or dq/q by the aligned rule, of the sums over zone k; `s[n]` and
/// `d_b[n]` are summed over all zones.
#[derive(Clone, Copy, Debug)]
pub struct RotateSums {
    /// Partial sums per position.
    pub chunks: usize,
    /// The zones, each with its own ρ.
    pub zones: Zones,
    /// Whether the partial sums are those of whole zones, `[chunks, zones, filters]`, as from
    /// [`ZoneSums`](crate::kernel::ZoneSums).
    pub by_zone: bool,
    /// The taps whose shares of d_v are computed too, as by [`TapShares`](crate::kernel::TapShares), if any; the zones are theirs.
    pub taps: Option<Taps>,
    /// The filters.
    pub filters: usize,
    /// Whether db is computed.
    pub has_bias: bool,
    /// The rotation, or `None` for a classic layer, for which only db is computed.
    pub rotation: Option<Rotation>,
}

impl RotateSums {
    /// Positions per chunk.
    fn places(&self) -> usize {
        if self.by_zone { self.zones.count() } else { self.zones.told_apart() }
    }

    /// Numbers per chunk of the partial sums.
    fn units(&self) -> usize {
        self.places() * self.filters
    }

    /// Positions summed at a time, and the parts that their chunks are split into.
    fn at_once(&self) -> (usize, usize) {
        let positions = self.places().min(SLICES);
        (positions, SLICES / positions)
    }

    /// Whether one workgroup can sum all positions.
    pub fn takes(&self) -> bool {
        self.rounds(0) <= MAX_ROUNDS
    }

    /// Whether `chunks` partial sums per position are few enough to be summed without a pass of their own.
    pub fn few_chunks(chunks: usize, zones: &Zones) -> bool {
        chunks.div_ceil(SLICES / zones.told_apart().min(SLICES)) <= FEW_CHUNKS
    }
}

ports! {
    /// The ports of [`RotateSums`].
    pub struct RotateSumsPorts {
        /// Partial sums for s, of a rotated layer.
        partial_s: Option<Read>,
        /// Partial sums for ∂ℓ/∂b, where there is a bias.
        partial_b: Option<Read>,
        /// ρ, then q, of a rotated layer.
        rotation: Option<Read>,
        /// b, where there is one.
        b: Option<Read>,
        /// ∂ℓ/∂b, where there is one.
        d_b: Option<Write>,
        /// ∂ℓ/∂v of each zone, of a rotated layer.
        d_v: Option<Write>,
        /// s of each filter, of a rotated layer.
        s: Option<Write>,
        /// The share of each tap, where it is computed.
        shares: Option<Write>,
    }
}

impl Family for RotateSums {
    const NAME: &'static str = "rotate_sums";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] =
        &["partial_s", "partial_b", "rotation", "b", "d_b", "d_v", "s", "shares"];
    type Ports = RotateSumsPorts<Lens>;
    type Uniforms = RotateSumsUniforms;

    fn lens(&self) -> RotateSumsPorts<Lens> {
        let (units, sums) = (self.zones.count() * self.filters, self.chunks * self.units());
        let rotated = self.rotation.is_some();
        let used = |used: bool, len: usize| used.then_some(len);
        RotateSumsPorts {
            partial_s: used(rotated, sums),
            partial_b: used(self.has_bias, sums),
            rotation: used(rotated, 2 * units),
            b: used(self.has_bias, self.filters),
            d_b: used(self.has_bias, self.filters),
            d_v: used(rotated, units),
            s: used(rotated, self.filters),
            shares: self.taps.map(|taps| taps.taps() * self.filters),
        }
    }

    fn uniforms(&self) -> RotateSumsUniforms {
        RotateSumsUniforms {
            chunks: self.chunks as u32,
            filters: self.filters as u32,
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        // Without taps the shares are unused.
        let taps = match &self.taps {
            Some(taps) => shares_shader(taps, &self.zones),
            None => shares_shader(&Taps::whole([1; 3]), &self.zones),
        };
        vec![
            constants(&[
                ("HAS_BIAS", self.has_bias),
                ("SHARED", self.taps.is_some()),
                ("BY_ZONE", self.by_zone),
            ]),
            taps,
            d_v_wgsl(self.rotation),
            slices(4),
            wgsl!("rotation/rotate_sums.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.filters.div_ceil(16) as u32, 1, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        let (positions, parts) = self.at_once();
        let zones = self.zones.count();
        let each = zones.div_ceil(SLICES);
        let steps = self.places().div_ceil(positions);
        let shares = self.taps.map_or(0, |taps| taps.taps().div_ceil(SLICES) * (1 + zones));
        // A zone that is already one number is a single position.
        let of_zone = if self.by_zone { 1 } else { positions };
        steps * (self.chunks.div_ceil(parts) + each * (1 + of_zone * (1 + parts))) + each + shares
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RotateSumsPorts<Slices<'_, T>>) {
        let RotateSumsPorts { partial_s, partial_b, rotation, b, d_b, d_v, s, shares } = ports;
        let [partial_s, partial_b, rotation, b] =
            [partial_s, partial_b, rotation, b].map(Option::unwrap_or_default);
        let [d_b, d_v, s, shares] = [d_b, d_v, s, shares].map(Option::unwrap_or_default);
        let (n, units) = (self.filters, self.units());
        let table = if self.by_zone { (0..self.places()).collect() } else { self.zones.table() };
        let pieces = (0..PIECES).map(|i| table.len() * i / PIECES..table.len() * (i + 1) / PIECES);
        let sums = map_each(
            pieces.collect(),
            partial_s.len().max(partial_b.len()),
            #[inline(always)]
            |piece| {
                let (mut sum_s, mut sum_b) = (vec![T::zero(); self.zones.count() * n], vec![T::zero(); n]);
                let add = |sum: &mut [T], parts: &[T]| {
                    sum.iter_mut().zip(parts).for_each(|(sum, &part)| *sum = *sum + part);
                };
                // Chunk after chunk, so that memory is read in order.
                for first in (0..self.chunks * units).step_by(units) {
                    for (position, &zone) in piece.clone().zip(&table[piece.clone()]) {
                        let place = first + position * n;
                        if self.rotation.is_some() {
                            add(&mut sum_s[zone * n..][..n], &partial_s[place..]);
                        }
                        if self.has_bias {
                            add(&mut sum_b, &partial_b[place..]);
                        }
                    }
                }
                [sum_s, sum_b]
            },
        );
        let total = |which: usize, i: usize| total(sums.iter().map(|sums| sums[which][i]));
        if self.has_bias {
            d_b.iter_mut().enumerate().for_each(|(i, d_b)| *d_b = total(1, i));
        }
        let Some(rotating) = self.rotation else { return };
        s.fill(T::zero());
        for (i, d_v) in d_v.iter_mut().enumerate() {
            let (sum, bias) = (total(0, i), if self.has_bias { b[i % n] } else { T::zero() });
            let (slope, share) = rotating.d_v(rotation[self.zones.count() * n + i], sum, bias);
            *d_v = slope;
            s[i % n] = s[i % n] + sum;
            if self.has_bias {
                d_b[i % n] = d_b[i % n] + share;
            }
        }
        if let Some(taps) = &self.taps {
            tap_shares(taps, n, d_v, shares);
        }
    }
}

/// Slices per workgroup.
const SLICES: usize = 64;

/// The most chunks per slice.
const FEW_CHUNKS: usize = 64;

/// Stretches of positions that are summed in parallel; fixed, so that sums do not depend on the number of threads.
const PIECES: usize = 8;
