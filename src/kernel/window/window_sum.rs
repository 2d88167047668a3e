//! Sums over windows: average pooling, up-sampling and zero padding, forward and backward.

use crate::Real;
use crate::kernel::base::rows::vectorised;
use crate::kernel::window::spans::{Spans, each, share};
use crate::kernel::window::window_parts::reach;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use crate::shape::Geometry;
use rayon::prelude::*;

uniforms!(WindowSumUniforms { batch: u32, channels: u32 });

/// y\[b, o, c\] = Σ of x\[b, i, c\] over the inputs i that window o covers; with `mean`, divided by their number. Turned,
/// y\[b, i, c\] = Σ of x\[b, o, c\] over the windows o that cover input i; with `mean`, each divided by the number of inputs it
/// covers.
///
/// Average pooling is the mean and its gradient the mean turned; up-sampling is the sum turned and its gradient the sum; zero
/// padding is the sum over windows of one input, some of which lie outside.
#[derive(Clone, Copy, Debug)]
pub struct WindowSum {
    /// B.
    pub batch: usize,
    /// The windows, without dilation.
    pub geometry: Geometry,
    /// C.
    pub channels: usize,
    /// Whether it maps windows back to inputs.
    pub turned: bool,
    /// Whether windows are averaged.
    pub mean: bool,
}

impl WindowSum {
    /// The grids of x and of y.
    fn grids(&self) -> ([usize; 3], [usize; 3]) {
        let Geometry { input, output, .. } = self.geometry;
        if self.turned { (output, input) } else { (input, output) }
    }
}

ports! {
    /// The ports of [`WindowSum`].
    pub struct WindowSumPorts {
        /// x.
        x: Read,
        /// y.
        y: Write,
    }
}

impl Family for WindowSum {
    const NAME: &'static str = "window_sum";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = WindowSumPorts<Lens>;
    type Uniforms = WindowSumUniforms;

    fn lens(&self) -> WindowSumPorts<Lens> {
        let (from, to) = self.grids();
        let [x, y] = [from, to].map(|grid| self.batch * grid.iter().product::<usize>() * self.channels);
        WindowSumPorts { x, y }
    }

    fn uniforms(&self) -> WindowSumUniforms {
        WindowSumUniforms { batch: self.batch as u32, channels: self.channels as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = constants(&[("TURNED", self.turned), ("MEAN", self.mean)]);
        vec![each_quad(), Spans(self.geometry).wgsl(), options, wgsl!("window/window_sum.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let positions = self.grids().1.iter().product::<usize>();
        quad_grid(self.batch * positions, self.channels)
    }

    fn rounds(&self, _variant: usize) -> usize {
        // Over planes, their lines, and their places.
        3 * reach(&self.geometry, self.turned)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: WindowSumPorts<Slices<'_, T>>) {
        let WindowSumPorts { x, y } = ports;
        let (spans, c) = (Spans(self.geometry), self.channels);
        let (from, to) = self.grids();
        let sizes = [from, to].map(|grid| grid.iter().product::<usize>() * c);
        let table = if self.turned { spans.up() } else { spans.down() };
        // The factor of each window's mean.
        let mut shares: Vec<T> = Vec::new();
        if self.mean {
            spans.down().each(|_, span| shares.push(share(&span)));
        }
        let samples = y.par_chunks_exact_mut(sizes[1]).zip(x.par_chunks_exact(sizes[0]));
        samples.for_each(|(y, x)| {
            vectorised(
                #[inline(always)]
                || {
                    table.each(
                        #[inline(always)]
                        |position, span| {
                            let y = &mut y[position * c..][..c];
                            y.fill(T::zero());
                            each(
                                &span,
                                from,
                                #[inline(always)]
                                |source| {
                                    let window = if self.turned { source } else { position };
                                    let factor = shares.get(window).copied().unwrap_or_else(T::one);
                                    y.iter_mut()
                                        .zip(&x[source * c..])
                                        .for_each(|(y, &x)| *y = *y + factor * x);
                                },
                            );
                        },
                    );
                },
            );
        });
    }
}
