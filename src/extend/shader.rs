//! Shader parts for your own kernels, and their counterparts on the host.

use crate::kernel::shader_text;

pub use crate::kernel::{constants, flat_grid};

/// `flat_index(group, groups, local, size)`: an invocation's index in a grid of [`flat_grid`].
pub const INDEX: &str = shader_text!("base/parts/index.wgsl");

/// `sigmoid`, `hyperbolic_tangent`, `arc_tangent`, `exponential_minus_one`, `normal_cdf`, `is_nan` and others, which are accurate where
/// WGSL's own functions need not be. Your own activations and losses already include them.
pub const MATH: &str = shader_text!("base/parts/math.wgsl");

/// `sum_lanes(value, local)` and `max_lanes(value, local)` over the 64 invocations of a workgroup, in a fixed order. All invocations
/// must call them.
pub const REDUCE: &str = shader_text!("base/parts/reduce.wgsl");

/// `random_bits(element, step, seed)`: 32 random bits from a counter, the same on every device.
pub const RANDOM: &str = shader_text!("base/parts/random.wgsl");

/// The indices of the clock's words: `STEP`, `CURSOR`, `SLOT`, `HALTED`.
pub const CLOCK: &str = shader_text!("base/parts/clock.wgsl");
