//! Images made brighter or darker, or of more or less contrast, at random: augmentation.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::tensor::dropout::random_bits;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use rayon::prelude::*;

uniforms!(RandomToneUniforms {
    batch: u32,
    seed: u32,
    channels: u32,
    positions: u32,
    lower: f32,
    span: f32,
    low: f32,
    high: f32,
});

/// What becomes of a number x, by the drawn number a.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// x + a.
    Brightness,
    /// m + a·(x − m), with the mean m of the image's channel.
    Contrast,
}

/// y = t(x), within limits, where t is the [`Tone`] by a number that is drawn evenly from `lower..upper` by (sample, step, seed). With `gate`,
/// y = g where t(x) is within the limits, else 0: the gradient of the limits. x, g and y are `[B, positions, C]`, the means `[B, C]`.
#[derive(Clone, Copy, Debug)]
pub struct RandomTone {
    /// B.
    pub batch: usize,
    /// The number of pixels of an image.
    pub positions: usize,
    /// C.
    pub channels: usize,
    /// What the number does.
    pub tone: Tone,
    /// The smallest number.
    pub lower: f32,
    /// The largest number.
    pub upper: f32,
    /// The limits of y, if there are any; needed for `gate`.
    pub limits: Option<[f32; 2]>,
    /// The layer's own seed.
    pub seed: u32,
    /// Whether it lets gradients pass instead of numbers.
    pub gate: bool,
}

ports! {
    /// The ports of [`RandomTone`].
    pub struct RandomTonePorts {
        /// x.
        x: Read,
        /// The means, with [`Tone::Contrast`].
        mean: Option<Read>,
        /// g, with `gate`.
        g: Option<Read>,
        /// The clock.
        clock: ReadIndex,
        /// y.
        y: Write,
    }
}

impl RandomTone {
    fn limits(&self) -> [f32; 2] {
        self.limits.unwrap_or([f32::MIN, f32::MAX])
    }
}

impl Family for RandomTone {
    const NAME: &'static str = "random_tone";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "mean", "g", "y"];
    type Ports = RandomTonePorts<Lens>;
    type Uniforms = RandomToneUniforms;

    fn lens(&self) -> RandomTonePorts<Lens> {
        let count = self.batch * self.positions * self.channels;
        RandomTonePorts {
            x: count,
            mean: (self.tone == Tone::Contrast).then_some(self.batch * self.channels),
            g: self.gate.then_some(count),
            clock: clock::LEN,
            y: count,
        }
    }

    fn uniforms(&self) -> RandomToneUniforms {
        let [low, high] = self.limits();
        RandomToneUniforms {
            batch: self.batch as u32,
            seed: self.seed,
            channels: self.channels as u32,
            positions: self.positions as u32,
            lower: self.lower,
            span: self.upper - self.lower,
            low,
            high,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options =
            [("CONTRAST", self.tone == Tone::Contrast), ("GATE", self.gate), ("CLIP", self.limits.is_some())];
        vec![
            each_quad(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/random.wgsl"),
            constants(&options),
            wgsl!("window/random_tone.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        quad_grid(self.batch * self.positions, self.channels)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RandomTonePorts<Slices<'_, T>>) {
        let RandomTonePorts { x, mean, g, clock, y } = ports;
        let (step, c) = (clock[clock::STEP], self.channels);
        let [mean, g] = [mean, g].map(Option::unwrap_or_default);
        let [lower, span] = [self.lower, self.upper - self.lower].map(|v| T::of(v.into()));
        let [low, high] = self.limits().map(|v| T::of(v.into()));
        let len = self.positions * c;
        y.par_chunks_exact_mut(len).zip(x.par_chunks_exact(len)).enumerate().for_each(|(sample, (y, x))| {
            let share = T::of(f64::from(random_bits(sample as u32, step, self.seed) >> 8) / 16_777_216.0);
            let drawn = lower + span * share;
            for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                let t = match self.tone {
                    Tone::Brightness => x + drawn,
                    Tone::Contrast => {
                        let mean = mean[sample * c + i % c];
                        mean + drawn * (x - mean)
                    }
                };
                *y = match self.gate {
                    true if low <= t && t <= high => g[sample * len + i],
                    true => T::zero(),
                    // A NaN stays one.
                    false if t < low => low,
                    false if t > high => high,
                    false => t,
                };
            }
        });
    }
}
