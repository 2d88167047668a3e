//! A number that is none takes back the last update, and nothing that the host or its shaders have written.

use super::{Host, buffers, rows};
use crate::common::{WITH_GPU, devices};
use crate::nets;
use autorot::embed::{Backward, Forward, Learner};
use autorot::model::Weights;
use autorot::train::Callback;
use autorot::{Adam, Dataset, Error, Loss, Model, Trainer, wgpu};
use std::ops::ControlFlow;

/// Ways to set weights between steps.
const WAYS: [&str; 3] = ["set_weights", "restore", "parameters_buffer"];

/// Weights that no training makes.
fn preset(model: &mut Model) -> Weights {
    let mut weights = model.weights().unwrap();
    weights.retain(|_, tensor| {
        tensor.values.iter_mut().enumerate().for_each(|(i, v)| *v = 0.001 * (i % 50 + 1) as f32);
        true
    });
    weights
}

/// Gives a model these weights in one of the ways.
fn set(host: &Host, model: &mut Model, way: &str, weights: &Weights) {
    match way {
        "set_weights" => model.set_weights(weights).unwrap(),
        "restore" => {
            let mut other = nets::wave_model(&host.autorot());
            other.set_weights(weights).unwrap();
            model.set_state(&other.state().unwrap()).unwrap();
        }
        _ => {
            let parameters = model.parameters_buffer().unwrap();
            for p in model.network().arena().parameters() {
                let values = &weights[&*p.path].values;
                host.queue.write_buffer(&parameters, p.offset as u64 * 4, bytemuck::cast_slice(values));
            }
        }
    }
}

/// Makes the targets of a learner's rows none.
fn spoil(host: &Host, targets: &wgpu::Buffer) {
    host.queue.write_buffer(targets, 0, bytemuck::cast_slice(&[f32::NAN; 128]));
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_learner_keeps_what_was_set_between_steps() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    for way in WAYS {
        // Set before the step that fails, or after it, before anybody knows.
        for late in [false, true] {
            let what = format!("{way}, late: {late}");
            let mut model = nets::wave_model(&host.autorot());
            let own = buffers(&host, &data);
            let mut learner = Learner::new(&trainer, &mut model, rows(&own, &data)).unwrap();
            if way == "parameters_buffer" {
                // Others may write from here on.
                model.parameters_buffer().unwrap();
            }
            host.train(&mut learner, &mut model, 6);
            let wanted = preset(&mut model);
            let step = |learner: &mut Learner, model: &mut Model| {
                let mut encoder = host.encoder();
                let encoded = learner.encode(model, &mut encoder, 2);
                host.submit(encoder);
                encoded
            };
            if late {
                spoil(&host, &own[1]);
                step(&mut learner, &mut model).unwrap();
                set(&host, &mut model, way, &wanted);
            } else {
                set(&host, &mut model, way, &wanted);
                spoil(&host, &own[1]);
                step(&mut learner, &mut model).unwrap();
            }
            host.wait();
            let error = learner.poll(&mut model).unwrap_err();
            assert!(matches!(error, Error::NonFinite { .. }), "{what}: {error}");
            assert!(model.weights().unwrap() == wanted, "{what}");
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn the_last_update_alone_is_taken_back() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    let after = |steps: usize| {
        let mut model = nets::wave_model(&host.autorot());
        let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
        host.train(&mut learner, &mut model, steps);
        host.read(&model.parameters_buffer().unwrap())
    };
    let (fifth, sixth) = (after(5), after(6));
    let mut model = nets::wave_model(&host.autorot());
    let own = buffers(&host, &data);
    let mut learner = Learner::new(&trainer, &mut model, rows(&own, &data)).unwrap();
    let parameters = model.parameters_buffer().unwrap();
    host.train(&mut learner, &mut model, 6);
    assert_eq!(host.read(&parameters), sixth);
    // One weight is written by the host, and all steps after it fail.
    host.queue.write_buffer(&parameters, 4, bytemuck::bytes_of(&0.125f32));
    spoil(&host, &own[1]);
    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 3).unwrap();
    host.submit(encoder);
    host.wait();
    assert!(learner.poll(&mut model).is_err());
    let mut wanted = fifth;
    wanted[1] = 0.125;
    assert_eq!(host.read(&parameters), wanted);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn backward_passes_keep_what_was_set_between_steps() {
    let host = Host::open(wgpu::Features::empty());
    for way in WAYS {
        let mut model = nets::wave_model(&host.autorot());
        let mut backward = Backward::new(&mut model, 8, None, Adam::default()).unwrap();
        host.queue.write_buffer(backward.input(), 0, bytemuck::cast_slice(&[0.5f32; 24]));
        if way == "parameters_buffer" {
            model.parameters_buffer().unwrap();
        }
        let step = |backward: &mut Backward, model: &mut Model, gradient: f32| {
            host.queue.write_buffer(backward.d_output(), 0, bytemuck::cast_slice(&[gradient; 16]));
            let mut encoder = host.encoder();
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                backward.encode_forward(model, &mut pass).unwrap();
                backward.encode_backward(model, &mut pass).unwrap();
                backward.encode_update(model, &mut pass).unwrap();
            }
            backward.read_back(model, &mut encoder).unwrap();
            host.submit(encoder);
            host.wait();
            backward.poll(model)
        };
        for _ in 0..4 {
            step(&mut backward, &mut model, 0.1).unwrap();
        }
        let wanted = preset(&mut model);
        set(&host, &mut model, way, &wanted);
        let error = step(&mut backward, &mut model, f32::NAN).unwrap_err();
        assert!(matches!(error, Error::NonFinite { .. }), "{way}: {error}");
        assert!(model.weights().unwrap() == wanted, "{way}");
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn dropped_frames_of_backward_passes_count_for_nothing() {
    let host = Host::open(wgpu::Features::empty());
    let run = |dropped: bool| {
        let mut model = nets::wave_model(&host.autorot());
        let mut backward = Backward::new(&mut model, 8, None, Adam::default()).unwrap();
        host.queue.write_buffer(backward.input(), 0, bytemuck::cast_slice(&[0.5f32; 24]));
        host.queue.write_buffer(backward.d_output(), 0, bytemuck::cast_slice(&[0.1f32; 16]));
        for frame in 0..40 {
            if frame % 4 == 1 && !dropped {
                continue;
            }
            let mut encoder = host.encoder();
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                backward.encode_forward(&mut model, &mut pass).unwrap();
                backward.encode_backward(&mut model, &mut pass).unwrap();
                backward.encode_update(&mut model, &mut pass).unwrap();
            }
            backward.read_back(&mut model, &mut encoder).unwrap();
            if frame % 4 != 1 {
                host.submit(encoder);
            }
        }
        host.wait();
        let told = backward.poll(&mut model).unwrap();
        (model.weights().unwrap(), told, model.state().unwrap().steps())
    };
    let (wanted, told, steps) = run(false);
    assert_eq!((told, steps), (Some(30), 30));
    let (found, told, _) = run(true);
    assert_eq!(told, Some(30));
    assert!(found == wanted, "Adam's correction is that of the updates that ran");
}

/// Sets the weights after the second epoch.
struct Preset<'a> {
    host: Option<&'a Host>,
    way: &'static str,
    wanted: &'a mut Option<Weights>,
}

impl Callback for Preset<'_> {
    fn on_epoch_end(
        &mut self,
        model: &mut Model,
        epoch: &autorot::train::Epoch,
    ) -> autorot::Result<ControlFlow<()>> {
        if epoch.epoch == 2 {
            let mut weights = preset(model);
            // Weights that blow up with the first batch.
            weights.retain(|path, tensor| {
                if path == "1.dense.kernel" {
                    tensor.values.fill(3e38);
                }
                true
            });
            match self.host {
                Some(host) => set(host, model, self.way, &weights),
                None => model.set_weights(&weights).unwrap(),
            }
            *self.wanted = Some(weights);
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn a_trainer_keeps_what_a_callback_has_set() {
    let data: Dataset = nets::waves(64);
    let host = WITH_GPU.then(|| Host::open(wgpu::Features::empty()));
    let mut cases: Vec<_> = devices().into_iter().map(|d| (d, None, WAYS[0])).collect();
    if let Some(host) = &host {
        cases.extend(WAYS.map(|way| (host.autorot(), Some(host), way)));
    }
    for (device, host, way) in cases {
        let mut model = nets::wave_model(&device);
        if way == "parameters_buffer" {
            model.parameters_buffer().unwrap();
        }
        let mut wanted = None;
        let error = Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .progress(false)
            .batch(16)
            .callback(Preset { host, way, wanted: &mut wanted })
            .fit(&mut model, &data, None)
            .unwrap_err();
        assert!(matches!(error, Error::NonFinite { .. }), "{way}: {error}");
        assert!(Some(model.weights().unwrap()) == wanted, "{way} on {}", device.name());
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_learner_begins_anew_where_the_optimiser_is_reset() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16).shuffle(false);
    let mut model = nets::wave_model(&host.autorot());
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    host.train(&mut learner, &mut model, 6);
    let weights = model.weights().unwrap();
    model.reset_optimizer().unwrap();
    host.train(&mut learner, &mut model, 7);
    // As on a new model with these weights.
    let mut other = nets::wave_model(&host.autorot());
    other.set_weights(&weights).unwrap();
    let mut learner = Learner::new(&trainer, &mut other, &data).unwrap();
    host.train(&mut learner, &mut other, 7);
    assert!(model.weights().unwrap() == other.weights().unwrap());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn steps_that_were_encoded_before_a_state_was_restored_change_nothing() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    let mut model = nets::wave_model(&host.autorot());
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    let first = model.state().unwrap();
    host.train(&mut learner, &mut model, 12);
    let later = model.state().unwrap();
    for state in [first, later] {
        let mut alone = nets::wave_model(&host.autorot());
        alone.set_state(&state).unwrap();
        let mut other = Learner::new(&trainer, &mut alone, &data).unwrap();
        host.train(&mut other, &mut alone, 5);
        let encoded = |learner: &mut Learner, model: &mut Model| {
            let mut encoder = host.encoder();
            learner.encode(model, &mut encoder, 5).unwrap();
            encoder.finish()
        };
        let [before, held] = [(); 2].map(|()| encoded(&mut learner, &mut model));
        model.set_state(&state).unwrap();
        host.queue.submit([before]);
        host.queue.submit([encoded(&mut learner, &mut model)]);
        host.queue.submit([held]);
        host.wait();
        assert_eq!(learner.poll(&mut model).unwrap().unwrap().steps, 5);
        assert!(model.weights().unwrap() == alone.weights().unwrap());
        assert_eq!(model.state().unwrap().steps(), state.steps() + 5);
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_backward_pass_without_its_forward_pass_is_refused() {
    let host = Host::open(wgpu::Features::empty());
    let mut model = nets::wave_model(&host.autorot());
    let large = Forward::new(&mut model, 4096, None).unwrap();
    let mut backward = Backward::new(&mut model, 8, None, Adam::default()).unwrap();
    let mut encoder = host.encoder();
    let mut pass = encoder.begin_compute_pass(&Default::default());
    let error = backward.encode_backward(&mut model, &mut pass).unwrap_err().to_string();
    assert!(error.contains("no forward pass"), "{error}");
    backward.encode_forward(&mut model, &mut pass).unwrap();
    // What the layers share shrinks, and what the forward pass will leave there with it.
    drop(large);
    let error = backward.encode_backward(&mut model, &mut pass).unwrap_err().to_string();
    assert!(error.contains("moved since the forward pass"), "{error}");
    assert!(backward.encode_update(&mut model, &mut pass).is_err());
    backward.encode_forward(&mut model, &mut pass).unwrap();
    backward.encode_backward(&mut model, &mut pass).unwrap();
    backward.encode_update(&mut model, &mut pass).unwrap();
}
