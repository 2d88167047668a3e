//! Frames that are dropped, held back, or submitted in another order: what runs is what counts.

use super::{Host, buffers, rows};
use crate::nets;
use autorot::embed::{Learner, Progress, Saver};
use autorot::model::Weights;
use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, Dropout, Loss, Model, Schedule, Sequential,
    Trainer, wgpu,
};

/// Random numbers, a schedule, accumulated steps and an epoch whose last batch is a part of one: all that depends on the number of a step.
fn model(device: &Device) -> Model {
    Sequential::new([3])
        .input_range(-1.0, 1.0)
        .add(Dense::new(12).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(Dropout::new(0.2))
        .add(Dense::new(2))
        .build(device, 1)
        .unwrap()
}

fn data() -> Dataset {
    nets::waves(70)
}

fn trainer() -> Trainer<'static> {
    let learning_rate = Schedule::Cosine { peak: 0.01, updates: 4000, floor: 0.1, start: 0.001, warm_up: 20 };
    let adam = Adam { learning_rate, ..Adam::default() };
    Trainer::new(adam, Loss::MeanSquaredError).progress(false).batch(16).accumulate(2).seed(9)
}

/// The weights after so many steps, and the counters of the model's state.
fn undisturbed(host: &Host, steps: usize) -> (Weights, u64, u64) {
    let mut model = model(&host.autorot());
    let mut learner = Learner::new(&trainer(), &mut model, &data()).unwrap();
    host.train(&mut learner, &mut model, steps);
    let state = model.state().unwrap();
    (model.weights().unwrap(), state.steps(), state.epochs())
}

/// What was told of all steps: how many, and how many were lost.
fn sums(told: &[Progress]) -> (usize, usize) {
    (told.iter().map(|p| p.steps).sum(), told.iter().map(|p| p.lost).sum())
}

/// Steps in one encoder.
fn encoded(host: &Host, learner: &mut Learner, model: &mut Model, steps: usize) -> wgpu::CommandEncoder {
    let mut encoder = host.encoder();
    learner.encode(model, &mut encoder, steps).unwrap();
    encoder
}

fn every_tenth_frame_dropped(frames: usize) {
    let host = Host::open(wgpu::Features::TIMESTAMP_QUERY);
    let (mut model, data) = (model(&host.autorot()), data());
    let own = buffers(&host, &data);
    let mut learner = Learner::new(&trainer(), &mut model, rows(&own, &data)).unwrap();
    // As many readings at once as can come about below, however late the device is.
    let waiting: Vec<_> = (0..60).map(|_| encoded(&host, &mut learner, &mut model, 1).finish()).collect();
    host.queue.submit(waiting);
    host.wait();
    let (mut told, mut ran, mut dropped) = (Vec::new(), 60, 0);
    told.extend(learner.poll(&mut model).unwrap());
    let bytes = model.device_bytes();
    for frame in 0..frames {
        let steps = 1 + frame % 3;
        let encoder = encoded(&host, &mut learner, &mut model, steps);
        if frame % 10 == 4 {
            // Finished or not.
            if frame % 20 == 4 {
                drop(encoder)
            } else {
                drop(encoder.finish())
            }
            dropped += steps;
        } else {
            host.submit(encoder);
            ran += steps;
        }
        told.extend(learner.poll(&mut model).unwrap());
        if frame % 50 == 49 {
            host.wait();
            assert!(model.device_bytes() <= bytes, "{} after {bytes}", model.device_bytes());
        }
    }
    host.wait();
    told.extend(learner.poll(&mut model).unwrap());
    assert_eq!(sums(&told), (ran, dropped));
    let (weights, steps, epochs) = undisturbed(&host, ran);
    let state = model.state().unwrap();
    assert_eq!((state.steps(), state.epochs()), (steps, epochs));
    assert!(model.weights().unwrap() == weights, "the bits of the frames that ran");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn dropped_frames_cost_their_steps_and_nothing_else() {
    every_tenth_frame_dropped(300);
}

/// By hand: cargo test --release --test suite -- --ignored frames::
#[test]
#[ignore = "10,000 frames take half a minute and more; 300 of them always run"]
fn ten_thousand_frames_of_which_every_tenth_is_dropped() {
    every_tenth_frame_dropped(10_000);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_frame_that_is_held_back_runs_when_it_is_submitted() {
    let host = Host::open(wgpu::Features::empty());
    for count in [1, 30] {
        let (mut model, data) = (model(&host.autorot()), data());
        let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
        // Every step of an epoch has its own number of rows or ending: those that come at the wrong place change nothing.
        let held = encoded(&host, &mut learner, &mut model, 5);
        let mut told = Vec::new();
        for frame in 0..count {
            let encoder = encoded(&host, &mut learner, &mut model, 5);
            host.submit(encoder);
            host.wait();
            let news = learner.poll(&mut model).unwrap();
            assert!(news.is_some(), "frame {frame} is told of, whatever is held back");
            told.extend(news);
        }
        assert_eq!(sums(&told), (5 * count, 5), "{told:?}");
        let bytes = model.device_bytes();
        host.submit(held);
        host.submit(encoded(&host, &mut learner, &mut model, 5));
        host.wait();
        told.extend(learner.poll(&mut model).unwrap());
        let (steps, _) = sums(&told);
        assert!(steps > 5 * count, "{steps}");
        assert!(model.device_bytes() <= bytes, "{} after {bytes}", model.device_bytes());
        let state = model.state().unwrap();
        assert_eq!(state.steps(), steps as u64);
        assert!(model.weights().unwrap() == undisturbed(&host, steps).0, "{steps} steps");
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn frames_may_be_submitted_in_any_order() {
    let host = Host::open(wgpu::Features::empty());
    let (mut model, data) = (model(&host.autorot()), data());
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    let mut told = Vec::new();
    for _ in 0..20 {
        let encoders = [(); 3].map(|()| encoded(&host, &mut learner, &mut model, 5).finish());
        host.queue.submit(encoders.into_iter().rev());
        host.wait();
        told.extend(learner.poll(&mut model).unwrap());
    }
    assert_eq!(sums(&told), (300, 0), "an epoch each: one is as good as another");
    assert!(model.weights().unwrap() == undisturbed(&host, 300).0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_window_without_frames_leaves_everything_as_it_is() {
    let host = Host::open(wgpu::Features::empty());
    let (mut model, data) = (model(&host.autorot()), data());
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    host.train(&mut learner, &mut model, 7);
    let bytes = model.device_bytes();
    for _ in 0..400 {
        drop(encoded(&host, &mut learner, &mut model, 3));
        assert_eq!(learner.poll(&mut model).unwrap(), None);
    }
    assert!(model.device_bytes() <= bytes + 4096, "{} after {bytes}", model.device_bytes());
    let told = {
        host.submit(encoded(&host, &mut learner, &mut model, 13));
        host.wait();
        learner.poll(&mut model).unwrap().unwrap()
    };
    assert_eq!((told.step, told.steps, told.lost), (20, 13, 1200));
    assert!(model.weights().unwrap() == undisturbed(&host, 20).0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn more_steps_than_may_wait_are_left_out_and_told_of() {
    let host = Host::open(wgpu::Features::empty());
    let (mut model, data) = (model(&host.autorot()), data());
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    let waiting: Vec<_> = (0..60).map(|_| encoded(&host, &mut learner, &mut model, 5).finish()).collect();
    host.queue.submit(waiting);
    host.wait();
    // Their rows of the tables are those of later steps: none of 300 is the one that is due.
    assert_eq!(learner.poll(&mut model).unwrap(), None);
    host.submit(encoded(&host, &mut learner, &mut model, 5));
    host.wait();
    let told = learner.poll(&mut model).unwrap().unwrap();
    assert_eq!((told.step, told.steps, told.lost), (5, 5, 300));
    assert!(model.weights().unwrap() == undisturbed(&host, 5).0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_saved_state_counts_what_ran() {
    let host = Host::open(wgpu::Features::empty());
    let (mut model, data) = (model(&host.autorot()), data());
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    let mut saver = Saver::new(&mut model).unwrap();
    let kept = encoded(&host, &mut learner, &mut model, 5);
    let mut encoder = encoded(&host, &mut learner, &mut model, 10);
    saver.encode(&mut model, &mut encoder).unwrap();
    host.submit(encoder);
    drop(kept);
    host.wait();
    let state = saver.poll(&mut model).unwrap().unwrap();
    let (weights, steps, epochs) = undisturbed(&host, 10);
    assert_eq!((state.steps(), state.epochs()), (steps, epochs));
    assert!(state.weights() == weights);
    // One in an encoder that is dropped never comes.
    let mut encoder = host.encoder();
    saver.encode(&mut model, &mut encoder).unwrap();
    drop(encoder);
    assert_eq!(saver.poll(&mut model).unwrap(), None);
    // A restored state is where the learner goes on from.
    learner.poll(&mut model).unwrap();
    host.train(&mut learner, &mut model, 15);
    model.set_state(&state).unwrap();
    host.train(&mut learner, &mut model, 10);
    assert!(model.weights().unwrap() == undisturbed(&host, 20).0, "two epochs, then two more");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_state_counts_what_ran_also_when_nobody_asked_and_the_learner_is_gone() {
    let host = Host::open(wgpu::Features::empty());
    let (mut model, data) = (model(&host.autorot()), data());
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    let mut saver = Saver::new(&mut model).unwrap();
    host.submit(encoded(&host, &mut learner, &mut model, 7));
    // One that is dropped, and one that is held back.
    drop(encoded(&host, &mut learner, &mut model, 3));
    let held = encoded(&host, &mut learner, &mut model, 2);
    let state = model.state().unwrap();
    assert_eq!((state.steps(), state.epochs()), (7, 1));
    drop(held);
    host.wait();
    learner.close(&mut model).unwrap();
    assert_eq!(model.state().unwrap().steps(), 7);
    let mut encoder = host.encoder();
    saver.encode(&mut model, &mut encoder).unwrap();
    host.submit(encoder);
    host.wait();
    assert_eq!(saver.poll(&mut model).unwrap().unwrap().steps(), 7);
}
