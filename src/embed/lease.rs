//! What an object of the application's holds on a model's GPU, and how it goes back.

use super::gpu;
use crate::device::{GpuExecutor, Leavings, Program};
use crate::{Error, Model, Result};
use std::sync::{Arc, Weak};

/// Programs and buffers on the GPU of one model. Dropped, they are left to the model, which frees them at its next call.
#[derive(Debug)]
pub(super) struct Lease {
    identity: Arc<()>,
    leavings: Leavings,
    programs: Vec<Program>,
    keys: Vec<String>,
    life: Arc<()>,
}

impl Lease {
    /// Of nothing yet.
    pub(super) fn of(model: &mut Model) -> Result<Self> {
        let gpu = gpu(model)?;
        let (identity, leavings) = (gpu.identity().clone(), gpu.leavings().clone());
        Ok(Self { identity, leavings, programs: Vec::new(), keys: Vec::new(), life: Arc::default() })
    }

    /// What is gone once this is.
    pub(super) fn life(&self) -> Weak<()> {
        Arc::downgrade(&self.life)
    }

    /// Takes over a program.
    pub(super) fn add(&mut self, program: Program) {
        self.programs.push(program);
    }

    /// Takes over the buffers of these names, which need not be there yet.
    pub(super) fn name(&mut self, keys: impl IntoIterator<Item = String>) {
        self.keys.extend(keys);
    }

    /// The model's GPU, if it is that of this model.
    pub(super) fn gpu<'m>(&self, model: &'m mut Model) -> Result<&'m mut GpuExecutor> {
        let found = gpu(model)?;
        if Arc::ptr_eq(found.identity(), &self.identity) {
            return Ok(found);
        }
        Err(Error::invalid(
            "embedding",
            "another model, or one that was moved to another device",
            "the model that this was made for",
            "make it anew for this model",
        ))
    }

    /// Frees everything now.
    pub(super) fn close(self, model: &mut Model) -> Result<()> {
        self.gpu(model)?;
        drop(self);
        gpu(model).map(drop)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leavings.leave(std::mem::take(&mut self.programs), std::mem::take(&mut self.keys));
    }
}
