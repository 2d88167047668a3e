//! What an object of this module holds on a model's GPU, and how that is freed.

use super::gpu;
use crate::device::{GpuExecutor, Leavings, Program};
use crate::{Error, Model, Result};
use std::sync::{Arc, Weak};

/// The programs and buffers that an object, such as a learner, owns on its model's GPU. After the lease is dropped, the model's next call
/// frees them.
#[derive(Debug)]
pub(super) struct Lease {
    identity: Arc<()>,
    leavings: Leavings,
    programs: Vec<Program>,
    keys: Vec<String>,
    life: Arc<()>,
}

impl Lease {
    /// An empty lease on this model's GPU.
    pub(super) fn of(model: &mut Model) -> Result<Self> {
        let gpu = gpu(model)?;
        let (identity, leavings) = (gpu.identity().clone(), gpu.leavings().clone());
        Ok(Self { identity, leavings, programs: Vec::new(), keys: Vec::new(), life: Arc::default() })
    }

    /// Expires when the lease is dropped.
    pub(super) fn life(&self) -> Weak<()> {
        Arc::downgrade(&self.life)
    }

    /// Adds a program.
    pub(super) fn add(&mut self, program: Program) {
        self.programs.push(program);
    }

    /// Adds the buffers with these names, which need not exist yet.
    pub(super) fn name(&mut self, keys: impl IntoIterator<Item = String>) {
        self.keys.extend(keys);
    }

    /// The GPU of this model, which must be the lease's.
    pub(super) fn gpu<'m>(&self, model: &'m mut Model) -> Result<&'m mut GpuExecutor> {
        let found = gpu(model)?;
        if Arc::ptr_eq(found.identity(), &self.identity) {
            return Ok(found);
        }
        Err(Error::invalid(
            "embedding",
            "another model, or one that was moved to another device",
            "the model that this was created for",
            "create a new one for this model",
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
