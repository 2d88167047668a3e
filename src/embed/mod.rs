#![doc = include_str!("../docs/embedding.md")]

mod account;
mod backward;
mod buffers;
mod forward;
mod learner;
mod lease;
mod prepare;
mod readings;
mod rows;
mod saver;
mod slots;
mod texture;

pub use backward::Backward;
pub use forward::Forward;
pub use learner::{Learner, Progress};
pub use rows::{Rows, Source, Target, TargetKind};
pub use saver::Saver;
pub use slots::UNSUBMITTED;
pub use texture::TextureRows;

use crate::device::GpuExecutor;
use crate::{Error, Model, Result};

/// The model's GPU, once it has freed what dropped objects left behind.
fn gpu(model: &mut Model) -> Result<&mut GpuExecutor> {
    let device = &model.device;
    let Some(gpu) = model.executor.gpu() else {
        return Err(Error::invalid(
            "embedding",
            format!("a model on {}", device.name()),
            "a model on a GPU",
            "build it on Device::from_wgpu, or train it with Trainer",
        ));
    };
    gpu.sweep();
    Ok(gpu)
}
