//! An open wgpu device.

use super::adapters::is_software;
use super::compiled::{Compiled, Pipeline, Shader};
use super::identity::belongs;
use super::misfit::callers;
use super::needs::lacking;
use super::tune::{Choices, Tuning};
use crate::kernel::{Kernel, Traits};
use crate::{Error, Fault, Result};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use web_time::{Duration, Instant};

/// A wgpu device with its queue, and the pipelines made for it so far. Models on one device share it.
#[derive(Debug)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    pub(super) compiled: Arc<Compiled>,
    pub(super) choices: Choices,
    /// Whether device and queue were checked successfully.
    fit: AtomicBool,
}

/// The fault of shader errors, and its remedy.
const REFUSED: (Fault, &str) =
    (Fault::Shader, "correct the kernel's shader; if it is autorot's own, report this as a bug");

/// Bytes per write to the queue, which keeps a copy until it is submitted.
const UPLOAD: usize = 16 << 20;

impl Gpu {
    /// For a device and a queue that the caller owns. Nothing is configured on them, and they are polled only for reading back, and for
    /// timing variants if `tuning` asks for it; no optional feature or raised limit is required.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, tuning: Tuning) -> Self {
        let compiled = Arc::new(Compiled::new(device.clone()));
        Self::sharing(compiled, device, queue, tuning)
    }

    /// [`Gpu::new`] with pipelines made earlier for the device.
    pub(super) fn sharing(
        compiled: Arc<Compiled>,
        device: wgpu::Device,
        queue: wgpu::Queue,
        tuning: Tuning,
    ) -> Self {
        let info = device.adapter_info();
        let wgpu::AdapterInfo { name, vendor, device: id, backend, driver, driver_info, .. } = &info;
        let section = format!("{name} {vendor:04x}:{id:04x} {backend} {driver} {driver_info}");
        let choices = Choices::new(section, tuning);
        Self { device, queue, info, compiled, choices, fit: AtomicBool::new(false) }
    }

    /// The same device with these pipelines and this tuning.
    pub(super) fn with(&self, compiled: Arc<Compiled>, tuning: Tuning) -> Self {
        Self::sharing(compiled, self.device.clone(), self.queue.clone(), tuning)
    }

    /// Refuses a device that has less than kernels need, and a queue that belongs to another device, which wgpu does not notice before
    /// the process dies. Checked once.
    pub(super) fn check(&self) -> Result<()> {
        if self.fit.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(lack) = lacking(&self.device.limits()) {
            let remedy = "request the device with wgpu::Limits::default(), on an adapter that has them (see device::needs)";
            return Err(self.error(Fault::Unsupported, lack, remedy));
        }
        let (found, _) = self.caught(|| belongs(&self.device, &self.queue));
        if found == Some(false) && !self.lost() {
            return Err(Error::invalid(
                "Device::from_wgpu",
                format!("a queue that is not that of the device on {}", self.info.name),
                "a device and its own queue",
                "pass both from one call of Adapter::request_device",
            ));
        }
        self.fit.store(found == Some(true), Ordering::Relaxed);
        Ok(())
    }

    /// What wgpu reports about the adapter.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// The properties that decide between kernel variants.
    pub fn traits(&self) -> Traits {
        traits(&self.info, self.device.features().contains(wgpu::Features::SUBGROUP))
    }

    /// The pipeline of a kernel's variant, made on first use, with or without the driver's checks of every index.
    pub(super) fn pipeline(
        &self,
        kernel: &dyn Kernel,
        variant: usize,
        checked: bool,
        place: &str,
    ) -> Result<Pipeline> {
        self.check()?;
        self.compiled.get(kernel, variant, checked, |make| self.scoped(place, [REFUSED, REFUSED], make))
    }

    /// The pipeline of a shader that is not a kernel, made on first use.
    pub(super) fn shader(&self, shader: &Shader) -> Result<Pipeline> {
        self.check()?;
        self.compiled.get_shader(shader, |make| self.scoped(shader.name, [REFUSED, REFUSED], make))
    }

    pub(super) fn error(&self, fault: Fault, reason: impl ToString, remedy: &str) -> Error {
        Error::device(fault, &self.info.name, reason, remedy)
    }

    /// The error for a lost device.
    pub(super) fn gone(&self, what: &str) -> Error {
        self.error(
            Fault::Lost,
            format!("{what}: the device is lost"),
            "open a device again, move the model there with Model::rebuild, and continue with Trainer::resume",
        )
    }

    /// Runs `work` and returns the errors that wgpu reports. In a browser they come later, and reach the device's own handler instead.
    pub(super) fn watched<R>(&self, what: &str, work: impl FnOnce() -> R) -> Result<R> {
        let report = "report this as a bug of autorot or of the driver";
        self.scoped(what, [(Fault::Validation, report), (Fault::Internal, report)], work)
    }

    /// [`Gpu::watched`], with the faults and remedies for a misuse and for a failure of the driver.
    fn scoped<R>(
        &self,
        what: &str,
        [misuse, failure]: [(Fault, &str); 2],
        work: impl FnOnce() -> R,
    ) -> Result<R> {
        let (result, found) = self.caught(work);
        let Some(error) = found else { return Ok(result) };
        let (fault, remedy) = match error {
            wgpu::Error::OutOfMemory { .. } => {
                (Fault::OutOfMemory, "use a smaller batch, Trainer::resident_bytes, or AUTOROT_DEVICE=cpu")
            }
            // What a lost device made is invalid, and so is its use.
            _ if self.lost() => return Err(self.gone(what)),
            wgpu::Error::Internal { .. } => failure,
            wgpu::Error::Validation { ref description, .. } => match callers(description) {
                Some(remedy) => (Fault::Validation, remedy),
                None => misuse,
            },
        };
        Err(self.error(fault, format!("{what}: {error}"), remedy))
    }

    /// Runs `work` and also returns the first error; out of memory comes before what follows from it.
    fn caught<R>(&self, work: impl FnOnce() -> R) -> (R, Option<wgpu::Error>) {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let scopes = [Validation, Internal, OutOfMemory].map(|filter| self.device.push_error_scope(filter));
        let result = work();
        // The scope opened last is closed first; all are closed even after an error.
        let found: Vec<_> =
            scopes.into_iter().rev().filter_map(|scope| ready(scope.pop()).flatten()).collect();
        (result, found.into_iter().next())
    }

    /// Refuses a caller's buffer that the device cannot use because it was destroyed, is mapped, or belongs to another device. An empty
    /// submission checks that.
    pub(super) fn accepts_buffer(&self, what: &str, buffer: &wgpu::Buffer) -> Result<()> {
        let state = wgpu::BufferUses::STORAGE_READ_ONLY;
        let transition = wgpu::BufferTransition { buffer, state };
        self.accepts(what, |encoder| encoder.transition_resources([transition].into_iter(), [].into_iter()))
    }

    /// [`Gpu::accepts_buffer`], for a texture.
    pub(super) fn accepts_texture(&self, what: &str, texture: &wgpu::Texture) -> Result<()> {
        let state = wgpu::TextureUses::RESOURCE;
        let transition = wgpu::TextureTransition { texture, selector: None, state };
        self.accepts(what, |encoder| encoder.transition_resources([].into_iter(), [transition].into_iter()))
    }

    fn accepts(&self, what: &str, record: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        self.check()?;
        let tried = self.watched(what, || {
            // wgpu looks handles up by number, and panics if another instance's has a number that this one has not.
            let recorded = catch_unwind(AssertUnwindSafe(|| {
                let mut encoder = self.device.create_command_encoder(&Default::default());
                record(&mut encoder);
                encoder.finish()
            }));
            recorded.map(|commands| {
                self.queue.submit([commands]);
            })
        })?;
        tried.map_err(|_| {
            Error::invalid(
                what,
                "a handle from another wgpu instance",
                format!("one of the device on {}", self.info.name),
                "create it on the device that the model was built on",
            )
        })
    }

    /// Whether the device is lost. wgpu reports that only to a callback, of which a device has one, its owner's; but on a lost device a
    /// buffer cannot be made, without any error.
    fn lost(&self) -> bool {
        let (made, error) = self.caught(|| {
            let probe = self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("probe"),
                size: 4,
                usage: wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: true,
            });
            probe.slice(..).get_mapped_range_mut().is_ok()
        });
        !made && error.is_none()
    }

    /// Writes into a buffer; reports a lost device.
    pub(super) fn write(&self, what: &str, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        for (i, piece) in bytes.chunks(UPLOAD).enumerate() {
            let Some(size) = wgpu::BufferSize::new(piece.len() as u64) else { continue };
            let written = self.watched(what, || {
                let room = self.queue.write_buffer_with(buffer, offset + (i * UPLOAD) as u64, size);
                let written = room.map(|mut room| room.copy_from_slice(piece));
                if bytes.len() > UPLOAD {
                    self.queue.submit([]);
                }
                written
            })?;
            written.ok_or_else(|| self.gone(what))?;
        }
        Ok(())
    }

    /// Waits until the queue has finished a submission, or all submissions, but no longer than `timeout`.
    pub(super) fn wait(
        &self,
        what: &str,
        submission_index: Option<wgpu::SubmissionIndex>,
        timeout: Duration,
    ) -> Result<()> {
        let begin = Instant::now();
        let poll = || loop {
            let left = Some(timeout.saturating_sub(begin.elapsed()));
            let wait = wgpu::PollType::Wait { submission_index: submission_index.clone(), timeout: left };
            match self.device.poll(wait) {
                // OpenGL waits for at most two seconds.
                Err(wgpu::PollError::Timeout) if begin.elapsed() < timeout => {}
                done => return done,
            }
        };
        match self.polled(what, poll)? {
            Ok(_) => Ok(()),
            Err(wgpu::PollError::Timeout) => Err(self.error(
                Fault::Timeout,
                format!("{what}: found the device still working after {timeout:?}, expected it to be done"),
                "allow it more time with Device::with_timeout, give it less work at once (a smaller batch), or continue \
                 elsewhere as after a loss",
            )),
            // A lost device accepts no submissions that one could wait for.
            Err(wgpu::PollError::WrongSubmissionIndex(..)) => Err(self.gone(what)),
        }
    }

    /// Lets wgpu process finished submissions and call the callbacks that wait for them, without waiting.
    pub(super) fn notice(&self, what: &str) -> Result<()> {
        self.polled(what, || self.device.poll(wgpu::PollType::Poll)).map(drop)
    }

    /// Runs `poll`, in which wgpu panics if the driver reports a lost device.
    fn polled<R>(&self, what: &str, poll: impl FnOnce() -> R) -> Result<R> {
        match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(result) => Ok(result),
            Err(_) if self.lost() => Err(self.gone(what)),
            // A panic in a callback of the device's owner.
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// The properties that decide between kernel variants on this adapter, with or without subgroup operations.
fn traits(info: &wgpu::AdapterInfo, subgroups: bool) -> Traits {
    let fixed = info.subgroup_min_size == info.subgroup_max_size;
    Traits {
        software: is_software(info),
        subgroup: if subgroups && fixed { info.subgroup_min_size } else { 0 },
    }
}

/// The future's result, if it is ready.
fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subgroups_count_where_they_are_granted_and_all_of_one_size() {
        let kind = (wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Vulkan);
        let of = |(subgroup_min_size, subgroup_max_size), granted| {
            let info = wgpu::AdapterInfo {
                subgroup_min_size,
                subgroup_max_size,
                ..wgpu::AdapterInfo::new(kind.0, kind.1)
            };
            traits(&info, granted).subgroup
        };
        for size in [4, 8, 16, 32, 64, 128] {
            assert_eq!((of((size, size), true), of((size, size), false)), (size, 0));
        }
        assert_eq!([(4, 128), (8, 32), (32, 64)].map(|sizes| of(sizes, true)), [0; 3]);
    }
}
