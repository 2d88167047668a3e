//! Models in files: numbers by path with a description, from which a network is built again without the program that made it.

mod arrays;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
mod tensors;
mod weights;

#[cfg(feature = "onnx")]
pub use onnx::Onnx;
pub use weights::Matched;

pub(crate) use model::{Card, TRAINING};
pub(crate) use tensors::{Contents, write_file};
