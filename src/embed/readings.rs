//! Reading back without waiting: copies that the caller's submission makes, looked at once they have arrived.

use crate::device::GpuExecutor;
use crate::device::held::Held;
use crate::{Error, Fault, Result};
use futures_channel::oneshot::{Receiver, channel};
use std::collections::VecDeque;
use web_time::Instant;

/// A stretch of a buffer, in bytes.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) buffer: wgpu::Buffer,
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// What has become of a reading.
#[derive(Debug)]
pub(super) enum Arrival<N> {
    /// It took place.
    Read(Reading<N>),
    /// Its encoder was dropped, or wgpu rejected the submission: what was noted.
    Lost(N),
}

/// What the device says of a submission: the words that were copied, and how long the pass took.
#[derive(Debug)]
pub(super) struct Reading<N> {
    /// What the caller noted when it began.
    pub(super) note: N,
    /// The stretches, one after another.
    pub(super) words: Vec<u32>,
    /// Seconds: of the pass where it could be timed, else until it was seen to be finished.
    pub(super) seconds: f64,
    /// Whether the pass was timed.
    pub(super) timed: bool,
}

#[derive(Debug)]
struct Pending<N> {
    note: N,
    staging: Held,
    /// Bytes of the stretches, and of all that is mapped, of which the last four are the mark.
    copied: u64,
    mapped: u64,
    timed: bool,
    since: Instant,
    answer: Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
}

/// Readings under way, in the order in which they began.
#[derive(Debug)]
pub(super) struct Readings<N> {
    pending: VecDeque<Pending<N>>,
    free: Vec<Held>,
    /// What is copied last: without it the submission was rejected.
    mark: Held,
    stopwatch: Option<Stopwatch>,
}

/// Times passes, where the device can.
#[derive(Debug)]
struct Stopwatch {
    queries: wgpu::QuerySet,
    resolved: Held,
    /// Nanoseconds of a tick.
    period: f32,
}

/// What errors name.
const READING: &str = "reading back";

/// Bytes below which staging buffers are rounded up.
const SMALL: u64 = 1 << 20;

/// What stands at the end of a reading that took place.
const MARK: u32 = 0x6175_746f;

/// Bytes of the two times.
const TIMES: u64 = 16;

impl<N> Readings<N> {
    /// For a device; passes are timed where it has the feature `TIMESTAMP_QUERY`.
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
        Ok(Self { pending: VecDeque::new(), free: Vec::new(), mark, stopwatch })
    }

    /// Whether passes are timed.
    pub(super) fn times(&self) -> bool {
        self.stopwatch.is_some()
    }

    /// A pass that is timed, where that is possible.
    pub(super) fn pass<'e>(&self, encoder: &'e mut wgpu::CommandEncoder) -> wgpu::ComputePass<'e> {
        let timestamp_writes = self.stopwatch.as_ref().map(|watch| wgpu::ComputePassTimestampWrites {
            query_set: &watch.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        });
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: Some("autorot"), timestamp_writes })
    }

    /// Records the copying of some stretches; `timed` says whether a pass of [`Readings::pass`] came just before.
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
        // Times are 64-bit.
        let times_at = copied.next_multiple_of(8);
        let mark_at = if watch.is_some() { times_at + TIMES } else { copied };
        let bytes = mark_at + 4;
        let held = take(&mut self.free, gpu, bytes)?;
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
            // Nobody waits for it once the readings are dropped.
            let _ = sender.send(result);
        });
        let timed = watch.is_some();
        let since = Instant::now();
        self.pending.push_back(Pending { note, staging: held, copied, mapped: bytes, timed, since, answer });
        Ok(())
    }

    /// The oldest reading of which it is known what has become. Waits for nothing: one that is still to come holds up no later one.
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
            // Nothing will be mapped any more.
            self.free.push(staging);
            return Ok(Some(Arrival::Lost(note)));
        };
        // A misuse shows where the encoder is submitted: what is left is that the device is gone.
        answer.map_err(|_| gpu.gone(READING))?;
        let all = gpu.watched(READING, |_| {
            let range = staging.buffer.slice(..mapped).get_mapped_range();
            let all = range.map(|range| bytemuck::pod_collect_to_vec::<u8, u32>(&range));
            staging.buffer.unmap();
            all
        })?;
        let all = all.map_err(|_| gpu.gone(READING))?;
        self.free.push(staging);
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

/// A staging buffer of at least so many bytes: one that is free, or a new one.
fn take(free: &mut Vec<Held>, gpu: &GpuExecutor, bytes: u64) -> Result<Held> {
    if let Some(place) = free.iter().position(|held| held.buffer.size() >= bytes) {
        return Ok(free.swap_remove(place));
    }
    let limit = gpu.device().limits().max_buffer_size;
    if bytes > limit {
        let device = gpu.device().adapter_info().name;
        let reason = format!("{READING}: found {bytes} bytes, expected at most {limit} in one buffer");
        return Err(Error::device(
            Fault::Unsupported,
            device,
            reason,
            "use Model::save, which reads in parts",
        ));
    }
    // Small ones serve readings of several lengths.
    let size = if bytes < SMALL { bytes.next_power_of_two().max(256) } else { bytes };
    gpu.make(READING, size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
}
