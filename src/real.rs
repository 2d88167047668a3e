//! The two number types of the CPU path: `f32` to train with, `f64` to check with.

use crate::kernel::{Args, Kernel};

/// A floating-point type that the CPU executor can run a plan in.
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

    /// The error function.
    fn erf(self) -> Self;

    /// Runs the kernel's twin in this type.
    fn run(kernel: &dyn Kernel, args: Args<'_, Self>);
}

impl Real for f32 {
    const NAME: &'static str = "f32";

    fn of(value: f64) -> Self {
        value as f32
    }

    fn wide(self) -> f64 {
        f64::from(self)
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }

    fn run(kernel: &dyn Kernel, args: Args<'_, Self>) {
        kernel.run_f32(args);
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

    fn erf(self) -> Self {
        libm::erf(self)
    }

    fn run(kernel: &dyn Kernel, args: Args<'_, Self>) {
        kernel.run_f64(args);
    }
}
