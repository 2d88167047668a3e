//! What the trainer promises: exact batches, accumulation, streaming, early stopping, callbacks, clipping, and a
//! good end when numbers stop being numbers.

use crate::common::devices;
use crate::nets::{assert_trained, glyphs, model, trainer, wave_model, waves};
use autorot::model::Weights;
use autorot::train::Epoch;
use autorot::{
    Adam, AdamW, Clip, Dataset, Dense, Device, EarlyStopping, Error, Loss, Metric, Model, Optimizer, RmsProp,
    Sequential, Sgd, Trainer,
};
use std::ops::ControlFlow;

/// Weights after training `waves` for two epochs.
fn waves_trained(device: &Device, change: impl FnOnce(Trainer<'static>) -> Trainer<'static>) -> Vec<f32> {
    let data = waves(50);
    let mut model = wave_model(device);
    let before = model.weights().unwrap();
    let trainer = Trainer::new(Sgd { momentum: 0.5, ..Sgd::default() }, Loss::MeanSquaredError)
        .progress(false)
        .epochs(2);
    change(trainer).fit(&mut model, &data, None).unwrap();
    assert_trained(&before, &model.weights().unwrap());
    model.weights().unwrap().into_iter().flat_map(|(_, tensor)| tensor.values).collect()
}

#[test]
fn the_last_partial_batch_counts_by_its_rows() {
    // With a learning rate of 0 the training loss is the loss of the data, however they are split.
    let data = waves(23);
    for device in devices() {
        let mut model = wave_model(&device);
        let still = Optimizer::from(Sgd::default()).with_learning_rate(0.0);
        let mut losses = Vec::new();
        for batch in [23, 100, 5, 1] {
            let mut trainer = Trainer::new(still.clone(), Loss::MeanSquaredError)
                .progress(false)
                .metric(Metric::MeanAbsoluteError)
                .epochs(1)
                .batch(batch);
            let epoch = trainer.fit(&mut model, &data, None).unwrap().epochs.remove(0);
            losses.push((epoch.train_loss, epoch.train_metrics[0]));
            let evaluation = trainer.evaluate(&mut model, &data).unwrap();
            losses.push((evaluation.loss, evaluation.metrics[0]));
        }
        for (loss, metric) in &losses {
            assert!((loss - losses[0].0).abs() < 1e-6 && (metric - losses[0].1).abs() < 1e-6, "{losses:?}");
        }
    }
}

#[test]
fn evaluations_look_at_no_option_of_training() {
    let data = waves(23);
    let mut model = wave_model(&Device::cpu());
    let wanted =
        Trainer::new(Sgd::default(), Loss::MeanSquaredError).batch(8).evaluate(&mut model, &data).unwrap();
    let odd = Sgd { momentum: -1.0, ..Sgd::default() };
    let mut trainer = Trainer::new(odd, Loss::MeanSquaredError).batch(8).epochs(0).accumulate(0);
    assert_eq!(trainer.evaluate(&mut model, &data).unwrap(), wanted);
    assert!(!trainer.inspect(&mut model, &data, 4).unwrap().is_empty());
    assert!(trainer.fit(&mut model, &data, None).unwrap_err().to_string().contains("epochs"));
}

#[test]
fn accumulated_gradients_are_those_of_the_larger_batch() {
    for device in devices() {
        // 50 rows: groups of 16 in steps of 8, and a last group of 2.
        let whole = waves_trained(&device, |t| t.batch(16));
        let parts = waves_trained(&device, |t| t.batch(8).accumulate(2));
        let uneven = waves_trained(&device, |t| t.batch(5).accumulate(10));
        let all = waves_trained(&device, |t| t.batch(50));
        for (a, b) in whole.iter().zip(&parts).chain(all.iter().zip(&uneven)) {
            assert!((a - b).abs() < 1e-6, "{}: {a} and {b}", device.name());
        }
    }
}

#[test]
fn data_sent_in_parts_train_as_data_kept_on_the_device() {
    for device in devices() {
        let kept = waves_trained(&device, |t| t.batch(1));
        let sent = waves_trained(&device, |t| t.batch(1).resident_bytes(0));
        assert_eq!(kept, sent, "{}", device.name());
    }
    let data = glyphs();
    let mut model = model(&data.train, &Device::cpu());
    let mut evaluate =
        |bytes| trainer(Adam::default()).resident_bytes(bytes).evaluate(&mut model, &data.test).unwrap();
    assert_eq!(evaluate(u64::MAX), evaluate(0));
}

#[test]
fn early_stopping_puts_the_best_weights_back() {
    let data = waves(30);
    let mut model = wave_model(&Device::cpu());
    let mut seen: Vec<(f64, Weights)> = Vec::new();
    let options = EarlyStopping { patience: 2, ..EarlyStopping::default() };
    // So high a rate that the loss jumps about.
    let history =
        Trainer::new(Optimizer::from(Sgd::default()).with_learning_rate(1.5), Loss::MeanSquaredError)
            .progress(false)
            .epochs(40)
            .batch(10)
            .early_stopping(options)
            .callback(|model: &mut Model, epoch: &Epoch| {
                seen.push((epoch.val_loss.unwrap(), model.weights()?));
                Ok(ControlFlow::Continue(()))
            })
            .fit(&mut model, &data, Some(&data))
            .unwrap();
    let best = (0..seen.len()).fold(0, |best, i| if seen[i].0 < seen[best].0 { i } else { best });
    assert!(history.epochs.len() < 40, "it never stopped");
    assert_eq!(history.epochs.len(), best + 1 + 2, "two epochs of patience after the best");
    assert_eq!(history.restored_epoch, Some(best + 1));
    assert_eq!(model.weights().unwrap(), seen[best].1);
    seen.windows(2).for_each(|pair| assert_trained(&pair[0].1, &pair[1].1));
}

#[test]
fn callbacks_end_training_and_may_train_themselves() {
    let data = waves(30);
    let mut model = wave_model(&Device::cpu());
    let inner_data = data.clone();
    let history = Trainer::new(Adam::default(), Loss::MeanSquaredError)
        .progress(false)
        .epochs(9)
        .callback(move |model: &mut Model, epoch: &Epoch| {
            Trainer::new(Adam::default(), Loss::MeanAbsoluteError).progress(false).epochs(1).fit(
                model,
                &inner_data,
                None,
            )?;
            Ok(if epoch.epoch == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .fit(&mut model, &data, None)
        .unwrap();
    assert_eq!(history.epochs.len(), 3);
    assert!(history.epochs[2].train_loss < history.epochs[0].train_loss);
}

#[test]
fn a_loss_that_is_no_number_stops_training_and_keeps_the_last_good_weights() {
    let data = waves(64);
    for device in devices() {
        for accumulate in [1, 2] {
            let mut model = wave_model(&device);
            let mut trainer = Trainer::new(
                Optimizer::from(Sgd::default()).with_learning_rate(1e18),
                Loss::MeanSquaredError,
            )
            .progress(false)
            .batch(8)
            .accumulate(accumulate)
            .epochs(3);
            let error = trainer.fit(&mut model, &data, None).unwrap_err();
            let Error::NonFinite { step, layer, .. } = &error else { panic!("{error}") };
            assert!((2..=24).contains(step), "{error}");
            assert!(layer.contains("dense") || layer == "loss" || layer.contains("norm"), "{error}");
            assert!(error.to_string().contains(&format!("step {step}")), "{error}");
            let weights = model.weights().unwrap();
            assert!(weights.tensors().all(|t| t.values.iter().all(|v| v.is_finite())), "weights are kept");
            let loss = trainer.evaluate(&mut model, &data).unwrap().loss;
            assert!(loss.is_finite(), "{}: the kept weights give the loss {loss}", device.name());
        }
    }
}

#[test]
fn the_first_layer_with_a_number_that_is_none_is_named() {
    // Finite weights whose products overflow in the second layer.
    let data = waves(16);
    for device in devices() {
        let mut model = Sequential::new([3])
            .add(Dense::new(4))
            .add(Dense::new(4).kernel_initializer(autorot::Initializer::Constant(3e38)))
            .add(Dense::new(2))
            .build(&device, 0)
            .unwrap();
        let before = model.weights().unwrap();
        let error = Trainer::new(Sgd::default(), Loss::MeanSquaredError)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap_err();
        let Error::NonFinite { step: 1, layer, .. } = &error else { panic!("{error}") };
        assert_eq!(layer, "1.dense", "{error}");
        assert_eq!(model.weights().unwrap(), before);
    }
}

#[test]
fn clipping_bounds_the_step() {
    let data = waves(32);
    for device in devices() {
        for (clip, bound) in [
            (Clip { norm: Some(1e-3), value: None }, 1e-3),
            (Clip { norm: None, value: Some(1e-4) }, 1e-4 * (74f64).sqrt()),
        ] {
            let mut model = wave_model(&device);
            let before = model.weights().unwrap();
            let optimizer = Sgd { learning_rate: 1.0.into(), clip, ..Sgd::default() };
            Trainer::new(optimizer, Loss::MeanSquaredError)
                .progress(false)
                .batch(32)
                .epochs(1)
                .fit(&mut model, &data, None)
                .unwrap();
            let after = model.weights().unwrap();
            let moved: f64 = before
                .iter()
                .flat_map(|(path, old)| old.values.iter().zip(&after[path].values))
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(moved > 0.1 * bound && moved < 1.01 * bound, "{}: {moved} for {bound}", device.name());
        }
    }
}

#[test]
fn the_failing_step_of_an_accumulated_group_is_found() {
    // Row 5 alone overflows the loss: with batches of 2 in groups of 4 it is in step 3, whose group ends at 4.
    let mut inputs = vec![0.1; 16 * 3];
    inputs[5 * 3] = 1e30;
    let data = Dataset::values([3], inputs, [2], vec![0.0; 32]).unwrap();
    for device in devices() {
        let mut model = Sequential::new([3]).add(Dense::new(2)).build(&device, 0).unwrap();
        let before = model.weights().unwrap();
        let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError)
            .progress(false)
            .batch(2)
            .accumulate(4)
            .shuffle(false);
        let error = trainer.fit(&mut model, &data, None).unwrap_err();
        let Error::NonFinite { step: 3, layer, .. } = &error else { panic!("{error}") };
        assert_eq!(layer, "loss", "{error}");
        assert_eq!(model.weights().unwrap(), before, "no update had happened");
    }
}

#[test]
fn a_validation_loss_that_is_no_number_is_an_error() {
    let train = waves(16);
    let mut inputs = vec![0.1; 12];
    inputs[0] = 1e30;
    let validation = Dataset::values([3], inputs, [2], vec![0.0; 8]).unwrap();
    for device in devices() {
        let build = || Sequential::new([3]).add(Dense::new(2)).build(&device, 0).unwrap();
        let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).progress(false).epochs(1);
        let mut model = build();
        let error = trainer.fit(&mut model, &train, Some(&validation)).unwrap_err();
        let Error::NonFinite { layer, .. } = &error else { panic!("{error}") };
        assert_eq!(layer, "the validation loss");
        // The data are at fault, not the update: it stays.
        let mut other = build();
        trainer.fit(&mut other, &train, None).unwrap();
        assert_eq!(model.weights().unwrap(), other.weights().unwrap());
        // Here the only update of the epoch is at fault.
        let mut model = build();
        let before = model.weights().unwrap();
        let wild = Optimizer::from(Sgd::default()).with_learning_rate(1e30);
        let mut trainer = Trainer::new(wild, Loss::MeanSquaredError).progress(false).epochs(1);
        let error = trainer.fit(&mut model, &train, Some(&train)).unwrap_err();
        let Error::NonFinite { layer, .. } = &error else { panic!("{error}") };
        assert_eq!(layer, "the validation loss");
        assert_eq!(model.weights().unwrap(), before);
    }
}

#[test]
fn a_failed_training_gives_its_memory_back_and_can_be_repeated() {
    let data = waves(64);
    for device in devices() {
        let mut model = wave_model(&device);
        let fail = |model: &mut Model| {
            let wild = Optimizer::from(Sgd::default()).with_learning_rate(1e18);
            Trainer::new(wild, Loss::MeanSquaredError)
                .progress(false)
                .batch(8)
                .fit(model, &data, Some(&data))
                .unwrap_err();
        };
        fail(&mut model);
        let bytes = model.device_bytes();
        fail(&mut model);
        // Which buffers for read-backs are kept depends on their order.
        let after = model.device_bytes();
        assert!(after <= bytes, "{}: {after} bytes, {bytes} after the first", device.name());
        let history = Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap();
        assert!(history.last().unwrap().train_loss.is_finite());
    }
}

#[test]
fn optimisers_can_be_reset_between_epochs() {
    let data = waves(64);
    for device in devices() {
        let train = |epochs: usize, reset_each: bool| {
            let mut model = wave_model(&device);
            let mut weights = Vec::new();
            Trainer::new(Adam::default(), Loss::MeanSquaredError)
                .progress(false)
                .batch(64)
                .epochs(epochs)
                .shuffle(false)
                .callback(|model: &mut Model, _: &Epoch| {
                    if reset_each {
                        model.reset_optimizer()?;
                    }
                    weights.push(model.weights()?);
                    Ok(ControlFlow::Continue(()))
                })
                .fit(&mut model, &data, None)
                .unwrap();
            weights
        };
        // Adam's first step has length lr in every direction; with a reset the second one has, too.
        let (first, second) = (&train(2, true)[0], &train(2, true)[1]);
        let moved = |path: &str| {
            let pairs = first[path].values.iter().zip(&second[path].values);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!((moved("1.dense.bias") - 1e-3).abs() < 1e-5, "{}", moved("1.dense.bias"));
        assert_ne!(train(2, true)[1], train(2, false)[1]);
    }
}

#[test]
fn training_again_goes_on_or_begins_anew() {
    let data = waves(50);
    let train = |epochs: &[usize], reset: bool| {
        let mut model = wave_model(&Device::cpu());
        let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(8);
        for &count in epochs {
            trainer = trainer.epochs(count);
            trainer.fit(&mut model, &data, None).unwrap();
            if reset {
                model.reset_optimizer().unwrap();
            }
        }
        model.weights().unwrap()
    };
    assert_eq!(train(&[4], false), train(&[1, 2, 1], false), "in parts as in one piece");
    assert_ne!(train(&[4], false), train(&[1, 2, 1], true));
}

#[test]
fn a_wide_model_predicts_in_parts() {
    let width = 70_000;
    for device in devices() {
        let mut model = Sequential::new([width]).add(Dense::new(1)).build(&device, 0).unwrap();
        let inputs = vec![0.5; width * 600];
        let outputs = model.predict(&inputs).unwrap();
        assert_eq!(outputs.len(), 600);
        assert!(outputs.iter().all(|y| (y - outputs[0]).abs() < 1e-5));
    }
}

#[test]
fn an_update_that_spoils_the_next_epochs_first_loss_is_taken_back() {
    // One step an epoch: its update makes weights of about 1e30, whose squares are no numbers.
    let data = waves(16);
    // Lent parameters too: what others may have written is told from updates.
    for (device, lent) in devices().iter().flat_map(|device| [(device, false), (device, device.is_gpu())]) {
        let mut model = wave_model(device);
        let before = model.weights().unwrap();
        if lent {
            model.parameters_buffer().unwrap();
        }
        let sgd = Sgd { learning_rate: 1e30.into(), ..Sgd::default() };
        let mut trainer = Trainer::new(sgd, Loss::MeanSquaredError).progress(false).batch(16).epochs(3);
        let error = trainer.fit(&mut model, &data, None).unwrap_err();
        assert!(matches!(error, Error::NonFinite { step: 2, .. }), "{}: {error}", device.name());
        assert_eq!(model.weights().unwrap(), before, "{}", device.name());
    }
}

#[test]
fn optimisers_have_the_moments_that_they_use() {
    let count = |optimizer: Optimizer| optimizer.kept().len();
    let momentum = 0.5;
    assert_eq!(count(Sgd::default().into()), 0);
    assert_eq!(count(Sgd { momentum, ..Sgd::default() }.into()), 1);
    assert_eq!(count(RmsProp::default().into()), 1);
    assert_eq!(count(RmsProp { momentum, ..RmsProp::default() }.into()), 2);
    assert_eq!(count(Adam::default().into()), 2);
    assert_eq!(count(AdamW::default().into()), 2);
}

#[test]
fn a_training_that_cannot_begin_leaves_nothing_of_the_one_before() {
    let data = waves(48);
    let mut model = wave_model(&Device::cpu());
    let early = EarlyStopping { patience: 5, ..EarlyStopping::default() };
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).epochs(2);
    trainer = trainer.early_stopping(early);
    trainer.fit(&mut model, &data, Some(&data)).unwrap();
    assert_eq!((trainer.history().epochs.len(), trainer.best_weights().is_some()), (2, true));
    let narrow = Dataset::values([2], vec![0.0; 4], [2], vec![0.0; 4]).unwrap();
    trainer.fit(&mut model, &narrow, None).unwrap_err();
    assert_eq!((trainer.history().epochs.len(), trainer.best_weights().is_some()), (0, false));
}
