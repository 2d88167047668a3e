//! What an application may do wrong.

use super::{Host, buffers, rows};
use crate::nets;
use autorot::embed::{Forward, Learner, Rows, Saver, UNSUBMITTED};
use autorot::wgpu::{self, BufferUsages};
use autorot::{Adam, Dataset, Dense, Device, Loss, Lstm, Metric, Sequential, Trainer};
use std::sync::atomic::Ordering;

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn misuse_is_an_error_that_says_what_to_do() {
    let host = Host::open(wgpu::Features::empty());
    let data = nets::waves(64);
    let own = buffers(&host, &data);
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(16);
    let mut model = nets::wave_model(&host.autorot());
    // The optimiser's moments are the model's and stay.
    Learner::new(&trainer, &mut model, &data).unwrap().close(&mut model).unwrap();
    let bytes = model.device_bytes();
    let refused = |result: autorot::Result<Learner>, words: &[&str]| {
        let error = result.map(drop).expect_err("an error").to_string();
        for word in words {
            assert!(error.contains(word), "{error}: no {word}");
        }
    };
    let mut on_cpu = nets::wave_model(&Device::cpu());
    refused(Learner::new(&trainer, &mut on_cpu, &data), &["cpu", "a model on a GPU", "Device::from_wgpu"]);
    assert!(on_cpu.parameters_buffer().is_err() && Forward::new(&mut on_cpu, 1, None).is_err());

    let mut with = |change: &dyn Fn(&mut Rows<'_>), words: &[&str]| {
        let mut changed = rows(&own, &data);
        change(&mut changed);
        refused(Learner::new(&trainer, &mut model, changed), words);
        assert_eq!(model.device_bytes(), bytes, "nothing is left behind");
    };
    with(&|rows| rows.rows = 65, &["768 bytes", "at least 780 for 195 numbers"]);
    with(&|rows| rows.rows = 0, &["0 rows"]);
    with(&|rows| rows.inputs.offset = 4, &["4 bytes", "a multiple of", "alignment"]);
    with(&|rows| rows.inputs.size = wgpu::BufferSize::new(8), &["8 bytes", "at least 768"]);
    let copies = host.device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 4096,
        usage: BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let mut changed = rows(&own, &data);
    changed.inputs = copies.as_entire_buffer_binding();
    refused(Learner::new(&trainer, &mut model, changed), &["COPY_DST", "STORAGE among them"]);
    let zero = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).batch(0);
    refused(Learner::new(&zero, &mut model, rows(&own, &data)), &["batch", "at least 1"]);
    let r2 = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).metric(Metric::R2);
    refused(Learner::new(&r2, &mut model, rows(&own, &data)), &["r2", "MeanAbsoluteError"]);
    let softmax = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
    let single = Dataset::values([2], vec![0.5; 8], [1], vec![0.0, 1.0, 0.0, 1.0]).unwrap();
    let mut one = Sequential::new([2]).add(Dense::new(1)).build(&host.autorot(), 1).unwrap();
    let of_one = buffers(&host, &single);
    refused(Learner::new(&softmax, &mut one, rows(&of_one, &single)), &["1 output", "BinaryCrossEntropy"]);
    refused(Learner::new(&softmax, &mut one, &single), &["1 output", "BinaryCrossEntropy"]);
    let mut stateful = Sequential::new([4, 3])
        .input_range(-1.0, 1.0)
        .add(Lstm::new(2).stateful(true))
        .build(&host.autorot(), 1)
        .unwrap();
    let steps = Dataset::values([4, 3], vec![0.5; 12], [2], vec![0.0; 2]).unwrap();
    refused(Learner::new(&trainer, &mut stateful, &steps), &["0.lstm", "stateful", "Trainer::fit"]);

    let mut learner = Learner::new(&trainer, &mut model, rows(&own, &data)).unwrap();
    let error = learner.encode(&mut model, &mut host.encoder(), UNSUBMITTED + 1).unwrap_err().to_string();
    assert!(error.contains("257") && error.contains("at most 256"), "{error}");
    let mut other = nets::wave_model(&host.autorot());
    let error = learner.encode(&mut other, &mut host.encoder(), 1).unwrap_err().to_string();
    assert!(error.contains("another model"), "{error}");

    // Something else trains the model while the learner lives.
    trainer.fit(&mut model, &data, None).unwrap();
    let error = learner.encode(&mut model, &mut host.encoder(), 1).unwrap_err().to_string();
    assert!(error.contains("something else has trained") && error.contains("make it anew"), "{error}");
    let mut first = Learner::new(&trainer, &mut model, &data).unwrap();
    let mut second = Learner::new(&trainer, &mut model, &data).unwrap();
    second.encode(&mut model, &mut host.encoder(), 1).unwrap();
    let error = first.encode(&mut model, &mut host.encoder(), 1).unwrap_err().to_string();
    assert!(error.contains("something else has trained") && error.contains("make it anew"), "{error}");
    assert_eq!(host.uncaptured.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn what_a_rejected_submission_would_have_told_is_not_believed() {
    let host = Host::open(wgpu::Features::empty());
    let mut model = nets::wave_model(&host.autorot());
    let (mut saver, mut other) = (Saver::new(&mut model).unwrap(), Saver::new(&mut model).unwrap());
    // The second time its staging buffer holds what was saved before.
    for rejected in [false, true] {
        let spoilt = host.floats(&[0.0]);
        let target = host.floats(&[0.0]);
        let mut encoder = host.encoder();
        saver.encode(&mut model, &mut encoder).unwrap();
        encoder.copy_buffer_to_buffer(&spoilt, 0, &target, 0, None);
        if rejected {
            spoilt.destroy();
        }
        let scope = host.device.push_error_scope(wgpu::ErrorFilter::Validation);
        host.submit(encoder);
        assert_eq!(pollster::block_on(scope.pop()).is_some(), rejected);
        host.wait();
        let polled = saver.poll(&mut model);
        if rejected {
            assert_eq!(polled.unwrap(), None);
        } else {
            assert_eq!(polled.unwrap().unwrap().weights(), model.weights().unwrap());
        }
    }
    let mut encoder = host.encoder();
    other.encode(&mut model, &mut encoder).unwrap();
    host.submit(encoder);
    host.wait();
    assert!(other.poll(&mut model).unwrap().is_some(), "others go on");
}

#[test]
fn what_is_made_for_a_model_may_move_between_threads() {
    fn moves<T: Send>() {}
    moves::<autorot::Model>();
    moves::<Learner>();
    moves::<Forward>();
    moves::<autorot::embed::Backward>();
    moves::<Saver>();
    moves::<autorot::embed::TextureRows>();
}
