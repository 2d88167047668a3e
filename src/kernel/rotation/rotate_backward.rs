//! From dy to df, with the sums over the batch that ρ, λ and the bias need.

use crate::kernel::base::rows::{fold, map_blocks, stretches};
use crate::kernel::geometry::zones::Zones;
use crate::kernel::rotation::formula::d_v_wgsl;
use crate::kernel::{
    Family, Grid, Lens, Slices, Traits, Trust, by_quads, constants, flat_grid, ports, slices, uniforms, wgsl,
};
use crate::{Activation, Real, Rotation};

uniforms!(RotateBackwardUniforms {
    samples: u32,
    columns: u32,
    filters: u32,
    chunk: u32,
    slots: u32,
    x_q: f32,
    epsilon: f32
});

/// dz = dy ⊙ σ'(z), df = ρ ⊙ dz, s = Σ dz ⊙ z, dq, db and the virtual sample's share of dW.
/// Serves classic layers too, with ρ = 1 and dq = 0.
///
/// With `zones`, ρ is `[zones, N]`, and [`RotateSums`](crate::kernel::RotateSums) finishes the sums: s and d_b are
/// `[`[`chunks`]`, distinct positions, N]` then, and d_b holds sums of df alone.
#[derive(Clone, Copy, Debug)]
pub struct RotateBackward {
    /// B, or B·positions.
    pub rows: usize,
    /// N.
    pub units: usize,
    /// Whether db is computed.
    pub has_bias: bool,
    /// σ.
    pub activation: Activation,
    /// The rotation, or `None` for a classic layer.
    pub rotation: Option<Rotation>,
    /// The zones of a layer with windows.
    pub zones: Option<Zones>,
}

/// Rows per partial sum.
const ROWS: usize = 512;

/// Lines of positions per partial sum; they are longer than rows.
const LINES: usize = 128;

/// Rows that a CPU task sums at a time where all rows have one sum: fixed, so that it does not depend on the number of threads.
const DENSE_ROWS: usize = 32;

/// Lines that an invocation visits per inner loop.
const VISITS: usize = 4;

/// The most partial sums.
const MAX_CHUNKS: usize = 4096;

/// As many columns occupy a device without splitting the rows.
const WIDE: usize = 2048;

/// The number of partial sums of these rows per distinct position of these zones.
pub fn chunks(rows: usize, zones: &Zones) -> usize {
    let (lines, places) = zones.sample();
    let samples = rows / lines / places;
    samples.div_ceil(chunk(samples, zones))
}

/// Samples per partial sum.
fn chunk(samples: usize, zones: &Zones) -> usize {
    let lines = if zones.count() == 1 { ROWS } else { LINES };
    (lines / zones.sample().0).max(samples.div_ceil(MAX_CHUNKS)).max(1)
}

impl RotateBackward {
    fn zones(&self) -> Zones {
        self.zones.unwrap_or(Zones::one([1; 3]))
    }

    /// Rows, or with several zones samples.
    fn samples(&self) -> usize {
        let (lines, places) = self.zones().sample();
        self.rows / lines / places
    }

    /// Numbers per line.
    fn columns(&self) -> usize {
        self.zones().sample().1 * self.units
    }

    /// Samples per partial sum.
    fn chunk(&self) -> usize {
        if self.zones.is_some() { chunk(self.samples(), &self.zones()) } else { self.samples() }
    }

    /// Partial sums per column: one per chunk and zone of lines.
    fn slots(&self) -> usize {
        self.samples().div_ceil(self.chunk()) * self.zones().count_of_lines()
    }

    /// Whether a variant is for adapters that run a workgroup's invocations one after another: its workgroups are as wide as a line
    /// where possible and have barriers in between, so that memory is read in order.
    fn in_order(variant: usize) -> bool {
        Self::VARIANTS[variant].starts_with("ordered")
    }

    /// Quads of columns per workgroup: enough for contiguous reads, fewer where only the rows can be shared out.
    fn across(&self, variant: usize) -> usize {
        match (self.zones().count(), self.columns()) {
            (_, columns) if Self::in_order(variant) => columns.div_ceil(4).next_power_of_two().clamp(4, 256),
            (1, ..WIDE) => 4,
            (1, _) => 64,
            _ => 16,
        }
    }

    /// Computes df of neighbouring numbers and adds to their sums of dz ⊙ z and df.
    #[inline(always)]
    fn pass<T: Real>(&self, d_y: &[T], z: &[T], rho: &[T], d_f: &mut [T], sums: [&mut [T]; 2]) {
        self.activation.derivatives(z, d_f);
        let [sum_s, sum_b] = sums;
        if self.rotation.is_none() {
            d_f.iter_mut().zip(d_y).zip(sum_b).for_each(|((d_f, &d_y), b)| {
                *d_f = *d_f * d_y;
                *b = *b + *d_f;
            });
            return;
        }
        let sums = sum_s.iter_mut().zip(sum_b);
        d_f.iter_mut().zip(d_y).zip(z).zip(rho).zip(sums).for_each(|((((d_f, &d_y), &z), &rho), (s, b))| {
            let d_z = *d_f * d_y;
            *s = *s + d_z * z;
            *d_f = rho * d_z;
            *b = *b + *d_f;
        });
    }
}

ports! {
    /// The ports of [`RotateBackward`].
    pub struct RotateBackwardPorts {
        /// ∂ℓ/∂y.
        d_y: Read,
        /// z.
        z: Read,
        /// ρ, then q, of a rotated layer.
        rotation: Option<Read>,
        /// b, where there is one.
        b: Option<Read>,
        /// ∂ℓ/∂f.
        d_f: Write,
        /// Sums for ∂ℓ/∂b, where there is one.
        d_b: Option<Write>,
        /// The virtual sample's share, of a rotated layer.
        virtual_sample: Option<Write>,
        /// Sums for s, of a rotated layer.
        s: Option<Write>,
    }
}

impl Family for RotateBackward {
    const NAME: &'static str = "rotate_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = &["base", "base4", "ordered", "ordered4"];
    const QUADS: &'static [&'static str] =
        &["d_y", "z", "rotation", "b", "d_f", "d_b", "virtual_sample", "s"];
    type Ports = RotateBackwardPorts<Lens>;
    type Uniforms = RotateBackwardUniforms;

    fn lens(&self) -> RotateBackwardPorts<Lens> {
        let (outputs, n) = (self.rows * self.units, self.units);
        let sums = self.slots() * self.columns();
        let (rotated, finish) = (self.rotation.is_some(), self.zones.is_none());
        let used = |used: bool, len: usize| used.then_some(len);
        RotateBackwardPorts {
            d_y: outputs,
            z: outputs,
            rotation: used(rotated, 2 * self.zones().count() * n),
            b: used(self.has_bias && finish, n),
            d_f: outputs,
            d_b: used(self.has_bias, sums),
            virtual_sample: used(rotated && finish, n),
            s: used(rotated, sums),
        }
    }

    fn uniforms(&self) -> RotateBackwardUniforms {
        RotateBackwardUniforms {
            samples: self.samples() as u32,
            columns: self.columns() as u32,
            filters: self.units as u32,
            chunk: self.chunk() as u32,
            slots: self.slots() as u32,
            x_q: self.rotation.map_or(0.0, |r| r.x_q),
            epsilon: self.rotation.map_or(0.0, |r| r.epsilon),
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let options = constants(&[
            ("HAS_BIAS", self.has_bias),
            ("PARTIAL", self.zones.is_some()),
            ("IN_ORDER", Self::in_order(variant)),
        ]);
        vec![
            wgsl!("base/parts/math.wgsl"),
            self.activation.wgsl(),
            options,
            d_v_wgsl(self.rotation),
            self.zones().wgsl(),
            slices(self.across(variant)),
            wgsl!("rotation/rotate_backward.wgsl"),
        ]
    }

    fn grid(&self, variant: usize) -> Grid {
        flat_grid(self.columns().div_ceil(4 * self.across(variant)) * self.slots(), 1)
    }

    fn rounds(&self, variant: usize) -> usize {
        let slices = 256 / self.across(variant);
        if self.zones().count() == 1 {
            return self.chunk().div_ceil(slices);
        }
        // Lines in groups of VISITS, for every sample of a chunk.
        let lines = self.zones().sample().0;
        let (samples, lines) = if lines >= slices {
            (self.chunk(), lines.div_ceil(slices))
        } else {
            (self.chunk().div_ceil(slices), lines)
        };
        samples * (1 + lines.div_ceil(VISITS) * (1 + VISITS))
    }

    fn by_fours(&self) -> bool {
        self.units.is_multiple_of(4)
    }

    fn supports(&self, variant: usize, _traits: Traits) -> bool {
        (self.by_fours() || !by_quads::<Self>(variant)) && (self.zones.is_some() || !Self::in_order(variant))
    }

    fn prefer(&self, traits: Traits) -> usize {
        let name = match (traits.software && self.zones.is_some(), self.by_fours()) {
            (false, false) => "base",
            (false, true) => "base4",
            (true, false) => "ordered",
            (true, true) => "ordered4",
        };
        Self::VARIANTS.iter().position(|&variant| variant == name).unwrap_or(0)
    }

    fn twin<T: Real>(&self, ports: RotateBackwardPorts<Slices<'_, T>>) {
        let RotateBackwardPorts { d_y, z, rotation, b, d_f, d_b, virtual_sample, s } = ports;
        let [rotation, b] = [rotation, b].map(Option::unwrap_or_default);
        let [d_b, virtual_sample, s] = [d_b, virtual_sample, s].map(Option::unwrap_or_default);
        let (n, zones) = (self.units, self.zones());
        let (lines, _) = zones.sample();
        let ones = vec![T::one(); zones.count() * n];
        let rho = if self.rotation.is_some() { &rotation[..rotation.len() / 2] } else { &ones };
        let rho = zones.cycle(rho);
        let samples = if self.zones.is_some() { self.chunk() } else { DENSE_ROWS };
        let told_apart = zones.told_apart() * n;
        let len = samples * lines * self.columns();
        let sums = map_blocks(
            d_f,
            len,
            #[inline(always)]
            |index, d_f| {
                let mut sums = [vec![T::zero(); rho.len()], vec![T::zero(); rho.len()]];
                stretches(
                    index * len,
                    d_f.len(),
                    &[Some(&rho)],
                    #[inline(always)]
                    |first, count| {
                        let (at, place) = (index * len + first, rho.place(index * len + first).0);
                        let [d_y, z] = [d_y, z].map(|all| &all[at..][..count]);
                        let sums = sums.each_mut().map(|sums| &mut sums[place..][..count]);
                        self.pass(d_y, z, rho.from(at), &mut d_f[first..][..count], sums);
                    },
                );
                sums.iter_mut().for_each(|sums| fold(sums, told_apart));
                sums
            },
        );
        let total = |which: usize, out: &mut [T]| {
            for (out, sums) in
                out.chunks_exact_mut(told_apart).zip(sums.chunks(self.chunk().div_ceil(samples)))
            {
                let mut wide = vec![0.0; told_apart];
                for sums in sums {
                    wide.iter_mut().zip(&sums[which]).for_each(|(sum, &part)| *sum += part.wide());
                }
                out.iter_mut().zip(wide).for_each(|(out, sum)| *out = T::of(sum));
            }
        };
        if self.rotation.is_some() {
            total(0, s);
        }
        if self.has_bias {
            total(1, d_b);
        }
        if let Some(rotating) = self.rotation.filter(|_| self.zones.is_none()) {
            let factor = rotating.term(T::of(rotating.x_q.into()));
            for i in 0..n {
                let bias = if self.has_bias { b[i] } else { T::zero() };
                let (d_v, share) = rotating.d_v(rotation[n + i], s[i], bias);
                virtual_sample[i] = factor * d_v;
                if self.has_bias {
                    d_b[i] = d_b[i] + share;
                }
            }
        }
    }
}
