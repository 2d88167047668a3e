//! The kernels: one file a family, each with its description (bindings, sizes, grid), its WGSL and its
//! CPU twin. They lie in rooms by what they do. [`registry`] lists them with examples: tests, benchmarks and translations of shaders go by it.
//!
//! A family is a struct that holds one use's sizes and options. Its bindings and uniform block are
//! declared once, in Rust; the WGSL declarations are generated from them and put before the shader.

mod base;
mod dense;
mod geometry;
mod loss;
mod norm;
mod product;
mod recurrent;
pub mod registry;
mod rotation;
mod step;
mod tensor;
mod window;

pub use base::*;
pub use dense::*;
pub use geometry::*;
pub use loss::*;
pub use norm::*;
pub use recurrent::*;
pub use rotation::*;
pub use step::*;
pub use tensor::*;
pub use window::*;

pub use crate::shape::Geometry;
