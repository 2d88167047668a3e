#![doc = include_str!("docs/crate.md")]

pub mod data;
pub mod device;
pub mod docs;
pub mod kernel;
pub mod layer;
pub mod model;
pub mod plan;
pub mod report;
pub mod store;
pub mod train;

mod activation;
mod error;
mod initializer;
mod loss;
mod metric;
mod optimizer;
mod real;
mod rotate;
mod schedule;
mod shape;

pub use activation::Activation;
pub use data::{Dataset, Split, Targets};
pub use device::Device;
pub use error::{Error, Result};
pub use initializer::Initializer;
pub use layer::{Dense, Dropout, Flatten, Regularizer};
pub use loss::{Loss, LossViews};
pub use metric::Metric;
pub use model::{Model, Sequential};
pub use optimizer::{Adam, AdamW, Clip, Optimizer, RmsProp, Sgd, UpdateViews};
pub use real::Real;
pub use rotate::{AutoRotate, LearnL, Range, Rotation, Rule};
pub use schedule::Schedule;
pub use train::{EarlyStopping, History, Trainer};
/// The GPU interface this crate is built on, so that a host application uses the same version.
pub use wgpu;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
