//! The two number types of the CPU path: `f32` to train with, `f64` to check with.

/// A floating-point type in which the CPU executor can run a plan.
pub trait Real:
    num_traits::Float
    + num_traits::FloatConst
    + Default
    + Send
    + Sync
    + std::fmt::Debug
    + std::iter::Sum
    + 'static
{
    /// Its name in device descriptions: `f32` or `f64`.
    const NAME: &'static str;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// The value in `f64`, exact.
    fn wide(self) -> f64;

    /// Numbers of this type.
    fn numbers(values: Vec<Self>) -> Numbers;

    /// −1, 0 or 1; unlike `signum`, the sign of 0 is 0.
    #[inline(always)]
    fn sign(self) -> Self {
        if self == Self::zero() { Self::zero() } else { self.signum() }
    }

    /// The error function.
    fn erf(self) -> Self;

    /// eˣ within 2 units in the last place, from about 10⁻³⁸, below which it is 0, to the largest number; in f32 written so that
    /// compilers vectorise it.
    fn exponential(self) -> Self;

    /// tanh, like [`Real::exponential`].
    fn hyperbolic_tangent(self) -> Self;
}

/// Numbers in the precision of a device.
#[derive(Clone, Debug)]
pub enum Numbers {
    /// Single precision.
    Single(Vec<f32>),
    /// Double precision.
    Double(Vec<f64>),
}

/// Some of such numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'n> {
    Single(&'n [f32]),
    Double(&'n [f64]),
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Single(v) => v.len(),
            Self::Double(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them.
    pub(crate) fn all(&self) -> Part<'_> {
        self.part(0..self.len())
    }

    /// Those in a range.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Part<'_> {
        match self {
            Self::Single(v) => Part::Single(&v[range]),
            Self::Double(v) => Part::Double(&v[range]),
        }
    }
}

/// Equal if the numbers are, in whatever precision.
impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Single(a), Self::Single(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::Single(a), Self::Double(b)) | (Self::Double(b), Self::Single(a)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(&a, &b)| f64::from(a) == b)
            }
        }
    }
}

impl Part<'_> {
    /// How many there are.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Single(v) => v.len(),
            Self::Double(v) => v.len(),
        }
    }

    /// The numbers in single precision.
    pub(crate) fn single(self) -> Vec<f32> {
        match self {
            Self::Single(v) => v.to_vec(),
            Self::Double(v) => v.iter().map(|&v| v as f32).collect(),
        }
    }
}

impl Real for f32 {
    const NAME: &'static str = "f32";

    fn of(value: f64) -> Self {
        value as f32
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn numbers(values: Vec<Self>) -> Numbers {
        Numbers::Single(values)
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        // eˣ = 2ⁿ·eʳ with |r| ≤ ln 2/2. Comparisons instead of min and max, which would hide a NaN.
        let x = if self > 88.0 { 88.0 } else { self };
        // Adding 1.5·2²³ rounds to the nearest integer, and leaves it in the low bits.
        const MAGIC: f32 = 12_582_912.0;
        let shifted = x * std::f32::consts::LOG2_E + MAGIC;
        let n = shifted - MAGIC;
        let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
        let p = 1.987_569_1e-4;
        let p = p * r + 1.398_199_9e-3;
        let p = p * r + 8.333_452e-3;
        let p = p * r + 4.166_579_6e-2;
        let p = p * r + 0.166_666_66;
        let p = p * r + 0.5;
        let fraction = p * r * r + r + 1.0;
        let exponent = (shifted.to_bits() as i32).wrapping_sub(MAGIC.to_bits() as i32).wrapping_add(127);
        let power = fraction * Self::from_bits((exponent as u32) << 23);
        // Below that the exponent cannot hold n. The result is 0, not the smallest power, since it may be multiplied with something
        // large.
        if self < -87.0 { 0.0 } else { power }
    }

    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        // Near 0 the quotient of exponentials cancels: an odd polynomial (minimax on |z| < 0.625) is used there.
        let (a, s) = (self.abs(), self * self);
        let e = (-(a + a)).exponential();
        let far = (1.0 - e) / (1.0 + e);
        let p = -5.704_988_7e-3;
        let p = p * s + 2.063_909e-2;
        let p = p * s - 5.373_971_5e-2;
        let p = p * s + 0.133_314_42;
        let p = p * s - 0.333_332_8;
        let near = a + a * s * p;
        let magnitude = if a < 0.625 { near } else { far };
        if self < 0.0 { -magnitude } else { magnitude }
    }
}

impl Real for f64 {
    const NAME: &'static str = "f64";

    fn of(value: f64) -> Self {
        value
    }

    fn wide(self) -> f64 {
        self
    }

    fn numbers(values: Vec<Self>) -> Numbers {
        Numbers::Double(values)
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn hyperbolic_tangent(self) -> Self {
        self.tanh()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hyperbolic_tangent_is_exact_to_three_places() {
        for i in -20_000..20_000 {
            let z = i as f32 / 1000.0;
            let (found, wanted) = (f64::from(z.hyperbolic_tangent()), f64::from(z).tanh());
            assert!((found - wanted).abs() <= 3.6e-7 * wanted.abs(), "tanh {z}: {found} for {wanted}");
        }
        assert!(f32::NAN.hyperbolic_tangent().is_nan());
    }

    #[test]
    fn the_exponential_is_exact_to_two_places() {
        for i in -86_000..88_000 {
            let x = i as f32 / 1000.0;
            let (found, wanted) = (f64::from(x.exponential()), f64::from(x).exp());
            assert!((found / wanted - 1.0).abs() < 2.4e-7, "e^{x}: {found} for {wanted}");
        }
        assert!(f32::NAN.exponential().is_nan());
        assert!((-1e30f32).exponential() == 0.0 && 1e30f32.exponential() > 1e38);
        assert_eq!(0f32.exponential(), 1.0);
    }
}
