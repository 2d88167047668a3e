//! Users' activations.

use super::Activation;
use crate::{Range, Real};
use std::any::Any;

/// An activation of your own, for [`Activation::own`]: formula and derivative, in Rust for the CPU and in WGSL for GPUs.
/// [`check::activation`](crate::extend::check::activation) compares the two, and the derivative with finite differences.
pub trait ActivationRule: 'static {
    /// The name in reports, descriptions and errors, in lower case.
    const NAME: &'static str;

    /// L, the half-width of the dynamic region of z: the initial value in rotated layers.
    const LIMIT: f32;

    /// Value and derivative as WGSL expressions of `z: f32`.
    const WGSL: [&'static str; 2];

    /// The range of the outputs, given that of the layer's inputs if known; `None` if it is unknown.
    fn range(input: Option<Range>) -> Option<Range>;

    /// y = σ(z).
    fn value<T: Real>(z: T) -> T;

    /// σ'(z).
    fn derivative<T: Real>(z: T) -> T;
}

/// The loops of an activation for one number type.
#[derive(Debug)]
pub(super) struct Loops<T> {
    pub(super) value: fn(T) -> T,
    pub(super) derivative: fn(T) -> T,
    pub(super) apply: fn(&mut [T]),
    pub(super) derivatives: fn(&[T], &mut [T]),
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

/// What a user's activation consists of.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) limit: f32,
    pub(super) wgsl: [&'static str; 2],
    pub(super) range: fn(Option<Range>) -> Option<Range>,
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

/// A user's activation: see [`ActivationRule`]. Two are equal if their names and shaders are.
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
    pub(super) fn table(self) -> &'static Table {
        self.0
    }

    /// The loops for this type, f32 or f64.
    pub(super) fn loops<T: Real>(self) -> &'static Loops<T> {
        let Table { single, double, .. } = self.0;
        let same = |loops: &'static dyn Any| loops.downcast_ref::<Loops<T>>();
        same(single).or_else(|| same(double)).unwrap_or_else(|| unreachable!("{} is no number type", T::NAME))
    }
}
