//! Device buffers that are counted for as long as somebody holds them.

use super::pipelines::Gpu;
use crate::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The size in bytes of all buffers that were made for one executor and are still held.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(Arc<AtomicU64>);

/// A buffer that a ledger counts.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) buffer: wgpu::Buffer,
    ledger: Ledger,
}

impl Ledger {
    /// A new buffer; `what` is named in errors.
    pub(crate) fn make(&self, gpu: &Gpu, what: &str, size: u64, usage: wgpu::BufferUsages) -> Result<Held> {
        let descriptor = wgpu::BufferDescriptor { label: Some(what), size, usage, mapped_at_creation: false };
        let buffer = gpu.watched(what, || gpu.device.create_buffer(&descriptor))?;
        self.0.fetch_add(size, Ordering::Relaxed);
        Ok(Held { buffer, ledger: self.clone() })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.ledger.0.fetch_sub(self.buffer.size(), Ordering::Relaxed);
    }
}
