//! All of the crate's `unsafe` code. What is here is safe to call: preconditions are asserted, or hold for every argument that
//! the types let in; each `unsafe` block says why it is sound. No other module may have any.
//!
//! - `block`: threads write disjoint blocks of one matrix, which slices cannot express, since a block's lines lie apart; and
//!   gemm, which takes pointers.
//! - `cache`: wgpu's caches of pipelines, filled with what an earlier run left, which the driver takes on trust.
//! - `instance`: an instance of Vulkan without one of the extensions that wgpu asks for.
//! - `shader`: shaders without the driver's check of every index, which costs products a good part of their speed.

#![expect(unsafe_code, reason = "the one place for it")]

pub(crate) mod block;
pub(crate) mod cache;
#[cfg(any(target_os = "linux", target_os = "freebsd"))]
pub(crate) mod instance;
pub(crate) mod shader;
