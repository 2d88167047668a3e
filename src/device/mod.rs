//! Devices: where plans run. [`Device`] chooses; an [`Executor`] keeps a model's buffers and runs its plans.

mod adapters;
mod choose;
mod compiled;
mod cpu;
pub(crate) mod executor;
pub(crate) mod gpu;
pub(crate) mod held;
mod identity;
mod kept;
mod leavings;
mod misfit;
mod needs;
pub(crate) mod pipelines;
mod prepare;
pub(crate) mod readback;
mod tune;

#[cfg(not(target_family = "wasm"))]
pub use adapters::adapters;
pub use adapters::{AdapterReport, adapters_async};
pub use choose::Device;
pub(crate) use compiled::{Pipeline, Shader};
pub(crate) use executor::{Executor, Pending, Program, Values};
pub(crate) use gpu::GpuExecutor;
pub(crate) use leavings::Leavings;
pub use needs::needs;
pub use prepare::Prepare;
pub use tune::Tuning;
