//! Runs kernels whose shaders count something, in private variables that they hand in before they end.

use crate::common::gpu;
use autorot::extend::kernel::{Access, Kernel, UNUSED};
use autorot::wgpu::{self, util::DeviceExt};

/// A shader with `counters`, two numbers for all invocations, whose `note()` runs where an invocation may end. `declarations` has the
/// function and its variables; `change` rewrites the lines.
pub fn noting(source: &str, declarations: &str, mut change: impl FnMut(&str) -> String) -> String {
    let mut out = format!(
        "@group(1) @binding(0) var<storage, read_write> counters: array<atomic<u32>>;\n{declarations}\n"
    );
    let mut in_main = false;
    for line in source.lines() {
        let code = line.split("//").next().unwrap_or("");
        in_main |= code.starts_with("fn main(");
        if code.trim() == "return;" || in_main && code == "}" {
            out += "note();\n";
            in_main &= code != "}";
        }
        out += &change(code);
        out += "\n";
    }
    out
}

/// A device that runs such shaders.
pub struct Counter {
    device: wgpu::Device,
    queue: wgpu::Queue,
}

impl Counter {
    /// A device of the tests' adapter, with a buffer more than WebGPU promises where there may be one: the counters'.
    pub fn open() -> Self {
        let shared = gpu();
        let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
        let adapters = wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all());
        let name = |info: wgpu::AdapterInfo| format!("{} ({})", info.name, info.backend);
        let adapter =
            pollster::block_on(adapters).into_iter().find(|a| name(a.get_info()) == shared.name()).unwrap();
        let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 9, ..Default::default() };
        let request = wgpu::DeviceDescriptor {
            required_limits: limits.or_worse_values_from(&adapter.limits()),
            required_features: adapter.features() & wgpu::Features::SUBGROUP,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&request)).unwrap();
        Self { device, queue }
    }

    /// Whether the kernel's buffers and the counters can be bound.
    pub fn fits(&self, kernel: &dyn Kernel) -> bool {
        kernel.bindings().len() < self.device.limits().max_storage_buffers_per_shader_stage as usize
    }

    /// Runs the shader over buffers of zeros; returns its counters.
    pub fn run(&self, kernel: &dyn Kernel, variant: usize, source: &str) -> [u32; 2] {
        let Self { device, queue } = self;
        use wgpu::{BindingType, BufferBindingType, BufferUsages, ShaderStages};
        let entry = |binding: usize, ty| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        let storage = |read_only| BufferBindingType::Storage { read_only };
        let mut entries = vec![entry(0, BufferBindingType::Uniform)];
        let bindings = kernel.bindings().iter().enumerate();
        entries.extend(bindings.map(|(i, b)| entry(i + 1, storage(b.access == Access::Read))));
        let layout = |entries: &[_]| {
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries })
        };
        let layouts = [layout(&entries), layout(&[entry(0, storage(false))])];
        let filled = |words: &[u32], usage| {
            let contents: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
                label: None,
                contents: &contents,
                usage,
            })
        };
        let mut words = kernel.uniforms();
        words.resize(words.len().next_multiple_of(4), 0);
        let mut buffers = vec![filled(&words, BufferUsages::UNIFORM)];
        for len in kernel.lens() {
            let size = (len.unwrap_or(UNUSED) as u64 * 4).next_multiple_of(16);
            let usage = BufferUsages::STORAGE;
            buffers.push(device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size,
                usage,
                mapped_at_creation: false,
            }));
        }
        let counters = filled(&[0; 2], BufferUsages::STORAGE | BufferUsages::COPY_SRC);
        let group = |layout, buffers: &[&wgpu::Buffer]| {
            let entries: Vec<_> = buffers
                .iter()
                .enumerate()
                .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
                .collect();
            device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
        };
        let groups =
            [group(&layouts[0], &buffers.iter().collect::<Vec<_>>()), group(&layouts[1], &[&counters])];
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name()),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name()),
            layout: Some(&device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&layouts[0]), Some(&layouts[1])],
                ..Default::default()
            })),
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &groups[0], &[]);
            pass.set_bind_group(1, &groups[1], &[]);
            let [x, y, z] = kernel.grid(variant);
            pass.dispatch_workgroups(x, y, z);
        }
        let read = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 8,
            usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
            mapped_at_creation: false,
        });
        encoder.copy_buffer_to_buffer(&counters, 0, &read, 0, 8);
        queue.submit([encoder.finish()]);
        read.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
        device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
        let view = read.slice(..).get_mapped_range().unwrap();
        [0, 4].map(|at| u32::from_le_bytes(std::array::from_fn(|i| view[at + i])))
    }
}
