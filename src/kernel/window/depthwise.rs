//! y = σ(ρ ⊙ (depthwise conv(x, W) + b)), computed directly: a filter sees one channel, so there is nothing to share.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::geometry::taps::Taps;
use crate::kernel::window::conv::{Epilogue, channel_constants};
use crate::kernel::{
    Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use rayon::prelude::*;

uniforms!(DepthwiseUniforms { batch: u32 });

/// A convolution whose filters see one channel each, from inputs to windows or back.
///
/// Forward, C channels and N = C·m filters: f\[b, p, n\] = Σ over taps t of x\[b, source(p, t), n/m\]·w\[t, n\] + bias\[n\], then
/// z = ρ ⊙ f and y = σ(z). Turned, from N to C: y\[b, p, c\] = Σ over t and the filters n of c of
/// x\[b, source(p, t), n\]·w\[t, n\]: the input's gradient. w is `[taps, N]`.
#[derive(Clone, Copy, Debug)]
pub struct Depthwise {
    /// B.
    pub batch: usize,
    /// Which sources a position sees.
    pub taps: Taps,
    /// C.
    pub channels: usize,
    /// m, the filters per channel.
    pub multiplier: usize,
    /// Whether it maps filters back to channels.
    pub turned: bool,
    /// What follows the sums.
    pub epilogue: Epilogue,
}

impl Depthwise {
    fn filters(&self) -> usize {
        self.channels * self.multiplier
    }

    /// The channels of x and of y.
    fn sides(&self) -> (usize, usize) {
        if self.turned { (self.filters(), self.channels) } else { (self.channels, self.filters()) }
    }

    fn outputs(&self) -> usize {
        self.batch * self.taps.positions() * self.sides().1
    }

    /// The sums of a position, whose sources' numbers and taps' weights begin at these places.
    #[inline(always)]
    fn sum<T: Real>(&self, y: &mut [T], x: &[T], w: &[T], seen: &[(usize, usize)]) {
        let m = self.multiplier;
        if m == 1 {
            return add_products(y, seen, x, w);
        }
        y.fill(T::zero());
        for &(x_at, w_at) in seen {
            let (x, w) = (&x[x_at..][..self.sides().0], &w[w_at..][..self.filters()]);
            if self.turned {
                for ((y, x), w) in y.iter_mut().zip(x.chunks_exact(m)).zip(w.chunks_exact(m)) {
                    *y = *y + x.iter().zip(w).map(|(&x, &w)| x * w).sum();
                }
            } else {
                for ((y, &x), w) in y.chunks_exact_mut(m).zip(x).zip(w.chunks_exact(m)) {
                    y.iter_mut().zip(w).for_each(|(y, &w)| *y = *y + x * w);
                }
            }
        }
    }
}

/// out\[i\] = Σ over `places` (p, r) of a\[p + i\]·b\[r + i\], with sums that stay in registers.
#[inline(always)]
fn add_products<T: Real>(out: &mut [T], places: &[(usize, usize)], a: &[T], b: &[T]) {
    let wide = lanes::<T, 32>(out, 0, places, a, b);
    let all = lanes::<T, 8>(out, wide, places, a, b);
    lanes::<T, 1>(out, all, places, a, b);
}

/// The same from `first` on, as many as there are whole blocks of N; where the next ones begin.
#[inline(always)]
fn lanes<T: Real, const N: usize>(
    out: &mut [T],
    first: usize,
    places: &[(usize, usize)],
    a: &[T],
    b: &[T],
) -> usize {
    let blocks = out[first..].as_chunks_mut::<N>().0;
    let end = first + N * blocks.len();
    for (at, out) in (first..).step_by(N).zip(blocks) {
        let mut sums = [T::zero(); N];
        for &(p, r) in places {
            let (a, b) = (&a[p + at..][..N], &b[r + at..][..N]);
            sums.iter_mut().zip(a).zip(b).for_each(|((sum, &a), &b)| *sum = *sum + a * b);
        }
        *out = sums;
    }
    end
}

/// Positions per task of the twin.
const ROWS: usize = 64;

ports! {
    /// The ports of [`Depthwise`].
    pub struct DepthwisePorts {
        /// x.
        x: Read,
        /// W.
        w: Read,
        /// b, where there is one.
        b: Option<Read>,
        /// ρ, then q, of a rotated layer.
        rotation: Option<Read>,
        /// z, where it is kept.
        z: Option<Write>,
        /// y.
        y: Write,
    }
}

impl Family for Depthwise {
    const NAME: &'static str = "depthwise";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = crate::kernel::BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "w", "b", "rotation", "z", "y"];
    type Ports = DepthwisePorts<Lens>;
    type Uniforms = DepthwiseUniforms;

    fn lens(&self) -> DepthwisePorts<Lens> {
        let (from, to) = self.sides();
        let ([b, rotation, z], y) = self.epilogue.lens(to, self.outputs());
        let inputs = self.batch * self.taps.sources() * from;
        DepthwisePorts { x: inputs, w: self.taps.taps() * self.filters(), b, rotation, z, y }
    }

    fn uniforms(&self) -> DepthwiseUniforms {
        DepthwiseUniforms { batch: self.batch as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let (from, to) = self.sides();
        let mut parts = vec![each_quad()];
        parts.extend(self.epilogue.wgsl());
        parts.extend([self.taps.wgsl(), channel_constants(from, to, 1)]);
        parts.push(format!("const MULTIPLIER: u32 = {}u;\n", self.multiplier));
        parts.extend([constants(&[("TURNED", self.turned)]), wgsl!("window/depthwise.wgsl")]);
        parts
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch * self.taps.positions(), self.sides().1)
    }

    fn rounds(&self, _variant: usize) -> usize {
        let each = match (self.multiplier, self.turned) {
            (1, _) => 0,
            (_, false) => 1,
            (multiplier, true) => multiplier,
        };
        self.taps.taps() * (1 + each)
    }

    fn by_fours(&self) -> bool {
        self.multiplier == 1 && self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: DepthwisePorts<Slices<'_, T>>) {
        let DepthwisePorts { x, w, b, rotation, z, y } = ports;
        let [b, rotation] = [b, rotation].map(Option::unwrap_or_default);
        let z = z.unwrap_or_default();
        let [b, rho] = self.epilogue.cycles(b, rotation);
        let (from, to) = self.sides();
        let width = ROWS * to;
        let (sources, filters) = (self.taps.sources(), self.filters());
        let table = self.taps.table();
        let block = |(index, (y, z)): (usize, (&mut [T], Option<&mut [T]>))| {
            vectorised(
                #[inline(always)]
                || {
                    let mut row = table.row(index * ROWS);
                    let mut seen = Vec::with_capacity(self.taps.taps());
                    for y in y.chunks_exact_mut(to) {
                        seen.clear();
                        table.each(
                            &row,
                            #[inline(always)]
                            |t, source| seen.push(((row.sample * sources + source) * from, t * filters)),
                        );
                        self.sum(y, x, w, &seen);
                        table.advance(&mut row);
                    }
                    self.epilogue.apply(index * width, [b.as_ref(), rho.as_ref()], y, z);
                },
            );
        };
        if self.epilogue.keep_z {
            let parts = y.par_chunks_mut(width).zip(z.par_chunks_mut(width).map(Some));
            parts.enumerate().for_each(block);
        } else {
            y.par_chunks_mut(width).map(|y| (y, None)).enumerate().for_each(block);
        }
    }
}
