//! Weight normalisation (Salimans and Kingma 2016): kernels of a given length per filter, forward and backward.

use crate::Real;
use crate::kernel::base::rows::{map_blocks, map_each};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};

uniforms!(WeightNormForwardUniforms { taps: u32, outer: u32, inner: u32, filters: u32 });

uniforms!(WeightNormBackwardUniforms { taps: u32, outer: u32, inner: u32, filters: u32, l1: f32, l2: f32 });

/// w = g·v/‖v‖ for every filter; 0 where v is 0. v and w are `[taps, channels, filters]`, or turned `[taps, filters, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct WeightNormForward {
    /// The window's taps.
    pub taps: usize,
    /// Channels per filter.
    pub channels: usize,
    /// The number of filters.
    pub filters: usize,
    /// Whether the filters come before the channels.
    pub turned: bool,
}

/// ∂ℓ/∂v and ∂ℓ/∂g from D = ∂ℓ/∂w and Σ D·v of every filter:
/// dg = Σ D·v/‖v‖ and dv = g/‖v‖·(D − v·Σ D·v/‖v‖²) + l1·sign(v) + 2·l2·v; without the regulariser's share both are 0 where v is 0.
#[derive(Clone, Copy, Debug)]
pub struct WeightNormBackward {
    /// The forward pass.
    pub of: WeightNormForward,
    /// The L1 regulariser's factor.
    pub l1: f32,
    /// The L2 regulariser's factor.
    pub l2: f32,
}

impl WeightNormForward {
    fn weights(&self) -> usize {
        self.taps * self.channels * self.filters
    }

    /// The two last dimensions of the kernel.
    fn sides(&self) -> [usize; 2] {
        if self.turned { [self.filters, self.channels] } else { [self.channels, self.filters] }
    }

    /// The shader's options.
    fn options(&self) -> String {
        constants(&[("TURNED", self.turned)])
    }

    fn quads(&self) -> Grid {
        let [outer, inner] = self.sides();
        quad_grid(self.taps * outer, inner)
    }

    fn fours(&self) -> bool {
        self.sides()[1].is_multiple_of(4)
    }

    /// The filter of each number of a line of the kernel.
    #[inline(always)]
    fn filter(&self, line: usize, i: usize) -> usize {
        if self.turned { line % self.filters } else { i }
    }
}

/// 1/√square, or 0 for 0: a filter of zeros has no direction.
fn inverses<T: Real>(squares: &[T]) -> Vec<T> {
    let inverse = |&square: &T| if square > T::zero() { T::one() / square.sqrt() } else { T::zero() };
    squares.iter().map(inverse).collect()
}

ports! {
    /// The ports of [`WeightNormForward`].
    pub struct WeightNormForwardPorts {
        /// v.
        v: Read,
        /// g of each filter.
        gain: Read,
        /// Σ v² of each filter.
        squares: Read,
        /// g·v/‖v‖.
        w: Write,
    }
}

impl Family for WeightNormForward {
    const NAME: &'static str = "weight_norm_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["v", "w"];
    type Ports = WeightNormForwardPorts<Lens>;
    type Uniforms = WeightNormForwardUniforms;

    fn lens(&self) -> WeightNormForwardPorts<Lens> {
        let (weights, filters) = (self.weights(), self.filters);
        WeightNormForwardPorts { v: weights, gain: filters, squares: filters, w: weights }
    }

    fn uniforms(&self) -> WeightNormForwardUniforms {
        let [outer, inner] = self.sides().map(|side| side as u32);
        WeightNormForwardUniforms { taps: self.taps as u32, outer, inner, filters: self.filters as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), self.options(), wgsl!("norm/weight_norm_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.quads()
    }

    fn by_fours(&self) -> bool {
        self.fours()
    }

    fn twin<T: Real>(&self, ports: WeightNormForwardPorts<Slices<'_, T>>) {
        let WeightNormForwardPorts { v, gain, squares, w } = ports;
        let scales: Vec<T> = inverses(squares).iter().zip(gain).map(|(&i, &g)| g * i).collect();
        let [_, inner] = self.sides();
        map_blocks(
            w,
            inner,
            #[inline(always)]
            |line, w| {
                for (i, (w, &v)) in w.iter_mut().zip(&v[line * inner..]).enumerate() {
                    *w = scales[self.filter(line, i)] * v;
                }
            },
        );
    }
}

ports! {
    /// The ports of [`WeightNormBackward`].
    pub struct WeightNormBackwardPorts {
        /// v.
        v: Read,
        /// g of each filter.
        gain: Read,
        /// Σ v² of each filter.
        squares: Read,
        /// Σ D·v of each filter.
        products: Read,
        /// D = ∂ℓ/∂w, replaced by ∂ℓ/∂v.
        d_v: Update,
        /// ∂ℓ/∂g.
        d_gain: Write,
    }
}

impl Family for WeightNormBackward {
    const NAME: &'static str = "weight_norm_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["v", "d_v"];
    type Ports = WeightNormBackwardPorts<Lens>;
    type Uniforms = WeightNormBackwardUniforms;

    fn lens(&self) -> WeightNormBackwardPorts<Lens> {
        let (weights, filters) = (self.of.weights(), self.of.filters);
        WeightNormBackwardPorts {
            v: weights,
            gain: filters,
            squares: filters,
            products: filters,
            d_v: weights,
            d_gain: filters,
        }
    }

    fn uniforms(&self) -> WeightNormBackwardUniforms {
        let [outer, inner] = self.of.sides().map(|side| side as u32);
        let WeightNormForward { taps, filters, .. } = self.of;
        let (l1, l2) = (self.l1, self.l2);
        WeightNormBackwardUniforms { taps: taps as u32, outer, inner, filters: filters as u32, l1, l2 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), self.of.options(), wgsl!("norm/weight_norm_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        self.of.quads()
    }

    fn by_fours(&self) -> bool {
        self.of.fours()
    }

    fn twin<T: Real>(&self, ports: WeightNormBackwardPorts<Slices<'_, T>>) {
        let WeightNormBackwardPorts { v, gain, squares, products, d_v, d_gain } = ports;
        let inverses = inverses(squares);
        let (l1, l2) = (T::of(self.l1.into()), T::of(2.0 * f64::from(self.l2)));
        d_gain.iter_mut().zip(products).zip(&inverses).for_each(|((d, &p), &i)| *d = p * i);
        // dv = scale·D + (share + 2·l2)·v + l1·sign(v).
        let scales: Vec<T> = inverses.iter().zip(gain).map(|(&i, &g)| g * i).collect();
        let shares: Vec<T> = inverses
            .iter()
            .zip(&scales)
            .zip(products)
            .map(|((&inverse, &scale), &product)| l2 - scale * product * inverse * inverse)
            .collect();
        let [_, inner] = self.of.sides();
        map_each(
            d_v.chunks_mut(inner).zip(v.chunks(inner)).enumerate().collect(),
            v.len(),
            #[inline(always)]
            |(line, (d_v, v)): (usize, (&mut [T], &[T]))| {
                for (i, (d, &v)) in d_v.iter_mut().zip(v).enumerate() {
                    let n = self.of.filter(line, i);
                    *d = scales[n] * *d + shares[n] * v + l1 * v.sign();
                }
            },
        );
    }
}
