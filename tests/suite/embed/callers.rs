//! Mistakes of the program around the crate: told from the crate's own, with what to do about them.

use super::{Host, rows, texture};
use crate::common::{callers_with, open};
use crate::nets;
use autorot::embed::{Backward, Forward, Learner, TextureRows};
use autorot::wgpu::{self, BufferUsages};
use autorot::{Adam, Device, Error, Fault, Loss, Sgd, Trainer};
use std::sync::atomic::Ordering;

#[track_caller]
fn says<T>(result: Result<T, Error>, words: &[&str]) -> Error {
    let error = result.map(drop).expect_err("an error");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{text}: no {word:?}");
    }
    assert!(!text.contains("bug"), "{text}");
    error
}

/// Two devices of one instance, with their queues.
fn two() -> [(wgpu::Device, wgpu::Queue); 2] {
    let shared = crate::common::gpu();
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()));
    let name = |info: wgpu::AdapterInfo| format!("{} ({})", info.name, info.backend);
    let adapter = adapters.into_iter().find(|a| name(a.get_info()) == shared.name()).unwrap();
    let open = || pollster::block_on(adapter.request_device(&Default::default())).unwrap();
    [open(), open()]
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_queue_of_another_device_is_refused() {
    let [(first, of_first), (second, of_second)] = two();
    let (elsewhere, of_elsewhere) = open(wgpu::Features::empty());
    for (device, queue) in
        [(&first, &of_second), (&second, &of_first), (&first, &of_elsewhere), (&elsewhere, &of_first)]
    {
        let wrong = Device::from_wgpu(device.clone(), queue.clone());
        for _ in 0..2 {
            says(
                nets::wave_network().build(&wrong, 1),
                &["Device::from_wgpu", "a queue that is not that of the device", "Adapter::request_device"],
            );
        }
        says(
            wrong.prepare().forward(&nets::wave_network().network(1).unwrap(), 4).and_then(|mut p| p.run()),
            &["queue"],
        );
        let mut model = nets::wave_model(&Device::cpu());
        says(model.rebuild(&wrong), &["a queue that is not"]);
    }
    // While it is at work, too, a device is found to be its own.
    for (device, queue) in [(first, of_first), (second, of_second), (elsewhere, of_elsewhere)] {
        let device = Device::from_wgpu(device, queue);
        let _ = crate::faults::time_out(&device);
        let again = device.wgpu().map(|(device, queue)| Device::from_wgpu(device.clone(), queue.clone()));
        nets::wave_model(&again.unwrap()).predict(&[0.5; 3]).unwrap();
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_device_with_too_little_is_refused_where_a_model_is_built() {
    let few = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
    let narrow = wgpu::Limits { max_compute_invocations_per_workgroup: 128, ..wgpu::Limits::default() };
    let cases = [
        (few, ["max_storage_buffers_per_shader_stage 4", "at least 8"]),
        (narrow, ["max_compute_invocations_per_workgroup 128", "at least 256"]),
    ];
    for (limits, words) in cases {
        let device = callers_with(limits);
        let error = says(nets::wave_network().build(&device, 1), &words);
        assert_eq!(error.fault(), Some(Fault::Unsupported));
        says(nets::wave_network().build(&device, 1), &["Limits::default()"]);
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn buffers_that_cannot_be_used_are_refused() {
    let [(device, queue), (other, _)] = two();
    let (elsewhere, _) = open(wgpu::Features::empty());
    let host = Host::around(device, queue);
    let data = nets::waves(64);
    let good = [host.buffer(bytemuck::cast_slice(data.inputs()), 512), host.floats(&[0.5; 128])];
    let mut model = nets::wave_model(&host.autorot());
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    let make = |device: &wgpu::Device, mapped: bool| {
        device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("points"),
            size: 4096,
            usage: BufferUsages::STORAGE,
            mapped_at_creation: mapped,
        })
    };
    let destroyed = make(&host.device, false);
    destroyed.destroy();
    // Of many, so that no buffer of the model's device has the number.
    let far: Vec<_> = (0..200).map(|_| make(&elsewhere, false)).collect();
    let cases = [
        (destroyed, &["points", "destroyed", "destroy()"][..]),
        (make(&host.device, true), &["points", "still mapped", "unmap"]),
        (make(&other, false), &["points", "doesn't match", "of the device that the model was built on"]),
        (far[199].clone(), &["another wgpu instance", "on the device that the model was built on"]),
    ];
    for (buffer, words) in &cases {
        let binding = || Some(buffer.as_entire_buffer_binding());
        says(Forward::new(&mut model, 64, binding()), words);
        says(Backward::new(&mut model, 64, binding(), Sgd::default()), words);
        let mut given = rows(&good, &data);
        given.inputs = buffer.as_entire_buffer_binding();
        let error = says(Learner::new(&trainer, &mut model, given), words);
        assert!(error.to_string().contains("the buffer for inputs"), "{error}");
    }
    Learner::new(&trainer, &mut model, rows(&good, &data)).unwrap().close(&mut model).unwrap();
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);

    let (format, usage) = (wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureUsages::TEXTURE_BINDING);
    let frame = |device: &wgpu::Device| texture(device, [4, 4], format, usage);
    let gone = frame(&host.device);
    gone.destroy();
    says(TextureRows::new(&host.autorot(), &gone, 3), &["the texture", "destroyed"]);
    says(TextureRows::new(&host.autorot(), &frame(&other), 3), &["the texture", "doesn't match"]);
    TextureRows::new(&host.autorot(), &frame(&host.device), 3).unwrap();
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn parameters_that_were_destroyed_are_named_and_a_model_comes_back() {
    let host = Host::open(wgpu::Features::empty());
    let mut model = nets::wave_model(&host.autorot());
    let (state, weights) = (model.state().unwrap(), model.weights().unwrap());
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    model.parameters_buffer().unwrap().destroy();
    let words = ["destroyed", "do not call destroy()", "Model::rebuild"];
    let data = nets::waves(64);
    says(model.weights(), &words);
    says(model.set_weights(&weights), &words);
    says(model.state(), &words);
    says(model.predict(data.inputs()), &words);
    says(Forward::new(&mut model, 4, None), &words);
    says(Learner::new(&trainer(), &mut model, &data), &words);
    says(trainer().fit(&mut model, &data, None), &words);
    model.rebuild(&host.autorot()).unwrap();
    model.set_state(&state).unwrap();
    assert_eq!(model.weights().unwrap(), weights);
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}
