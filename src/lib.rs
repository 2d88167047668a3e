#![doc = include_str!("docs/crate.md")]

pub mod data;
pub mod device;
pub mod docs;
pub mod embed;
pub mod extend;
pub mod layer;
pub mod model;
pub mod report;
pub mod store;
pub mod train;

mod activation;
mod describe;
mod error;
mod initializer;
mod kernel;
mod loss;
mod metric;
mod optimizer;
mod plan;
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
pub use kernel::MergeMode;
pub use layer::{
    Activate, AveragePool1d, AveragePool2d, AveragePool3d, BatchNorm, Bidirectional, Cell, Conv1d,
    Conv1dTranspose, Conv2d, Conv2dTranspose, Conv3d, Conv3dTranspose, Dense, DepthwiseConv1d,
    DepthwiseConv2d, DepthwiseConv3d, Dropout, Flatten, GlobalAveragePool1d, GlobalAveragePool2d,
    GlobalAveragePool3d, GlobalMaxPool1d, GlobalMaxPool2d, GlobalMaxPool3d, Gru, Lstm, Masking, MaxPool1d,
    MaxPool2d, MaxPool3d, RandomCrop, RandomFlip, RandomTranslation, Recurrent, Regularizer, Residual,
    RotatedPart, SeparableConv1d, SeparableConv2d, SeparableConv3d, SimpleRnn, TimeDistributed, UpSampling1d,
    UpSampling2d, UpSampling3d, ZeroPadding1d, ZeroPadding2d, ZeroPadding3d,
};
pub use loss::Loss;
pub use metric::Metric;
pub use model::{Model, Sequential};
pub use optimizer::{Adam, AdamW, Clip, Optimizer, RmsProp, Sgd};
pub(crate) use real::Real;
pub(crate) use rotate::Rotation;
pub use rotate::{AutoRotate, LearnL, Range, Rule};
pub use schedule::Schedule;
pub use shape::Padding;
pub use train::{EarlyStopping, History, Interval, Trainer};
/// The GPU interface this crate is built on, so that a host application uses the same version.
pub use wgpu;

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
