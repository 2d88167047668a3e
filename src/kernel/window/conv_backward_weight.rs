//! A convolution's dW, in several partial sums where the depth is long.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::geometry::taps::Taps;
use crate::kernel::product::{self, Block, for_each_part, matrix, multiply_block, transposed};
use crate::kernel::window::conv::channel_constants;
use crate::kernel::window::direct::{Direct, LANES};
use crate::kernel::{Choice, Family, Grid, Lens, MAX_DEPTH, Slices, Trust, ports, uniforms, wgsl};

uniforms!(ConvBackwardWeightUniforms { batch: u32, splits: u32, split_rows: u32 });

/// dW\[t, c, n\] = Σ over samples b and positions p of x\[b, source(p, t), c\]·df\[b, p, n\], the sum over rows (b, p) split into
/// [`splits`] partial sums. x is `[B, sources, C]`, df `[B, positions, N]`, a partial sum `[taps, C/groups, N]`. For a transposed
/// convolution, x and df change places.
#[derive(Clone, Copy, Debug)]
pub struct ConvBackwardWeight {
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
}

/// The most rows per partial sum, unless there would be too many sums; never more than a product's depth.
const SPLIT_ROWS: usize = 1024;

/// The most partial sums.
const MAX_SPLITS: usize = 64;

/// The most numbers in all partial sums, unless a single one has more.
const MAX_PARTIALS: usize = 8 << 20;

/// The number of partial sums for the gradient of `weights` weights over `rows` rows.
pub fn splits(rows: usize, weights: usize) -> usize {
    let wanted = rows.div_ceil(SPLIT_ROWS).clamp(1, (MAX_PARTIALS / weights).clamp(1, MAX_SPLITS));
    wanted.max(rows.div_ceil(MAX_DEPTH))
}

/// Rows per partial sum, a multiple of 4; the last may have fewer.
pub(super) fn split_rows(rows: usize, weights: usize) -> usize {
    rows.div_ceil(splits(rows, weights)).next_multiple_of(4)
}

/// Numbers that a task of the twin gathers at a time.
const GATHERED: usize = 1 << 15;

/// Enough tasks for several threads.
const TASKS: usize = 2;

impl ConvBackwardWeight {
    fn rows(&self) -> usize {
        self.batch * self.taps.positions()
    }

    /// How it is computed without gathering windows, where that is faster and partial sums are of whole samples; with it, where
    /// the terms of a window lie.
    fn direct(&self, split: usize) -> Option<(Direct, Vec<usize>)> {
        let whole = self.groups == 1 && split.is_multiple_of(self.taps.positions());
        let fits = self.filters <= 2 * LANES && self.taps.at[2] >= LANES;
        let direct = Direct::new(&self.taps, self.channels, self.filters).filter(|_| whole && fits)?;
        let terms = direct.terms();
        Some((direct, terms))
    }

    fn weights(&self) -> usize {
        self.taps.taps() * self.channels * self.filters / self.groups
    }

    fn size(&self) -> product::Size {
        product::Size {
            rows: self.taps.taps() * self.channels / self.groups,
            depth: split_rows(self.rows(), self.weights()),
            cols: self.filters / self.groups,
            parts: self.groups * splits(self.rows(), self.weights()),
        }
    }
}

ports! {
    /// The ports of [`ConvBackwardWeight`].
    pub struct ConvBackwardWeightPorts {
        /// x.
        x: Read,
        /// ∂ℓ/∂f.
        d_f: Read,
        /// Partial sums for ∂ℓ/∂W.
        partials: Write,
    }
}

impl Family for ConvBackwardWeight {
    const NAME: &'static str = "conv_backward_weight";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = product::VARIANTS;
    const QUADS: &'static [&'static str] = &["x", "d_f", "partials"];
    type Ports = ConvBackwardWeightPorts<Lens>;
    type Uniforms = ConvBackwardWeightUniforms;

    fn lens(&self) -> ConvBackwardWeightPorts<Lens> {
        let rows = self.rows();
        ConvBackwardWeightPorts {
            x: self.batch * self.taps.sources() * self.channels,
            d_f: rows * self.filters,
            partials: splits(rows, self.weights()) * self.weights(),
        }
    }

    fn uniforms(&self) -> ConvBackwardWeightUniforms {
        ConvBackwardWeightUniforms {
            batch: self.batch as u32,
            splits: splits(self.rows(), self.weights()) as u32,
            split_rows: split_rows(self.rows(), self.weights()) as u32,
        }
    }

    fn shader(&self, variant: usize) -> Vec<String> {
        let mut parts = vec![
            self.taps.wgsl(),
            channel_constants(self.channels, self.filters, self.groups),
            product::plain(),
        ];
        parts.extend(product::shader(
            wgsl!("window/parts/patches.wgsl") + "\n" + &wgsl!("window/conv_backward_weight.wgsl"),
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

    fn twin<T: Real>(&self, ports: ConvBackwardWeightPorts<Slices<'_, T>>) {
        let ConvBackwardWeightPorts { x, d_f, partials } = ports;
        let product::Size { rows: weights, depth: split, cols: width, .. } = self.size();
        let (rows, channels, filters) = (self.rows(), self.channels, self.filters);
        let count = channels / self.groups;
        let table = self.taps.table();
        let direct = self.direct(split);
        let chunk = (GATHERED / weights).clamp(16, 512).min(split);
        // A part alone is divided among threads, although each then gathers what it multiplies.
        let few = self.groups == 1 && partials.len() < TASKS * self.weights() && direct.is_none();
        let columns = if few { width.div_ceil(TASKS).next_multiple_of(LANES) } else { width };
        let parts = partials.chunks_mut(self.weights()).enumerate().flat_map(|(i, partial)| {
            Block::tiles(partial, filters, weights, columns).map(move |d_w| (i, d_w))
        });
        for_each_part(rows * weights * filters, parts, |(i, mut d_w)| {
            if let Some((direct, terms)) = &direct {
                let (sample, outputs) = (self.taps.sources() * channels, self.taps.positions() * filters);
                let [(_, d_w)] = &mut d_w.stretches().collect::<Vec<_>>()[..] else { return };
                d_w.fill(T::zero());
                for i in i * split / self.taps.positions()..rows.min((i + 1) * split) / self.taps.positions()
                {
                    let (x, d_f) = (&x[i * sample..][..sample], &d_f[i * outputs..][..outputs]);
                    vectorised(
                        #[inline(always)]
                        || direct.add_weight_gradient(d_w, terms, x, d_f),
                    );
                }
                return;
            }
            let first_channel = d_w.col / width * count;
            let mut gathered = vec![T::zero(); chunk * weights];
            let end = rows.min((i + 1) * split);
            for first in (i * split..end).step_by(chunk) {
                let here = chunk.min(end - first);
                let mut row = table.row(first);
                for out in gathered.chunks_exact_mut(weights).take(here) {
                    let sample = &x[row.sample * self.taps.sources() * channels..];
                    table.gather(sample, channels, first_channel, &row, out);
                    table.advance(&mut row);
                }
                let d_f = matrix(&d_f[first * filters + d_w.col..], filters);
                multiply_block(&mut d_w, here, transposed(&gathered, weights), d_f, first > i * split);
            }
        });
    }
}
