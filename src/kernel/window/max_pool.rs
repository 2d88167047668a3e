//! Max pooling, forward and backward.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::window::spans::{Span, Spans, Table, each};
use crate::kernel::window::window_parts::reach;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, MAX_ROUNDS, Slices, Trust, constants, each_quad, ports, quad_grid,
    uniforms, wgsl,
};
use crate::shape::Geometry;
use rayon::prelude::*;

uniforms!(MaxPoolForwardUniforms { batch: u32, channels: u32 });
uniforms!(MaxPoolBackwardUniforms { batch: u32, channels: u32 });

/// y\[b, o, c\] = the largest x\[b, i, c\] of the inputs i that window o covers. No window is empty.
#[derive(Clone, Copy, Debug)]
pub struct MaxPoolForward {
    /// B.
    pub batch: usize,
    /// The windows, without dilation.
    pub geometry: Geometry,
    /// C.
    pub channels: usize,
}

/// dx of max pooling: every window's dy goes to the first of its largest inputs, in row-major order.
#[derive(Clone, Copy, Debug)]
pub struct MaxPoolBackward {
    /// B.
    pub batch: usize,
    /// The windows, without dilation.
    pub geometry: Geometry,
    /// C.
    pub channels: usize,
}

impl MaxPoolBackward {
    /// A sample's dx from its dy.
    #[inline(always)]
    fn give_back<T: Real>(&self, table: &Table, x: &[T], d_y: &[T], d_x: &mut [T]) {
        d_x.fill(T::zero());
        table.each(
            #[inline(always)]
            |window, span| {
                let d_y = &d_y[window * self.channels..][..self.channels];
                let wide = self.give::<T, 16>(&span, 0, x, d_y, d_x);
                let all = self.give::<T, 4>(&span, wide, x, d_y, d_x);
                self.give::<T, 1>(&span, all, x, d_y, d_x);
            },
        );
    }

    /// What a window gives to its inputs, for as many channels from `first` on as there are whole blocks of N; where the next begin.
    #[inline(always)]
    fn give<T: Real, const N: usize>(
        &self,
        span: &Span,
        first: usize,
        x: &[T],
        d_y: &[T],
        d_x: &mut [T],
    ) -> usize {
        let (c, grid) = (self.channels, self.geometry.input);
        let blocks = d_y[first..].as_chunks::<N>().0;
        for (at, left) in (first..).step_by(N).zip(blocks) {
            let best = largest::<T, N>(span, grid, (c, at), x);
            // What the window has left to give away.
            let mut left = *left;
            each(
                span,
                grid,
                #[inline(always)]
                |source| {
                    let at = source * c + at;
                    let places = d_x[at..][..N].iter_mut().zip(&x[at..][..N]).zip(&best).zip(&mut left);
                    places.for_each(|(((d_x, &x), &best), left)| {
                        let given = if x == best { *left } else { T::zero() };
                        *d_x = *d_x + given;
                        *left = if x == best { T::zero() } else { *left };
                    });
                },
            );
        }
        first + N * blocks.len()
    }

    /// Whether the windows are small enough for one invocation per input, or per window. The gradient of larger ones goes through
    /// the places of their maxima ([`MaxPoolGive`](crate::kernel::MaxPoolGive)).
    pub fn takes(&self) -> bool {
        self.rounds(0) <= MAX_ROUNDS
    }

    /// Whether every input lies in exactly one window.
    fn tiled(&self) -> bool {
        let Geometry { input, output, kernel, strides, before, .. } = self.geometry;
        kernel == strides && before == [0; 3] && (0..3).all(|d| output[d] * strides[d] == input[d])
    }
}

/// The lengths of x and y.
fn sizes(batch: usize, geometry: &Geometry, channels: usize) -> [usize; 2] {
    [geometry.input, geometry.output].map(|grid| batch * grid.iter().product::<usize>() * channels)
}

/// The largest numbers of a window in N channels from `at` on, of c.
#[inline(always)]
fn largest<T: Real, const N: usize>(
    span: &Span,
    grid: [usize; 3],
    (c, at): (usize, usize),
    x: &[T],
) -> [T; N] {
    let mut largest = [T::neg_infinity(); N];
    each(
        span,
        grid,
        #[inline(always)]
        |source| {
            let x = &x[source * c + at..][..N];
            // A NaN must not be hidden.
            largest
                .iter_mut()
                .zip(x)
                .for_each(|(most, &x)| *most = if x > *most || x.is_nan() { x } else { *most });
        },
    );
    largest
}

/// Writes those of as many channels from `first` on as there are whole blocks of N; where the next begin.
#[inline(always)]
fn store_largest<T: Real, const N: usize>(
    span: &Span,
    grid: [usize; 3],
    first: usize,
    x: &[T],
    y: &mut [T],
) -> usize {
    let c = y.len();
    let blocks = y[first..].as_chunks_mut::<N>().0;
    let end = first + N * blocks.len();
    for (at, y) in (first..).step_by(N).zip(blocks) {
        *y = largest(span, grid, (c, at), x);
    }
    end
}

ports! {
    /// The ports of [`MaxPoolForward`].
    pub struct MaxPoolForwardPorts {
        /// x.
        x: Read,
        /// y.
        y: Write,
    }
}

impl Family for MaxPoolForward {
    const NAME: &'static str = "max_pool_forward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = MaxPoolForwardPorts<Lens>;
    type Uniforms = MaxPoolForwardUniforms;

    fn lens(&self) -> MaxPoolForwardPorts<Lens> {
        let [x, y] = sizes(self.batch, &self.geometry, self.channels);
        MaxPoolForwardPorts { x, y }
    }

    fn uniforms(&self) -> MaxPoolForwardUniforms {
        MaxPoolForwardUniforms { batch: self.batch as u32, channels: self.channels as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), Spans(self.geometry).wgsl(), wgsl!("window/max_pool_forward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let windows = self.batch * self.geometry.output.iter().product::<usize>();
        quad_grid(windows, self.channels)
    }

    fn rounds(&self, _variant: usize) -> usize {
        3 * reach(&self.geometry, false)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: MaxPoolForwardPorts<Slices<'_, T>>) {
        let MaxPoolForwardPorts { x, y } = ports;
        let table = Spans(self.geometry).down();
        let [inputs, outputs] = sizes(1, &self.geometry, self.channels);
        let samples = y.par_chunks_exact_mut(outputs).zip(x.par_chunks_exact(inputs));
        samples.for_each(|(y, x)| {
            vectorised(
                #[inline(always)]
                || {
                    table.each(
                        #[inline(always)]
                        |window, span| {
                            let grid = self.geometry.input;
                            let y = &mut y[window * self.channels..][..self.channels];
                            let wide = store_largest::<T, 16>(&span, grid, 0, x, y);
                            let all = store_largest::<T, 4>(&span, grid, wide, x, y);
                            store_largest::<T, 1>(&span, grid, all, x, y);
                        },
                    );
                },
            );
        });
    }
}

ports! {
    /// The ports of [`MaxPoolBackward`].
    pub struct MaxPoolBackwardPorts {
        /// x.
        x: Read,
        /// ∂ℓ/∂y.
        d_y: Read,
        /// ∂ℓ/∂x.
        d_x: Write,
    }
}

impl Family for MaxPoolBackward {
    const NAME: &'static str = "max_pool_backward";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "d_y", "d_x"];
    type Ports = MaxPoolBackwardPorts<Lens>;
    type Uniforms = MaxPoolBackwardUniforms;

    fn lens(&self) -> MaxPoolBackwardPorts<Lens> {
        let [inputs, outputs] = sizes(self.batch, &self.geometry, self.channels);
        MaxPoolBackwardPorts { x: inputs, d_y: outputs, d_x: inputs }
    }

    fn uniforms(&self) -> MaxPoolBackwardUniforms {
        MaxPoolBackwardUniforms { batch: self.batch as u32, channels: self.channels as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("TILED", self.tiled())]);
        vec![each_quad(), Spans(self.geometry).wgsl(), options, wgsl!("window/max_pool_backward.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let grid = if self.tiled() { self.geometry.output } else { self.geometry.input };
        quad_grid(self.batch * grid.iter().product::<usize>(), self.channels)
    }

    fn rounds(&self, _variant: usize) -> usize {
        let window = reach(&self.geometry, false);
        6 * window * if self.tiled() { 1 } else { reach(&self.geometry, true) }
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: MaxPoolBackwardPorts<Slices<'_, T>>) {
        let MaxPoolBackwardPorts { x, d_y, d_x } = ports;
        let table = Spans(self.geometry).down();
        let [inputs, outputs] = sizes(1, &self.geometry, self.channels);
        let samples = d_x.par_chunks_exact_mut(inputs).zip(x.par_chunks_exact(inputs));
        samples.zip(d_y.par_chunks_exact(outputs)).for_each(|((d_x, x), d_y)| {
            vectorised(
                #[inline(always)]
                || self.give_back(&table, x, d_y, d_x),
            );
        });
    }
}
