//! Models inside an application that owns the device: the same bits as by themselves, and no harm done.

mod callers;
mod faults;
mod frames;
mod kept;
mod learner;
mod memory;
mod metrics;
mod misuse;
mod passes;
mod prepare;

use crate::common::open;
use autorot::embed::{Learner, Progress, Rows, Target};
use autorot::wgpu::{self, BufferUsages};
use autorot::{Dataset, Device, Model, Targets};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An application with a device of its own, that counts what reaches its handler of uncaptured errors.
struct Host {
    device: wgpu::Device,
    queue: wgpu::Queue,
    uncaptured: Arc<AtomicUsize>,
}

impl Host {
    /// With these features where they are there.
    fn open(features: wgpu::Features) -> Self {
        let (device, queue) = open(features);
        Self::around(device, queue)
    }

    fn around(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let uncaptured = Arc::new(AtomicUsize::new(0));
        let count = uncaptured.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            eprintln!("uncaptured: {error}");
            count.fetch_add(1, Ordering::Relaxed);
        }));
        Self { device, queue, uncaptured }
    }

    fn autorot(&self) -> Device {
        Device::from_wgpu(self.device.clone(), self.queue.clone())
    }

    /// A buffer that begins with so many unused bytes.
    fn buffer(&self, bytes: &[u8], unused: usize) -> wgpu::Buffer {
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: (unused + bytes.len()) as u64,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        self.queue.write_buffer(&buffer, unused as u64, bytes);
        buffer
    }

    fn floats(&self, values: &[f32]) -> wgpu::Buffer {
        self.buffer(bytemuck::cast_slice(values), 0)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        self.device.create_command_encoder(&Default::default())
    }

    fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.queue.submit([encoder.finish()]);
    }

    fn wait(&self) {
        self.device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    }

    fn read(&self, buffer: &wgpu::Buffer) -> Vec<f32> {
        let staging = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: BufferUsages::MAP_READ | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.encoder();
        encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, None);
        encoder.map_buffer_on_submit(&staging, wgpu::MapMode::Read, .., |mapped| mapped.unwrap());
        self.submit(encoder);
        self.wait();
        bytemuck::pod_collect_to_vec(&staging.slice(..).get_mapped_range().unwrap())
    }

    /// Encodes and submits `steps` steps; returns all that was told of them.
    fn train(&self, learner: &mut Learner, model: &mut Model, steps: usize) -> Vec<Progress> {
        let mut told = Vec::new();
        let mut left = steps;
        // In passes of uneven lengths, some of which share a submission.
        for count in [1, 3, 2, 7].into_iter().cycle() {
            if left == 0 {
                break;
            }
            let count = count.min(left);
            let mut encoders = [self.encoder(), self.encoder()];
            learner.encode(model, &mut encoders[0], count / 2).unwrap();
            {
                let mut pass = encoders[1].begin_compute_pass(&Default::default());
                learner.encode_pass(model, &mut pass, count - count / 2).unwrap();
            }
            learner.read_back(model, &mut encoders[1]).unwrap();
            self.queue.submit(encoders.map(|e| e.finish()));
            told.extend(learner.poll(model).unwrap());
            left -= count;
        }
        self.wait();
        told.extend(learner.poll(model).unwrap());
        assert_eq!(told.iter().map(|p| p.steps).sum::<usize>(), steps);
        told
    }
}

/// The rows of a data set in buffers of the host, of which the inputs begin behind others.
fn buffers(host: &Host, data: &Dataset) -> [wgpu::Buffer; 2] {
    let targets: &[u8] = match data.targets() {
        Targets::Values { values, .. } => bytemuck::cast_slice(values),
        Targets::Classes { labels, .. } => bytemuck::cast_slice(labels),
    };
    [host.buffer(bytemuck::cast_slice(data.inputs()), 512), host.buffer(targets, 0)]
}

fn rows<'a>([inputs, targets]: &'a [wgpu::Buffer; 2], data: &Dataset) -> Rows<'a> {
    let targets = targets.as_entire_buffer_binding();
    Rows {
        rows: data.len(),
        inputs: wgpu::BufferBinding { buffer: inputs, offset: 512, size: None },
        targets: match data.targets() {
            Targets::Values { .. } => Target::Values(targets),
            Targets::Classes { .. } => Target::Labels(targets),
        },
    }
}

/// A texture of one mip level, layer and sample.
fn texture(
    device: &wgpu::Device,
    [width, height]: [u32; 2],
    format: wgpu::TextureFormat,
    usage: wgpu::TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("frame"),
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}
