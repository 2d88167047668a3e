//! Training that watches a number: a learning rate that falls when learning stalls, and early stopping on a metric.

use crate::common::devices;
use crate::files::says;
use autorot::{
    Dataset, Dense, Device, EarlyStopping, Interval, Loss, Metric, Model, Plateau, Schedule, Sequential, Sgd,
    Trainer,
};

fn data() -> Dataset {
    let names = ["no", "yes"].map(str::to_owned).to_vec();
    let inputs: Vec<f32> = (0..32).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    let labels = (0..16).map(|i| u32::from(inputs[2 * i] > inputs[2 * i + 1])).collect();
    Dataset::classes([2], inputs, labels, names).unwrap()
}

fn model(data: &Dataset, device: &Device) -> Model {
    Sequential::for_data(data).add(Dense::new(2)).build(device, 1).unwrap()
}

fn trainer(rate: impl Into<Schedule>, epochs: usize) -> Trainer<'static> {
    let sgd = Sgd { learning_rate: rate.into(), ..Sgd::default() };
    Trainer::new(sgd, Loss::SoftmaxCrossEntropy).epochs(epochs).batch(16).shuffle(false).progress(false)
}

/// Too small to change a weight: learning stalls from the first epoch on.
const STILL: f64 = 1e-20;

fn rates(history: &autorot::History) -> Vec<f64> {
    history.epochs.iter().map(|epoch| epoch.learning_rate / STILL).collect()
}

/// As in Keras: the first epoch is the best, and every second one after it without an improvement halves the rate.
#[test]
fn the_rate_falls_with_every_stall() {
    let data = data();
    for device in devices() {
        let fit = |options: Plateau, epochs| {
            let mut trainer = trainer(STILL, epochs).reduce_on_plateau(options);
            rates(&trainer.fit(&mut model(&data, &device), &data, Some(&data)).unwrap())
        };
        let halves = || Plateau { factor: 0.5, patience: 2, ..Plateau::default() };
        assert_eq!(fit(halves(), 8), [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125]);
        // Two epochs after a reduction in which nothing is counted but the last.
        let cooled = Plateau { cooldown: 2, ..halves() };
        assert_eq!(fit(cooled, 9), [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]);
        let floored = Plateau { min_rate: 0.3 * STILL, ..halves() };
        assert_eq!(fit(floored, 8), [1.0, 1.0, 1.0, 0.5, 0.5, 0.3, 0.3, 0.3]);
    }
}

#[test]
fn the_rate_that_fell_is_the_one_that_steps_take() {
    let data = data();
    let device = Device::cpu_f64();
    let weights = |model: &mut Model| model.weights().unwrap().get("0.dense.kernel").unwrap().values.clone();
    // Always stalled: the loss must fall by 9 to count.
    let stalls = Plateau { factor: 0.5, patience: 1, min_delta: 9.0, ..Plateau::default() };
    let mut watched = model(&data, &device);
    trainer(0.4, 4).reduce_on_plateau(stalls).fit(&mut watched, &data, None).unwrap();
    let mut stepped = model(&data, &device);
    // The second epoch is the first to wait.
    for rate in [0.4, 0.4, 0.2, 0.1] {
        trainer(rate, 1).fit(&mut stepped, &data, None).unwrap();
    }
    assert_eq!(weights(&mut watched), weights(&mut stepped));
}

#[test]
fn a_training_that_is_resumed_goes_on_waiting() {
    let data = data();
    let options = || Plateau { factor: 0.5, patience: 2, ..Plateau::default() };
    let whole =
        trainer(STILL, 9).reduce_on_plateau(options()).fit(&mut model(&data, &Device::cpu()), &data, None);
    let mut trainer = trainer(STILL, 5).reduce_on_plateau(options()).snapshot_every(Interval::Steps(1));
    let mut begun = model(&data, &Device::cpu());
    trainer.fit(&mut begun, &data, None).unwrap();
    let history = trainer.epochs(9).resume(&mut begun, &data, None).unwrap();
    assert_eq!(rates(&history), rates(&whole.unwrap()));
}

#[test]
fn early_stopping_watches_a_metric_in_its_own_direction() {
    let data = data();
    for (name, metric) in [("accuracy", Metric::Accuracy), ("weighted_accuracy", Metric::Accuracy)] {
        let stopping =
            EarlyStopping { patience: 3, monitor: Some(name.to_owned()), ..EarlyStopping::default() };
        let mut model = model(&data, &Device::cpu());
        let trainer = trainer(0.5, 400).early_stopping(stopping);
        let mut trainer =
            if name == "accuracy" { trainer.metric(metric) } else { trainer.weighted_metric(metric) };
        let history = trainer.fit(&mut model, &data, Some(&data)).unwrap();
        let values: Vec<f64> = history.epochs.iter().map(|epoch| epoch.val_metrics[0]).collect();
        let best = history.restored_epoch.unwrap();
        let highest = values.iter().copied().fold(f64::MIN, f64::max);
        assert_eq!(values[best - 1], highest, "{values:?}");
        assert!(values[..best - 1].iter().all(|&value| value < highest));
        assert_eq!(values.len(), best + 3);
        assert_eq!(trainer.evaluate(&mut model, &data).unwrap().metrics[0], highest);
    }
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let data = data();
    let fit = |trainer: Trainer<'static>| {
        let mut trainer = trainer.metric(Metric::Accuracy);
        trainer.fit(&mut model(&data, &Device::cpu()), &data, None)
    };
    let monitor = || Some("recall".to_owned());
    let stopping = EarlyStopping { monitor: monitor(), ..EarlyStopping::default() };
    says(fit(trainer(0.1, 1).early_stopping(stopping)), &["early stopping", "recall", "loss, accuracy"]);
    let plateau = |options| fit(trainer(0.1, 1).reduce_on_plateau(options));
    says(plateau(Plateau { monitor: monitor(), ..Plateau::default() }), &["reduce_on_plateau", "recall"]);
    says(plateau(Plateau { factor: 1.0, ..Plateau::default() }), &["reduce_on_plateau", "factor 1"]);
    says(plateau(Plateau { patience: 0, ..Plateau::default() }), &["patience 0"]);
    says(plateau(Plateau { min_rate: f64::NAN, ..Plateau::default() }), &["min_rate NaN"]);
}
