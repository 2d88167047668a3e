//! Layers that training leaves alone: they keep their bits, the others learn as if nothing were frozen, and what only frozen
//! parameters would need is not computed.

use crate::common::{Tolerance, assert_close, devices};
use crate::files::says;
use autorot::extend::plan::{Purpose, Recorder};
use autorot::file::KerasFormat;
use autorot::{
    Activation, Adam, AdamW, AutoRotate, BatchNorm, Conv2d, Dataset, Dense, Device, Dropout,
    GlobalAveragePool2d, Loss, Lstm, Model, Sequential, Sgd, Trainer,
};

fn data() -> Dataset {
    let inputs = (0..24 * 3).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    let values = (0..24).map(|i| (i * 53 % 29) as f32 / 29.0).collect();
    Dataset::values([3], inputs, [1], values).unwrap()
}

fn net(data: &Dataset) -> Sequential {
    let hidden = |units| Dense::new(units).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new());
    Sequential::for_data(data).add(hidden(5)).add(BatchNorm::new()).add(hidden(4)).add(Dense::new(1))
}

fn trainer(optimizer: impl Into<autorot::Optimizer>, epochs: usize) -> Trainer<'static> {
    Trainer::new(optimizer, Loss::MeanSquaredError).epochs(epochs).batch(8).shuffle(false).progress(false)
}

/// Paths and numbers.
fn weights(model: &mut Model) -> Vec<(String, Vec<f32>)> {
    model.weights().unwrap().iter().map(|(path, tensor)| (path.clone(), tensor.values.clone())).collect()
}

#[test]
fn frozen_layers_keep_their_bits_and_others_learn() {
    for device in devices() {
        let data = data();
        let mut model = net(&data).build(&device, 3).unwrap();
        // Moments and decay would move what has no gradient.
        let optimizer = AdamW { weight_decay: 0.1, ..AdamW::default() };
        trainer(optimizer.clone(), 2).fit(&mut model, &data, None).unwrap();
        model.set_trainable("0.dense", false).unwrap();
        model.set_trainable("1.batch_norm", false).unwrap();
        model.set_trainable("3.dense.bias", false).unwrap();
        let before = weights(&mut model);
        trainer(optimizer.clone(), 2).accumulate(2).fit(&mut model, &data, None).unwrap();
        for ((path, before), (_, after)) in before.iter().zip(weights(&mut model)) {
            let frozen = path.starts_with("0.") || path.starts_with("1.") || path == "3.dense.bias";
            assert_eq!(*before == after, frozen, "{path} on {}", device.name());
        }
        model.set_trainable("0.dense", true).unwrap();
        let before = weights(&mut model);
        trainer(optimizer, 1).fit(&mut model, &data, None).unwrap();
        let after = weights(&mut model);
        let of =
            |all: &[(String, Vec<f32>)]| all.iter().find(|(p, _)| p == "0.dense.kernel").unwrap().1.clone();
        assert_ne!(of(&before), of(&after));
    }
}

#[test]
fn the_others_take_the_step_that_they_take_anyway() {
    let rate = Sgd { learning_rate: 0.1.into(), ..Sgd::default() };
    let hidden = |units| Dense::new(units).activation(Activation::Tanh).auto_rotate(AutoRotate::new());
    for device in devices() {
        let data = data();
        let build = || {
            let net =
                Sequential::for_data(&data).add(hidden(8)).add(hidden(7)).add(hidden(6)).add(Dense::new(1));
            net.build(&device, 3).unwrap()
        };
        let (mut free, mut frozen) = (build(), build());
        frozen.set_trainable("1.dense", false).unwrap();
        for model in [&mut free, &mut frozen] {
            trainer(rate.clone(), 1).batch(24).fit(model, &data, None).unwrap();
        }
        for ((path, free), (_, frozen)) in weights(&mut free).iter().zip(weights(&mut frozen)) {
            assert_eq!(*free == frozen, !path.starts_with("1."), "{path} on {}", device.name());
        }
    }
}

/// Reports compute the gradients of frozen layers, too: they must not count in the norm to which the others' are clipped.
#[test]
fn a_report_between_epochs_leaves_the_others_steps_alone() {
    let clip = autorot::Clip { norm: Some(0.01), value: None };
    let rate = Sgd { learning_rate: 0.1.into(), clip, ..Sgd::default() };
    for device in devices() {
        let data = data();
        let fit = |report: bool| {
            let mut model = net(&data).build(&device, 3).unwrap();
            model.set_trainable("0.dense", false).unwrap();
            let inspected = data.clone();
            let looks = move |model: &mut Model, _: &autorot::train::Epoch| {
                if report {
                    model.inspect(&inspected, Loss::MeanSquaredError, 24)?;
                }
                Ok(std::ops::ControlFlow::Continue(()))
            };
            trainer(rate.clone(), 3).callback(looks).fit(&mut model, &data, None).unwrap();
            weights(&mut model)
        };
        assert_eq!(fit(true), fit(false), "{}", device.name());
    }
}

/// A frozen batch normalisation is what it is in predictions, so that the loss of an evaluation has the gradient.
#[test]
fn a_frozen_batch_norm_uses_its_running_statistics() {
    let device = Device::cpu_f64();
    let data = data();
    let mut model = net(&data).build(&device, 3).unwrap();
    trainer(Adam::default(), 3).fit(&mut model, &data, None).unwrap();
    model.set_trainable("1.batch_norm", false).unwrap();
    let trainer = trainer(Sgd::default(), 1).batch(24);
    let rows: Vec<u32> = (0..24).collect();
    let mut steps = trainer.begin(&mut model, &data).unwrap();
    let told = steps.gradients(&rows).unwrap().loss;
    let gradient = steps.gradient("0.dense.kernel").unwrap().values;
    assert!(steps.gradient("1.batch_norm.gamma").unwrap().values.iter().all(|&g| g == 0.0));
    says(steps.set_gradient("1.batch_norm.gamma", &[0.0; 5]), &["gradient of 1.batch_norm.gamma", "frozen"]);
    drop(steps);
    assert_close(
        "loss",
        &[trainer.evaluate(&mut model, &data).unwrap().loss],
        &[told],
        Tolerance::new(1e-12, 1e-12),
    );
    let start = model.weights().unwrap();
    let mut loss_at = |place: usize, by: f32| {
        let mut weights = start.clone();
        weights.get_mut("0.dense.kernel").unwrap().values[place] += by;
        let moved = weights.get("0.dense.kernel").unwrap().values[place];
        model.set_weights(&weights).unwrap();
        (trainer.evaluate(&mut model, &data).unwrap().loss, f64::from(moved))
    };
    for (place, &wanted) in gradient.iter().enumerate() {
        let ((above, high), (below, low)) = (loss_at(place, 1e-3), loss_at(place, -1e-3));
        let found = (above - below) / (high - low);
        assert_close(&format!("kernel {place}"), &[wanted], &[found], Tolerance::new(1e-7, 1e-4));
    }
}

/// The kernels of a step's forward and backward pass, with their scopes.
fn ops(model: &Model) -> Vec<(String, String)> {
    let network = model.network();
    let mut rec = Recorder::new(Purpose::Train, 4, network.arena());
    let input = rec.scratch(4 * network.input().len());
    let traces = network.forward(&mut rec, input);
    let d_y = rec.scratch(4 * network.output().len());
    network.backward(&mut rec, &traces, d_y, false);
    let plan = rec.finish("step").unwrap();
    plan.ops.iter().map(|op| (op.scope.clone(), op.kernel.name().to_owned())).collect()
}

#[test]
fn what_nothing_needs_is_not_computed() {
    let build = || {
        let net = Sequential::new([8, 8, 2]).input_range(0.0, 1.0);
        let net = net.add(Conv2d::new(4, 3).activation(Activation::Tanh)).add(BatchNorm::new());
        let net = net.add(Conv2d::new(4, 3).activation(Activation::Tanh)).add(GlobalAveragePool2d::new());
        net.add(Dropout::new(0.5)).add(Dense::new(3)).build(&Device::cpu(), 0).unwrap()
    };
    let all = ops(&build());
    // The backbone is frozen: its backward pass is gone as a whole.
    let mut model = build();
    for path in ["0.conv2d", "1.batch_norm", "2.conv2d"] {
        model.set_trainable(path, false).unwrap();
    }
    let backbone = ops(&model);
    assert!(backbone.len() < all.len());
    let mut once = backbone.iter().filter(|(scope, _)| scope == "0.conv2d").map(|(_, name)| name.as_str());
    assert!(once.all(|name| !name.contains("backward")), "{backbone:?}");
    assert!(backbone.iter().any(|(scope, name)| scope == "5.dense" && name == "dense_backward_weight"));
    assert!(backbone.iter().all(|(_, name)| name != "dense_backward_input" && name != "norm_statistics"));
    // A frozen layer in the middle hands its input's gradient on, and does without its own.
    let mut model = build();
    model.set_trainable("2.conv2d", false).unwrap();
    let middle = ops(&model);
    assert!(middle.iter().all(|(scope, name)| scope != "2.conv2d" || name != "conv_backward_weight"));
    assert!(middle.iter().any(|(scope, name)| scope == "0.conv2d" && name == "conv_backward_weight"));
}

#[test]
fn recurrent_layers_freeze_too() {
    let inputs = (0..6 * 10).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    let data = Dataset::values([5, 2], inputs, [1], vec![0.1, 0.9, 0.4, 0.3, 0.7, 0.2]).unwrap();
    for device in devices() {
        let net = Sequential::for_data(&data).add(Lstm::new(4).return_sequences(true)).add(Lstm::new(3));
        let mut model = net.add(Dense::new(1)).build(&device, 1).unwrap();
        model.set_trainable("1.lstm", false).unwrap();
        let before = weights(&mut model);
        trainer(Adam::default(), 2).fit(&mut model, &data, None).unwrap();
        for ((path, before), (_, after)) in before.iter().zip(weights(&mut model)) {
            assert_eq!(*before == after, path.starts_with("1."), "{path} on {}", device.name());
        }
    }
}

#[test]
fn files_tell_what_is_frozen_and_nonsense_is_refused() {
    let data = data();
    let mut model = net(&data).build(&Device::cpu(), 3).unwrap();
    model.set_trainable("0.dense", false).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("frozen.safetensors");
    model.save(&file).unwrap();
    let loaded = Model::load(&file, &Device::cpu()).unwrap();
    assert_eq!(loaded.frozen(), model.frozen());

    // In Keras' files as well.
    let mut classic = Sequential::for_data(&data).add(Dense::new(5)).add(BatchNorm::new()).add(Dense::new(1));
    classic = classic.add(Dense::new(2));
    let mut classic = classic.build(&Device::cpu(), 3).unwrap();
    classic.set_trainable("1.batch_norm", false).unwrap();
    classic.set_trainable("2.dense", false).unwrap();
    for format in [KerasFormat::Keras, KerasFormat::H5] {
        let read = Model::from_keras(&classic.to_keras(format).unwrap(), &Device::cpu()).unwrap();
        assert_eq!(read.frozen(), classic.frozen());
    }

    let mut begun = trainer(Sgd::default(), 2).snapshot_every(autorot::Interval::Steps(1));
    begun.fit(&mut model, &data, None).unwrap();
    model.set_trainable("2.dense", false).unwrap();
    says(begun.resume(&mut model, &data, None), &["resume: frozen parameters", "2.dense.kernel"]);

    says(
        model.set_trainable("7.dense", false),
        &["7.dense", "no layer with parameters", "0.dense", "3.dense"],
    );
    model.set_trainable("1.batch_norm", false).unwrap();
    model.set_trainable("3.dense", false).unwrap();
    says(
        trainer(Sgd::default(), 1).fit(&mut model, &data, None),
        &["model to train", "all frozen", "set_trainable"],
    );
}
