#![doc = include_str!("../docs/embedding.md")]

mod backward;
mod buffers;
mod forward;
mod learner;
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

use crate::device::{GpuExecutor, Program};
use crate::{Error, Model, Result};
use std::sync::Arc;

/// The GPU that a model lives on.
fn gpu(model: &mut Model) -> Result<&mut GpuExecutor> {
    let device = model.device().name();
    model.executor.gpu().ok_or_else(|| {
        Error::invalid(
            "embedding",
            format!("a model on {device}"),
            "a model on a GPU",
            "build it on Device::from_wgpu, or train it with Trainer",
        )
    })
}

/// Which model something belongs to.
#[derive(Clone, Debug)]
struct Owner(Arc<()>);

impl Owner {
    fn of(model: &mut Model) -> Result<Self> {
        Ok(Self(gpu(model)?.identity().clone()))
    }

    /// The model's GPU, if it is the owner.
    fn gpu<'m>(&self, model: &'m mut Model) -> Result<&'m mut GpuExecutor> {
        let found = gpu(model)?;
        if Arc::ptr_eq(found.identity(), &self.0) {
            return Ok(found);
        }
        Err(Error::invalid(
            "embedding",
            "another model, or one that was moved to another device",
            "the model that this was made for",
            "make it anew for this model",
        ))
    }
}

/// Forgets programs and buffers.
fn discard(gpu: &mut GpuExecutor, programs: impl IntoIterator<Item = Program>, keys: &[String]) {
    use crate::device::Executor;
    programs.into_iter().for_each(|program| gpu.release(program));
    keys.iter().for_each(|key| gpu.free(key));
}
