//! Reading back: buffers through which the host sees what the device wrote.

use super::Pending;
use super::held::{Held, Ledger};
use super::pipelines::Gpu;
use crate::Result;
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Duration;

/// The name of the operation in errors.
pub(crate) const READING: &str = "reading back";

/// Bytes below which staging buffers are rounded up.
const SMALL: u64 = 1 << 20;

/// Staging buffers for read-backs, kept for the next one.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    free: Arc<Mutex<Vec<Held>>>,
    ledger: Ledger,
    /// How long a read may wait for the device.
    pub(super) timeout: Duration,
}

impl Staging {
    pub(super) fn new(ledger: Ledger, timeout: Duration) -> Self {
        Self { free: Arc::default(), ledger, timeout }
    }

    /// A buffer of at least this size: the smallest available, or a new one.
    pub(crate) fn take(&self, gpu: &Gpu, bytes: u64) -> Result<Held> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |i: &usize| free[*i].buffer.size();
        let fitting = (0..free.len()).filter(|i| size(i) >= bytes).min_by_key(size);
        if let Some(place) = fitting {
            return Ok(free.swap_remove(place));
        }
        // Those that were too small are replaced by a larger one.
        free.clear();
        // Small ones are reused for reads of various lengths.
        let size = if bytes < SMALL { bytes.next_power_of_two().max(256) } else { bytes };
        self.ledger.make(gpu, READING, size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
    }

    /// Copies a range of a buffer, starting at byte `offset`, to the host, as it is after everything submitted so far; the future waits.
    pub(super) fn read(
        &self,
        gpu: &Arc<Gpu>,
        buffer: &wgpu::Buffer,
        offset: u64,
        len: usize,
    ) -> Result<Pending<'static, Result<Vec<u32>>>> {
        let (bytes, gpu, pool) = (len as u64 * 4, gpu.clone(), self.clone());
        let held = self.take(&gpu, bytes)?;
        let staging = held.buffer.clone();
        let (sender, receiver) = futures_channel::oneshot::channel();
        let submission = gpu.watched(READING, || {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset, &staging, 0, Some(bytes));
            let submission = gpu.queue.submit([encoder.finish()]);
            staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| {
                // The receiver is gone only if the whole read was dropped.
                let _ = sender.send(result);
            });
            submission
        })?;
        Ok(Box::pin(async move {
            #[cfg(not(target_family = "wasm"))]
            gpu.wait(READING, Some(submission), pool.timeout)?;
            #[cfg(target_family = "wasm")]
            drop(submission);
            // A misuse would have been found earlier: the only cause left is a lost device.
            let Ok(Ok(())) = receiver.await else { return Err(gpu.gone(READING)) };
            let words = words(&gpu, &staging, bytes)?;
            pool.give_back(held);
            Ok(words)
        }))
    }

    /// Keeps a buffer for the next read.
    pub(crate) fn give_back(&self, buffer: Held) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

/// The first words of a mapped buffer, which is then unmapped.
pub(crate) fn words(gpu: &Gpu, staging: &wgpu::Buffer, bytes: u64) -> Result<Vec<u32>> {
    let words = gpu.watched(READING, || {
        let range = staging.slice(..bytes).get_mapped_range();
        let words = range.map(|range| bytemuck::pod_collect_to_vec(&range));
        staging.unmap();
        words
    })?;
    words.map_err(|_| gpu.gone(READING))
}

/// A future that waits for what was started, or returns the error if starting failed.
pub(super) fn started<T: 'static>(
    reading: Result<Pending<'static, Result<T>>>,
) -> Pending<'static, Result<T>> {
    reading.unwrap_or_else(|error| Box::pin(std::future::ready(Err(error))))
}

/// [`started`], with the words read as floats.
pub(super) fn floats(
    reading: Result<Pending<'static, Result<Vec<u32>>>>,
) -> Pending<'static, Result<Vec<f64>>> {
    let words = started(reading);
    Box::pin(async move { Ok(words.await?.into_iter().map(|w| f64::from(f32::from_bits(w))).collect()) })
}
