#![doc = include_str!("docs/crate.md")]

pub mod data;
pub mod device;
pub mod docs;
pub mod embed;
pub mod extend;
pub mod file;
pub mod model;
pub mod report;
pub mod store;
pub mod train;

mod activation;
mod describe;
mod error;
mod initializer;
mod kernel;
mod layer;
mod loss;
mod metric;
mod optimizer;
mod plan;
mod range;
mod real;
mod rotate;
mod schedule;
mod shape;
mod unchecked;

pub use activation::Activation;
pub use data::{Dataset, Folds, Split, Targets};
pub use device::Device;
pub use error::{Error, Fault, Result};
pub use initializer::Initializer;
pub use kernel::{FillMode, Interpolation, MergeMode};
pub use layer::*;
pub use loss::Loss;
pub use metric::Metric;
#[cfg(not(target_family = "wasm"))]
pub use model::Predictor;
pub use model::{Model, Sequential};
/// The crate of arrays that this crate takes and gives, re-exported so that a program uses the same version.
#[cfg(feature = "ndarray")]
pub use ndarray;
pub use optimizer::*;
pub use range::{Frame, Range};
pub(crate) use real::Real;
pub(crate) use rotate::Rotation;
pub use rotate::{AutoRotate, LearnL, Rule};
pub use schedule::Schedule;
pub use shape::Padding;
pub use train::{EarlyStopping, History, Interval, Plateau, Trainer};
/// The GPU interface that this crate uses, re-exported so that a host application uses the same version.
pub use wgpu;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
