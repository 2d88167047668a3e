//! Trainings computed by hand beside: rows in the order that the seed gives, early stopping's course, and what a history tells of
//! an epoch.

use crate::common::{Random, devices};
use autorot::model::Weights;
use autorot::train::Epoch;
use autorot::{
    Activation, Dataset, Dense, Device, EarlyStopping, History, Initializer, Loss, Model, Schedule,
    Sequential, Sgd, Trainer,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::time::Instant;

const ROWS: usize = 23;
const INPUTS: usize = 3;
const OUTPUTS: usize = 2;
const BATCH: usize = 4;
const RATE: f64 = 0.2;

/// Numbers that no line goes through, so that the order of the rows matters.
fn scattered() -> (Vec<f32>, Vec<f32>) {
    let mut random = Random::new(31);
    (random.vector(ROWS * INPUTS, 1.0), random.vector(ROWS * OUTPUTS, 2.0))
}

/// A linear layer's kernel and bias after stochastic gradient descent on the mean squared error, epoch by epoch in these orders.
fn descended((x, t): &(Vec<f32>, Vec<f32>), mut w: Vec<f64>, orders: &[Vec<usize>]) -> (Vec<f64>, Vec<f64>) {
    let mut losses = Vec::new();
    for order in orders {
        let mut sum = 0.0;
        for rows in order.chunks(BATCH) {
            let mut gradient = vec![0.0; w.len()];
            for &row in rows {
                for o in 0..OUTPUTS {
                    let input = |i: usize| f64::from(x[row * INPUTS + i]);
                    let linear: f64 = (0..INPUTS).map(|i| input(i) * w[i * OUTPUTS + o]).sum();
                    let off = linear + w[INPUTS * OUTPUTS + o] - f64::from(t[row * OUTPUTS + o]);
                    sum += off * off / OUTPUTS as f64;
                    // The mean is over the batch's rows and over the outputs.
                    let d = 2.0 * off / (OUTPUTS * rows.len()) as f64;
                    (0..INPUTS).for_each(|i| gradient[i * OUTPUTS + o] += d * input(i));
                    gradient[INPUTS * OUTPUTS + o] += d;
                }
            }
            w.iter_mut().zip(gradient).for_each(|(w, g)| *w -= RATE * g);
        }
        losses.push(sum / ROWS as f64);
    }
    (w, losses)
}

/// Rows in order, or as they are drawn place by place, each among those that are left (Fisher and Yates), by ChaCha8: a stream of the
/// seed for every epoch since the model was built.
fn order(shuffle: Option<u64>, epoch: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..ROWS).collect();
    if let Some(seed) = shuffle {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(epoch);
        for place in 0..ROWS {
            rows.swap(place, random.random_range(place as u32..ROWS as u32) as usize);
        }
    }
    rows
}

fn flat(weights: &Weights) -> Vec<f64> {
    let of = |name: &str| weights[name].values.clone();
    [of("0.dense.kernel"), of("0.dense.bias")].concat().into_iter().map(f64::from).collect()
}

fn farthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn rows_are_trained_on_in_the_order_that_the_seed_gives() {
    let numbers = scattered();
    let data = Dataset::values([INPUTS], numbers.0.clone(), [OUTPUTS], numbers.1.clone()).unwrap();
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        for shuffle in [None, Some(0), Some(5)] {
            // Sent in parts as well as kept on the device.
            for resident in [0, u64::MAX] {
                let mut model = Sequential::new([INPUTS]).add(Dense::new(OUTPUTS)).build(&device, 3).unwrap();
                let begin = flat(&model.weights().unwrap());
                let sgd = Sgd { learning_rate: RATE.into(), ..Sgd::default() };
                let mut trainer = Trainer::new(sgd, Loss::MeanSquaredError)
                    .progress(false)
                    .batch(BATCH)
                    .epochs(2)
                    .resident_bytes(resident)
                    .shuffle(shuffle.is_some())
                    .seed(shuffle.unwrap_or(9));
                let mut history = trainer.fit(&mut model, &data, None).unwrap();
                // A second training goes on with the epochs of the first.
                history.epochs.extend(trainer.fit(&mut model, &data, None).unwrap().epochs);
                let found = flat(&model.weights().unwrap());

                let orders = [1, 2, 3, 4].map(|epoch| order(shuffle, epoch));
                let (wanted, losses) = descended(&numbers, begin.clone(), &orders);
                let what = format!("{shuffle:?} on {}", device.name());
                assert!(farthest(&found, &wanted) < 1e-5, "{what}: {found:?} and {wanted:?}");
                let told: Vec<f64> = history.epochs.iter().map(|e| e.train_loss).collect();
                assert!(farthest(&told, &losses) < 1e-5, "{what}: {told:?} and {losses:?}");

                // Neither without training nor in another order is it anywhere near.
                let reversed: [Vec<usize>; 4] = orders.clone().map(|rows| rows.into_iter().rev().collect());
                let again = [1, 1, 1, 1].map(|epoch| order(shuffle, epoch));
                let (of_reversed, _) = descended(&numbers, begin.clone(), &reversed);
                let (of_again, _) = descended(&numbers, begin.clone(), &again);
                assert!(farthest(&found, &begin) > 0.1 && farthest(&found, &of_reversed) > 1e-3, "{what}");
                assert!(shuffle.is_none() || farthest(&found, &of_again) > 1e-3, "{what}");
            }
        }
    }
}

/// One weight that begins at 1, on a row whose target is 0: each epoch multiplies it by 1 − 2·0.1, so that after n epochs it is
/// 0.8ⁿ and the loss 0.64ⁿ.
fn falling(options: Option<EarlyStopping>, validated: bool) -> (History, Model, Option<Weights>) {
    let data = Dataset::values([1], vec![1.0], [1], vec![0.0]).unwrap();
    let layer = Dense::new(1).use_bias(false).kernel_initializer(Initializer::Constant(1.0));
    let mut model = Sequential::new([1]).add(layer).build(&Device::cpu_f64(), 0).unwrap();
    let sgd = Sgd { learning_rate: 0.1.into(), ..Sgd::default() };
    let mut trainer = Trainer::new(sgd, Loss::MeanSquaredError).progress(false).epochs(20);
    if let Some(options) = options {
        trainer = trainer.early_stopping(options);
    }
    let history = trainer.fit(&mut model, &data, validated.then_some(&data)).unwrap();
    let best = trainer.best_weights().cloned();
    (history, model, best)
}

#[track_caller]
fn weight(model: &mut Model, epochs: i32) {
    let found = f64::from(model.weights().unwrap()["0.dense.kernel"].values[0]);
    assert!((found - 0.8f64.powi(epochs)).abs() < 1e-6, "{found}, not 0.8^{epochs}");
}

#[test]
fn early_stopping_counts_what_falls_by_less_than_min_delta_as_no_improvement() {
    // After epochs 1, 2, …: .64 .4096 .2621 .1678 .1074 .0687 .0440. With a min_delta of 0.1 the epochs 1, 2 and 3 improve on the
    // best before, 4 does not (.1678 > .2621 − .1), 5 does (.1074 < .1621), 6 and 7 do not (above .0074): patience 2 ends there.
    let options =
        |min_delta, restore_best| EarlyStopping { patience: 2, min_delta, restore_best, monitor: None };
    let (history, mut model, best) = falling(Some(options(0.1, true)), true);
    assert_eq!((history.epochs.len(), history.restored_epoch), (7, Some(5)));
    let losses: Vec<f64> = history.epochs.iter().map(|e| e.val_loss.unwrap()).collect();
    let wanted: Vec<f64> = (1..=7).map(|n| 0.64f64.powi(n)).collect();
    assert!(farthest(&losses, &wanted) < 1e-6, "{losses:?}");
    weight(&mut model, 5);
    assert_eq!(best.unwrap(), model.weights().unwrap());

    // Without restoring, the last epoch's weights stay.
    let (history, mut model, best) = falling(Some(options(0.1, false)), true);
    assert_eq!((history.epochs.len(), history.restored_epoch, best), (7, None, None));
    weight(&mut model, 7);

    // Any fall counts where min_delta is 0: it goes on to the end.
    let (history, mut model, _) = falling(Some(options(0.0, true)), true);
    assert_eq!((history.epochs.len(), history.restored_epoch), (20, Some(20)));
    weight(&mut model, 20);

    // Without validation the training loss is watched, that of an epoch's beginning: 1 .64 .4096 …, so that epochs 1 to 4
    // improve, 5 does not (.1678), 6 does, 7 and 8 do not. What is put back is what epoch 6 ended with.
    let (history, mut model, _) = falling(Some(options(0.1, true)), false);
    assert_eq!((history.epochs.len(), history.restored_epoch), (8, Some(6)));
    weight(&mut model, 6);
}

#[test]
fn patience_begins_anew_with_every_improvement() {
    // With a min_delta of 0.04, 6 is no improvement (.0687 > .1074 − .04), 7 is one (.0440 < .0674), and then none.
    for (patience, epochs) in [(1, 6), (2, 9), (3, 10)] {
        let options = EarlyStopping { patience, min_delta: 0.04, ..EarlyStopping::default() };
        let (history, mut model, _) = falling(Some(options), true);
        let best = epochs - patience;
        assert_eq!(
            (history.epochs.len(), history.restored_epoch),
            (epochs, Some(best)),
            "patience {patience}"
        );
        weight(&mut model, best as i32);
    }
}

#[test]
fn epochs_tell_their_last_learning_rate_and_their_rows_a_second() {
    let rows = 40_000;
    let data = Dataset::values([4], Random::new(1).vector(4 * rows, 1.0), [1], vec![0.5; rows]).unwrap();
    // 0.1, halved after every three updates.
    let schedule = Schedule::Step { initial: 0.1, every: 3, factor: 0.5 };
    for (accumulate, rates) in [
        // Five updates an epoch: the last of the first is the fifth (0.1/2), those of the next two the tenth (0.1/2³) and the
        // fifteenth (0.1/2⁴).
        (1, [0.05, 0.0125, 0.00625]),
        // Three updates of 2, 2 and 1 steps: the third (0.1), the sixth (0.1/2), the ninth (0.1/2²).
        (2, [0.1, 0.05, 0.025]),
    ] {
        let net = Sequential::for_data(&data).add(Dense::new(256).activation(Activation::Tanh));
        let mut model = net.add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
        let sgd = Sgd { learning_rate: schedule.clone(), ..Sgd::default() };
        let trainer = Trainer::new(sgd, Loss::MeanSquaredError)
            .progress(false)
            .epochs(3)
            .batch(rows / 5)
            .accumulate(accumulate);
        let begin = Instant::now();
        let mut ends = Vec::new();
        let history = {
            let mut trainer = trainer.callback(|_: &mut Model, _: &Epoch| {
                ends.push(begin.elapsed().as_secs_f64());
                Ok(std::ops::ControlFlow::Continue(()))
            });
            trainer.fit(&mut model, &data, None).unwrap()
        };
        for (i, (epoch, rate)) in history.epochs.iter().zip(rates).enumerate() {
            assert_eq!((epoch.epoch, epoch.steps), (i + 1, 5));
            assert!((epoch.learning_rate - rate).abs() < 1e-12, "{epoch:?}: {rate}");
            let shown = epoch.samples_per_second * epoch.seconds;
            assert!((shown - rows as f64).abs() < 1e-6 * rows as f64, "{shown} rows in {epoch:?}");
            assert!(0.0 < epoch.host_seconds && epoch.host_seconds <= epoch.seconds, "{epoch:?}");
        }
        // By another clock: what lies between the ends of two epochs is the second one, and little else.
        for (epoch, pair) in history.epochs[1..].iter().zip(ends.windows(2)) {
            let passed = pair[1] - pair[0];
            assert!(epoch.seconds <= passed && epoch.seconds > 0.5 * passed, "{epoch:?}: {passed} s passed");
        }
    }
}

#[test]
fn a_history_has_a_column_for_everything_in_its_order() {
    // All numbers differ, so that no two columns can be swapped unseen.
    let epoch = |number: usize, by: f64, validated: bool| Epoch {
        epoch: number,
        train_loss: by + 0.5,
        train_metrics: vec![by + 0.25, by + 0.125],
        val_loss: validated.then_some(by + 0.75),
        val_metrics: if validated { vec![by + 0.375, by + 0.625] } else { Vec::new() },
        learning_rate: by + 0.0625,
        seconds: by + 0.5625,
        host_seconds: by + 0.1875,
        steps: 7 + number,
        samples_per_second: by + 0.875,
    };
    let history = History {
        metrics: vec!["accuracy".into(), "r2".into()],
        epochs: vec![epoch(1, 1.0, true), epoch(2, 2.0, false)],
        restored_epoch: Some(2),
        compile_seconds: 0.0,
        dispatches: 0,
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.csv");
    history.save_csv(&path).unwrap();
    let wanted = "epoch,train_loss,train_accuracy,train_r2,val_loss,val_accuracy,val_r2,learning_rate,seconds,host_seconds,\
                  samples_per_second,steps,restored\n\
                  1,1.5,1.25,1.125,1.75,1.375,1.625,1.0625,1.5625,1.1875,1.875,8,0\n\
                  2,2.5,2.25,2.125,,,,2.0625,2.5625,2.1875,2.875,9,1\n";
    assert_eq!(std::fs::read_to_string(&path).unwrap(), wanted);
    assert_eq!(History::load_csv(&path).unwrap(), history);
}
