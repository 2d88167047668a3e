//! y = σ(ρ ⊙ (conv(x, W) + b)) in one kernel, as a matrix product whose left operand is gathered while it is loaded.

use crate::kernel::base::rows::{Cycle, stretches, vectorised};
use crate::kernel::geometry::taps::Taps;
use crate::kernel::geometry::zones::Zones;
use crate::kernel::product::{
    self, Block, PANEL, PANEL_ROWS, for_each_part, matrix, multiply_block, transposed,
};
use crate::kernel::window::direct::Direct;
use crate::kernel::window::phases::{Sizes, multiply_by_phase};
use crate::kernel::{Choice, Family, Grid, Lens, Slices, Trust, constants, ports, uniforms, wgsl};
use crate::{Activation, Real};

uniforms!(ConvUniforms { batch: u32, first: u32, depth: u32 });

/// A convolution in up to three dimensions, from inputs to windows or back: the forward pass of convolutions and transposed
/// convolutions, and the input gradient of each, which is the other's forward pass.
///
/// f\[b, p, n\] = Σ over taps t and the channels c of n's group of x\[b, source(p, t), c\]·w\[t, c, n\] + bias\[n\]; z = ρ ⊙ f;
/// y = σ(z). x is `[B, sources, C]`, z and y `[B, positions, N]`; w `[taps, C/groups, N]`, or turned `[taps, N/groups, C]`.
#[derive(Clone, Copy, Debug)]
pub struct ConvKernel {
    /// B.
    pub batch: usize,
    /// Which sources a position sees.
    pub taps: Taps,
    /// C, a multiple of the groups.
    pub channels: usize,
    /// N, a multiple of the groups.
    pub filters: usize,
    /// The number of groups of channels and of filters.
    pub groups: usize,
    /// Whether the filters come before the channels in w.
    pub turned: bool,
    /// What follows the product.
    pub epilogue: Epilogue,
    /// The part of the depth that is summed over, or `None` for all of it.
    pub terms: Option<Terms>,
}

/// A part of a long depth. The sums of the previous stretches are added; the last one ends the layer, the others leave their
/// sums in y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The first term, a multiple of 4.
    pub first: usize,
    /// The number of terms.
    pub len: usize,
}

/// What follows a linear map f: z = ρ ⊙ (f + bias) and y = σ(z).
#[derive(Clone, Copy, Debug, Default)]
pub struct Epilogue {
    /// Whether there is a bias.
    pub has_bias: bool,
    /// The zones, each with its own ρ, or `None` for a classic layer.
    pub zones: Option<Zones>,
    /// Whether z is stored for the backward pass.
    pub keep_z: bool,
    /// σ.
    pub activation: Activation,
}

impl Epilogue {
    /// The lengths of bias, rotation (ρ, then q), z and y.
    pub(super) fn lens(&self, filters: usize, outputs: usize) -> ([Option<usize>; 3], usize) {
        let rotation = self.zones.map(|zones| 2 * zones.count() * filters);
        ([self.has_bias.then_some(filters), rotation, self.keep_z.then_some(outputs)], outputs)
    }

    /// The functions and constants that `window/parts/epilogue.wgsl` and its users need.
    pub(super) fn wgsl(&self) -> Vec<String> {
        let zones = self.zones.unwrap_or(Zones::one([1; 3]));
        let options = constants(&[
            ("HAS_BIAS", self.has_bias),
            ("ROTATED", self.zones.is_some()),
            ("KEEP_Z", self.keep_z),
        ]);
        vec![
            wgsl!("base/parts/math.wgsl"),
            self.activation.wgsl(),
            options,
            zones.wgsl(),
            wgsl!("window/parts/epilogue.wgsl"),
        ]
    }

    /// Bias and ρ as [`Epilogue::apply`] takes them.
    pub(super) fn cycles<'a, T: Real>(&self, b: &'a [T], rotation: &'a [T]) -> [Option<Cycle<'a, T>>; 2] {
        let rho = &rotation[..rotation.len() / 2];
        [self.has_bias.then(|| Cycle::new(b)), self.zones.map(|zones| zones.cycle(rho))]
    }

    /// Turns f, the outputs from number `at` on, into y, and stores z if asked for.
    #[inline(always)]
    pub(super) fn apply<T: Real>(
        &self,
        at: usize,
        [b, rho]: [Option<&Cycle<'_, T>>; 2],
        y: &mut [T],
        mut z: Option<&mut [T]>,
    ) {
        stretches(
            at,
            y.len(),
            &[b, rho],
            #[inline(always)]
            |first, count| {
                let y = &mut y[first..][..count];
                let at = at + first;
                match (b, rho) {
                    (Some(b), Some(rho)) => {
                        let parameters = b.from(at).iter().zip(rho.from(at));
                        y.iter_mut().zip(parameters).for_each(|(y, (&b, &rho))| *y = (*y + b) * rho);
                    }
                    (Some(b), None) => y.iter_mut().zip(b.from(at)).for_each(|(y, &b)| *y = *y + b),
                    (None, Some(rho)) => y.iter_mut().zip(rho.from(at)).for_each(|(y, &rho)| *y = *y * rho),
                    (None, None) => {}
                }
                if let Some(z) = &mut z {
                    z[first..][..count].copy_from_slice(y);
                }
                self.activation.apply(y);
            },
        );
    }
}

/// Numbers that a task of the twin gathers at a time: few enough to stay in a cache.
const GATHERED: usize = 1 << 15;

impl ConvKernel {
    fn rows(&self) -> usize {
        self.batch * self.taps.positions()
    }

    /// The number of terms per output, over all stretches.
    pub fn depth(&self) -> usize {
        self.taps.taps() * self.channels / self.groups
    }

    /// The terms of the sum, and whether they are the last ones.
    fn terms(&self) -> (Terms, bool) {
        let terms = self.terms.unwrap_or(Terms { first: 0, len: self.depth() });
        (terms, terms.first + terms.len == self.depth())
    }

    fn size(&self) -> product::Size {
        product::Size {
            rows: self.rows(),
            depth: self.terms().0.len,
            cols: self.filters / self.groups,
            parts: self.groups,
        }
    }

    /// How it is computed without gathering windows, where that is faster.
    fn direct(&self) -> Option<Direct> {
        let whole = self.groups == 1 && self.terms.is_none();
        Direct::new(&self.taps, self.channels, self.filters).filter(|_| whole)
    }

    /// A group's weights as `[taps · C/groups, N/groups]`.
    fn unturned<T: Real>(&self, w: &[T], part: usize) -> Vec<T> {
        let of_tap = self.channels / self.groups * (self.filters / self.groups);
        let mut out = vec![T::zero(); self.taps.taps() * of_tap];
        for_each_part(8 * out.len(), out.chunks_exact_mut(of_tap).enumerate(), |(tap, out)| {
            self.tap_weights(w, part, tap, out);
        });
        out
    }

    /// A tap's weights of a group as `[C/groups, N/groups]`.
    fn tap_weights<T: Real>(&self, w: &[T], part: usize, tap: usize, out: &mut [T]) {
        let (count, width) = (self.channels / self.groups, self.filters / self.groups);
        if self.turned {
            let from = &w[tap * width * self.channels..][..width * self.channels];
            for (n, line) in from.chunks_exact(self.channels).enumerate() {
                let line = &line[part * count..][..count];
                out[n..].iter_mut().step_by(width).zip(line).for_each(|(to, &w)| *to = w);
            }
        } else {
            let from = &w[tap * count * self.filters..][..count * self.filters];
            for (out, line) in out.chunks_exact_mut(width).zip(from.chunks_exact(self.filters)) {
                out.copy_from_slice(&line[part * width..][..width]);
            }
        }
    }
}

ports! {
    /// The ports of [`ConvKernel`].
    pub struct ConvPorts {
        /// x.
        x: Read,
        /// W.
        w: Read,
        /// b, where there is one.
        b: Option<Read>,
        /// ρ, then q, of a rotated layer.
        rotation: Option<Read>,
        /// The sums of the previous stretches, from the second on.
        before: Option<Read>,
        /// z, where it is kept.
        z: Option<Write>,
        /// y.
        y: Write,
    }
}

impl Family for ConvKernel {
    const NAME: &'static str = "conv";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "w", "b", "rotation", "before", "z", "y"];
    type Ports = ConvPorts<Lens>;
    type Uniforms = ConvUniforms;

    fn lens(&self) -> ConvPorts<Lens> {
        let weights = self.taps.taps() * self.channels * self.filters / self.groups;
        let inputs = self.batch * self.taps.sources() * self.channels;
        let (terms, last) = self.terms();
        let epilogue = if last { self.epilogue } else { Epilogue::default() };
        let ([b, rotation, z], y) = epilogue.lens(self.filters, self.rows() * self.filters);
        ConvPorts { x: inputs, w: weights, b, rotation, before: (terms.first > 0).then_some(y), z, y }
    }

    fn uniforms(&self) -> ConvUniforms {
        let Terms { first, len } = self.terms().0;
        ConvUniforms { batch: self.batch as u32, first: first as u32, depth: len as u32 }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let mut parts = self.epilogue.wgsl();
        parts.extend([self.taps.wgsl(), channel_constants(self.channels, self.filters, self.groups)]);
        let (terms, last) = self.terms();
        let options = constants(&[
            ("TURNED", self.turned),
            ("STRETCHED", self.terms.is_some()),
            ("CONTINUES", terms.first > 0),
            ("ENDS", last),
        ]);
        parts.extend([options, product::plain()]);
        parts.extend(product::shader(
            wgsl!("window/parts/patches.wgsl") + "\n" + &wgsl!("window/conv.wgsl"),
            variant,
            true,
        ));
        parts
    }

    fn grid(&self, variant: usize) -> Grid {
        product::grid(variant, self.size())
    }

    fn by_fours(&self) -> bool {
        [self.channels, self.filters].iter().all(|n| (n / self.groups).is_multiple_of(4))
    }

    fn choice(&self) -> Option<Box<dyn Choice>> {
        Some(Box::new(self.size()))
    }

    fn twin<T: Real>(&self, ports: ConvPorts<Slices<'_, T>>) {
        let ConvPorts { x, w, b, rotation, before, z, y } = ports;
        let [b, rotation, before] = [b, rotation, before].map(Option::unwrap_or_default);
        let z = z.unwrap_or_default();
        let (depth, width) = (self.depth(), self.filters / self.groups);
        let (Terms { first, len }, last) = self.terms();
        let keep_z = self.epilogue.keep_z && last;
        let [b, rho] = if last { self.epilogue.cycles(b, rotation) } else { [None, None] };
        let channels = self.channels;
        let count = channels / self.groups;
        // A terms of a plain matrix product: there is nothing to gather.
        let plain = self.terms.is_some() && self.groups == 1 && self.taps.is_identity();
        let table = self.taps.table();
        let phased = self.taps.divides() && self.terms.is_none();
        if phased {
            let Self { batch, channels, filters, groups, .. } = *self;
            let (positions, sources) = (self.taps.positions(), self.taps.sources());
            let sizes = Sizes { batch, positions, sources, channels, filters, groups };
            multiply_by_phase(
                &table,
                sizes,
                x,
                |part, tap, out| self.tap_weights(w, part, tap, out),
                &mut *y,
            );
        }
        let turned: Vec<Vec<T>> = if self.turned && !plain && !phased {
            (0..self.groups).map(|part| self.unturned(w, part)).collect()
        } else {
            Vec::new()
        };
        let direct = self.direct();
        let (rows, columns) = match &direct {
            Some(direct) => (direct.rows(), self.filters),
            None if plain => (PANEL_ROWS, PANEL),
            None => ((GATHERED / depth).clamp(16, 256), width),
        };
        let packed = direct.as_ref().map(|_| Direct::pack(turned.first().map_or(w, Vec::as_slice), width));
        let mut zs = Block::tiles(z, self.filters, rows, columns);
        let parts =
            Block::tiles(y, self.filters, rows, columns).map(|y| (y, if keep_z { zs.next() } else { None }));
        for_each_part(self.rows() * len * self.filters, parts, |(mut y, mut z)| {
            let part = y.col / width;
            let w = match turned.get(part) {
                Some(w) => matrix(&w[first * width..], width),
                None if self.turned => transposed(&w[y.col * channels + first..], channels),
                None => matrix(&w[first * self.filters + y.col..], self.filters),
            };
            if phased {
                // The products are there.
            } else if let (Some(direct), Some(packed)) = (&direct, &packed) {
                let at = table.row(y.row);
                let sample = self.taps.sources() * channels;
                let (line, sample) = (at.position / self.taps.at[2], &x[at.sample * sample..][..sample]);
                vectorised(
                    #[inline(always)]
                    || direct.forward(&mut y, line, sample, packed),
                );
            } else if self.taps.is_identity() {
                let x = matrix(&x[y.row * channels + part * count + first..], channels);
                multiply_block(&mut y, len, x, w, false);
            } else {
                let mut gathered = vec![T::zero(); y.rows() * depth];
                let mut row = table.row(y.row);
                for out in gathered.chunks_exact_mut(depth) {
                    let sample = &x[row.sample * self.taps.sources() * channels..];
                    table.gather(sample, channels, part * count, &row, out);
                    table.advance(&mut row);
                }
                multiply_block(&mut y, len, matrix(&gathered[first..], depth), w, false);
            }
            vectorised(
                #[inline(always)]
                || {
                    let mut zs = z.as_mut().map(Block::stretches);
                    for (at, y) in y.stretches() {
                        if first > 0 {
                            y.iter_mut().zip(&before[at..]).for_each(|(y, &before)| *y = *y + before);
                        }
                        if !last {
                            continue;
                        }
                        let z = zs.as_mut().and_then(|zs| zs.next()).map(|(_, z)| z);
                        self.epilogue.apply(at, [b.as_ref(), rho.as_ref()], y, z);
                    }
                },
            );
        });
    }
}

/// The numbers of channels and filters, of all and per group, as WGSL constants.
pub(super) fn channel_constants(channels: usize, filters: usize, groups: usize) -> String {
    let sizes = [
        ("CHANNELS", channels),
        ("GROUP_CHANNELS", channels / groups),
        ("FILTERS", filters),
        ("GROUP_FILTERS", filters / groups),
        ("GROUPS", groups),
    ];
    sizes.iter().map(|(name, n)| format!("const {name}: u32 = {n}u;\n")).collect()
}
