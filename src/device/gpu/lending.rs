//! Buffers borrowed from the caller and lent to it, and ops recorded into the caller's own passes.

use super::{GpuExecutor, Place, Shared, encode};
use crate::device::held::Held;
use crate::device::misfit::{self, named};
use crate::device::pipelines::Gpu;
use crate::device::readback::Staging;
use crate::device::{Leavings, Program};
use crate::kernel::Element;
use crate::{Error, Result};
use std::ops::RangeBounds;
use std::sync::Arc;

impl GpuExecutor {
    /// Lets plans use a range of the caller's own buffer as the shared buffer with this name: `len` numbers or integers of 32 bits,
    /// starting at the binding's offset. The buffer needs the usage `STORAGE`, and stays the caller's. Programs bound earlier are not
    /// affected.
    ///
    /// # Errors
    /// Another usage, an offset that is not allowed for storage bindings, a binding that is too short; a buffer that was destroyed, is
    /// mapped, or belongs to another device.
    pub fn borrow(
        &mut self,
        key: &str,
        element: Element,
        len: usize,
        binding: &wgpu::BufferBinding<'_>,
    ) -> Result<()> {
        self.check_binding(key, len, binding)?;
        let place = Place { buffer: binding.buffer.clone(), offset: binding.offset };
        self.shared.insert(key.to_owned(), Shared { place, element, len, _held: None });
        Ok(())
    }

    /// Checks that [`GpuExecutor::borrow`] would accept the binding.
    ///
    /// # Errors
    /// As for [`GpuExecutor::borrow`].
    pub fn check_binding(&self, key: &str, len: usize, binding: &wgpu::BufferBinding<'_>) -> Result<()> {
        let wrong = |found: String, expected: String, remedy: &str| {
            Err(Error::invalid(format!("the buffer for {key}"), found, expected, remedy))
        };
        if !binding.buffer.usage().contains(wgpu::BufferUsages::STORAGE) {
            return wrong(
                format!("usages {:?}", binding.buffer.usage()),
                "STORAGE among them".into(),
                "create the buffer with it",
            );
        }
        let alignment = u64::from(self.gpu.device.limits().min_storage_buffer_offset_alignment);
        if !binding.offset.is_multiple_of(alignment) {
            return wrong(
                format!("an offset of {} bytes", binding.offset),
                format!("a multiple of {alignment}, this device's alignment of storage bindings"),
                "move the rows",
            );
        }
        let rest = binding.buffer.size().saturating_sub(binding.offset);
        let bytes = binding.size.map_or(rest, |size| size.get().min(rest));
        let wanted = (len as u64).saturating_mul(4);
        if bytes < wanted {
            return wrong(
                format!("{bytes} bytes"),
                format!("at least {wanted} for {len} numbers"),
                "bind a larger range, or state fewer rows",
            );
        }
        self.gpu.accepts_buffer(&format!("the buffer for {key}"), binding.buffer)
    }

    /// The buffer with a shared name: a borrowed one, or one with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`, which is replaced when
    /// one of another length is allocated.
    ///
    /// # Errors
    /// No buffer with this name.
    pub fn lend(&self, key: &str) -> Result<wgpu::Buffer> {
        Ok(self.shared(key)?.place.buffer.clone())
    }

    /// Records some of a program's ops into the caller's pass.
    ///
    /// # Errors
    /// The program is not bound, or has no such ops.
    pub fn encode(
        &self,
        program: Program,
        ops: impl RangeBounds<usize>,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> Result<()> {
        let bound = self.programs.get(program)?;
        let range = (ops.start_bound().cloned(), ops.end_bound().cloned());
        let Some(ops) = bound.ops.get(range) else {
            return Err(Error::invalid(
                format!("program {}", bound.name),
                format!("ops {range:?}"),
                format!("a part of its {} ops", bound.ops.len()),
                "encode ops that the program has",
            ));
        };
        encode(ops, pass);
        Ok(())
    }

    /// Copies a shared buffer over another with the same length and type, after everything submitted so far.
    ///
    /// # Errors
    /// No buffers with these names, different lengths or types; the device's errors.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        let (source, target) = (self.shared(from)?, self.shared(to)?);
        if source.len != target.len {
            return Err(Error::invalid(
                format!("copying buffer {from:?} over {to:?}"),
                format!("{} and {} elements", source.len, target.len),
                "buffers of one length",
                "allocate the second like the first",
            ));
        }
        misfit::check(&named(to), source.element, source.len, (target.element, target.len))?;
        self.watched("copying", |queue| {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            let bytes = Some(source.len as u64 * 4);
            let (source, target) = (&source.place, &target.place);
            encoder.copy_buffer_to_buffer(
                &source.buffer,
                source.offset,
                &target.buffer,
                target.offset,
                bytes,
            );
            queue.submit([encoder.finish()]);
        })
    }

    /// Distinguishes this executor from others, for as long as somebody holds it.
    pub fn identity(&self) -> &Arc<()> {
        &self.identity
    }

    /// How often scratch memory has moved: what one part of a program leaves there for the next is then lost.
    pub(crate) fn scratch_moves(&self) -> u64 {
        self.scratch_moves
    }

    /// Where owners leave what they no longer use.
    pub(crate) fn leavings(&self) -> &Leavings {
        &self.leavings
    }

    /// Lets wgpu process finished submissions and call the callbacks that wait for them, without waiting.
    ///
    /// # Errors
    /// The device is lost.
    pub fn notice(&self) -> Result<()> {
        self.gpu.notice("polling")
    }

    /// The error for a lost device.
    pub(crate) fn gone(&self, what: &str) -> Error {
        self.gpu.gone(what)
    }

    /// The device with its pipelines.
    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// A pool of staging buffers, which count as the executor's own.
    pub(crate) fn new_staging(&self) -> Staging {
        Staging::new(self.ledger.clone(), self.staging.timeout)
    }

    /// A buffer that counts as the executor's own for as long as it is held.
    pub(crate) fn make(&self, what: &str, size: u64, usage: wgpu::BufferUsages) -> Result<Held> {
        self.ledger.make(&self.gpu, what, size, usage)
    }

    /// Writes into a buffer before the next submission.
    pub(crate) fn write_buffer(
        &self,
        what: &str,
        buffer: &wgpu::Buffer,
        offset: u64,
        bytes: &[u8],
    ) -> Result<()> {
        self.gpu.write(what, buffer, offset, bytes)
    }

    /// The device.
    pub fn device(&self) -> &wgpu::Device {
        &self.gpu.device
    }

    /// Runs `work`, which issues commands to the device, and returns the errors that wgpu reports; `what` is named in them.
    ///
    /// # Errors
    /// The device's errors.
    pub fn watched<R>(&self, what: &str, work: impl FnOnce(&wgpu::Queue) -> R) -> Result<R> {
        self.gpu.watched(what, || work(&self.gpu.queue))
    }
}
