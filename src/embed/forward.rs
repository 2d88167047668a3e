//! Forward passes in the caller's submissions.

use super::gpu;
use super::lease::Lease;
use crate::device::{Executor, GpuExecutor, Program, Values};
use crate::kernel::{Element, clock};
use crate::model::Network;
use crate::plan::{Plan, Purpose, Recorder};
use crate::{Model, Result};

/// Encodes predictions for rows in a buffer into the caller's command encoders and compute passes. They use the model's weights at the time
/// they run.
///
/// ```no_run
/// use autorot::{embed::Forward, *};
/// # fn frame(mut model: Model, device: wgpu::Device, queue: wgpu::Queue, points: wgpu::Buffer) -> Result<()> {
/// let forward = Forward::new(&mut model, 4096, Some(points.as_entire_buffer_binding()))?;
/// let mut encoder = device.create_command_encoder(&Default::default());
/// forward.encode(&mut model, &mut encoder)?;
/// // … and a pass that draws `forward.output()`.
/// queue.submit([encoder.finish()]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Forward {
    lease: Lease,
    program: Program,
    input: wgpu::Buffer,
    output: wgpu::Buffer,
}

impl Forward {
    /// Prepares predictions for `rows` rows, stored one after another as f32 in `input`; `None` creates a buffer.
    ///
    /// # Errors
    /// A model that is not on a GPU; no rows, or too many; a buffer that cannot be bound; the device's errors.
    pub fn new(model: &mut Model, rows: usize, input: Option<wgpu::BufferBinding<'_>>) -> Result<Self> {
        let mut lease = Lease::of(model)?;
        model.network().check_batch(rows)?;
        let name = model.own_name("forward");
        let keys = keys(&name);
        lease.name(keys.clone());
        let program = record(model, rows, input, &keys)?;
        lease.add(program);
        let gpu = gpu(model)?;
        let (input, output) = (gpu.lend(&keys[0])?, gpu.lend(&keys[1])?);
        Ok(Self { lease, program, input, output })
    }

    /// Encodes the predictions.
    ///
    /// # Errors
    /// A model other than that of [`Forward::new`].
    pub fn encode(&self, model: &mut Model, encoder: &mut wgpu::CommandEncoder) -> Result<()> {
        self.encode_pass(model, &mut encoder.begin_compute_pass(&Default::default()))
    }

    /// Encodes the predictions into the caller's open compute pass.
    ///
    /// # Errors
    /// A model other than that of [`Forward::new`].
    pub fn encode_pass(&self, model: &mut Model, pass: &mut wgpu::ComputePass<'_>) -> Result<()> {
        self.lease.gpu(model)?.encode(self.program, .., pass)
    }

    /// The inputs, `[rows, …the model's input shape]`, f32: the caller's buffer, or a new one with the usages `STORAGE`,
    /// `COPY_SRC` and `COPY_DST`.
    pub fn input(&self) -> &wgpu::Buffer {
        &self.input
    }

    /// The outputs, `[rows, …the model's output shape]`, f32, with the usages `STORAGE`, `COPY_SRC` and `COPY_DST`.
    pub fn output(&self) -> &wgpu::Buffer {
        &self.output
    }

    /// Frees what it holds on the device; encoders that are not submitted yet can still be. If it is dropped instead, the model's next
    /// call frees it.
    ///
    /// # Errors
    /// A model other than that of [`Forward::new`].
    pub fn close(self, model: &mut Model) -> Result<()> {
        self.lease.close(model)
    }
}

fn record(
    model: &mut Model,
    rows: usize,
    input: Option<wgpu::BufferBinding<'_>>,
    keys: &[String; 3],
) -> Result<Program> {
    let len = rows * model.network().input().len();
    borrow_or_allocate(gpu(model)?, &keys[0], len, input)?;
    let (plan, output_len) = plan(model.network(), rows, keys)?;
    let [_, output_key, clock_key] = keys;
    let gpu = gpu(model)?;
    gpu.allocate(output_key, Element::Float, output_len)?;
    gpu.allocate(clock_key, Element::Index, clock::LEN)?;
    gpu.write(clock_key, 0, Values::U32(&[0; clock::LEN]))?;
    model.bind(&plan)
}

/// The names of the buffers.
pub(super) fn keys(name: &str) -> [String; 3] {
    ["input", "output", "clock"].map(|part| format!("{name} {part}"))
}

/// The plan, and the number of outputs.
pub(super) fn plan(
    network: &Network,
    rows: usize,
    [input_key, output_key, clock_key]: &[String; 3],
) -> Result<(Plan, usize)> {
    let len = rows * network.input().len();
    let mut rec = Recorder::new(Purpose::Infer, rows, network.arena());
    rec.set_clock(clock_key);
    let view = rec.shared(input_key, Element::Float, len);
    let traces = network.forward(&mut rec, view);
    let output = rec.publish(traces.last().map_or(view, |t| t.output), output_key);
    Ok((rec.finish(format!("forward {rows}"))?, output.len))
}

/// Binds the caller's buffer under this name, or allocates one.
pub(super) fn borrow_or_allocate(
    gpu: &mut GpuExecutor,
    key: &str,
    len: usize,
    binding: Option<wgpu::BufferBinding<'_>>,
) -> Result<()> {
    match binding {
        Some(binding) => gpu.borrow(key, Element::Float, len, &binding),
        None => gpu.allocate(key, Element::Float, len),
    }
}
