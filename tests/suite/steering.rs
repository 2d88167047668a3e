//! What steers a training: learning rates by layer, moving averages, accumulated steps of masked sequences, callbacks after every batch,
//! the search for a learning rate, and the count of epochs.

use crate::common::{Random, Tolerance, assert_close, devices};
use crate::files::says;
use crate::nets::{glyphs, model, wave_model, waves};
use crate::resume::same;
use autorot::data::PadSequences;
use autorot::model::Weights;
use autorot::train::{BatchEnd, Checkpoints, Control, Epoch, RateFinder, Snapshot};
use autorot::*;
use std::ops::ControlFlow;

const GO_ON: Result<ControlFlow<()>> = Ok(ControlFlow::Continue(()));

fn trainer<'a>(optimizer: impl Into<Optimizer>) -> Trainer<'a> {
    Trainer::new(optimizer, Loss::MeanSquaredError).batch(8).epochs(2).progress(false)
}

fn sgd(rate: f64) -> Optimizer {
    Sgd { learning_rate: rate.into(), ..Sgd::default() }.into()
}

/// All parameters below a path.
fn below(weights: &Weights, path: &str) -> Vec<f64> {
    let under = weights.iter().filter(|(place, _)| place.starts_with(path));
    under.flat_map(|(_, tensor)| tensor.values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>()).collect()
}

/// How the parameters below a path change in one step.
fn changes(device: &Device, optimizer: &Optimizer, path: &str) -> Vec<f64> {
    let mut model = wave_model(device);
    let before = below(&model.weights().unwrap(), path);
    trainer(optimizer.clone()).batch(40).epochs(1).fit(&mut model, &waves(40), None).unwrap();
    below(&model.weights().unwrap(), path).iter().zip(before).map(|(after, before)| after - before).collect()
}

#[test]
fn a_layers_rate_is_its_share_of_the_schedules() {
    let nadam = Nadam { learning_rate: 0.01.into(), ..Nadam::default() };
    let lamb = Lamb { learning_rate: 0.01.into(), ..Lamb::default() };
    let plain: [Optimizer; 3] = [sgd(0.1), Optimizer::from(nadam).with_weight_decay(0.5), lamb.into()];
    for device in devices() {
        for plain in &plain {
            let factored =
                plain.clone().with_rate_factor("0.dense", 0.25).with_rate_factor("0.dense.bias", 2.0);
            for (path, factor) in [("0.dense.kernel", 0.25), ("0.dense.bias", 2.0), ("1.dense", 1.0)] {
                let whole = changes(&device, plain, path);
                let part = changes(&device, &factored, path);
                assert!(whole.iter().any(|change| change.abs() > 1e-4), "{path}: {whole:?}");
                let wanted: Vec<f64> = whole.iter().map(|change| factor * change).collect();
                let what = format!("{path} by {} on {}", plain.name(), device.name());
                assert_close(&what, &part, &wanted, Tolerance::new(3e-7, 1e-5));
            }
        }
    }
}

#[test]
fn rates_of_layers_that_are_not_there_are_refused() {
    let fit = |optimizer| trainer(optimizer).fit(&mut wave_model(&Device::cpu()), &waves(8), None);
    says(fit(sgd(0.1).with_rate_factor("2.dense", 0.1)), &["2.dense", "0.dense, 1.dense"]);
    says(fit(sgd(0.1).with_rate_factor("0.den", 0.1)), &["0.den", "0.dense, 1.dense"]);
    for factor in [0.0, -1.0, f32::NAN] {
        says(fit(sgd(0.1).with_rate_factor("0.dense", factor)), &["rate_factors"]);
    }
    says(fit(sgd(0.1).with_ema(1.0)), &["ema_momentum"]);
    // Options as the command reads them.
    let options = serde_json::json!({ "rate_factors": { "0.dense": 0.5 }, "ema_momentum": 0.75 });
    let options = options.as_object().unwrap().clone().into_iter().collect();
    let read = Optimizer::from_options("nadam", &options).unwrap();
    let wanted = Optimizer::from(Nadam::default()).with_rate_factor("0.dense", 0.5).with_ema(0.75);
    assert_eq!(read, wanted);
}

/// A net with running statistics.
fn normalised(device: &Device) -> Model {
    let net = Sequential::new([3]).add(Dense::new(6)).add(BatchNorm::new()).add(Dense::new(2));
    net.build(device, 4).unwrap()
}

#[test]
fn averages_follow_the_parameters_and_take_their_place_in_the_end() {
    let data = waves(40);
    for device in devices() {
        // By hand, from the weights after every step of a custom loop.
        let mut looped = normalised(&device);
        looped.set_trainable("2.dense.bias", false).unwrap();
        says(looped.take_averages(), &["no averages"]);
        let mut wanted = looped.weights().unwrap();
        let averaging = sgd(0.1).with_ema(0.75);
        let own = trainer(averaging.clone());
        let mut training = own.begin(&mut looped, &data).unwrap();
        for _ in 0..2 {
            for rows in training.epoch() {
                training.step(&rows).unwrap();
                let now = training.model().weights().unwrap();
                for (path, tensor) in now.iter() {
                    let kept = path.contains("moving") || path == "2.dense.bias";
                    let mean = wanted.get_mut(path).unwrap();
                    for (mean, &w) in mean.values.iter_mut().zip(&tensor.values) {
                        *mean = if kept { w } else { 0.75 * *mean + 0.25 * w };
                    }
                }
            }
        }
        drop(training);
        let raw = looped.weights().unwrap();
        looped.take_averages().unwrap();
        let found = looped.weights().unwrap();
        for path in ["0.dense", "1.batch_norm", "2.dense"] {
            let what = format!("{path} on {}", device.name());
            assert_close(&what, &below(&found, path), &below(&wanted, path), Tolerance::new(1e-6, 1e-6));
        }
        assert_ne!(below(&raw, "0."), below(&found, "0."));

        // A trainer's run is the same, and trains with the parameters themselves.
        let mut fitted = normalised(&device);
        fitted.set_trainable("2.dense.bias", false).unwrap();
        let averaged = trainer(averaging.clone()).fit(&mut fitted, &data, Some(&data)).unwrap();
        assert_eq!(fitted.weights().unwrap(), found, "{}", device.name());
        let mut plain = normalised(&device);
        plain.set_trainable("2.dense.bias", false).unwrap();
        same(&trainer(sgd(0.1)).fit(&mut plain, &data, Some(&data)).unwrap(), &averaged);
        assert_eq!(plain.weights().unwrap(), raw);
    }
}

#[test]
fn averages_go_on_from_a_checkpoint_and_early_stopping_restores_them() {
    let data = waves(40);
    for device in devices() {
        let averaging = || trainer(sgd(0.1).with_ema(0.9)).snapshot_every(Interval::Steps(3));
        let mut whole = normalised(&device);
        let history = averaging().fit(&mut whole, &data, None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let control = Control::new();
        let asks = control.clone();
        let stops = move |batch: &mut BatchEnd| {
            if (batch.epoch, batch.batch) == (2, 2) {
                asks.stop();
            }
            GO_ON
        };
        let mut parts = normalised(&device);
        let stopped = averaging().control(&control).on_batch_end(stops).checkpoint(folder.path());
        let mut stopped = stopped;
        assert!(matches!(stopped.fit(&mut parts, &data, None), Err(Error::Interrupted { .. })));
        drop(stopped);
        let mut parts = normalised(&device);
        let resumed = averaging().resume_from(folder.path(), &mut parts, &data, None).unwrap();
        same(&resumed, &history);
        assert_eq!(parts.weights().unwrap(), whole.weights().unwrap(), "{}", device.name());

        // The first epoch stays the best: its averages come back, not those of the third.
        let stopping = EarlyStopping { patience: 2, min_delta: 1e9, ..EarlyStopping::default() };
        let mut first = normalised(&device);
        trainer(sgd(0.1).with_ema(0.9)).epochs(1).fit(&mut first, &data, None).unwrap();
        let mut restored = normalised(&device);
        let history = trainer(sgd(0.1).with_ema(0.9))
            .epochs(9)
            .early_stopping(stopping)
            .fit(&mut restored, &data, None)
            .unwrap();
        assert_eq!((history.restored_epoch, history.epochs.len()), (Some(1), 3));
        assert_eq!(restored.weights().unwrap(), first.weights().unwrap(), "{}", device.name());
    }
}

#[test]
fn accumulated_steps_of_masked_sequences_are_those_of_the_larger_batch() {
    const MASK: f32 = -7.0;
    let mut random = Random::new(8);
    let lengths: Vec<usize> = (0..37).map(|i| 1 + i * 5 % 6).collect();
    let sequences: Vec<Vec<f32>> = lengths.iter().map(|n| random.vector(2 * n, 1.0)).collect();
    let targets = random.vector(37 * 6, 1.0);
    let data = PadSequences::new(2, MASK).steps(6).values(&sequences, [6, 1], targets).unwrap();
    for device in devices() {
        let trained = |change: &dyn Fn(Trainer<'static>) -> Trainer<'static>| {
            let kernel = Regularizer { l1: 0.0, l2: 0.01 };
            let net = Sequential::new([6, 2]).input_range(-1.0, 1.0).add(Masking::new(MASK));
            let net = net.add(Gru::new(4).return_sequences(true));
            let mut model = net.add(Dense::new(1).kernel_regularizer(kernel)).build(&device, 2).unwrap();
            let mut trainer = change(trainer(sgd(0.5)).shuffle(false));
            let history = trainer.fit(&mut model, &data, None).unwrap();
            (history, below(&model.weights().unwrap(), ""))
        };
        // 37 rows: a group of 32 in steps of 8, and one of 5.
        let (whole, wanted) = trained(&|t| t.batch(32));
        let (parts, found) = trained(&|t| t.batch(8).accumulate(4));
        assert_close(&device.name(), &found, &wanted, Tolerance::new(2e-6, 2e-6));
        let losses = |history: &History| history.epochs.iter().map(|e| e.train_loss).collect::<Vec<_>>();
        assert_close("losses", &losses(&parts), &losses(&whole), Tolerance::new(1e-6, 1e-6));
        // Rows alone do not tell the shares: steps that weigh by them differ.
        let (_, single) = trained(&|t| t.batch(8));
        assert!(single.iter().zip(&wanted).any(|(a, b)| (a - b).abs() > 1e-4));
    }
}

#[test]
fn a_callback_after_every_batch_sees_its_loss_and_changes_nothing() {
    let data = glyphs();
    for device in devices() {
        let run = |seen: &mut Vec<BatchEnd>, watched: bool| {
            let mut model = model(&data.train, &device);
            let mut trainer = crate::nets::trainer(Adam::default()).epochs(2).accumulate(2);
            if watched {
                trainer = trainer.on_batch_end(|batch| {
                    seen.push(batch.clone());
                    GO_ON
                });
            }
            let history = trainer.fit(&mut model, &data.train, Some(&data.test)).unwrap();
            drop(trainer);
            (history, model.state().unwrap())
        };
        let mut seen = Vec::new();
        let (with, state) = run(&mut seen, true);
        let (without, wanted) = run(&mut Vec::new(), false);
        same(&with, &without);
        assert_eq!(state, wanted, "{}", device.name());
        // 700 rows in batches of 64: the mean of their losses by rows is the epoch's.
        let places: Vec<_> = seen.iter().map(|b| (b.epoch, b.batch, b.batches)).collect();
        let all: Vec<_> = (1..=2).flat_map(|e| (1..=11).map(move |b| (e, b, 11))).collect();
        assert_eq!(places, all);
        for (epoch, batches) in with.epochs.iter().zip(seen.chunks(11)) {
            let rows = |b: &BatchEnd| if b.batch == 11 { 60.0 } else { 64.0 };
            let mean = batches.iter().map(|b| b.loss * rows(b)).sum::<f64>() / 700.0;
            assert!((mean - epoch.train_loss).abs() < 1e-6, "{mean} and {}", epoch.train_loss);
        }
    }
}

#[test]
fn a_callback_after_every_batch_sets_the_rate_and_ends_the_training() {
    let data = waves(40);
    for device in devices() {
        // The rate halves with every batch: as by a schedule.
        let (mut halved, mut scheduled) = (wave_model(&device), wave_model(&device));
        let halves = |batch: &mut BatchEnd| {
            batch.learning_rate *= 0.5;
            GO_ON
        };
        let history = trainer(sgd(0.1)).on_batch_end(halves).fit(&mut halved, &data, None).unwrap();
        let rate = Schedule::Step { initial: 0.1, every: 1, factor: 0.5 };
        trainer(sgd(0.0).with_learning_rate(rate)).fit(&mut scheduled, &data, None).unwrap();
        assert_eq!(halved.weights().unwrap(), scheduled.weights().unwrap(), "{}", device.name());
        assert_eq!(history.epochs[1].learning_rate, 0.1 * 0.5_f64.powi(10), "that of the next update");

        // It ends after the second batch of the second epoch, with an epoch of these two.
        let (mut model, mut ends) = (wave_model(&device), 0);
        let breaks = |batch: &mut BatchEnd| {
            let last = (batch.epoch, batch.batch) == (2, 2);
            Ok(if last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let mut ended = trainer(sgd(0.1)).epochs(9).metric(Metric::R2).on_batch_end(breaks).callback(
            |_: &mut Model, _: &Epoch| {
                ends += 1;
                GO_ON
            },
        );
        let history = ended.fit(&mut model, &data, Some(&data)).unwrap();
        drop(ended);
        let told: Vec<_> = history.epochs.iter().map(|e| (e.epoch, e.steps)).collect();
        assert_eq!((told, ends), (vec![(1, 5), (2, 2)], 2));
        let mut by_hand = wave_model(&device);
        let own = trainer(sgd(0.1)).metric(Metric::R2);
        let mut training = own.begin(&mut by_hand, &data).unwrap();
        let steps: Vec<_> =
            training.epoch().into_iter().chain(training.epoch().into_iter().take(2)).collect();
        let losses: Vec<f64> = steps.iter().map(|rows| training.step(rows).unwrap().loss).collect();
        drop(training);
        assert_eq!(model.weights().unwrap(), by_hand.weights().unwrap(), "{}", device.name());
        let last = &history.epochs[1];
        assert!((last.train_loss - (losses[5] + losses[6]) / 2.0).abs() < 1e-7);
        assert!(last.train_metrics[0] < 1.0 && last.val_loss.is_some());
        let wrong = |batch: &mut BatchEnd| {
            batch.learning_rate = f64::NAN;
            GO_ON
        };
        let failed = trainer(sgd(0.1)).on_batch_end(wrong).fit(&mut model, &data, None);
        says(failed, &["learning rate", "NaN"]);
    }
}

#[test]
fn a_search_for_a_rate_leaves_the_model_as_it_was() {
    let data = glyphs();
    for device in devices() {
        let fit = |search: bool, ever: bool| {
            let mut model = model(&data.train, &device);
            let mut trainer = crate::nets::trainer(Adam::default()).epochs(1).accumulate(2);
            if ever {
                trainer.fit(&mut model, &data.train, None).unwrap();
            }
            let before = model.state().unwrap();
            if search {
                let options = RateFinder { from: 1e-6, to: 1e3, updates: 60 };
                let found = trainer.find_rate(&mut model, &data.train, options).unwrap();
                assert_eq!(model.state().unwrap(), before, "{}", device.name());
                assert!(found.rates.len() < 60, "it explodes: {found:?}");
                assert!(found.suggestion.is_some_and(|rate| rate > 1e-5 && rate < 1.0), "{found:?}");
                #[cfg(feature = "plot")]
                {
                    let folder = tempfile::tempdir().unwrap();
                    found.plot(folder.path().join("rates.svg")).unwrap();
                    let text = std::fs::read_to_string(folder.path().join("rates.svg")).unwrap();
                    assert!(text.contains("learning rate") && text.contains("suggestion"));
                }
            }
            trainer.fit(&mut model, &data.train, None).unwrap();
            model.state().unwrap()
        };
        for ever in [false, true] {
            assert_eq!(fit(true, ever), fit(false, ever), "{}", device.name());
        }
    }
    let mut model = wave_model(&Device::cpu());
    let wrong = RateFinder { updates: 1, ..RateFinder::default() };
    says(trainer(sgd(0.1)).find_rate(&mut model, &waves(8), wrong), &["1 updates", "at least 2"]);
}

#[test]
fn another_training_counts_its_epochs_on() {
    let data = waves(40);
    let folder = tempfile::tempdir().unwrap();
    let mut model = wave_model(&Device::cpu());
    let numbers = |history: &History| history.epochs.iter().map(|e| e.epoch).collect::<Vec<_>>();
    let first = trainer(sgd(0.1)).fit(&mut model, &data, None).unwrap();
    assert_eq!(numbers(&first), [1, 2]);
    // Patience counts from there, too, even if nothing improves.
    let stopping = EarlyStopping { patience: 2, min_delta: 1e9, ..EarlyStopping::default() };
    let second = trainer(sgd(0.1)).epochs(9).early_stopping(stopping).fit(&mut model, &data, None).unwrap();
    assert_eq!((numbers(&second), second.restored_epoch), (vec![3, 4, 5], Some(3)));
    second.save_csv(folder.path().join("history.csv")).unwrap();
    assert_eq!(numbers(&History::load_csv(folder.path().join("history.csv")).unwrap()), [3, 4, 5]);

    // The same bits, and numbers, as one training of as many epochs; also from a checkpoint, with more of them.
    let (mut whole, mut parts) = (wave_model(&Device::cpu()), wave_model(&Device::cpu()));
    let wanted = trainer(sgd(0.1)).epochs(5).fit(&mut whole, &data, None).unwrap();
    trainer(sgd(0.1)).epochs(2).fit(&mut parts, &data, None).unwrap();
    let path = folder.path().join("run");
    trainer(sgd(0.1)).epochs(1).checkpoint(&path).fit(&mut parts, &data, None).unwrap();
    let mut again = wave_model(&Device::cpu());
    let history = trainer(sgd(0.1)).epochs(3).resume_from(&path, &mut again, &data, None).unwrap();
    assert_eq!(numbers(&history), [3, 4, 5]);
    assert_eq!(again.weights().unwrap(), whole.weights().unwrap());
    let losses = |epochs: &[Epoch]| epochs.iter().map(|e| e.train_loss.to_bits()).collect::<Vec<_>>();
    assert_eq!(losses(&history.epochs), losses(&wanted.epochs[2..]));
    let mut fewer = trainer(sgd(0.1)).epochs(2);
    says(fewer.resume_from(&path, &mut again, &data, None), &["epochs", "at least 3"]);
}

#[test]
fn the_best_checkpoint_is_the_one_that_early_stopping_would_restore() {
    let data = glyphs();
    let folder = tempfile::tempdir().unwrap();
    let mut model = model(&data.train, &Device::cpu());
    // The loss is lowest at another epoch than the accuracy is highest: a rate at which both jump about.
    let stopping =
        EarlyStopping { patience: 99, monitor: Some("accuracy".into()), ..EarlyStopping::default() };
    let rate = Optimizer::from(Adam::default()).with_learning_rate(0.03);
    let mut trainer = crate::nets::trainer(rate).epochs(7).early_stopping(stopping);
    trainer = trainer.checkpoint(Checkpoints::new(folder.path()));
    let history = trainer.fit(&mut model, &data.train, Some(&data.test)).unwrap();
    let best = |value: &dyn Fn(&Epoch) -> f64| {
        let all: Vec<f64> = history.epochs.iter().map(value).collect();
        (0..all.len()).fold(0, |best, i| if all[i] < all[best] { i } else { best }) + 1
    };
    let by_accuracy = best(&|epoch| -epoch.val_metrics[0]);
    assert_ne!(by_accuracy, best(&|epoch| epoch.val_loss.unwrap()), "{history:?}");
    let kept = Snapshot::load(folder.path().join("best.safetensors"), &model).unwrap();
    assert_eq!((kept.place(), history.restored_epoch), ((by_accuracy + 1, 0), Some(by_accuracy)));
}
