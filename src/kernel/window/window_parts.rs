//! Windows of many positions, reduced in pieces, and the gradient of their maximum.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::window::spans::{Spans, each, nth, share};
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, MAX_GROUPS, Slices, Trust, constants, each_quad, ports, quad_grid, slices,
    uniforms, wgsl,
};
use crate::shape::Geometry;

/// Positions that one workgroup reduces.
const PIECE: usize = 1024;

/// The value for no place: below minus every place.
const NOWHERE: f32 = -33_554_432.0;

uniforms!(WindowPartsUniforms { batch: u32, channels: u32, pieces: u32 });
uniforms!(MaxPoolGiveUniforms { batch: u32, channels: u32 });

/// How the numbers that a window covers are reduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their share of the window's mean.
    Mean,
    /// The largest.
    Max,
    /// Minus the place of the first that equals the window's largest; a number below all of these if there is none.
    Place,
}

/// The reduction of every piece of up to 1,024 positions of a window: x `[B, inputs, C]` → parts `[B, windows, pieces, C]`. Turned,
/// it reduces over the windows that cover an input: x is `[B, windows, C]` and parts `[B, inputs, pieces, C]`. [`Reduction::Place`]
/// also takes the windows' largest numbers, `[B, windows, C]`.
#[derive(Clone, Copy, Debug)]
pub struct WindowParts {
    /// B.
    pub batch: usize,
    /// The windows, without dilation.
    pub geometry: Geometry,
    /// C.
    pub channels: usize,
    /// Whether it maps windows back to inputs: for sums and means.
    pub turned: bool,
    /// How the numbers are reduced.
    pub reduction: Reduction,
}

/// dx of max pooling from the places of the windows' maxima, as from [`Reduction::Place`]: dx\[b, i, c\] = Σ of dy\[b, o, c\] over
/// the windows o whose place is i.
#[derive(Clone, Copy, Debug)]
pub struct MaxPoolGive {
    /// B.
    pub batch: usize,
    /// The windows, without dilation.
    pub geometry: Geometry,
    /// C.
    pub channels: usize,
}

/// The most positions that a window covers; turned, the most windows that cover a position.
pub fn reach(geometry: &Geometry, turned: bool) -> usize {
    let Geometry { input, output, kernel, strides, .. } = *geometry;
    let along = |d: usize| {
        if turned { kernel[d].div_ceil(strides[d]).min(output[d]) } else { kernel[d].min(input[d]) }
    };
    (0..3).map(along).product()
}

impl WindowParts {
    /// The number of pieces per window.
    pub fn pieces(&self) -> usize {
        reach(&self.geometry, self.turned).div_ceil(PIECE)
    }

    /// The grids of x and of the results.
    fn grids(&self) -> [[usize; 3]; 2] {
        let Geometry { input, output, .. } = self.geometry;
        if self.turned { [output, input] } else { [input, output] }
    }

    /// The numbers per sample on both grids.
    fn sizes(&self) -> [usize; 2] {
        self.grids().map(|grid| grid.iter().product::<usize>() * self.channels)
    }
}

ports! {
    /// The ports of [`WindowParts`].
    pub struct WindowPartsPorts {
        /// x.
        x: Read,
        /// The largest number of each window, for [`Reduction::Place`].
        largest: Option<Read>,
        /// The reduced number of each piece of each window.
        parts: Write,
    }
}

impl Family for WindowParts {
    const NAME: &'static str = "window_parts";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "largest", "parts"];
    type Ports = WindowPartsPorts<Lens>;
    type Uniforms = WindowPartsUniforms;

    fn lens(&self) -> WindowPartsPorts<Lens> {
        let [from, to] = self.sizes().map(|size| self.batch * size);
        let known = (self.reduction == Reduction::Place).then_some(to);
        WindowPartsPorts { x: from, largest: known, parts: to * self.pieces() }
    }

    fn uniforms(&self) -> WindowPartsUniforms {
        WindowPartsUniforms {
            batch: self.batch as u32,
            channels: self.channels as u32,
            pieces: self.pieces() as u32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let is = |reduction| self.reduction == reduction;
        let options = constants(&[
            ("TURNED", self.turned),
            ("MEAN", is(Reduction::Mean)),
            ("MAX", is(Reduction::Max) || is(Reduction::Place)),
            ("PLACE", is(Reduction::Place)),
        ]);
        vec![slices(4), Spans(self.geometry).wgsl(), options, wgsl!("window/window_parts.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let [_, to] = self.grids();
        let groups = (self.batch * to.iter().product::<usize>() * self.pieces()) as u32;
        let folds = groups.div_ceil(MAX_GROUPS);
        [self.channels.div_ceil(16) as u32, groups.div_ceil(folds), folds]
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: WindowPartsPorts<Slices<'_, T>>) {
        let WindowPartsPorts { x, largest: known, parts } = ports;
        let known = known.unwrap_or_default();
        let (c, pieces, [from, _]) = (self.channels, self.pieces(), self.grids());
        let spans = Spans(self.geometry);
        let table = if self.turned { spans.up() } else { spans.down() };
        let windows = table.all();
        // The factor of each window's mean.
        let mut shares: Vec<T> = Vec::new();
        if self.reduction == Reduction::Mean {
            spans.down().each(|_, span| shares.push(share(&span)));
        }
        let inputs = self.sizes()[0];
        map_blocks(
            parts,
            c,
            #[inline(always)]
            |index, part| {
                let (window, piece) = (index / pieces, index % pieces);
                let (sample, position) = (window / windows.len(), window % windows.len());
                let x = &x[sample * inputs..][..inputs];
                let span = &windows[position];
                let steps = (piece * PIECE..(piece + 1) * PIECE).map_while(|i| nth(span, from, i));
                match self.reduction {
                    Reduction::Sum | Reduction::Mean => {
                        let (mut sums, mut run, mut terms) = (vec![0.0; c], vec![T::zero(); c], 0);
                        let flush = |sums: &mut [f64], run: &mut [T]| {
                            sums.iter_mut().zip(&*run).for_each(|(sum, &run)| *sum += run.wide());
                            run.fill(T::zero());
                        };
                        for at in steps {
                            let covering = if self.turned { at } else { position };
                            let factor = shares.get(covering).copied().unwrap_or_else(T::one);
                            run.iter_mut().zip(&x[at * c..]).for_each(|(run, &x)| *run = *run + factor * x);
                            terms += 1;
                            if terms % 16 == 0 {
                                flush(&mut sums, &mut run);
                            }
                        }
                        flush(&mut sums, &mut run);
                        part.iter_mut().zip(&sums).for_each(|(part, &sum)| *part = T::of(sum));
                    }
                    Reduction::Max => {
                        part.fill(T::neg_infinity());
                        for at in steps {
                            let larger = |a: T, b: T| if b > a || b.is_nan() { b } else { a };
                            part.iter_mut().zip(&x[at * c..]).for_each(|(part, &x)| *part = larger(*part, x));
                        }
                    }
                    Reduction::Place => {
                        part.fill(T::of(NOWHERE.into()));
                        let known = &known[window * c..][..c];
                        for at in steps {
                            let place = T::of(-(at as f64));
                            for ((part, &x), &known) in part.iter_mut().zip(&x[at * c..]).zip(known) {
                                *part = if x == known { part.max(place) } else { *part };
                            }
                        }
                    }
                }
            },
        );
    }
}

ports! {
    /// The ports of [`MaxPoolGive`].
    pub struct MaxPoolGivePorts {
        /// Minus the place of the largest number of each window.
        places: Read,
        /// ∂ℓ/∂y.
        d_y: Read,
        /// ∂ℓ/∂x.
        d_x: Write,
    }
}

impl Family for MaxPoolGive {
    const NAME: &'static str = "max_pool_give";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["places", "d_y", "d_x"];
    type Ports = MaxPoolGivePorts<Lens>;
    type Uniforms = MaxPoolGiveUniforms;

    fn lens(&self) -> MaxPoolGivePorts<Lens> {
        let [inputs, outputs] = [self.geometry.input, self.geometry.output]
            .map(|grid| self.batch * grid.iter().product::<usize>() * self.channels);
        MaxPoolGivePorts { places: outputs, d_y: outputs, d_x: inputs }
    }

    fn uniforms(&self) -> MaxPoolGiveUniforms {
        MaxPoolGiveUniforms { batch: self.batch as u32, channels: self.channels as u32 }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![each_quad(), Spans(self.geometry).wgsl(), wgsl!("window/max_pool_give.wgsl")]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch * self.geometry.input.iter().product::<usize>(), self.channels)
    }

    fn rounds(&self, _variant: usize) -> usize {
        3 * reach(&self.geometry, true)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: MaxPoolGivePorts<Slices<'_, T>>) {
        let MaxPoolGivePorts { places, d_y, d_x } = ports;
        let c = self.channels;
        let Geometry { input, output, .. } = self.geometry;
        let windows = Spans(self.geometry).up().all();
        let (inputs, outputs) = (input.iter().product::<usize>(), output.iter().product::<usize>());
        map_blocks(
            d_x,
            c,
            #[inline(always)]
            |index, d_x| {
                let (sample, position) = (index / inputs, index % inputs);
                let me = T::of(-(position as f64));
                d_x.fill(T::zero());
                each(&windows[position], output, |window| {
                    let first = (sample * outputs + window) * c;
                    for (d_x, (&d_y, &place)) in d_x.iter_mut().zip(d_y[first..].iter().zip(&places[first..]))
                    {
                        *d_x = if place == me { *d_x + d_y } else { *d_x };
                    }
                });
            },
        );
    }
}
