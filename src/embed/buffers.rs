//! A model's buffers that the caller's shaders may use.

use super::gpu;
use crate::plan::arena::keys;
use crate::{Model, Result};

impl Model {
    /// The parameters on the device: f32, with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`. For their places see
    /// [`Arena::parameters`](crate::plan::arena::Arena::parameters): each `offset`, in numbers, is a multiple of
    /// [`ALIGNMENT`](crate::plan::ALIGNMENT), so that a binding can begin there. If the application writes them between submissions, the
    /// next step starts from that. A step that meets a non-finite number undoes the last update, but not what was written.
    ///
    /// # Errors
    /// A model that is not on a GPU.
    pub fn parameters_buffer(&mut self) -> Result<wgpu::Buffer> {
        gpu(self)?;
        self.watch_parameters()?;
        gpu(self)?.lend(keys::PARAMETERS)
    }

    /// The gradients on the device, laid out like the parameters, from the last step or backward pass, before clipping.
    ///
    /// # Errors
    /// A model that is not on a GPU.
    pub fn gradients_buffer(&mut self) -> Result<wgpu::Buffer> {
        gpu(self)?.lend(keys::GRADIENTS)
    }
}
