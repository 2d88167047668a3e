//! Buffers of a model that the caller's shaders may use.

use super::gpu;
use crate::plan::arena::keys;
use crate::{Model, Result};

impl Model {
    /// The parameters on the device, f32, with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`. Where each lies tells
    /// [`Arena::parameters`](crate::plan::arena::Arena::parameters): its `offset`, in numbers, is a multiple of
    /// [`ALIGNMENT`](crate::plan::ALIGNMENT), so that a binding may begin there. Written between submissions, they are what the next
    /// step begins with; and a step that meets a number that is not finite takes back the last update, not what was written.
    ///
    /// # Errors
    /// A model that is not on a GPU.
    pub fn parameters_buffer(&mut self) -> Result<wgpu::Buffer> {
        gpu(self)?;
        self.watch_parameters()?;
        gpu(self)?.lend(keys::PARAMETERS)
    }

    /// The gradients on the device, laid out as the parameters: those of the last step or backward pass, before clipping.
    ///
    /// # Errors
    /// A model that is not on a GPU.
    pub fn gradients_buffer(&mut self) -> Result<wgpu::Buffer> {
        gpu(self)?.lend(keys::GRADIENTS)
    }
}
