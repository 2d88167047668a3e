//! Auto-rotation's formulas, each once: here for the twins, in `shaders/rotation/parts/` for shaders. For the symbols see
//! [`docs::rotation`](crate::docs::rotation).

use crate::kernel::product::PANEL;
use crate::kernel::{constants, wgsl};
use crate::{LearnL, Real, Rotation, Rule};

/// Rows of weights whose terms are summed before they join the total: a small q is a difference of large numbers.
pub(crate) const DEPTH: usize = 256;

/// A term of q, from a weight, a bias or x_Q: the number itself, or its square.
#[inline(always)]
pub(crate) fn term<T: Real>(number: T, squared: bool) -> T {
    if squared { number * number } else { number }
}

/// Adds the terms `of(number)` of every number of these rows to their sums, which are equally long.
#[inline(always)]
pub(crate) fn add_rows<'a, T: Real, const N: usize>(
    rows: impl Iterator<Item = &'a [T]>,
    mut sums: [&mut [T]; N],
    of: impl Fn(T) -> [T; N],
) {
    let mut parts = [[T::zero(); PANEL]; N];
    let mut join = |parts: &mut [[T; PANEL]; N]| {
        for (sums, part) in sums.iter_mut().zip(parts) {
            sums.iter_mut().zip(&*part).for_each(|(sum, &part)| *sum = *sum + part);
            part.fill(T::zero());
        }
    };
    for (k, row) in rows.enumerate() {
        for (term, part) in parts.iter_mut().enumerate() {
            part.iter_mut().zip(row).for_each(|(sum, &w)| *sum = *sum + of(w)[term]);
        }
        if k % DEPTH == DEPTH - 1 {
            join(&mut parts);
        }
    }
    join(&mut parts);
}

impl Rotation {
    pub(crate) fn aligned(self) -> bool {
        self.rule != Rule::Diagonal
    }

    /// A term of q, by the rotation's rule.
    #[inline(always)]
    pub(crate) fn term<T: Real>(self, number: T) -> T {
        term(number, self.aligned())
    }

    /// L of a unit of a gate: `fixed`, or exp(λ) where it is learnt.
    #[inline(always)]
    pub(crate) fn l_of<T: Real>(self, lambda: &[T], (gate, unit): (usize, usize), fixed: f32) -> T {
        match self.learn {
            LearnL::Fixed => T::of(fixed.into()),
            LearnL::PerLayer => lambda[gate].exp(),
            LearnL::PerUnit => lambda[unit].exp(),
        }
    }

    /// ρ = L/(|q| + ε), and q from the sum of its terms: x_Q·Σ w + b, or √(x_Q²·Σ w² + b²).
    #[inline(always)]
    pub(crate) fn rho_and_q<T: Real>(self, sum: T, limit: T) -> (T, T) {
        let q = if self.aligned() { sum.sqrt() } else { sum };
        (limit / (q.abs() + T::of(self.epsilon.into())), q)
    }

    /// d_v from s = Σ dz ⊙ z, and the bias's share of it: dq = −sign(q)·s/(|q| + ε) for both, or dq/q and b·dq/q; 0 when detached
    /// or where q is 0.
    #[inline(always)]
    pub(crate) fn d_v<T: Real>(self, q: T, s: T, bias: T) -> (T, T) {
        if self.detached || q == T::zero() {
            return (T::zero(), T::zero());
        }
        let d_q = -q.signum() * s / (q.abs() + T::of(self.epsilon.into()));
        if self.aligned() { (d_q / q, bias * d_q / q) } else { (d_q, d_q) }
    }
}

/// How weights receive the virtual sample's gradient: each a share of numbers v, which are d_v or derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// No share.
    None,
    /// factor·v\[filter\] to every weight of a filter: the diagonal rule.
    Shift,
    /// factor·v\[tap, filter\], where the taps reach different numbers of positions.
    ShiftPerTap,
    /// factor·v\[filter\]·W: the aligned rule.
    Scale,
    /// factor·v\[filter\]·channel\[c\]·W, W not turned: the aligned rule for the second of two maps.
    ScalePerChannel,
    /// v\[weight\].
    Whole,
}

impl Share {
    /// The share of weights with one ρ per filter.
    pub(crate) fn by(rotation: Option<Rotation>) -> Self {
        rotation.map_or(Self::None, |r| if r.aligned() { Self::Scale } else { Self::Shift })
    }

    fn scales(self) -> bool {
        matches!(self, Self::Scale | Self::ScalePerChannel)
    }

    /// The share of v that a weight or a bias receives.
    #[inline(always)]
    pub(crate) fn of<T: Real>(self, v: T, weight: T) -> T {
        if self.scales() { v * weight } else { v }
    }

    /// How many numbers v there are for weights `[taps, channels, filters]`.
    pub(crate) fn numbers(self, [taps, channels, filters]: [usize; 3]) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Shift | Self::Scale | Self::ScalePerChannel => Some(filters),
            Self::ShiftPerTap => Some(taps * filters),
            Self::Whole => Some(taps * channels * filters),
        }
    }

    /// The share's options and formula in WGSL.
    pub(crate) fn wgsl(self) -> String {
        constants(&[
            ("SHARED", !matches!(self, Self::None | Self::Whole)),
            ("PER_TAP", self == Self::ShiftPerTap),
            ("PER_CHANNEL", self == Self::ScalePerChannel),
            ("WHOLE", self == Self::Whole),
        ]) + &formulas(self.scales(), false)
    }
}

fn formulas(aligned: bool, detached: bool) -> String {
    constants(&[("ALIGNED", aligned), ("DETACHED", detached)]) + &wgsl!("rotation/parts/formula.wgsl")
}

/// The backward formulas in WGSL, with their options.
pub(super) fn d_v_wgsl(rotation: Option<Rotation>) -> String {
    let of = |option: fn(Rotation) -> bool| rotation.is_some_and(option);
    constants(&[("ROTATED", rotation.is_some())]) + &formulas(of(Rotation::aligned), of(|r| r.detached))
}

/// The formulas of q and L in WGSL, with their options.
pub(super) fn q_wgsl(rotation: Option<Rotation>) -> String {
    let learn = rotation.map_or(LearnL::Fixed, |r| r.learn);
    constants(&[
        ("ROTATED", rotation.is_some()),
        ("LEARN_PER_LAYER", learn == LearnL::PerLayer),
        ("LEARN_PER_UNIT", learn == LearnL::PerUnit),
    ]) + &formulas(rotation.is_some_and(Rotation::aligned), false)
        + &wgsl!("rotation/parts/limit.wgsl")
}

/// The function that computes ρ from the linear map's output for the virtual sample, in WGSL.
pub(crate) fn rho_wgsl(rotation: Option<Rotation>, has_bias: bool) -> String {
    rho_of(rotation, has_bias, "limit_of(0u, unit, u.limit)")
}

/// The same of units in gates, of so many units each and with limits of their own.
pub(super) fn rho_of_gates_wgsl(rotation: Option<Rotation>, has_bias: bool) -> String {
    let limits = "vec4<f32>(u.limit_0, u.limit_1, u.limit_2, u.limit_3)";
    rho_of(rotation, has_bias, &format!("limit_of(unit / u.units, unit, {limits}[unit / u.units])"))
}

fn rho_of(rotation: Option<Rotation>, has_bias: bool, limit: &str) -> String {
    let limit = format!("fn limit_at(unit: u32) -> f32 {{\n    return {limit};\n}}\n\n");
    constants(&[("HAS_BIAS", has_bias)]) + &q_wgsl(rotation) + &limit + &wgsl!("rotation/parts/rho.wgsl")
}
