//! Images seen through a window that is shifted and mirrored at random: augmentation.

use crate::Real;
use crate::kernel::clock;
use crate::kernel::tensor::dropout::random_bits;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each_quad, ports, quad_grid, uniforms, wgsl,
};
use rayon::prelude::*;

uniforms!(RandomWindowUniforms {
    batch: u32,
    seed: u32,
    channels: u32,
    height: u32,
    width: u32,
    window_height: u32,
    window_width: u32,
    first_y: i32,
    first_x: i32,
    range_y: u32,
    range_x: u32,
});

/// y\[b, o, c\] = x\[b, o + offset_b, c\], or 0 outside x, with o mirrored along its axes for some samples; turned, the gradient of
/// that. Offsets range from `first` to `first + range − 1` per dimension; they and the mirroring follow from (sample, step, seed).
/// x is `[B, size…, C]`, y `[B, window…, C]`; turned, they change places.
#[derive(Clone, Copy, Debug)]
pub struct RandomWindow {
    /// B.
    pub batch: usize,
    /// Height and width of the images.
    pub size: [usize; 2],
    /// Height and width of the window.
    pub window: [usize; 2],
    /// C.
    pub channels: usize,
    /// The smallest offset, down and to the right.
    pub first: [i32; 2],
    /// The number of offsets, 1 to 65,536.
    pub range: [u32; 2],
    /// Whether half of the samples are mirrored top to bottom, and left to right.
    pub mirror: [bool; 2],
    /// The layer's own seed.
    pub seed: u32,
    /// Whether it maps windows back to images.
    pub turned: bool,
}

impl RandomWindow {
    /// Offset and mirroring of a sample along an axis.
    fn draw(&self, axis: usize, sample: usize, step: u32) -> (i32, bool) {
        let bits = |i: u32| random_bits(4 * sample as u32 + i, step, self.seed);
        let axis_bits = axis as u32;
        let offset = self.first[axis] + (((bits(axis_bits) >> 16) * self.range[axis]) >> 16) as i32;
        (offset, self.mirror[axis] && bits(2 + axis_bits) >> 31 == 1)
    }

    /// The source of a position along an axis.
    fn source(&self, axis: usize, position: usize, (offset, mirrored): (i32, bool)) -> Option<usize> {
        let last = self.window[axis] as i32 - 1;
        let flip = |o: i32| if mirrored { last - o } else { o };
        if self.turned {
            let seen = position as i32 - offset;
            usize::try_from(flip(seen)).ok().filter(|_| (0..=last).contains(&seen))
        } else {
            let at = flip(position as i32) + offset;
            usize::try_from(at).ok().filter(|&at| at < self.size[axis])
        }
    }
}

ports! {
    /// The ports of [`RandomWindow`].
    pub struct RandomWindowPorts {
        /// x.
        x: Read,
        /// The clock.
        clock: ReadIndex,
        /// y.
        y: Write,
    }
}

impl Family for RandomWindow {
    const NAME: &'static str = "random_window";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = RandomWindowPorts<Lens>;
    type Uniforms = RandomWindowUniforms;

    fn lens(&self) -> RandomWindowPorts<Lens> {
        let [size, window] = [self.size, self.window].map(|[h, w]| self.batch * h * w * self.channels);
        let [x, y] = if self.turned { [window, size] } else { [size, window] };
        RandomWindowPorts { x, clock: clock::LEN, y }
    }

    fn uniforms(&self) -> RandomWindowUniforms {
        RandomWindowUniforms {
            batch: self.batch as u32,
            seed: self.seed,
            channels: self.channels as u32,
            height: self.size[0] as u32,
            width: self.size[1] as u32,
            window_height: self.window[0] as u32,
            window_width: self.window[1] as u32,
            first_y: self.first[0],
            first_x: self.first[1],
            range_y: self.range[0],
            range_x: self.range[1],
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        let options = [("MIRROR_Y", self.mirror[0]), ("MIRROR_X", self.mirror[1]), ("TURNED", self.turned)];
        vec![
            each_quad(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/random.wgsl"),
            constants(&options),
            wgsl!("window/random_window.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        let [h, w] = if self.turned { self.size } else { self.window };
        quad_grid(self.batch * h * w, self.channels)
    }

    fn by_fours(&self) -> bool {
        self.channels.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: RandomWindowPorts<Slices<'_, T>>) {
        let RandomWindowPorts { x, clock, y } = ports;
        let step = clock[clock::STEP];
        let (from, to) = if self.turned { (self.window, self.size) } else { (self.size, self.window) };
        let c = self.channels;
        let samples = y.par_chunks_exact_mut(to[0] * to[1] * c);
        samples.zip(x.par_chunks_exact(from[0] * from[1] * c)).enumerate().for_each(|(sample, (y, x))| {
            let draws = [0, 1].map(|axis| self.draw(axis, sample, step));
            for (i, y) in y.chunks_exact_mut(c).enumerate() {
                let line = self.source(0, i / to[1], draws[0]);
                match line.zip(self.source(1, i % to[1], draws[1])) {
                    Some((line, place)) => y.copy_from_slice(&x[(line * from[1] + place) * c..][..c]),
                    None => y.fill(T::zero()),
                }
            }
        });
    }
}
