//! What ends a training of several ranks: numbers that are none, ranks that fail, die or differ.

use super::*;
use autorot::device::Tuning;
use autorot::store::Table;
use autorot::train::processes::{Processes, together};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn numbers_that_are_none_stop_all_at_the_same_step() {
    let mut inputs = crate::nets::waves(96).inputs().to_vec();
    let targets = vec![0.5; 2 * 96];
    // Finite, and too large for the square of an error.
    inputs[3 * 50] = 3e30;
    let data = Dataset::values([3], inputs, [2], targets).unwrap();
    let net = || Sequential::new([3]).input_range(-1.0, 1.0).add(Dense::new(6)).add(Dense::new(2));
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(24).epochs(2).shuffle(false);
    for device in devices() {
        let case =
            Case { device, net: Box::new(net), trainer: Box::new(trainer), train: &data, validation: None };
        let one = case.fit(1).remove(0);
        let wanted = one.0.unwrap_err();
        says(&wanted, &["training step 3", "micro-batch 1 of 8"]);
        for size in [2, 4] {
            for (history, weights) in case.fit(size) {
                let error = history.unwrap_err();
                assert!(matches!(&error, Error::NonFinite { step: 3, .. }), "{error}");
                says(&error, &["micro-batch 1 of 8", "rank 0 on"]);
                assert_eq!(weights, one.1, "the same last good weights on {}", case.device.name());
            }
        }
    }
}

#[test]
fn a_rank_that_dies_or_changes_its_weights_ends_all() {
    let data = crate::nets::waves(100);
    let case = wave_case(&data, None);
    let begin = Instant::now();
    let ends = ranks(4, |rank, own| {
        // This one leaves after the first messages without a word.
        if rank == 3 {
            return None;
        }
        let mut trainer = (case.trainer)().progress(false).processes(own.patience(Duration::from_secs(60)));
        Some(trainer.fit(&mut case.model(), &data, None).unwrap_err())
    });
    ends.iter().flatten().for_each(|error| says(error, &["rank 3", "ended without a word"]));
    assert!(begin.elapsed() < Duration::from_secs(30));
    let ends = case.fit_with(4, &|rank| {
        let change = move |model: &mut Model, epoch: &train::Epoch| {
            let mut weights = model.weights()?;
            if rank == 1 && epoch.epoch == 1 {
                weights.get_mut("1.dense.bias").unwrap().values[0] += 1e-3;
                model.set_weights(&weights)?;
            }
            Ok(ControlFlow::Continue(()))
        };
        (case.trainer)().progress(false).callback(change)
    });
    for (history, _) in ends {
        says(&history.unwrap_err(), &["rank 1 on this process", "checksum", "as most ranks have"]);
    }
}

/// Of two checksums neither is that of most: the other rank is named.
#[test]
fn of_two_ranks_the_second_is_the_odd_one() {
    let data = crate::nets::waves(100);
    let case = wave_case(&data, None);
    for odd in [0, 1] {
        let ends = case.fit_with(2, &|rank| {
            let change = move |model: &mut Model, epoch: &train::Epoch| {
                let mut weights = model.weights()?;
                if rank == odd && epoch.epoch == 1 {
                    weights.get_mut("1.dense.bias").unwrap().values[0] += 1e-3;
                    model.set_weights(&weights)?;
                }
                Ok(ControlFlow::Continue(()))
            };
            (case.trainer)().progress(false).callback(change)
        });
        for (history, _) in ends {
            says(
                &history.unwrap_err(),
                &["rank 1 on this process", "checksum", "as rank 0 on this process has"],
            );
        }
    }
}

/// One micro-batch has a gradient that is too large, a later one an output: whoever finds which, the last update is undone.
#[test]
fn the_last_update_is_undone_whoever_finds_why() {
    let (mut inputs, mut targets) = (crate::nets::waves(48).inputs().to_vec(), vec![0.5; 2 * 48]);
    // Before, this input is nothing, and its weights stay 0.
    inputs.iter_mut().skip(2).step_by(3).for_each(|x| *x = 0.0);
    (inputs[3 * 24 + 2], targets[2 * 24]) = (3e38, 1e3);
    inputs[3 * 47] = 3e30;
    let data = Dataset::values([3], inputs, [2], targets).unwrap();
    let net = || {
        let layer = Dense::new(2).kernel_initializer(Initializer::Zeros);
        Sequential::new([3]).input_range(-1.0, 1.0).add(layer)
    };
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(24).epochs(1).shuffle(false);
    let case = Case {
        device: Device::cpu(),
        net: Box::new(net),
        trainer: Box::new(trainer),
        train: &data,
        validation: None,
    };
    let before = case.model().weights().unwrap();
    for size in [1, 2, 8] {
        for (history, weights) in case.fit(size) {
            let error = history.unwrap_err();
            says(&error, &["training step 2", "in the gradient of 0.dense.kernel", "micro-batch 1 of 8"]);
            assert_eq!(weights, before, "{size} ranks");
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn ranks_that_choose_kernels_otherwise_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let table = Table::new(folder.path().join("tuning.json"));
    let data = crate::nets::waves(100);
    let errors = ranks(2, |rank, own| {
        let tuning = [Tuning::Off, Tuning::Keep(table.clone())][rank].clone();
        let device = crate::common::gpu().with_tuning(tuning);
        let mut model = crate::nets::wave_network().build(&device, 5).unwrap();
        let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(24).progress(false);
        trainer.processes(own).fit(&mut model, &data, None).unwrap_err()
    });
    errors.iter().for_each(|error| says(error, &["rank 1", "AUTOROT_TUNE", "found on, expected off"]));
}

/// Even an error that a training meets on all ranks together may here be that of one alone.
#[test]
fn whatever_fails_before_a_training_all_return() {
    for error in
        [|| Error::Interrupted { step: 3 }, || Error::invalid("disk", "no room", "some", "make some")]
    {
        let errors = ranks(4, |rank, own| {
            let own: Arc<dyn Processes> = Arc::new(own.patience(Duration::from_secs(60)));
            together(&own, || if rank == 2 { Err(error()) } else { Ok(()) }).unwrap_err()
        });
        for (rank, found) in errors.iter().enumerate() {
            let words = if rank == 2 { String::new() } else { "rank 2 on this process".to_owned() };
            says(found, &[&words, &error().to_string()[..9]]);
        }
    }
}

/// However long a rank is busy, it hears in the end why another one has failed.
#[test]
fn a_busy_rank_hears_the_cause() {
    let data = crate::nets::waves(100);
    let case = wave_case(&data, None);
    let ends = case.fit_with(2, &|rank| {
        let end = move |batch: &mut train::BatchEnd| {
            match (rank, batch.batch) {
                (0, 2) => return Err(Error::invalid("disk", "no room", "some", "make some")),
                (1, 2) => std::thread::sleep(Duration::from_secs(9)),
                _ => {}
            }
            Ok(ControlFlow::Continue(()))
        };
        (case.trainer)().progress(false).on_batch_end(end)
    });
    ends.iter().for_each(|(history, _)| says(history.as_ref().unwrap_err(), &["disk", "no room"]));
}
