//! No invocation loops for longer than its kernel says, and none for longer than all may: counted by shaders that count.

use crate::common::{gpu, tell};
use autorot::extend::kernel::{Access, Kernel, MAX_ROUNDS, Traits, UNUSED, registry};
use autorot::wgpu::{self, util::DeviceExt};
use std::sync::Arc;

/// Loops up to these bounds have at most 64 rounds whatever the sizes; compilers write many of them out. An open bracket stands for
/// whatever follows.
const FIXED: &[&str] =
    &["0u", "8u", "SLICES", "DEPTH", "GATES", "PARTS", "min(4u, ", "min(8u, ", "min(32u, "];

/// The shader with a counter in every loop that may be long; `None` where there is none.
fn counting(source: &str) -> Option<String> {
    let mut counted = 0;
    let mut out = String::from(
        "@group(1) @binding(0) var<storage, read_write> most: array<atomic<u32>>;\nvar<private> rounds_so_far: u32;\n\
         fn note_rounds() { atomicMax(&most[0], rounds_so_far); }\n",
    );
    let mut in_main = false;
    for line in source.lines() {
        let code = line.split("//").next().unwrap_or("");
        in_main |= code.starts_with("fn main(");
        if code.trim() == "return;" {
            out += "note_rounds();\n";
        }
        if in_main && code == "}" {
            out += "note_rounds();\n";
            in_main = false;
        }
        out += line;
        out += "\n";
        if code.trim_start().starts_with("for (") {
            let bound = code.split(';').nth(1).unwrap_or_else(|| panic!("a loop on several lines: {line}"));
            let bound = bound.split(['<', '>']).nth(1).unwrap_or_default().trim();
            if !FIXED.iter().any(|fixed| bound == *fixed || fixed.contains('(') && bound.starts_with(fixed)) {
                out += "rounds_so_far += 1u;\n";
                counted += 1;
            }
        }
        assert!(!code.contains("loop {") && !code.contains("while ("), "a loop that is not counted: {line}");
    }
    (counted > 0).then_some(out)
}

/// The most rounds that an invocation of the kernel takes.
fn count(
    kernel: &dyn Kernel,
    variant: usize,
    source: &str,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
) -> u32 {
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
    let most = filled(&[0], BufferUsages::STORAGE | BufferUsages::COPY_SRC);
    let group = |layout, buffers: &[&wgpu::Buffer]| {
        let entries: Vec<_> = buffers
            .iter()
            .enumerate()
            .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.as_entire_binding() })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    };
    let groups = [group(&layouts[0], &buffers.iter().collect::<Vec<_>>()), group(&layouts[1], &[&most])];
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
        size: 4,
        usage: BufferUsages::COPY_DST | BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    encoder.copy_buffer_to_buffer(&most, 0, &read, 0, 4);
    queue.submit([encoder.finish()]);
    read.slice(..).map_async(wgpu::MapMode::Read, |result| result.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = read.slice(..).get_mapped_range().unwrap();
    u32::from_le_bytes([view[0], view[1], view[2], view[3]])
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn loops_are_as_short_as_kernels_say() {
    let shared = gpu();
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let adapters = wgpu::Instance::new(descriptor).enumerate_adapters(wgpu::Backends::all());
    let name = |info: wgpu::AdapterInfo| format!("{} ({})", info.name, info.backend);
    let adapter =
        pollster::block_on(adapters).into_iter().find(|a| name(a.get_info()) == shared.name()).unwrap();
    // One more than WebGPU promises: the counter's.
    let limits = wgpu::Limits { max_storage_buffers_per_shader_stage: 9, ..Default::default() };
    let features = adapter.features() & wgpu::Features::SUBGROUP;
    let request = wgpu::DeviceDescriptor {
        required_limits: limits.or_worse_values_from(&adapter.limits()),
        required_features: features,
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&request)).unwrap();
    let most = device.limits().max_storage_buffers_per_shader_stage as usize;
    let (mut checked, mut left_out) = (0, 0);
    for entry in registry::all() {
        let has_loops = entry.examples.iter().any(|kernel| counting(&kernel.source(0)).is_some());
        assert!(
            !has_loops || !entry.long.is_empty(),
            "{}: loops that grow with a size, and no long example in the registry",
            entry.name
        );
        let kernels: Vec<&Arc<dyn Kernel>> = entry.examples.iter().rev().take(1).chain(&entry.long).collect();
        for kernel in kernels {
            // What software adapters take, and what GPUs take.
            let mut variants = vec![kernel.prefer(shared.traits()), kernel.prefer(Traits::default())];
            variants.dedup();
            for variant in variants {
                let source = kernel.source(variant);
                let Some(source) = counting(&source) else { continue };
                // The counter is one buffer more than the kernel's.
                if kernel.bindings().len() + 1 > most {
                    left_out += 1;
                    continue;
                }
                let found = count(&**kernel, variant, &source, &device, &queue);
                let said = kernel.rounds(variant);
                let what = format!("{} of {kernel:?}", kernel.variants()[variant]);
                assert!(said <= MAX_ROUNDS, "{what}: says {said} rounds");
                assert!(found as usize <= said + 64, "{what}: {found} rounds, and says {said}");
                checked += 1;
            }
        }
    }
    tell(&format!("{checked} kernels with loops counted, {left_out} left out, which bind {most} buffers"));
    assert!(checked > 40 && left_out <= checked / 4, "{checked} kernels with loops, {left_out} left out");
}
