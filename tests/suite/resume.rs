//! A training that goes on from a snapshot ends with the same bits as one that was never interrupted.

use crate::common::{Random, WITH_GPU, open};
use crate::nets::{assert_trained, glyphs, model, trainer, wave_model, waves};
use autorot::data::Source;
use autorot::{
    Activation, Adam, AlphaDropout, Dataset, Dense, Device, EarlyStopping, Error, Flatten, Gru, History,
    Initializer, Interval, LayerNorm, Loss, Model, Optimizer, RmsProp, Schedule, Sequential, Sgd, Trainer,
    wgpu,
};

/// All that does not tell of time.
pub fn numbers(history: &History) -> Vec<f64> {
    let epochs = history.epochs.iter().flat_map(|e| {
        let single = [e.epoch as f64, e.train_loss, e.learning_rate, e.steps as f64];
        single.into_iter().chain(e.val_loss).chain(e.train_metrics.clone()).chain(e.val_metrics.clone())
    });
    epochs.chain(history.restored_epoch.map(|e| e as f64)).collect()
}

/// The same bits.
#[track_caller]
pub fn same(found: &History, wanted: &History) {
    let bits = |history: &History| numbers(history).into_iter().map(f64::to_bits).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(wanted), "{found:?} {wanted:?}");
}

/// The CPU in both precisions, and a GPU.
fn devices() -> Vec<Device> {
    let own = || {
        let (device, queue) = open(wgpu::Features::empty());
        Device::from_wgpu(device, queue)
    };
    [Device::cpu(), Device::cpu_f64()].into_iter().chain(WITH_GPU.then(own)).collect()
}

/// Trains with snapshots every `every` steps, and again from the last of them, which lies at `place`.
fn goes_on(
    device: &Device,
    build: &dyn Fn(&Device) -> Model,
    trainer: &dyn Fn() -> Trainer<'static>,
    (train, validation): (&dyn Source, Option<&dyn Source>),
    every: u64,
    place: (usize, usize),
) {
    let name = device.name();
    let mut undisturbed = build(device);
    let mut plain = trainer().progress(false).snapshot_every(Interval::Never);
    let before = undisturbed.weights().unwrap();
    let history = plain.fit(&mut undisturbed, train, validation).unwrap();
    assert_trained(&before, &undisturbed.weights().unwrap());
    assert!(plain.snapshot().is_none());
    let wanted = undisturbed.state().unwrap();

    let mut model = build(device);
    let mut trainer = trainer().progress(false).snapshot_every(Interval::Steps(every));
    same(&trainer.fit(&mut model, train, validation).unwrap(), &history);
    assert_eq!(model.state().unwrap(), wanted, "{name}: snapshots change nothing");
    assert_eq!(trainer.snapshot().unwrap().place(), place, "{name}");
    // Once where it is, once built anew.
    for anew in [false, true] {
        if anew {
            model.rebuild(device).unwrap();
        }
        same(&trainer.resume(&mut model, train, validation).unwrap(), &history);
        assert_eq!(model.state().unwrap(), wanted, "{name}: built anew {anew}");
    }
}

#[test]
fn alpha_dropout_and_layer_normalisation() {
    let data = glyphs();
    let hidden = || Dense::new(16).activation(Activation::Selu).kernel_initializer(Initializer::LecunNormal);
    let build = |device: &Device| {
        let net = Sequential::for_data(&data.train).add(Flatten).add(LayerNorm::new()).add(hidden());
        let net = net.add(AlphaDropout::new(0.1)).add(hidden()).add(Dense::new(data.train.targets().width()));
        net.build(device, 5).unwrap()
    };
    let trainer = || trainer(Adam::default()).epochs(2);
    for device in devices() {
        goes_on(&device, &build, &trainer, (&data.train, Some(&data.test)), 7, (2, 10));
    }
}

#[test]
fn dropout_learnt_limits_and_a_schedule() {
    let data = glyphs();
    let build = |device: &Device| model(&data.train, device);
    let rate = Schedule::Cosine { peak: 0.01, updates: 30, floor: 0.1, warm_up: 5, start: 0.0 };
    let trainer = || trainer(Optimizer::from(Adam::default()).with_learning_rate(rate.clone())).epochs(3);
    for device in devices() {
        // 11 steps an epoch, the last of 60 rows.
        goes_on(&device, &build, &trainer, (&data.train, Some(&data.test)), 7, (3, 6));
    }
}

#[test]
fn accumulated_gradients_data_in_parts_and_early_stopping() {
    let data = glyphs();
    let build = |device: &Device| model(&data.train, device);
    // The first epoch stays the best.
    let stopping = EarlyStopping { patience: 9, min_delta: 1e9, ..EarlyStopping::default() };
    let optimizer = RmsProp { momentum: 0.5, ..RmsProp::default() };
    let trainer = || {
        trainer(optimizer.clone())
            .epochs(3)
            .accumulate(3)
            .resident_bytes(1000)
            .early_stopping(stopping.clone())
            .seed(4)
    };
    for device in devices() {
        goes_on(&device, &build, &trainer, (&data.train, Some(&data.test)), 9, (3, 9));
    }
}

#[test]
fn states_that_are_kept_from_batch_to_batch() {
    let data =
        Dataset::values([5, 3], Random::new(3).vector(24 * 5 * 3, 1.0), [2], Random::new(4).vector(48, 1.0))
            .unwrap();
    let build = |device: &Device| {
        let net = Sequential::new([5, 3]).input_range(-1.0, 1.0);
        net.add(Gru::new(4).stateful(true)).add(Dense::new(2)).build(device, 1).unwrap()
    };
    let optimizer = Sgd { momentum: 0.9, ..Sgd::default() };
    let trainer = || {
        let trainer = Trainer::new(optimizer.clone(), Loss::MeanSquaredError).progress(false).shuffle(false);
        trainer.batch(4).epochs(3)
    };
    for device in devices() {
        // 6 steps an epoch.
        goes_on(&device, &build, &trainer, (&data, Some(&data)), 5, (3, 3));
    }
}

#[test]
fn an_epoch_whose_steps_are_all_done() {
    let data = waves(32);
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(8).epochs(3);
    for device in devices() {
        goes_on(&device, &wave_model, &trainer, (&data, Some(&data)), 4, (3, 4));
    }
}

#[test]
fn a_training_longer_than_planned_and_one_with_time() {
    let data = waves(32);
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(8).progress(false);
    let (mut whole, mut model) = (wave_model(&Device::cpu()), wave_model(&Device::cpu()));
    let history = trainer().epochs(6).fit(&mut whole, &data, None).unwrap();
    // Without time between them, a snapshot follows every submission.
    let mut trainer = trainer().epochs(4).snapshot_every(Interval::Seconds(0.0));
    trainer.fit(&mut model, &data, None).unwrap();
    assert_eq!(trainer.snapshot().unwrap().place(), (4, 4));
    assert_eq!(trainer.snapshot().unwrap().history().epochs.len(), 3);
    assert_eq!(trainer.snapshot().unwrap().weights(), model.weights().unwrap());
    let mut trainer = trainer.epochs(6).snapshot_every(Interval::default());
    same(&trainer.resume(&mut model, &data, None).unwrap(), &history);
    assert_eq!(model.state().unwrap(), whole.state().unwrap());
}

#[test]
fn states_of_models_move_between_devices() {
    let data = waves(20);
    let mut model = wave_model(&Device::cpu());
    let initial = model.weights().unwrap();
    Trainer::new(Adam::default(), Loss::MeanSquaredError)
        .progress(false)
        .epochs(2)
        .batch(8)
        .fit(&mut model, &data, None)
        .unwrap();
    let state = model.state().unwrap();
    assert_eq!((state.steps(), state.epochs()), (6, 2));
    assert_eq!(state.weights(), model.weights().unwrap());
    for device in devices() {
        model.rebuild(&device).unwrap();
        assert_eq!(model.weights().unwrap(), initial, "as it was built");
        model.set_state(&state).unwrap();
        assert_eq!(model.state().unwrap(), state, "{}", device.name());
    }
}

#[test]
fn what_cannot_go_on() {
    #[track_caller]
    fn says<T>(result: Result<T, Error>, parts: &[&str]) {
        let text = result.err().expect("an error").to_string();
        for part in parts {
            assert!(text.contains(part), "{text:?} does not name {part:?}");
        }
    }
    let data = waves(20);
    let fresh = || Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(2).batch(8).progress(false);
    let mut model = wave_model(&Device::cpu());
    says(fresh().resume(&mut model, &data, None), &["no snapshot", "Never"]);
    for interval in [Interval::Steps(0), Interval::Seconds(-1.0), Interval::Seconds(f64::NAN)] {
        says(fresh().snapshot_every(interval).fit(&mut model, &data, None), &["snapshot_every"]);
    }
    let mut trainer = fresh();
    trainer.fit(&mut model, &data, None).unwrap();
    let before = model.state().unwrap();
    says(trainer.resume(&mut model, &waves(21), None), &["training data", "21 rows", "20 rows"]);
    says(trainer.resume(&mut model, &data, Some(&data)), &["validation data", "20 rows", "none"]);
    let mut other = Sequential::new([3]).add(Dense::new(2)).build(&Device::cpu(), 0).unwrap();
    says(trainer.resume(&mut other, &data, None), &["0.dense.kernel [3, 12]", "0.dense.kernel [3, 2]"]);
    says(other.set_state(&before), &["0.dense.kernel"]);
    let mut trainer = trainer.batch(4);
    says(trainer.resume(&mut model, &data, None), &["batch", "found 4", "8"]);
    let mut trainer = trainer.batch(8).seed(1);
    says(trainer.resume(&mut model, &data, None), &["seed"]);
    assert_eq!(model.state().unwrap(), before, "nothing changes when it fails");
    assert!(trainer.snapshot().is_some(), "the snapshot stays");
    trainer.seed(0).resume(&mut model, &data, None).unwrap();
}
