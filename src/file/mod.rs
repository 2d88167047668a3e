//! Models in files: numbers by path with a description, from which a network is built again without the program that made it.

mod arrays;
#[cfg(feature = "keras")]
mod keras;
mod layout;
mod model;
#[cfg(feature = "onnx")]
mod onnx;
mod tensors;
mod weights;

#[cfg(feature = "keras")]
pub use keras::KerasFormat;
pub use layout::Layout;
#[cfg(feature = "onnx")]
pub use onnx::Onnx;
pub use weights::Matched;

pub(crate) use model::{Card, TRAINING};
pub(crate) use tensors::{Contents, write_file};
