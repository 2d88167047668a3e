//! A convolution's outputs for a constant sample, from sums over the channels.

use crate::kernel::base::rows::{column_sums, map_blocks, map_each, total};
use crate::kernel::geometry::taps::Taps;
use crate::kernel::geometry::zones::Zones;
use crate::kernel::rotation::formula::{rho_of_gates_wgsl, term};
use crate::kernel::rotation::rotate::{parameter_lens, rotate};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, MAX_ROUNDS, Slices, Trust, constants, ports, slices, uniforms, wgsl,
};
use crate::{Real, Rotation};

uniforms!(TapTotalsUniforms {
    channels: u32,
    filters: u32,
    units: u32,
    factor: f32,
    limit_0: f32,
    limit_1: f32,
    limit_2: f32,
    limit_3: f32,
    epsilon: f32,
});

/// `v[k, n]` = factor·Σ of w\[t, c, n\], or of its square, over the channels c of n and the taps t that have a source in zone k: a
/// convolution's output for a zero-padded sample that is `factor` everywhere. w is `[taps, channels, filters]`, or turned
/// `[taps, filters, channels]`. With a rotation, `[2·zones·filters]` receives ρ and q of v as from
/// [`Rotate`](crate::kernel::Rotate), else v itself.
#[derive(Clone, Copy, Debug)]
pub struct TapTotals {
    /// Which taps have a source.
    pub taps: Taps,
    /// Channels per filter.
    pub channels: usize,
    /// The number of filters.
    pub filters: usize,
    /// Whether the filters come before the channels in w.
    pub turned: bool,
    /// Whether the weights are squared.
    pub squared: bool,
    /// The number that fills the sample, or with `squared` its square.
    pub factor: f32,
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The rotation.
    pub rotation: Option<Rotation>,
    /// How many gates the filters belong to, 1 to 4, as many to each.
    pub gates: usize,
    /// L of every gate, where it is not learnt.
    pub limits: [f32; 4],
}

/// Slices of a workgroup.
const SLICES: usize = 64;

/// Channels per task of the twin.
const BLOCK: usize = 1024;

impl TapTotals {
    /// Whether one workgroup can sum all taps and channels; else the sums over the channels come first.
    pub fn takes(&self) -> bool {
        // With more zones than slices per workgroup, every further workgroup repeats the sums over the channels.
        self.rounds(0) <= MAX_ROUNDS && (self.zones().count() <= SLICES || self.channels <= 8)
    }

    fn zones(&self) -> Zones {
        Zones::of(&self.taps)
    }
}

ports! {
    /// The ports of [`TapTotals`].
    pub struct TapTotalsPorts {
        /// W.
        w: Read,
        /// b, where there is one.
        b: Option<Read>,
        /// λ, where L is learnt.
        lambda: Option<Read>,
        /// ρ, then q, of a rotated layer; else v.
        rotation: Write,
    }
}

impl Family for TapTotals {
    const NAME: &'static str = "tap_totals";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["w", "b", "rotation"];
    type Ports = TapTotalsPorts<Lens>;
    type Uniforms = TapTotalsUniforms;

    fn lens(&self) -> TapTotalsPorts<Lens> {
        let totals = self.zones().count() * self.filters;
        let [b, lambda] = parameter_lens((self.filters, self.gates), self.has_bias, self.rotation);
        let weights = self.taps.taps() * self.channels * self.filters;
        TapTotalsPorts {
            w: weights,
            b,
            lambda,
            rotation: if self.rotation.is_some() { 2 * totals } else { totals },
        }
    }

    fn uniforms(&self) -> TapTotalsUniforms {
        let [limit_0, limit_1, limit_2, limit_3] = self.limits;
        TapTotalsUniforms {
            channels: self.channels as u32,
            filters: self.filters as u32,
            units: (self.filters / self.gates) as u32,
            factor: self.factor,
            limit_0,
            limit_1,
            limit_2,
            limit_3,
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[("TURNED", self.turned), ("SQUARED", self.squared)]),
            self.taps.wgsl(),
            self.zones().wgsl(),
            rho_of_gates_wgsl(self.rotation, self.has_bias),
            slices(4),
            wgsl!("rotation/tap_totals.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        [self.filters.div_ceil(16) as u32, self.zones().count().div_ceil(SLICES) as u32, 1]
    }

    fn rounds(&self, _variant: usize) -> usize {
        let at_once = self.taps.taps().min(SLICES);
        let parts = SLICES / at_once;
        let channels = self.channels.div_ceil(parts);
        let over_channels = if self.turned { channels + 4 } else { channels };
        self.taps.taps().div_ceil(at_once) * (over_channels + at_once * (1 + parts))
    }

    fn by_fours(&self) -> bool {
        self.filters.is_multiple_of(4) && (!self.turned || self.channels.is_multiple_of(4))
    }

    fn twin<T: Real>(&self, ports: TapTotalsPorts<Slices<'_, T>>) {
        let TapTotalsPorts { w, b, lambda, rotation: out } = ports;
        let [b, lambda] = [b, lambda].map(Option::unwrap_or_default);
        let (n, totals) = (self.filters, self.zones().count() * self.filters);
        let mut sums = vec![T::zero(); self.taps.taps() * n];
        let weights = &w[..sums.len() * self.channels];
        if self.turned {
            map_blocks(
                &mut sums,
                n,
                #[inline(always)]
                |tap, sums| {
                    let lines = weights[tap * self.channels * n..].chunks_exact(self.channels);
                    sums.iter_mut()
                        .zip(lines)
                        .for_each(|(sum, w)| *sum = total(w.iter().map(|&w| term(w, self.squared))));
                },
            );
        } else {
            let blocks = weights.chunks(self.channels * n).flat_map(|tap| tap.chunks(BLOCK * n));
            let parts = map_each(
                blocks.collect(),
                weights.len(),
                #[inline(always)]
                |block: &[T]| column_sums(block, n, |w| term(w, self.squared)),
            );
            let of_taps = parts.chunks(self.channels.div_ceil(BLOCK));
            for (sums, parts) in sums.chunks_exact_mut(n).zip(of_taps) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = total(parts.iter().map(|part| part[i]));
                }
            }
        }
        let (factor, table) = (T::of(self.factor.into()), self.taps.table());
        let (rho, v) = out.split_at_mut(out.len() - totals);
        for (v, position) in v.chunks_exact_mut(n).zip(self.zones().firsts()) {
            v.fill(T::zero());
            table.each(&table.row(position), |t, _| {
                v.iter_mut().zip(&sums[t * n..]).for_each(|(v, &sum)| *v = *v + sum);
            });
            v.iter_mut().for_each(|v| *v = factor * *v);
        }
        if let Some(rotation) = self.rotation {
            let limits = &self.limits[..self.gates];
            rotate((rotation, limits), self.has_bias.then_some(b), lambda, n, [rho, v]);
        }
    }
}
