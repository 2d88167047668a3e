//! Forward and backward passes, lent buffers, textures.

use super::{Host, buffers, texture};
use crate::nets;
use autorot::embed::{Backward, Forward, TextureRows};
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Dense, Device, Dropout, Error, Loss, Model, Optimizer,
    Sequential, Sgd, Targets, Trainer, wgpu,
};
use std::sync::atomic::Ordering;

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn forward_passes_give_the_bits_of_predictions() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(37);
    let mut model = nets::wave_model(&host.autorot());
    let wanted = model.predict(data.inputs()).unwrap();
    let own = buffers(&host, &data);
    let binding = wgpu::BufferBinding { buffer: &own[0], offset: 512, size: None };
    let borrowed = Forward::new(&mut model, 37, Some(binding)).unwrap();
    assert_eq!(*borrowed.input(), own[0]);
    let made = Forward::new(&mut model, 37, None).unwrap();
    host.queue.write_buffer(made.input(), 0, bytemuck::cast_slice(data.inputs()));
    let mut encoder = host.encoder();
    borrowed.encode(&mut model, &mut encoder).unwrap();
    made.encode_pass(&mut model, &mut encoder.begin_compute_pass(&Default::default())).unwrap();
    host.submit(encoder);
    assert_eq!(host.read(borrowed.output()), wanted);
    assert_eq!(host.read(made.output()), wanted);
    // Another training, in the same memory, leaves the outputs alone.
    Trainer::new(Adam::default(), Loss::MeanSquaredError)
        .progress(false)
        .epochs(1)
        .fit(&mut model, &data, None)
        .unwrap();
    assert_eq!(host.read(borrowed.output()), wanted);
    // A network that hands its input on has it copied.
    let mut flat = Sequential::new([3, 2]).add(autorot::Flatten).build(&host.autorot(), 1).unwrap();
    let forward = Forward::new(&mut flat, 2, None).unwrap();
    let numbers: Vec<f32> = (0..12).map(|i| i as f32).collect();
    host.queue.write_buffer(forward.input(), 0, bytemuck::cast_slice(&numbers));
    let mut encoder = host.encoder();
    forward.encode(&mut flat, &mut encoder).unwrap();
    host.submit(encoder);
    assert_eq!(host.read(forward.output()), numbers);
    let before = model.device_bytes();
    made.close(&mut model).unwrap();
    assert!(model.device_bytes() < before);
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn parameters_lie_where_the_arena_says() {
    let host = Host::open(wgpu::Features::empty());
    let mut model = nets::wave_model(&host.autorot());
    let all = host.read(&model.parameters_buffer().unwrap());
    let weights = model.weights().unwrap();
    for p in model.network().arena().parameters() {
        assert_eq!(all[p.offset..p.offset + p.len()], weights[&*p.path].values, "{}", p.path);
    }
}

/// Steps of a loss that the host computes, ∂ℓ/∂y of the mean squared error, against the trainer's.
fn agrees(host: &Host, build: &dyn Fn() -> Model, optimizer: Optimizer) {
    let data = nets::waves(48);
    let Targets::Values { values, .. } = data.targets() else { panic!("waves have values") };
    let mut alone = build();
    Trainer::new(optimizer.clone(), Loss::MeanSquaredError)
        .progress(false)
        .shuffle(false)
        .epochs(5)
        .fit(&mut alone, &data, None)
        .unwrap();
    let wanted = alone.weights().unwrap();

    let mut model = build();
    let mut backward = Backward::new(&mut model, 48, None, optimizer).unwrap();
    host.queue.write_buffer(backward.input(), 0, bytemuck::cast_slice(data.inputs()));
    for step in 1..=5 {
        let mut encoder = host.encoder();
        backward.encode_forward(&mut model, &mut encoder.begin_compute_pass(&Default::default())).unwrap();
        host.submit(encoder);
        let outputs = host.read(backward.output());
        let scale = 2.0 / outputs.len() as f32;
        let d: Vec<f32> = outputs.iter().zip(values).map(|(y, t)| scale * (y - t)).collect();
        host.queue.write_buffer(backward.d_output(), 0, bytemuck::cast_slice(&d));
        let mut encoder = host.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            backward.encode_backward(&mut model, &mut pass).unwrap();
            backward.encode_update(&mut model, &mut pass).unwrap();
        }
        backward.read_back(&mut model, &mut encoder).unwrap();
        host.submit(encoder);
        host.wait();
        assert_eq!(backward.poll(&mut model).unwrap(), Some(step));
    }
    let found = model.weights().unwrap();
    for (path, tensor) in &wanted {
        for (f, w) in found[path].values.iter().zip(&tensor.values) {
            assert!((f - w).abs() <= 1e-6 + 1e-5 * w.abs(), "{path}: {f}, {w}");
        }
    }
    let before = model.device_bytes();
    backward.close(&mut model).unwrap();
    assert!(model.device_bytes() < before, "what is closed gives its memory back");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn backward_passes_of_the_callers_loss_train_as_the_trainer_does() {
    let host = Host::open(wgpu::Features::empty());
    agrees(&host, &|| nets::wave_model(&host.autorot()), Adam::default().into());
    // Running statistics, and the numbers of dropout, go on with the steps.
    let with_state = || {
        Sequential::new([3])
            .input_range(-1.0, 1.0)
            .add(Dense::new(12).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()))
            .add(BatchNorm::new())
            .add(Dropout::new(0.2))
            .add(Dense::new(2))
            .build(&host.autorot(), 1)
            .unwrap()
    };
    agrees(&host, &with_state, Sgd::default().into());
    // A linear model's ∂ℓ/∂x is ∂ℓ/∂y·Wᵀ.
    let mut linear = Sequential::new([3]).add(Dense::new(2)).build(&host.autorot(), 1).unwrap();
    let w = linear.weights().unwrap()["0.dense.kernel"].values.clone();
    let mut backward = Backward::new(&mut linear, 1, None, Sgd::default()).unwrap();
    host.queue.write_buffer(backward.d_output(), 0, bytemuck::cast_slice(&[1.0f32, -2.0]));
    let mut encoder = host.encoder();
    {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        backward.encode_forward(&mut linear, &mut pass).unwrap();
        backward.encode_backward(&mut linear, &mut pass).unwrap();
    }
    host.submit(encoder);
    let d_x = host.read(backward.d_input());
    for (i, d) in d_x.iter().enumerate() {
        assert!((d - (w[2 * i] - 2.0 * w[2 * i + 1])).abs() < 1e-6, "{d_x:?}");
    }
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_gradient_that_is_none_stops_updates() {
    let host = Host::open(wgpu::Features::empty());
    let mut model = nets::wave_model(&host.autorot());
    let mut backward = Backward::new(&mut model, 4, None, Adam::default()).unwrap();
    let mut step = |model: &mut Model, d: f32| {
        host.queue.write_buffer(backward.d_output(), 0, bytemuck::cast_slice(&[d; 8]));
        let mut encoder = host.encoder();
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            backward.encode_forward(model, &mut pass)?;
            backward.encode_backward(model, &mut pass)?;
            backward.encode_update(model, &mut pass)?;
        }
        backward.read_back(model, &mut encoder)?;
        host.submit(encoder);
        host.wait();
        backward.poll(model)
    };
    let first = model.weights().unwrap();
    assert_eq!(step(&mut model, 0.1).unwrap(), Some(1));
    assert_ne!(model.weights().unwrap(), first);
    let error = step(&mut model, f32::NAN).unwrap_err();
    assert!(matches!(error, Error::NonFinite { step: 2, .. }), "{error}");
    assert_eq!(model.weights().unwrap(), first, "the weights whose gradient was finite");
    assert!(step(&mut model, 0.1).is_err(), "it stays stopped");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn textures_become_rows() {
    let host = Host::open(wgpu::Features::empty());
    let (width, height) = (11u32, 9u32);
    let texels: Vec<u8> = (0..width * height * 4).map(|i| (i * 37 % 256) as u8).collect();
    let make =
        |format, usage| texture(&host.device, [width, height], format, usage | wgpu::TextureUsages::COPY_DST);
    let texture = make(wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureUsages::TEXTURE_BINDING);
    host.queue.write_texture(
        texture.as_image_copy(),
        &texels,
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(width * 4), rows_per_image: None },
        texture.size(),
    );
    for channels in [1, 3, 4] {
        let rows = TextureRows::new(&host.autorot(), &texture, channels).unwrap();
        assert_eq!(rows.rows(), 99);
        let mut encoder = host.encoder();
        rows.encode(&mut encoder);
        host.submit(encoder);
        let found = host.read(rows.buffer());
        let wanted = texels.chunks(4).flat_map(|t| t[..channels].iter().map(|&v| f32::from(v) / 255.0));
        for (f, w) in found.iter().zip(wanted.collect::<Vec<_>>()) {
            assert!((f - w).abs() < 1e-6, "{f}, {w}");
        }
    }
    let integers = make(wgpu::TextureFormat::Rgba8Uint, wgpu::TextureUsages::TEXTURE_BINDING);
    let unbound = make(wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureUsages::COPY_SRC);
    for (texture, channels, said) in [
        (&integers, 3, "TEXTURE_BINDING"),
        (&unbound, 3, "TEXTURE_BINDING"),
        (&texture, 5, "1 to 4"),
        (&texture, 0, "1 to 4"),
    ] {
        let error = TextureRows::new(&host.autorot(), texture, channels).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert!(TextureRows::new(&Device::cpu(), &texture, 3).is_err());
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}
