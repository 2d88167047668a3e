//! Interfaces for your own activations, losses, metrics, optimisers, layers, kernels and training loops.
//!
//! | what | how | example |
//! |---|---|---|
//! | activation | [`ActivationRule`], [`Activation::own`](crate::Activation::own) | `own_activation` |
//! | loss of single outputs | [`Pointwise`], passed as a [`Loss`](crate::Loss) | `own_loss` |
//! | metric | the [mean](crate::Metric::mean_of) of a [`Pointwise`], or [`Measure`] and [`own`](crate::Metric::own) | `own_metric` |
//! | optimiser | [`UpdateRule`], [`Optimizer::new`](crate::Optimizer::new) | `own_optimizer` |
//! | layer | [`Layer`] and [`Node`], which record the kernels of [`kernel`] | `own_layer` |
//! | kernel | [`Family`](kernel::Family), with [`ports!`], [`uniforms!`] and the parts of [`shader`] | `own_kernel` |
//! | training loop | [`Trainer::begin`](crate::Trainer::begin) | `own_loop` |
//!
//! Each is written for CPU and GPU; [`check`] tests that both compute the same, and that gradients are correct. The built-in ones use the
//! same interfaces. The programs are in `examples/`.

#[cfg(not(target_family = "wasm"))]
pub mod check;
pub mod shader;

/// Kernels, grouped by topic, and their registry.
pub mod kernel {
    pub use crate::kernel::*;
}

/// Recording the ops of a step over numbered buffers.
pub mod plan {
    pub use crate::plan::*;
}

/// Running plans by hand, without a model.
pub mod executor {
    pub use crate::device::executor::{Executor, Pending, Program, Values};
    pub use crate::device::gpu::GpuExecutor;
    pub use crate::device::pipelines::Gpu;
    pub use crate::real::Numbers;
}

/// Every layer, with examples for tests.
pub mod layers {
    pub use crate::layer::registry::*;
}

pub use crate::activation::{ActivationRule, OwnActivation};
pub use crate::describe::Options;
pub use crate::kernel::{Pointwise, UpdateRule};
pub use crate::layer::protocol::{Facts, Layer, Node, Scope, Trace};
pub use crate::layer::signal::Signal;
pub use crate::layer::weight_norm::Gain;
pub use crate::loss::pointwise::{
    AbsoluteError, BinaryCrossEntropy, BinaryFocalCrossEntropy, Hinge, Huber, LogCosh, Poisson, Quantile,
    SquaredError, SquaredHinge,
};
pub use crate::loss::{LossViews, OwnLoss, record_mean};
pub use crate::metric::{Measure, OwnMetric, WeightedMetric};
pub use crate::optimizer::record::UpdateViews;
pub use crate::plan::arena::{ParameterId, Role};
pub use crate::plan::{Recorder, View};
pub use crate::real::Real;
pub use crate::rotate::Rotation;
pub use crate::{ports, uniforms};
