//! All of the crate's `unsafe` code. The functions here are safe to call: preconditions are asserted, or hold for all arguments that the
//! types allow; each `unsafe` block says why it is sound. No other module may contain any.
//!
//! - `block`: threads write disjoint blocks of one matrix, which slices cannot express, since a block's lines are not adjacent; and gemm,
//!   which takes pointers.
//! - `cache`: wgpu's pipeline caches, filled with data from an earlier run, which the driver trusts.
//! - `instance`: a Vulkan instance without one of the extensions that wgpu requests.
//! - `shader`: shaders without the driver's check of every index, which would slow products down considerably.

#![expect(unsafe_code, reason = "the one place for it")]

pub(crate) mod block;
pub(crate) mod cache;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(crate) mod instance;
pub(crate) mod shader;
