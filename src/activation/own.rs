//! Activations of users.

use super::Activation;
use crate::{Range, Real};
use std::any::Any;

/// An activation of your own, for [`Activation::own`]: formula and derivative, in Rust for the CPU and in WGSL for GPUs.
/// [`check::activation`](crate::extend::check::activation) compares the two, and the derivative with differences of the value.
pub trait ActivationRule: 'static {
    /// The name in reports, descriptions and errors, in lower case.
    const NAME: &'static str;

    /// The half-width of the dynamic region of z, L: where rotated layers start.
    const LIMIT: f32;

    /// Value and derivative as WGSL expressions of `z: f32`.
    const WGSL: [&'static str; 2];

    /// The range of the outputs, given that of the layer's inputs where it is known; `None` where it cannot be told.
    fn range(input: Option<Range>) -> Option<Range>;

    /// y = σ(z).
    fn value<T: Real>(z: T) -> T;

    /// σ'(z).
    fn derivative<T: Real>(z: T) -> T;
}

/// The loops of an activation in one type of numbers.
#[derive(Debug)]
struct Loops<T> {
    value: fn(T) -> T,
    derivative: fn(T) -> T,
    apply: fn(&mut [T]),
    derivatives: fn(&[T], &mut [T]),
}

impl<T: Real> Loops<T> {
    const fn of<A: ActivationRule>() -> Self {
        Self {
            value: A::value::<T>,
            derivative: A::derivative::<T>,
            apply: |values| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || values.iter_mut().for_each(|value| *value = A::value(*value)),
                );
            },
            derivatives: |z, out| {
                pulp::Arch::new().dispatch(
                    #[inline(always)]
                    || out.iter_mut().zip(z).for_each(|(out, &z)| *out = A::derivative(z)),
                );
            },
        }
    }
}

/// What an activation of a user's is.
#[derive(Debug)]
struct Table {
    name: &'static str,
    limit: f32,
    wgsl: [&'static str; 2],
    range: fn(Option<Range>) -> Option<Range>,
    single: Loops<f32>,
    double: Loops<f64>,
}

/// The table of a rule.
struct Of<A>(std::marker::PhantomData<A>);

impl<A: ActivationRule> Of<A> {
    const TABLE: &'static Table = &Table {
        name: A::NAME,
        limit: A::LIMIT,
        wgsl: A::WGSL,
        range: A::range,
        single: Loops::of::<A>(),
        double: Loops::of::<A>(),
    };
}

/// An activation of a user's: see [`ActivationRule`]. Two are equal whose names and shaders are.
#[derive(Clone, Copy, Debug)]
pub struct OwnActivation(&'static Table);

impl PartialEq for OwnActivation {
    fn eq(&self, other: &Self) -> bool {
        (self.0.name, self.0.wgsl) == (other.0.name, other.0.wgsl)
    }
}

impl Eq for OwnActivation {}

impl std::hash::Hash for OwnActivation {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.0.name, self.0.wgsl).hash(state);
    }
}

impl Activation {
    /// An activation of your own.
    pub const fn own<A: ActivationRule>() -> Self {
        Self::Own(OwnActivation(Of::<A>::TABLE))
    }
}

impl OwnActivation {
    pub(super) fn names(&self) -> &'static [&'static str] {
        std::slice::from_ref(&self.0.name)
    }

    pub(super) fn limit(&self) -> f32 {
        self.0.limit
    }

    pub(super) fn range(&self, input: Option<Range>) -> Option<Range> {
        (self.0.range)(input)
    }

    pub(super) fn wgsl(&self) -> [&'static str; 2] {
        self.0.wgsl
    }

    /// The loops in this type, which is one of the two.
    fn loops<T: Real>(&self) -> &'static Loops<T> {
        let Table { single, double, .. } = self.0;
        let same = |loops: &'static dyn Any| loops.downcast_ref::<Loops<T>>();
        same(single).or_else(|| same(double)).unwrap_or_else(|| unreachable!("{} is no number type", T::NAME))
    }

    pub(super) fn value<T: Real>(&self, z: T) -> T {
        (self.loops().value)(z)
    }

    pub(super) fn derivative<T: Real>(&self, z: T) -> T {
        (self.loops().derivative)(z)
    }

    pub(super) fn apply<T: Real>(&self, values: &mut [T]) {
        (self.loops().apply)(values);
    }

    pub(super) fn derivatives<T: Real>(&self, z: &[T], out: &mut [T]) {
        (self.loops().derivatives)(z, out);
    }
}
