//! Readback without waiting: the caller's submission makes copies, which are read once they have arrived.

use crate::device::GpuExecutor;
use crate::device::held::Held;
use crate::device::readback::{READING, Staging, words};
use crate::{Error, Fault, Result};
use futures_channel::oneshot::{Receiver, channel};
use std::collections::VecDeque;
use web_time::Instant;

/// A range of a buffer, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) buffer: wgpu::Buffer,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// The outcome of a readback.
#[derive(Debug)]
pub(super) enum Arrival<N> {
    /// It succeeded.
    Read(Reading<N>),
    /// Its encoder was dropped, or wgpu rejected the submission. With its note.
    Lost(N),
}

/// What was read back from a submission: the copied words, and how long its pass took.
#[derive(Debug)]
pub(super) struct Reading<N> {
    /// The note that was given to [`Readings::begin`].
    pub(super) note: N,
    /// The stretches, one after another.
    pub(super) words: Vec<u32>,
    /// How long the pass took, if it was timed; otherwise the time from encoding until the readback was seen. In seconds.
    pub(super) seconds: f64,
    /// Whether the pass was timed.
    pub(super) timed: bool,
}

#[derive(Debug)]
struct Pending<N> {
    note: N,
    staging: Held,
    /// Bytes of the stretches.
    copied: u64,
    /// Bytes to map; the last four are the mark.
    mapped: u64,
    timed: bool,
    since: Instant,
    answer: Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

/// Pending readbacks, oldest first.
#[derive(Debug)]
pub(super) struct Readings<N> {
    pending: VecDeque<Pending<N>>,
    staging: Staging,
    /// Copied last: if it is missing, the submission was rejected.
    mark: Held,
    stopwatch: Option<Stopwatch>,
}

/// Times passes by timestamp queries.
#[derive(Debug)]
struct Stopwatch {
    queries: wgpu::QuerySet,
    resolved: Held,
    /// Nanoseconds per tick.
    period: f32,
}

/// The last word of a readback that succeeded.
const MARK: u32 = 0x6175_746f;

/// Bytes of the two timestamps.
const TIMES: u64 = 16;

impl<N> Readings<N> {
    /// Passes are timed if the device has the feature `TIMESTAMP_QUERY`.
    pub(super) fn new(gpu: &GpuExecutor) -> Result<Self> {
        let device = gpu.device();
        let stopwatch = match device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            false => None,
            true => {
                let (queries, period) = gpu.watched("timing", |queue| {
                    let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
                        label: Some("autorot"),
                        ty: wgpu::QueryType::Timestamp,
                        count: 2,
                    });
                    (queries, queue.get_timestamp_period())
                })?;
                let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
                Some(Stopwatch { queries, resolved: gpu.make("times", TIMES, usage)?, period })
            }
        };
        let mark = gpu.make("mark", 4, wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST)?;
        gpu.write_buffer(READING, &mark.buffer, 0, bytemuck::bytes_of(&MARK))?;
        Ok(Self { pending: VecDeque::new(), staging: gpu.new_staging(), mark, stopwatch })
    }

    /// Whether passes are timed.
    pub(super) fn times(&self) -> bool {
        self.stopwatch.is_some()
    }

    /// Begins a pass, timed if possible.
    pub(super) fn pass<'e>(&self, encoder: &'e mut wgpu::CommandEncoder) -> wgpu::ComputePass<'e> {
        let timestamp_writes = self.stopwatch.as_ref().map(|watch| wgpu::ComputePassTimestampWrites {
            query_set: &watch.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("autorot"), timestamp_writes })
    }

    /// Encodes the copying of these stretches; `timed` if a pass of [`Readings::pass`] comes just before.
    pub(super) fn begin(
        &mut self,
        gpu: &GpuExecutor,
        encoder: &mut wgpu::CommandEncoder,
        stretches: &[Stretch],
        timed: bool,
        note: N,
    ) -> Result<()> {
        let copied: u64 = stretches.iter().map(|s| s.len).sum();
        let watch = self.stopwatch.as_ref().filter(|_| timed);
        // Timestamps are 64-bit.
        let times_at = copied.next_multiple_of(8);
        let mark_at = if watch.is_some() { times_at + TIMES } else { copied };
        let bytes = mark_at + 4;
        let limit = gpu.device().limits().max_buffer_size;
        if bytes > limit {
            let device = gpu.device().adapter_info().name;
            let reason = format!("{READING}: found {bytes} bytes, expected at most {limit} in one buffer");
            let remedy = "use Model::state, which reads in parts";
            return Err(Error::device(Fault::Unsupported, device, reason, remedy));
        }
        let held = self.staging.take(gpu.gpu(), bytes)?;
        let staging = &held.buffer;
        gpu.write_buffer(READING, staging, mark_at, &[0; 4])?;
        let mut to = 0;
        for stretch in stretches {
            encoder.copy_buffer_to_buffer(&stretch.buffer, stretch.offset, staging, to, Some(stretch.len));
            to += stretch.len;
        }
        if let Some(watch) = watch {
            encoder.resolve_query_set(&watch.queries, 0..2, &watch.resolved.buffer, 0);
            encoder.copy_buffer_to_buffer(&watch.resolved.buffer, 0, staging, times_at, Some(TIMES));
        }
        encoder.copy_buffer_to_buffer(&self.mark.buffer, 0, staging, mark_at, Some(4));
        let (sender, answer) = channel();
        encoder.map_buffer_on_submit(staging, wgpu::MapMode::Read, ..bytes, move |result| {
            // It fails if the readings have been dropped.
            let _ = sender.send(result);
        });
        let timed = watch.is_some();
        let since = Instant::now();
        self.pending.push_back(Pending { note, staging: held, copied, mapped: bytes, timed, since, answer });
        Ok(())
    }

    /// The oldest readback whose outcome is known. Does not wait, and pending ones do not hold up later ones.
    pub(super) fn next(&mut self, gpu: &GpuExecutor) -> Result<Option<Arrival<N>>> {
        let known =
            self.pending.iter_mut().enumerate().find_map(|(place, pending)| {
                pending.answer.try_recv().transpose().map(|answer| (place, answer))
            });
        let Some((place, answer)) = known else { return Ok(None) };
        let Some(Pending { note, staging, copied, mapped, timed, since, .. }) = self.pending.remove(place)
        else {
            return Ok(None);
        };
        let Ok(answer) = answer else {
            // The buffer will not be mapped.
            self.staging.give_back(staging);
            return Ok(Some(Arrival::Lost(note)));
        };
        // A misuse would have shown when the encoder was submitted: the only cause left is a lost device.
        answer.map_err(|_| gpu.gone(READING))?;
        let all = words(gpu.gpu(), &staging.buffer, mapped)?;
        self.staging.give_back(staging);
        if all.last() != Some(&MARK) {
            return Ok(Some(Arrival::Lost(note)));
        }
        let mut seconds = since.elapsed().as_secs_f64();
        if let (true, Some(watch)) = (timed, &self.stopwatch) {
            let at = copied.next_multiple_of(8) as usize / 4;
            let time = |i: usize| u64::from(all[at + 2 * i]) | u64::from(all[at + 2 * i + 1]) << 32;
            seconds = time(1).saturating_sub(time(0)) as f64 * f64::from(watch.period) * 1e-9;
        }
        let words = all[..copied as usize / 4].to_vec();
        Ok(Some(Arrival::Read(Reading { note, words, seconds, timed })))
    }
}
