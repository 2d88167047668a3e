//! Linear interpolation along an axis.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(InterpolateUniforms { outer: u32, length: u32, inner: u32, factor: u32 });

/// `factor` numbers for every one along the middle axis of x `[outer, length, inner]`, linearly between the centres of the old ones (half-pixel
/// centres); beyond the first and the last centre their own values. Turned it is the transpose, from `[outer, length·factor, inner]`.
#[derive(Clone, Copy, Debug)]
pub struct Interpolate {
    /// Lines before the axis.
    pub outer: usize,
    /// The shorter length of the axis.
    pub length: usize,
    /// Numbers behind the axis.
    pub inner: usize,
    /// How many numbers one becomes.
    pub factor: usize,
    /// Whether it is the transpose.
    pub turned: bool,
}

impl Interpolate {
    /// For a number of the longer axis: the nearest of the shorter one, the one on its other side, and that one's share.
    fn shares(&self, i: usize) -> (usize, usize, f64) {
        let (p, r) = (i / self.factor, i % self.factor);
        let distance = ((2 * r + 1) as f64 - self.factor as f64) / (2 * self.factor) as f64;
        let other = match distance {
            d if d < 0.0 => p.saturating_sub(1),
            d if d > 0.0 => (p + 1).min(self.length - 1),
            _ => p,
        };
        (p, other, distance.abs())
    }
}

ports! {
    /// The ports of [`Interpolate`].
    pub struct InterpolatePorts {
        /// The shorter lines, turned the longer ones.
        x: Read,
        /// The longer lines, turned the shorter ones.
        y: Write,
    }
}

impl Family for Interpolate {
    const NAME: &'static str = "interpolate";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = InterpolatePorts<Lens>;
    type Uniforms = InterpolateUniforms;

    fn lens(&self) -> InterpolatePorts<Lens> {
        let short = self.outer * self.length * self.inner;
        let long = short * self.factor;
        if self.turned {
            InterpolatePorts { x: long, y: short }
        } else {
            InterpolatePorts { x: short, y: long }
        }
    }

    fn uniforms(&self) -> InterpolateUniforms {
        InterpolateUniforms {
            outer: self.outer as u32,
            length: self.length as u32,
            inner: self.inner as u32,
            factor: self.factor as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), constants(&[("TURNED", self.turned)]), wgsl!("window/interpolate.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let factor = if self.turned { 1 } else { self.factor };
        quad_grid(self.outer * self.length * factor, self.inner)
    }

    fn rounds(&self, _variant: usize) -> usize {
        if self.turned { self.factor } else { 0 }
    }

    fn by_fours(&self) -> bool {
        self.inner.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: InterpolatePorts<Slices<'_, T>>) {
        let InterpolatePorts { x, y } = ports;
        let inner = self.inner;
        let (short, long) = (self.length * inner, self.length * self.factor * inner);
        let (width, other_width) = if self.turned { (short, long) } else { (long, short) };
        map_blocks(
            y,
            width,
            #[inline(always)]
            |line, y| {
                let x = &x[line * other_width..][..other_width];
                if self.turned {
                    y.fill(T::zero());
                    for (i, x) in x.chunks_exact(inner).enumerate() {
                        let (p, other, share) = self.shares(i);
                        for (place, share) in [(p, 1.0 - share), (other, share)] {
                            let share = T::of(share);
                            let sums = y[place * inner..][..inner].iter_mut();
                            sums.zip(x).for_each(|(sum, &x)| *sum = *sum + share * x);
                        }
                    }
                    return;
                }
                for (i, y) in y.chunks_exact_mut(inner).enumerate() {
                    let (p, other, share) = self.shares(i);
                    let share = T::of(share);
                    let pairs = x[p * inner..].iter().zip(&x[other * inner..]);
                    y.iter_mut().zip(pairs).for_each(|(y, (&a, &b))| *y = a + share * (b - a));
                }
            },
        );
    }
}
