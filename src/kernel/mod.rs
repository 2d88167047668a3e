//! The kernels (GPU programs), grouped in folders by purpose: one file per family, with its description (bindings, sizes, grid),
//! its WGSL and its CPU twin. [`registry`] lists them with examples for tests, benchmarks and shader translations.
//!
//! A family is a struct with the sizes and options of one use. Its bindings and uniform block are declared once, in Rust; the WGSL
//! declarations are generated and put before the shader.

pub(crate) mod base;
mod dense;
mod geometry;
mod lookup;
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
pub use lookup::*;
pub use loss::*;
pub use norm::*;
pub use recurrent::*;
pub use rotation::*;
pub use step::*;
pub use tensor::*;
pub use window::*;

pub use crate::shape::Geometry;
