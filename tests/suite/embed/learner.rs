//! Learners against trainers, what they report, and what stops them.

use super::{Host, buffers, rows};
use crate::common::Random;
use crate::nets;
use autorot::embed::{Learner, UNSUBMITTED};
use autorot::{
    Adam, Dataset, Dense, Device, Error, Initializer, Loss, Lstm, Masking, Metric, Model, Sequential, Sgd,
    Trainer, wgpu,
};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_learner_gives_the_bits_of_the_trainer() {
    let host = Host::open(wgpu::Features::TIMESTAMP_QUERY);
    let glyphs = nets::glyphs().train;
    let waves = nets::waves(150);
    let sequences = {
        let inputs = Random::new(4).vector(60 * 5 * 2, 1.0);
        let labels = (0..60 * 5).map(|i| i % 3).collect();
        Dataset::step_classes([5, 2], inputs, labels, ["a", "b", "c"].map(String::from).to_vec()).unwrap()
    };
    let tagger = |device: &Device| {
        Sequential::for_data(&sequences)
            .add(Lstm::new(6).return_sequences(true).dropout(0.1))
            .add(Dense::new(3))
            .build(device, 3)
            .unwrap()
    };
    // Half of the sequences end early.
    let masked = {
        let mut inputs = Random::new(5).vector(60 * 5 * 2, 1.0);
        inputs.chunks_mut(10).step_by(2).for_each(|row| row[4..].fill(-7.0));
        let labels = (0..60 * 5).map(|i| i % 3).collect();
        let names = ["a", "b", "c"].map(String::from).to_vec();
        Dataset::step_classes([5, 2], inputs, labels, names).unwrap()
    };
    let masking_tagger = |device: &Device| {
        Sequential::new([5, 2])
            .input_range(-1.0, 1.0)
            .add(Masking::new(-7.0))
            .add(Lstm::new(6).return_sequences(true))
            .add(Dense::new(3))
            .build(device, 3)
            .unwrap()
    };
    let of_glyphs = |device: &Device| nets::model(&glyphs, device);
    type Build<'a> = &'a dyn Fn(&Device) -> Model;
    let adam = || nets::trainer(Adam::default()).batch(64);
    let cases: [(&str, Build<'_>, &Dataset, Trainer<'_>, usize); 6] = [
        ("glyphs", &of_glyphs, &glyphs, adam(), 3),
        ("accumulated", &of_glyphs, &glyphs, adam().accumulate(3).seed(5), 2),
        (
            "in order",
            &nets::wave_model,
            &waves,
            Trainer::new(Sgd::default(), Loss::Huber { delta: 0.5 }).progress(false).shuffle(false).batch(40),
            4,
        ),
        (
            "many epochs",
            &nets::wave_model,
            &waves,
            Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(200),
            300,
        ),
        (
            "sequences",
            &tagger,
            &sequences,
            Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
                .progress(false)
                .metric(Metric::Accuracy)
                .batch(16),
            3,
        ),
        (
            "masked",
            &masking_tagger,
            &masked,
            Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
                .progress(false)
                .metric(Metric::Accuracy)
                .batch(60),
            4,
        ),
    ];
    for (name, build, data, trainer, epochs) in cases {
        let mut trainer = trainer.progress(false).epochs(epochs);
        let mut alone = build(&host.autorot());
        let history = trainer.fit(&mut alone, data, None).unwrap();
        let wanted = alone.weights().unwrap().without_description();
        trainer.fit(&mut alone, data, None).unwrap();
        let wanted_later = alone.weights().unwrap();
        let steps = history.epochs[0].steps * epochs;

        let own = buffers(&host, data);
        for source in ["buffers", "data set"] {
            let what = format!("{name} from {source}");
            let mut model = build(&host.autorot());
            let mut learner = match source {
                "buffers" => Learner::new(&trainer, &mut model, rows(&own, data)),
                _ => Learner::new(&trainer, &mut model, data),
            }
            .unwrap();
            let told = host.train(&mut learner, &mut model, steps);
            // Buffers have no names of classes that the model could take over.
            assert_eq!(model.weights().unwrap().without_description(), wanted, "{what}");
            assert_eq!(told.last().unwrap().step, steps as u64, "{what}");
            assert!(told.iter().all(|p| p.loss.is_finite()), "{what}");
            if history.epochs[0].steps == 1 {
                let mean = told.iter().map(|p| p.loss * p.steps as f64).sum::<f64>() / steps as f64;
                let losses = history.epochs.iter().map(|e| e.train_loss).sum::<f64>() / epochs as f64;
                assert!((mean - losses).abs() <= 1e-9 * losses, "{what}: {mean}, {losses}");
            }
            let before = model.device_bytes();
            learner.close(&mut model).unwrap();
            assert!(model.device_bytes() < before, "{what}: a closed learner gives its memory back");
            // What the learner has begun, the trainer goes on with.
            trainer.fit(&mut model, data, None).unwrap();
            assert_eq!(model.weights().unwrap(), wanted_later, "{what}, later");
        }
    }
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn the_last_step_tells_its_loss_metrics_and_time() {
    let host = Host::open(wgpu::Features::TIMESTAMP_QUERY);
    let data = nets::glyphs().train;
    let trainer = nets::trainer(Adam::default()).batch(data.len()).shuffle(false);
    let mut model = nets::model(&data, &host.autorot());
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    assert_eq!(learner.poll(&mut model).unwrap(), None);
    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 3).unwrap();
    host.submit(encoder);
    host.wait();
    let progress = learner.poll(&mut model).unwrap().unwrap();
    assert_eq!((progress.step, progress.steps, progress.metrics.len()), (3, 3, 2));
    let timed = host.device.features().contains(wgpu::Features::TIMESTAMP_QUERY);
    assert_eq!(progress.seconds.is_some(), timed);
    assert!(progress.seconds.is_none_or(|s| s > 0.0 && s < 60.0), "{progress:?}");
    // The table on the device holds the same.
    let (width, next) = (learner.tally_len(&model), learner.next_tally());
    let tallies = host.read(&learner.tallies(&mut model).unwrap());
    assert_eq!((tallies.len(), next), (UNSUBMITTED * width, 3));
    let sums = tallies.chunks(width).take(next).map(|row| f64::from(row[0])).sum::<f64>();
    assert!((sums / (3 * data.len()) as f64 - progress.loss).abs() < 1e-9);
    assert!((0.0..=1.0).contains(&progress.metrics[0]) && progress.metrics[1] >= progress.metrics[0]);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_learner_goes_on_with_what_a_trainer_has_begun() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    let mut whole = nets::wave_model(&host.autorot());
    trainer().epochs(4).fit(&mut whole, &data, None).unwrap();
    let mut model = nets::wave_model(&host.autorot());
    trainer().epochs(2).fit(&mut model, &data, None).unwrap();
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    // Two epochs of four steps, in several frames.
    for steps in [1, 3, 2, 2] {
        host.train(&mut learner, &mut model, steps);
    }
    assert_eq!(model.state().unwrap().steps(), 16);
    assert_eq!(model.weights().unwrap(), whole.weights().unwrap());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_gradient_that_is_not_finite_is_told_from_a_loss() {
    let host = Host::open(wgpu::Features::empty());
    for (input, weight, layer) in [(1e25, 1e-7, "a gradient"), (1e25, 1e-3, "the loss")] {
        let data = Dataset::values([1], vec![input], [1], vec![0.0]).unwrap();
        let dense = Dense::new(1).use_bias(false).kernel_initializer(Initializer::Constant(weight));
        let mut model = Sequential::new([1]).add(dense).build(&host.autorot(), 1).unwrap();
        let trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).progress(false).batch(1);
        let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
        let mut encoder = host.encoder();
        learner.encode(&mut model, &mut encoder, 1).unwrap();
        host.submit(encoder);
        host.wait();
        let error = learner.poll(&mut model).unwrap_err();
        // w·x is 1e18, its square a number and x times it none; or the square is none.
        assert!(
            matches!(error, Error::NonFinite { step: 1, layer: ref found, .. } if found == layer),
            "{error}"
        );
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn numbers_that_are_none_stop_a_learner_and_spare_the_weights() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let own = buffers(&host, &data);
    let trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16).shuffle(false);
    let mut model = nets::wave_model(&host.autorot());
    let mut learner = Learner::new(&trainer, &mut model, rows(&own, &data)).unwrap();
    host.train(&mut learner, &mut model, 5);
    // The third batch of the second epoch: step 7; step 6 is taken back, since its weights may be to blame.
    let mut expected = nets::wave_model(&host.autorot());
    let mut twin = Learner::new(&trainer, &mut expected, &data).unwrap();
    host.train(&mut twin, &mut expected, 5);
    host.queue.write_buffer(&own[1], (2 * 16 * 2) * 4, bytemuck::cast_slice(&[f32::NAN]));
    let mut encoder = host.encoder();
    learner.encode(&mut model, &mut encoder, 8).unwrap();
    host.submit(encoder);
    host.wait();
    let error = learner.poll(&mut model).unwrap_err();
    assert!(matches!(error, Error::NonFinite { step: 7, ref layer, .. } if layer == "the loss"), "{error}");
    assert_eq!(model.weights().unwrap(), expected.weights().unwrap());
    assert!(learner.encode(&mut model, &mut host.encoder(), 1).is_err(), "it stays stopped");
    host.queue.write_buffer(&own[1], (2 * 16 * 2) * 4, bytemuck::cast_slice(&[0.5f32]));
    let mut learner = Learner::new(&trainer, &mut model, rows(&own, &data)).unwrap();
    assert!(host.train(&mut learner, &mut model, 9).last().unwrap().loss.is_finite());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn weights_whose_gradient_is_none_are_taken_back() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let trainer =
        Trainer::new(Sgd::default(), Loss::MeanSquaredError).progress(false).batch(16).shuffle(false);
    for unread in [0, UNSUBMITTED + 40] {
        let mut model = nets::wave_model(&host.autorot());
        let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
        host.train(&mut learner, &mut model, 6);
        // What an update has made of five steps' weights is taken back; what is written is not.
        let mut twin = nets::wave_model(&host.autorot());
        let mut other = Learner::new(&trainer, &mut twin, &data).unwrap();
        host.train(&mut other, &mut twin, 5);
        let mut wanted = host.read(&twin.parameters_buffer().unwrap());
        // tanh of infinity is a number; the gradient there is none.
        let place = model.network().arena().find("0.dense.kernel").unwrap();
        let offset = model.network().arena().get(place).offset as u64 * 4;
        let parameters = model.parameters_buffer().unwrap();
        wanted[offset as usize / 4] = f32::INFINITY;
        host.queue.write_buffer(&parameters, offset, bytemuck::bytes_of(&f32::INFINITY));
        let mut left = unread.max(1);
        while left > 0 {
            let count = left.min(100);
            let mut encoder = host.encoder();
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                learner.encode_pass(&mut model, &mut pass, count).unwrap();
            }
            left -= count;
            if left == 0 {
                learner.read_back(&mut model, &mut encoder).unwrap();
            }
            host.submit(encoder);
        }
        host.wait();
        let error = learner.poll(&mut model).unwrap_err();
        assert!(matches!(error, Error::NonFinite { step: 7, .. }), "{error}");
        assert!(learner.poll(&mut model).is_err(), "it is told again");
        assert_eq!(host.read(&parameters), wanted, "{unread} unread");
        model.set_weights(&twin.weights().unwrap()).unwrap();
        let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
        assert!(host.train(&mut learner, &mut model, 3).last().unwrap().loss.is_finite());
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_large_batch_has_as_many_orders_as_fit() {
    let host = Host::open(wgpu::Features::empty());
    let rows = 300_000;
    let inputs: Vec<f32> = (0..rows).map(|i| (i % 1013) as f32 / 1013.0).collect();
    let data = Dataset::values([1], inputs.clone(), [1], inputs).unwrap();
    let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&host.autorot(), 1).unwrap();
    let trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(rows);
    let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
    assert!(learner.most() < UNSUBMITTED && learner.most() > 50, "{}", learner.most());
    let mut encoder = host.encoder();
    let error = learner.encode(&mut model, &mut encoder, learner.most() + 1).unwrap_err().to_string();
    assert!(error.contains("at most"), "{error}");
    host.train(&mut learner, &mut model, 2);
    learner.close(&mut model).unwrap();
    let in_order = Learner::new(&trainer.shuffle(false), &mut model, &data).unwrap();
    assert_eq!(in_order.most(), UNSUBMITTED);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_budget_is_kept_about() {
    let host = Host::open(wgpu::Features::TIMESTAMP_QUERY);
    let data = nets::glyphs().train;
    let mut model = nets::model(&data, &host.autorot());
    let mut learner = Learner::new(&nets::trainer(Adam::default()), &mut model, &data).unwrap();
    let (mut counts, mut seconds) = (Vec::new(), Vec::new());
    for frame in 0..28 {
        let mut encoder = host.encoder();
        // The last frames have next to no time.
        let budget = if frame < 25 { Duration::from_millis(30) } else { Duration::from_micros(1) };
        counts.push(learner.encode_within(&mut model, &mut encoder, budget).unwrap());
        host.submit(encoder);
        host.wait();
        seconds.extend(learner.poll(&mut model).unwrap().and_then(|p| p.seconds));
    }
    assert_eq!(counts[0], 1, "the first frame is not stalled");
    assert!(counts.windows(2).all(|w| w[1] <= 2 * w[0]), "{counts:?}");
    assert!(counts.iter().all(|n| (1..=64).contains(n)));
    assert!(counts[25..].iter().all(|&n| n == 1), "a smaller budget holds at once: {counts:?}");
    if !seconds.is_empty() {
        // Other programs may take the processor that a software adapter runs on.
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        assert!(median < 0.12, "{median} s a frame, {counts:?}");
    }
}

/// By hand, on a quiet machine: cargo test --release --test suite -- --ignored --nocapture budget
#[test]
#[ignore = "a matter of milliseconds, which other programs disturb"]
fn a_budget_is_kept_to_within_half_with_and_without_timestamps_paced_or_not() {
    let budget = Duration::from_millis(8);
    for features in [wgpu::Features::empty(), wgpu::Features::TIMESTAMP_QUERY] {
        let host = Host::open(features);
        let data = nets::waves(1000);
        let trainer = || Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(32);
        for frame in [None, Some(Duration::from_micros(16_667)), Some(Duration::from_millis(50))] {
            let mut model = nets::wave_model(&host.autorot());
            let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
            let (mut taken, mut counts) = (Vec::new(), Vec::new());
            for i in 0..80 {
                let begin = Instant::now();
                let mut encoder = host.encoder();
                counts.push(learner.encode_within(&mut model, &mut encoder, budget).unwrap());
                let submitted = Instant::now();
                host.submit(encoder);
                // What a frame takes: the learner sees no more of it than that it is done when the next one begins.
                host.wait();
                if i >= 20 {
                    taken.push(submitted.elapsed().as_secs_f64());
                }
                if let Some(left) = frame.and_then(|frame| frame.checked_sub(begin.elapsed())) {
                    std::thread::sleep(left);
                }
                learner.poll(&mut model).unwrap();
            }
            taken.sort_by(f64::total_cmp);
            let median = taken[taken.len() / 2];
            println!("{features:?}, frames of {frame:?}: {:.2} ms, {counts:?}", median * 1e3);
            let share = median / budget.as_secs_f64();
            assert!((1.0 / 1.5..1.5).contains(&share), "{median} s of {budget:?}, {counts:?}");
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn models_share_a_device_and_threads_share_it_too() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(90);
    let device = host.autorot();
    let run = |seed: u64| {
        let mut model = nets::wave_model(&device);
        let trainer =
            Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(20).seed(seed);
        let mut learner = Learner::new(&trainer, &mut model, &data).unwrap();
        for _ in 0..6 {
            let mut encoder = host.encoder();
            learner.encode(&mut model, &mut encoder, 5).unwrap();
            host.submit(encoder);
        }
        (model.weights().unwrap(), model.predict(data.inputs()).unwrap())
    };
    let alone: Vec<_> = (0..4).map(run).collect();
    let together = Mutex::new(vec![None; 4]);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (run, together) = (&run, &together);
            scope.spawn(move || {
                let result = run(seed);
                together.lock().unwrap()[seed as usize] = Some(result);
            });
        }
    });
    let together: Vec<_> = together.into_inner().unwrap().into_iter().flatten().collect();
    assert!(alone == together, "four threads on one device");
    assert!(alone[0] != alone[1]);
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}
