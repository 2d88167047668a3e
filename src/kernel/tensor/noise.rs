//! Normally distributed noise from a counter-based generator.

use crate::Real;
use crate::kernel::base::rows::map_blocks;
use crate::kernel::tensor::dropout::random_bits;
use crate::kernel::{
    BY_FOURS, Family, Grid, Lens, Slices, Trust, clock, each, flat_grid, ports, uniforms, wgsl,
};

uniforms!(NoiseUniforms { count: u32, seed: u32, deviation: f32 });

/// y = x + deviation·n, where n is drawn from the standard normal distribution by (element, step, seed): the same on every device, but for
/// rounding.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// The number of elements.
    pub count: usize,
    /// The standard deviation.
    pub deviation: f32,
    /// The layer's own seed.
    pub seed: u32,
}

ports! {
    /// The ports of [`Noise`].
    pub struct NoisePorts {
        /// x.
        x: Read,
        /// The clock.
        clock: ReadIndex,
        /// y.
        y: Write,
    }
}

/// √2·erf⁻¹(2u − 1) for the u in the middle of the 2²⁴ intervals that the bits number: Giles' approximation (2012), for single precision.
fn normal<T: Real>(bits: u32) -> T {
    let u = (f64::from(bits >> 8) + 0.5) / 16_777_216.0;
    // Both factors are exact in single precision.
    let (below, above) = (T::of(2.0 * u), T::of(2.0 - 2.0 * u));
    let w = -(below * above).ln();
    let (start, w) = if w < T::of(5.0) { (0, w - T::of(2.5)) } else { (1, w.sqrt() - T::of(3.0)) };
    let p = TERMS[start].iter().fold(T::zero(), |p, &term| p * w + T::of(term));
    (below - T::one()) * p * T::of(std::f64::consts::SQRT_2)
}

/// The polynomials near the middle and in the tails.
const TERMS: [[f64; 9]; 2] = [
    [
        2.81022636e-08,
        3.43273939e-07,
        -3.5233877e-06,
        -4.39150654e-06,
        0.00021858087,
        -0.00125372503,
        -0.00417768164,
        0.246640727,
        1.50140941,
    ],
    [
        -0.000200214257,
        0.000100950558,
        0.00134934322,
        -0.00367342844,
        0.00573950773,
        -0.0076224613,
        0.00943887047,
        1.00167406,
        2.83297682,
    ],
];

impl Family for Noise {
    const NAME: &'static str = "noise";
    const TRUST: Trust<Self> = Trust::OWN;
    const VARIANTS: &'static [&'static str] = BY_FOURS;
    const QUADS: &'static [&'static str] = &["x", "y"];
    type Ports = NoisePorts<Lens>;
    type Uniforms = NoiseUniforms;

    fn lens(&self) -> NoisePorts<Lens> {
        NoisePorts { x: self.count, clock: clock::LEN, y: self.count }
    }

    fn uniforms(&self) -> NoiseUniforms {
        NoiseUniforms { count: self.count as u32, seed: self.seed, deviation: self.deviation }
    }

    fn shader(&self, _variant: usize) -> Vec<String> {
        // A polynomial of w, written out.
        let function = |(name, terms): (&str, &[f64; 9])| {
            let sum = |sum: String, &term: &f64| format!("({sum}) * w + {:?}", term as f32);
            let value = terms[1..].iter().fold(format!("{:?}", terms[0] as f32), sum);
            format!("fn {name}(w: f32) -> f32 {{\n    return {value};\n}}\n")
        };
        vec![
            ["near", "far"].into_iter().zip(&TERMS).map(function).collect(),
            each(),
            wgsl!("base/parts/clock.wgsl"),
            wgsl!("base/parts/random.wgsl"),
            wgsl!("tensor/noise.wgsl"),
        ]
    }

    fn grid(&self, _variant: usize) -> Grid {
        flat_grid(self.count.div_ceil(4), 64)
    }

    fn by_fours(&self) -> bool {
        self.count.is_multiple_of(4)
    }

    fn twin<T: Real>(&self, ports: NoisePorts<Slices<'_, T>>) {
        let NoisePorts { x, clock: now, y } = ports;
        let (step, deviation) = (now[clock::STEP], T::of(self.deviation.into()));
        map_blocks(
            y,
            BLOCK,
            #[inline(always)]
            |index, y| {
                let first = index * BLOCK;
                for (i, (y, &x)) in y.iter_mut().zip(&x[first..]).enumerate() {
                    *y = x + deviation * normal::<T>(random_bits((first + i) as u32, step, self.seed));
                }
            },
        );
    }
}

/// Elements per task of the twin.
const BLOCK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::normal;

    /// Quantiles of the standard normal distribution, by tables.
    #[test]
    fn the_noise_has_the_normal_distribution_s_quantiles() {
        for (share, wanted) in [
            (0.5, 0.0),
            (0.841_344_746, 1.0),
            (0.975, 1.959_963_985),
            (0.001, -3.090_232_306),
            (0.9999, 3.719_016_485),
            (1e-5, -4.264_890_794),
        ] {
            let bits = (share * 16_777_216.0) as u32 * 256;
            let found: f64 = normal(bits);
            assert!(
                (found - wanted).abs() < 3e-3_f64.min(1e-3 + found.abs() * 1e-3),
                "{share}: {found}, {wanted}"
            );
            assert!((f64::from(normal::<f32>(bits)) - found).abs() < 1e-5);
        }
        let all: Vec<f64> = (0..1 << 16).map(|i| normal(i << 16)).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let square = all.iter().map(|v| v * v).sum::<f64>() / all.len() as f64;
        assert!(mean.abs() < 1e-3 && (square - 1.0).abs() < 1e-3, "{mean}, {square}");
    }
}
