//! Reading back: buffers through which the host sees what the device wrote.

use super::Pending;
use super::pipelines::Gpu;
use crate::{Fault, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// Buffers that read-backs go through, kept for the next one.
#[derive(Clone, Debug, Default)]
pub(super) struct Staging(Arc<Mutex<Vec<wgpu::Buffer>>>);

impl Staging {
    /// One of at least so many bytes: the smallest there is, or a new one.
    fn take(&self, gpu: &Gpu, bytes: u64) -> Result<wgpu::Buffer> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = (0..free.len()).filter(|&i| free[i].size() >= bytes).min_by_key(|&i| free[i].size());
        if let Some(place) = fitting {
            return Ok(free.swap_remove(place));
        }
        // Those that were too small have a larger successor now.
        free.clear();
        gpu.watched("reading back", || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.max(4),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    /// Copies a stretch of a buffer, from a byte on, to the host, as it is after everything submitted so far; the future waits.
    pub(super) fn read(
        &self,
        gpu: &Arc<Gpu>,
        buffer: &wgpu::Buffer,
        offset: u64,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<u32>>>> {
        let (bytes, gpu, pool) = (len as u64 * 4, gpu.clone(), self.clone());
        let staging = self.take(&gpu, bytes)?;
        let submission = gpu.watched("reading back", || {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, Some(bytes));
            gpu.queue.submit([encoder.finish()])
        })?;
        let (sender, receiver) = futures_channel::oneshot::channel();
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when the whole read was dropped.
            let _ = sender.send(result);
        });
        Ok(Box::pin(async move {
            let lost = |reason: String| {
                gpu.error(
                    Fault::Lost,
                    reason,
                    "the device may be lost: start again, or use AUTOROT_DEVICE=cpu",
                )
            };
            #[cfg(not(target_family = "wasm"))]
            gpu.wait(Some(submission)).map_err(|e| lost(e.to_string()))?;
            #[cfg(target_family = "wasm")]
            drop(submission);
            let mapped = receiver.await.map_err(|e| lost(e.to_string()))?;
            mapped.map_err(|e| lost(e.to_string()))?;
            let words = {
                let range = staging.slice(..bytes).get_mapped_range().map_err(|e| lost(e.to_string()))?;
                bytemuck::pod_collect_to_vec(&range)
            };
            staging.unmap();
            pool.give_back(staging);
            Ok(words)
        }))
    }

    fn give_back(&self, buffer: wgpu::Buffer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// A future that waits for what was started, or for nothing where starting failed.
pub(super) fn started<T: 'static>(
    reading: Result<Pending<'static, Result<T>>>,
) -> Pending<'static, Result<T>> {
    reading.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
}

/// [`started`], with the words taken for numbers.
pub(super) fn floats(
    reading: Result<Pending<'static, Result<Vec<u32>>>>,
) -> Pending<'static, Result<Vec<f64>>> {
    let words = started(reading);
    Box::pin(async move { Ok(words.await?.into_iter().map(|w| f64::from(f32::from_bits(w))).collect()) })
}
