//! Images turned, magnified and shifted at random, between their pixels: augmentation.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::tensor::dropout::random_bits;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

uniforms!(RandomWarpUniforms {
    batch: u32,
    seed: u32,
    channels: u32,
    height: u32,
    width: u32,
    copies_y: i32,
    copies_x: i32,
    lower_y: f32,
    lower_x: f32,
    span_y: f32,
    span_x: f32,
    fill_value: f32,
});

/// What an image shows outside of its borders (Keras' `fill_mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FillMode {
    /// Its mirror image, with the pixels at the edge twice: `d c b a | a b c d | d c b a`.
    #[default]
    Reflect,
    /// The image again: `a b c d | a b c d | a b c d`. (TensorFlow has other pixels there from the second repetition on.)
    Wrap,
    /// One value: `k k k k | a b c d | k k k k`.
    Constant,
    /// The nearest pixel: `a a a a | a b c d | d d d d`.
    Nearest,
}

/// The value between pixels (Keras' `interpolation`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// Linear between the four pixels around.
    #[default]
    Bilinear,
    /// The nearest pixel's.
    Nearest,
}

/// What becomes of an image, by its factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warp {
    /// Turned around its middle by the first factor, a share of a full turn; counter-clockwise where it is positive.
    Turn,
    /// Seen at 1 + factor times its size from the middle: smaller where the factor is positive. With `together` the first factor counts
    /// for both directions.
    Zoom {
        /// Whether the aspect is kept.
        together: bool,
    },
    /// Shifted down and to the right by shares of its size.
    Shift,
}

/// y\[b, o, c\] = x\[b, s, c\] at s = m + A·(o − m) − t, where m is the image's middle: between its pixels by [`Interpolation`], outside of
/// it by [`FillMode`]. A and t follow from the [`Warp`] and its factors, which are drawn evenly from `lower..upper` by (sample, step,
/// seed). Turned, the gradient of that. x and y are `[B, size…, C]`.
#[derive(Clone, Copy, Debug)]
pub struct RandomWarp {
    /// B.
    pub batch: usize,
    /// Height and width of the images.
    pub size: [usize; 2],
    /// C.
    pub channels: usize,
    /// What the factors are.
    pub warp: Warp,
    /// The lower limits of the factors along height and width; above −1 for [`Warp::Zoom`].
    pub lower: [f32; 2],
    /// Their upper limits.
    pub upper: [f32; 2],
    /// What is outside of the images.
    pub fill: FillMode,
    /// The value there, with [`FillMode::Constant`].
    pub fill_value: f32,
    /// What is between the pixels.
    pub interpolation: Interpolation,
    /// The layer's own seed.
    pub seed: u32,
    /// Whether it maps gradients of outputs back to inputs.
    pub turned: bool,
}

/// An image's motion: A, and t.
struct Motion<T> {
    matrix: [[T; 2]; 2],
    shift: [T; 2],
}

/// What widens the part of the outputs in which those that see a pixel are looked for, against rounding.
const SLACK: f32 = 0.0625;

impl RandomWarp {
    /// The motion of a sample.
    fn motion<T: Real>(&self, sample: usize, step: u32) -> Motion<T> {
        let share = |axis: usize| {
            let bits = random_bits((2 * sample + axis) as u32, step, self.seed);
            T::of(f64::from(bits >> 8) / 16_777_216.0)
        };
        let second = usize::from(self.warp != Warp::Zoom { together: true });
        let factor = |axis: usize, share: T| {
            let [lower, upper] = [self.lower, self.upper].map(|limits| limits[axis]);
            T::of(lower.into()) + T::of((upper - lower).into()) * share
        };
        let factors = [factor(0, share(0)), factor(1, share(second))];
        let (zero, one) = (T::zero(), T::one());
        let (matrix, shift) = match self.warp {
            Warp::Turn => {
                // Quarter turns and the rest.
                let quarters = (T::of(4.0) * factors[0] + T::of(0.5)).floor();
                let (sine, cosine) = ((T::of(4.0) * factors[0] - quarters) * T::FRAC_PI_2()).sin_cos();
                let (s, c) = match quarters.wide().rem_euclid(4.0) as u32 {
                    0 => (sine, cosine),
                    1 => (cosine, -sine),
                    2 => (-sine, -cosine),
                    _ => (-cosine, sine),
                };
                ([[c, s], [-s, c]], [zero; 2])
            }
            Warp::Zoom { .. } => ([[one + factors[0], zero], [zero, one + factors[1]]], [zero; 2]),
            Warp::Shift => {
                let size = self.size.map(|n| T::of(n as f64));
                ([[one, zero], [zero, one]], [factors[0] * size[0], factors[1] * size[1]])
            }
        };
        Motion { matrix, shift }
    }

    /// The place in the image for one on the endless plane, along an axis.
    fn placed<T: Real>(&self, s: T, axis: usize) -> T {
        let n = T::of(self.size[axis] as f64);
        let last = n - T::one();
        let inside = |at: T| at.max(T::zero()).min(last);
        match self.fill {
            FillMode::Constant => s,
            FillMode::Nearest => inside(s),
            FillMode::Reflect | FillMode::Wrap => {
                // Between two copies of the image, a place belongs to the outer one.
                let copy = match s {
                    s if s < T::zero() => (s / n).floor(),
                    s if s > last => ((s + T::one()) / n).ceil() - T::one(),
                    _ => T::zero(),
                };
                let at = inside(s - copy * n);
                let mirrored = self.fill == FillMode::Reflect && copy.wide().rem_euclid(2.0) == 1.0;
                if mirrored { last - at } else { at }
            }
        }
    }

    /// The pixels of the image that an output sees, `None` for one outside, and with what weight.
    fn seen<T: Real>(&self, motion: &Motion<T>, output: [usize; 2]) -> [(Option<usize>, T); 4] {
        let middle = self.size.map(|n| T::of((n - 1) as f64 / 2.0));
        let d = [0, 1].map(|axis| T::of(output[axis] as f64) - middle[axis]);
        let at = [0, 1].map(|axis| {
            let [a, b] = motion.matrix[axis];
            self.placed(middle[axis] + a * d[0] + b * d[1] - motion.shift[axis], axis)
        });
        let (first, rest) = match self.interpolation {
            Interpolation::Bilinear => (at.map(T::floor), at.map(|at| at - at.floor())),
            Interpolation::Nearest => (at.map(|at| (at + T::of(0.5)).floor()), [T::zero(); 2]),
        };
        [[0, 0], [0, 1], [1, 0], [1, 1]].map(|corner: [u8; 2]| {
            let along = |axis: usize| {
                let pixel = first[axis].wide() + f64::from(corner[axis]);
                (0.0 <= pixel && pixel < self.size[axis] as f64).then_some(pixel as usize)
            };
            let weight = |axis: usize| if corner[axis] == 1 { rest[axis] } else { T::one() - rest[axis] };
            let pixel = along(0).zip(along(1)).map(|(line, place)| line * self.size[1] + place);
            (pixel, weight(0) * weight(1))
        })
    }

    /// How many copies of the image lie before and behind it, along an axis, as far as outputs may look.
    fn copies(&self, axis: usize) -> usize {
        if matches!(self.fill, FillMode::Constant | FillMode::Nearest) {
            return 0;
        }
        let half = self.size.map(|n| (n - 1) as f32 / 2.0);
        let largest = self.lower[axis].abs().max(self.upper[axis].abs());
        let beyond = match self.warp {
            Warp::Turn => half[0].hypot(half[1]) - half[axis],
            Warp::Zoom { .. } => half[axis] * self.upper[axis].max(0.0),
            Warp::Shift => largest * self.size[axis] as f32,
        };
        ((beyond + SLACK) / self.size[axis] as f32).ceil() as usize
    }

    /// The most outputs along an axis that may see a copy of a pixel.
    fn reach(&self, axis: usize) -> usize {
        let seen = match self.warp {
            Warp::Turn => 2.0 * std::f32::consts::SQRT_2,
            Warp::Zoom { .. } => 2.0 / (1.0 + self.lower[axis]),
            Warp::Shift => 2.0,
        };
        let whole = self.fill == FillMode::Nearest;
        let few = if whole { self.size[axis] } else { (seen + 2.0 * SLACK) as usize + 1 };
        few.min(self.size[axis])
    }
}

ports! {
    /// The ports of [`RandomWarp`].
    pub struct RandomWarpPorts {
        /// x.
        x: Read,
        /// The clock.
        clock: ReadIndex,
        /// y.
        y: Write,
    }
}

impl Family for RandomWarp {
    const NAME: &'static str = "random_warp";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = RandomWarpPorts<Lens>;
    type Uniforms = RandomWarpUniforms;

    fn lens(&self) -> RandomWarpPorts<Lens> {
        let count = self.batch * self.size[0] * self.size[1] * self.channels;
        RandomWarpPorts { x: count, clock: clock::LEN, y: count }
    }

    fn uniforms(&self) -> RandomWarpUniforms {
        RandomWarpUniforms {
            batch: self.batch as u32,
            seed: self.seed,
            channels: self.channels as u32,
            height: self.size[0] as u32,
            width: self.size[1] as u32,
            copies_y: self.copies(0) as i32,
            copies_x: self.copies(1) as i32,
            lower_y: self.lower[0],
            lower_x: self.lower[1],
            span_y: self.upper[0] - self.lower[0],
            span_x: self.upper[1] - self.lower[1],
            fill_value: self.fill_value,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let fills = [
            ("REFLECT", FillMode::Reflect),
            ("WRAP", FillMode::Wrap),
            ("CONSTANT", FillMode::Constant),
            ("NEAREST_PIXEL", FillMode::Nearest),
        ];
        let mut options = vec![
            ("TURN", self.warp == Warp::Turn),
            ("ZOOM", matches!(self.warp, Warp::Zoom { .. })),
            ("TOGETHER", self.warp == Warp::Zoom { together: true }),
            ("NEAREST", self.interpolation == Interpolation::Nearest),
            ("TURNED", self.turned),
        ];
        options.extend(fills.map(|(name, fill)| (name, fill == self.fill)));
        vec![
            each_quad(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/random.wgsl"),
            constants(&options),
            format!("const SLACK: f32 = {SLACK:?};\n"),
            wgsl!("window/random_warp.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch * self.size[0] * self.size[1], self.channels)
    }

    fn rounds(&self, _variant: usize) -> usize {
        if !self.turned {
            return 0;
        }
        // Over copies of the image along both axes, then lines and places of the outputs.
        let [down, across] = [0, 1].map(|axis| 2 * self.copies(axis) + 1);
        let outputs = self.reach(0).saturating_mul(1 + self.reach(1));
        down.saturating_mul(across.saturating_mul(outputs.saturating_add(1)).saturating_add(1))
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RandomWarpPorts<Slices<'_, T>>) {
        let RandomWarpPorts { x, clock, y } = ports;
        let (step, c, fill) = (clock[clock::STEP], self.channels, T::of(self.fill_value.into()));
        let len = self.size[0] * self.size[1] * c;
        let samples = y.par_chunks_exact_mut(len).zip(x.par_chunks_exact(len));
        samples.enumerate().for_each(|(sample, (y, x))| {
            let motion: Motion<T> = self.motion(sample, step);
            y.fill(T::zero());
            for output in 0..self.size[0] * self.size[1] {
                for (pixel, weight) in self.seen(&motion, [output / self.size[1], output % self.size[1]]) {
                    let (from, to) = if self.turned { (Some(output), pixel) } else { (pixel, Some(output)) };
                    let Some(to) = to.filter(|_| weight > T::zero()) else { continue };
                    for channel in 0..c {
                        let value = from.map_or(fill, |from| x[from * c + channel]);
                        let sum = &mut y[to * c + channel];
                        *sum = *sum + weight * value;
                    }
                }
            }
        });
    }
}
