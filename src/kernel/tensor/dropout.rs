//! Dropout and alpha dropout from a counter-based generator: the same bits forward and backward, on every device.

use crate::Real;
use crate::activation::SELU_FLOOR;
use crate::kernel::clock;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, constants, each, flat_grid, ports, uniforms, wgsl,
};

uniforms!(DropoutUniforms {
    count: u32,
    sample: u32,
    features: u32,
    seed: u32,
    threshold: u32,
    scale: f32,
    shift: f32,
    dropped: f32,
});

/// What becomes of a number x: scale·x + shift where it is kept, `dropped` where it is not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DropoutValues {
    /// The factor of what is kept.
    pub scale: f64,
    /// What is added to it.
    pub shift: f64,
    /// What takes the place of the others.
    pub dropped: f64,
}

impl DropoutValues {
    /// Dropout's: x/(1 − rate), or 0.
    pub fn scaled(rate: f32) -> Self {
        Self { scale: 1.0 / (1.0 - f64::from(rate)), shift: 0.0, dropped: 0.0 }
    }

    /// Alpha dropout's: a·x + b, or a·α' + b, with selu's lowest value α' = −λα, a = ((1 − rate)·(1 + rate·α'²))^(−½) and b = −a·α'·rate.
    pub fn alpha(rate: f32) -> Self {
        let (rate, lowest) = (f64::from(rate), -SELU_FLOOR);
        let scale = ((1.0 - rate) * (1.0 + rate * lowest * lowest)).sqrt().recip();
        let shift = -scale * lowest * rate;
        Self { scale, shift, dropped: scale * lowest + shift }
    }

    /// What becomes of the gradient of such a number.
    pub fn gradient(self) -> Self {
        Self { scale: self.scale, shift: 0.0, dropped: 0.0 }
    }
}

/// y = scale·x + shift where the random bits of (element, step, seed) are at least rate·2³², else another constant: see [`DropoutValues`]. The
/// time steps of a sequence may share their bits.
#[derive(Clone, Copy, Debug)]
pub struct DropoutKernel {
    /// The number of elements.
    pub count: usize,
    /// How many time steps share their bits, and how many elements each has; the `count` elements are sequences of this size. One
    /// step if nothing is shared.
    pub shared: [usize; 2],
    /// Whether x is all ones and not bound.
    pub of_ones: bool,
    /// The share that is dropped, 0 < rate < 1.
    pub rate: f32,
    /// What becomes of the numbers.
    pub values: DropoutValues,
    /// The layer's own seed.
    pub seed: u32,
}

impl DropoutKernel {
    fn threshold(&self) -> u32 {
        (f64::from(self.rate) * 4_294_967_296.0) as u32
    }
}

/// The bits of (element, step, seed): pcg3d of Jarzynski and Olano (2020), as in `base/parts/random.wgsl`.
pub(crate) fn random_bits(element: u32, step: u32, seed: u32) -> u32 {
    let mut v = [element, step, seed].map(|w| w.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    let mix = |v: &mut [u32; 3]| {
        v[0] = v[0].wrapping_add(v[1].wrapping_mul(v[2]));
        v[1] = v[1].wrapping_add(v[2].wrapping_mul(v[0]));
        v[2] = v[2].wrapping_add(v[0].wrapping_mul(v[1]));
    };
    mix(&mut v);
    v = v.map(|w| w ^ (w >> 16));
    mix(&mut v);
    v[0]
}

ports! {
    /// The ports of [`DropoutKernel`].
    pub struct DropoutPorts {
        /// x, unless it is all ones.
        x: Option<Read>,
        /// The clock.
        clock: ReadIndex,
        /// y.
        y: Write,
    }
}

impl Family for DropoutKernel {
    const NAME: &'static str = "dropout";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = DropoutPorts<Lens>;
    type Uniforms = DropoutUniforms;

    fn lens(&self) -> DropoutPorts<Lens> {
        DropoutPorts { x: (!self.of_ones).then_some(self.count), clock: clock::LEN, y: self.count }
    }

    fn uniforms(&self) -> DropoutUniforms {
        DropoutUniforms {
            count: self.count as u32,
            sample: (self.shared[0] * self.shared[1]) as u32,
            features: self.shared[1] as u32,
            seed: self.seed,
            threshold: self.threshold(),
            scale: self.values.scale as f32,
            shift: self.values.shift as f32,
            dropped: self.values.dropped as f32,
        }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        vec![
            constants(&[("SHARED", self.shared[0] > 1), ("OF_ONES", self.of_ones)]),
            each(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/random.wgsl"),
            wgsl!("tensor/dropout.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: DropoutPorts<Slices<'_, T>>) {
        let DropoutPorts { x, clock, y } = ports;
        let x = x.unwrap_or_default();
        let step = clock[clock::STEP];
        let DropoutValues { scale, shift, dropped } = self.values;
        let (threshold, [scale, shift, dropped]) = (self.threshold(), [scale, shift, dropped].map(T::of));
        let [steps, width] = self.shared;
        for (i, y) in y.iter_mut().enumerate() {
            let element = if steps > 1 { i / (steps * width) * width + i % width } else { i };
            let x = if self.of_ones { T::one() } else { x[i] };
            let kept = random_bits(element as u32, step, self.seed) >= threshold;
            *y = if kept { x * scale + shift } else { dropped };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::random_bits;

    #[test]
    fn bits_are_spread_evenly_over_elements_steps_and_seeds() {
        for (step, seed) in [(0, 0), (1, 0), (0, 1), (7, 123_456)] {
            let ones: u32 = (0..4096).map(|i| random_bits(i, step, seed).count_ones()).sum();
            let share = f64::from(ones) / (4096.0 * 32.0);
            assert!((share - 0.5).abs() < 0.005, "{share}");
            let small = (0..4096).filter(|&i| random_bits(i, step, seed) < 1 << 30).count();
            assert!((924..1124).contains(&small), "{small}");
        }
    }
}
