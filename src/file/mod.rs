//! Models in files: numbers by path with a description, from which a network is built again without the program that made it.

mod arrays;
mod model;
mod tensors;
mod weights;

pub use weights::Matched;

pub(crate) use model::{Card, TRAINING};
pub(crate) use tensors::{Contents, file_bytes};
