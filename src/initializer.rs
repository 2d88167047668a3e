//! Initial values of parameters: the initialisers that Keras offers for Dense, and delta-orthogonal kernels.

use crate::describe::fingerprint;
use crate::kernel::base::rows::map_blocks;
use crate::unchecked::block::{matrix, multiply, transposed};
use crate::{Error, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// The distribution of a parameter's initial values. Fans are as in Keras: a kernel of shape `[.., inputs, units]` has fan-in `inputs`
/// and fan-out `units`, times the number of taps in the leading dimensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Initializer {
    /// Uniform in ±√(6/(fan-in + fan-out)) (Glorot and Bengio 2010): Keras' default.
    #[default]
    GlorotUniform,
    /// Truncated normal of variance 2/(fan-in + fan-out).
    GlorotNormal,
    /// Uniform in ±√(6/fan-in) (He et al. 2015).
    HeUniform,
    /// Truncated normal of variance 2/fan-in.
    HeNormal,
    /// Uniform in ±√(3/fan-in) (LeCun et al. 1998).
    LecunUniform,
    /// Truncated normal of variance 1/fan-in.
    LecunNormal,
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this value.
    Constant(f32),
    /// Uniform in min..max.
    RandomUniform {
        /// The smallest value.
        min: f32,
        /// The largest value.
        max: f32,
    },
    /// Normal.
    RandomNormal {
        /// The mean.
        mean: f32,
        /// The standard deviation.
        deviation: f32,
    },
    /// Normal, cut at two standard deviations.
    TruncatedNormal {
        /// The mean.
        mean: f32,
        /// The standard deviation before cutting.
        deviation: f32,
    },
    /// Orthonormal rows or columns, whichever are fewer, times the gain (Saxe et al. 2014).
    Orthogonal {
        /// The factor.
        gain: f32,
    },
    /// Orthonormal at the middle tap of a convolution's window, 0 at the others, times the gain (Xiao et al. 2018,
    /// arXiv:1806.05393): the convolution preserves lengths. In a shape without taps, as [`Initializer::Orthogonal`].
    DeltaOrthogonal {
        /// The factor.
        gain: f32,
    },
}

/// The standard deviation of a standard normal cut at ±2.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

impl Initializer {
    /// The values of a parameter. They depend only on the initialiser, the shape, the seed and the path, so that models which differ
    /// elsewhere start with the same values.
    ///
    /// # Errors
    /// Numbers that are not finite, min > max, a deviation below 0, a gain of 0 or less.
    pub fn values(self, path: &str, shape: &[usize], seed: u64) -> Result<Vec<f32>> {
        self.check(path)?;
        Ok(self.numbers(path, shape, seed))
    }

    /// [`Initializer::values`] for an initialiser that has been checked.
    pub(crate) fn numbers(self, path: &str, shape: &[usize], seed: u64) -> Vec<f32> {
        let count: usize = shape.iter().product();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(fingerprint(path));
        let (fan_in, fan_out) = fans(shape);
        let mean_fan = (fan_in + fan_out) / 2.0;
        // Uniform and truncated normal values with a given variance.
        let uniform = |variance: f64| draw(Draw::Uniform, 0.0, (3.0 * variance).sqrt());
        let truncated = |variance: f64| draw(Draw::Cut, 0.0, variance.sqrt() / TRUNCATED_DEVIATION);
        let mut take = |(draw, mean, scale): (Draw, f64, f64)| {
            (0..count).map(|_| single(mean + scale * draw.sample(&mut rng))).collect()
        };
        match self {
            Self::GlorotUniform => take(uniform(1.0 / mean_fan)),
            Self::HeUniform => take(uniform(2.0 / fan_in)),
            Self::LecunUniform => take(uniform(1.0 / fan_in)),
            Self::GlorotNormal => take(truncated(1.0 / mean_fan)),
            Self::HeNormal => take(truncated(2.0 / fan_in)),
            Self::LecunNormal => take(truncated(1.0 / fan_in)),
            Self::TruncatedNormal { mean, deviation } => take(draw(Draw::Cut, mean, deviation)),
            Self::RandomNormal { mean, deviation } => take(draw(Draw::Normal, mean, deviation)),
            Self::RandomUniform { min, max } => {
                take(draw(Draw::Uniform, 0.5 * (min + max), 0.5 * (max - min)))
            }
            Self::Zeros => vec![0.0; count],
            Self::Ones => vec![1.0; count],
            Self::Constant(value) => vec![value; count],
            Self::Orthogonal { gain } => orthogonal(shape, f64::from(gain), &mut rng),
            Self::DeltaOrthogonal { gain } => {
                let (taps, matrix) = shape.split_at(shape.len().saturating_sub(2));
                let middle = taps.iter().fold(0, |place, &taps| place * taps + (taps - 1) / 2);
                let matrix = orthogonal(matrix, f64::from(gain), &mut rng);
                let mut values = vec![0.0; count];
                values[middle * matrix.len()..][..matrix.len()].copy_from_slice(&matrix);
                values
            }
        }
    }

    /// [`Initializer::numbers`] for so many equal blocks of the last axis, each orthogonal by itself if the initialiser is.
    pub(crate) fn blocks(self, path: &str, shape: &[usize], seed: u64, blocks: usize) -> Vec<f32> {
        let orthogonal = matches!(self, Self::Orthogonal { .. } | Self::DeltaOrthogonal { .. });
        let Some((&columns, rest)) = shape.split_last().filter(|_| orthogonal && blocks > 1) else {
            return self.numbers(path, shape, seed);
        };
        let columns = columns / blocks;
        let shape = [rest, &[columns]].concat();
        let each = (0..blocks).map(|block| self.numbers(&format!("{path}.{block}"), &shape, seed));
        let each: Vec<Vec<f32>> = each.collect();
        let rows = 0..rest.iter().product();
        rows.flat_map(|row| each.iter().flat_map(move |block| &block[row * columns..][..columns]).copied())
            .collect()
    }

    /// Refuses the same numbers as [`Initializer::values`].
    pub(crate) fn check(self, path: &str) -> Result<()> {
        let fine = match self {
            Self::Constant(value) => value.is_finite(),
            Self::RandomUniform { min, max } => min.is_finite() && max.is_finite() && min <= max,
            Self::RandomNormal { mean, deviation } | Self::TruncatedNormal { mean, deviation } => {
                mean.is_finite() && deviation.is_finite() && deviation >= 0.0
            }
            Self::Orthogonal { gain } | Self::DeltaOrthogonal { gain } => gain.is_finite() && gain > 0.0,
            _ => true,
        };
        if fine {
            return Ok(());
        }
        Err(Error::invalid(
            path,
            format!("initialiser {self:?}"),
            "finite numbers, min <= max, deviation >= 0, gain > 0",
            "correct the initialiser's numbers",
        ))
    }
}

/// `count` numbers, each 1 or −1 with the same probability: the same for the same path and seed, on every machine.
pub(crate) fn signs(path: &str, seed: u64, count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(fingerprint(path));
    let bits = (0..count.div_ceil(32)).flat_map(|_| {
        let word = rng.next_u32();
        (0..32).map(move |bit| word >> bit & 1)
    });
    bits.take(count).map(|bit| if bit == 1 { 1.0 } else { -1.0 }).collect()
}

fn single(value: f64) -> f32 {
    value as f32
}

/// The shape of a distribution.
#[derive(Clone, Copy)]
enum Draw {
    /// Uniform in ±1.
    Uniform,
    /// Standard normal.
    Normal,
    /// Standard normal, cut at ±2.
    Cut,
}

/// A distribution moved to `mean` and stretched by `scale`.
fn draw(draw: Draw, mean: impl Into<f64>, scale: impl Into<f64>) -> (Draw, f64, f64) {
    (draw, mean.into(), scale.into())
}

impl Draw {
    fn sample(self, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            // 53 random bits.
            Self::Uniform => (rng.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0,
            Self::Normal => normal(rng),
            Self::Cut => loop {
                let value = normal(rng);
                if value.abs() <= 2.0 {
                    break value;
                }
            },
        }
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn fans(shape: &[usize]) -> (f64, f64) {
    match shape {
        [] => (1.0, 1.0),
        [n] => (*n as f64, *n as f64),
        [taps @ .., inputs, units] => {
            let taps: usize = taps.iter().product();
            ((taps * inputs) as f64, (taps * units) as f64)
        }
    }
}

/// Vectors that Gram–Schmidt turns at a time, by products of matrices, and lines of a product for one thread.
const PANEL: usize = 64;
const LINES: usize = 16;

/// Gram–Schmidt on normal vectors, twice each for accuracy; the vectors lie along the longer side.
fn orthogonal(shape: &[usize], gain: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let cols = shape.last().copied().unwrap_or(1);
    let rows = shape.iter().product::<usize>() / cols;
    let (vectors, len) = (rows.min(cols), rows.max(cols));
    let mut basis: Vec<f64> = (0..vectors * len).map(|_| normal(rng)).collect();
    for first in (0..vectors).step_by(PANEL) {
        let (before, rest) = basis.split_at_mut(first * len);
        let panel = &mut rest[..PANEL.min(vectors - first) * len];
        for _ in 0..2 {
            subtract_projections(panel, before, len);
        }
        for own in 0..panel.len() / len {
            let (earlier, v) = panel.split_at_mut(own * len);
            let v = &mut v[..len];
            for b in earlier.chunks(len).chain(earlier.chunks(len)) {
                let along: f64 = v.iter().zip(b).map(|(v, b)| v * b).sum();
                v.iter_mut().zip(b).for_each(|(v, b)| *v -= along * b);
            }
            let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
            v.iter_mut().for_each(|v| *v /= norm);
        }
    }
    let at =
        |row: usize, col: usize| if rows >= cols { basis[col * len + row] } else { basis[row * len + col] };
    (0..rows * cols).map(|i| single(gain * at(i / cols, i % cols))).collect()
}

/// Makes vectors of this length, one after another in `panel`, orthogonal to the orthonormal ones in `basis`.
fn subtract_projections(panel: &mut [f64], basis: &[f64], len: usize) {
    if basis.is_empty() {
        return;
    }
    let (vectors, known) = (panel.len() / len, basis.len() / len);
    let mut along = vec![0.0; known * vectors];
    map_blocks(&mut along, LINES * vectors, |block, along| {
        let (lines, basis) = (along.len() / vectors, &basis[block * LINES * len..]);
        multiply(along, (lines, len, vectors), matrix(basis, len), transposed(panel, len));
    });
    map_blocks(panel, LINES * len, |block, panel| {
        let (lines, mut projections) = (panel.len() / len, vec![0.0; panel.len()]);
        let along = transposed(&along[block * LINES..], vectors);
        multiply(&mut projections, (lines, known, len), along, matrix(basis, len));
        panel.iter_mut().zip(&projections).for_each(|(v, projection)| *v -= projection);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(initializer: Initializer) -> (f64, f64, f64) {
        let values = initializer.values("0.dense.kernel", &[200, 100], 3).unwrap();
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let variance =
            values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance, values.iter().fold(0.0, |a, &v| f64::from(v).abs().max(a)))
    }

    #[test]
    fn scaled_initialisers_have_the_variance_that_their_authors_ask_for() {
        for (initializer, variance) in [
            (Initializer::GlorotUniform, 2.0 / 300.0),
            (Initializer::GlorotNormal, 2.0 / 300.0),
            (Initializer::HeUniform, 2.0 / 200.0),
            (Initializer::HeNormal, 2.0 / 200.0),
            (Initializer::LecunUniform, 1.0 / 200.0),
            (Initializer::LecunNormal, 1.0 / 200.0),
            (Initializer::RandomNormal { mean: 0.0, deviation: 0.5 }, 0.25),
            (Initializer::RandomUniform { min: -1.0, max: 1.0 }, 1.0 / 3.0),
        ] {
            let (mean, found, largest) = moments(initializer);
            assert!((found / variance - 1.0).abs() < 0.05, "{initializer:?}: {found} for {variance}");
            assert!(mean.abs() < 4.0 * (variance / 20_000.0).sqrt(), "{initializer:?}: mean {mean}");
            if initializer == Initializer::GlorotUniform {
                assert!(
                    largest <= (6.0f64 / 300.0).sqrt() * 1.000_001
                        && largest > 0.99 * (6.0f64 / 300.0).sqrt()
                );
            }
        }
        let (_, _, largest) = moments(Initializer::TruncatedNormal { mean: 0.0, deviation: 0.1 });
        assert!(largest <= 0.200_001);
    }

    #[test]
    fn orthogonal_kernels_are_orthogonal() {
        for (rows, cols) in [(7, 4), (4, 7), (5, 5), (150, 131), (70, 200), (1, 3)] {
            let w = Initializer::Orthogonal { gain: 2.0 }.values("k", &[rows, cols], 1).unwrap();
            let vector = |i: usize| -> Vec<f64> {
                (0..rows.max(cols))
                    .map(|j| f64::from(if rows >= cols { w[j * cols + i] } else { w[i * cols + j] }))
                    .collect()
            };
            for a in 0..rows.min(cols) {
                for b in 0..=a {
                    let product: f64 = vector(a).iter().zip(vector(b)).map(|(x, y)| x * y).sum();
                    let wanted = if a == b { 4.0 } else { 0.0 };
                    assert!((product - wanted).abs() < 1e-5, "{rows}x{cols} {a}·{b} = {product}");
                }
            }
        }
    }

    #[test]
    fn delta_orthogonal_kernels_are_orthogonal_at_the_middle_tap() {
        for (taps, middle) in [(vec![3, 2], 2), (vec![5], 2), (vec![], 0)] {
            let shape = [taps.clone(), vec![4, 4]].concat();
            let w = Initializer::DeltaOrthogonal { gain: 2.0 }.values("k", &shape, 1).unwrap();
            for (tap, w) in w.chunks(16).enumerate() {
                for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
                    let product: f64 =
                        (0..4).map(|k| f64::from(w[4 * k + a]) * f64::from(w[4 * k + b])).sum();
                    let wanted = if a == b && tap == middle { 4.0 } else { 0.0 };
                    assert!((product - wanted).abs() < 1e-5, "{taps:?} {tap}: {a}·{b} = {product}");
                }
            }
        }
    }

    #[test]
    fn values_depend_on_seed_and_path_alone() {
        let make = |path: &str, seed| Initializer::HeNormal.values(path, &[4, 3], seed).unwrap();
        assert_eq!(make("0.dense.kernel", 1), make("0.dense.kernel", 1));
        assert_ne!(make("0.dense.kernel", 1), make("1.dense.kernel", 1));
        assert_ne!(make("0.dense.kernel", 1), make("0.dense.kernel", 2));
    }

    #[test]
    fn signs_are_fair_and_independent() {
        let (a, b) = (signs("a", 1, 10_001), signs("b", 1, 10_001));
        assert_eq!(a, signs("a", 1, 10_001));
        assert!(a.iter().all(|v| v.abs() == 1.0) && a.len() == 10_001);
        // Sums of n signs have the standard deviation √n.
        let sum = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>().abs() / 100.0;
        assert!(sum(&mut a.iter().copied()) < 4.0);
        assert!(sum(&mut a.iter().zip(&b).map(|(a, b)| a * b)) < 4.0);
        assert!(sum(&mut a.windows(2).map(|pair| pair[0] * pair[1])) < 4.0);
        assert!(sum(&mut a.iter().zip(&signs("a", 2, 10_001)).map(|(a, b)| a * b)) < 4.0);
    }

    #[test]
    fn bad_numbers_are_errors_that_name_the_parameter() {
        for bad in [
            Initializer::Constant(f32::NAN),
            Initializer::RandomUniform { min: 1.0, max: 0.0 },
            Initializer::RandomNormal { mean: 0.0, deviation: -1.0 },
            Initializer::Orthogonal { gain: 0.0 },
        ] {
            let error = bad.values("3.dense.kernel", &[2, 2], 0).unwrap_err().to_string();
            assert!(error.contains("3.dense.kernel"), "{error}");
        }
    }
}
