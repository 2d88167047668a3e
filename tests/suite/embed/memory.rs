//! What is closed or dropped gives its memory back, and what is counted is what the device has given.

use super::Host;
use autorot::embed::{Backward, Forward, Learner, Saver};
use autorot::{
    Activation, Adam, Conv2d, Dataset, Dense, Device, Flatten, Loss, MaxPool2d, Model, Sequential, Trainer,
    wgpu,
};

fn images(rows: usize) -> Dataset {
    let inputs = (0..rows * 32 * 32).map(|i| (i % 251) as f32 / 250.0).collect();
    Dataset::values([32, 32, 1], inputs, [4], vec![0.5; rows * 4]).unwrap()
}

fn model(device: &Device) -> Model {
    Sequential::new([32, 32, 1])
        .input_range(0.0, 1.0)
        .add(Conv2d::new(8, [3, 3]).activation(Activation::Tanh))
        .add(MaxPool2d::new([2, 2]))
        .add(Flatten)
        .add(Dense::new(300).activation(Activation::Sigmoid))
        .add(Dense::new(4))
        .build(device, 1)
        .unwrap()
}

fn trainer() -> Trainer<'static> {
    Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false).epochs(1).batch(128)
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn everything_comes_back_by_closing_and_by_dropping() {
    let host = Host::open(wgpu::Features::empty());
    let data = images(500);
    let mut model = model(&host.autorot());
    // The optimiser's moments stay, and so does what a small prediction takes, and the sums of an evaluation.
    Learner::new(&trainer(), &mut model, &data).unwrap().close(&mut model).unwrap();
    let few = &data.inputs()[..1024];
    let wanted = model.predict(few).unwrap();
    trainer().evaluate(&mut model, &data).unwrap();
    let bytes = model.device_bytes();
    for closed in [true, false] {
        let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
        let forward = Forward::new(&mut model, 700, None).unwrap();
        let backward = Backward::new(&mut model, 300, None, Adam::default()).unwrap();
        let mut saver = Saver::new(&mut model).unwrap();
        let mut encoder = host.encoder();
        learner.encode(&mut model, &mut encoder, 2).unwrap();
        forward.encode(&mut model, &mut encoder).unwrap();
        saver.encode(&mut model, &mut encoder).unwrap();
        host.submit(encoder);
        host.wait();
        assert!(saver.poll(&mut model).unwrap().is_some() && learner.poll(&mut model).unwrap().is_some());
        assert!(model.device_bytes() > 2 * bytes, "{} after {bytes}", model.device_bytes());
        if closed {
            learner.close(&mut model).unwrap();
            forward.close(&mut model).unwrap();
            backward.close(&mut model).unwrap();
            drop(saver);
        } else {
            drop((learner, forward, backward, saver));
            // The model's next call, whichever.
            model.predict(few).unwrap();
        }
        assert_eq!(model.device_bytes(), bytes, "closed: {closed}");
    }
    assert_eq!(model.predict(few).unwrap().len(), wanted.len());
    // A prediction of many rows, by a trainer's evaluation.
    trainer().evaluate(&mut model, &data).unwrap();
    assert_eq!(model.device_bytes(), bytes, "an evaluation");
}

#[test]
fn scratch_shrinks_on_the_cpu_too() {
    let data = images(256);
    let mut model = model(&Device::cpu());
    trainer().fit(&mut model, &data, None).unwrap();
    let bytes = model.device_bytes();
    // The parameters, those before the last update, the gradients, and two moments.
    let of_parameters = 5 * 4 * model.network().arena().len() as u64;
    assert!(bytes < of_parameters + 20_000, "{bytes} bytes, of which {of_parameters} for parameters");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn what_is_counted_is_what_the_device_has_given() {
    let host = Host::open(wgpu::Features::empty());
    let device = host.autorot();
    let Some(before) = device.allocated_bytes() else {
        panic!("{} does not tell what it has allocated", device.name());
    };
    let data = images(2000);
    let mut model = model(&device);
    let mut learner = Learner::new(&trainer(), &mut model, &data).unwrap();
    let forward = Forward::new(&mut model, 1000, None).unwrap();
    for _ in 0..3 {
        let mut encoder = host.encoder();
        learner.encode(&mut model, &mut encoder, 2).unwrap();
        forward.encode(&mut model, &mut encoder).unwrap();
        host.submit(encoder);
        host.wait();
        learner.poll(&mut model).unwrap();
    }
    host.wait();
    let (counted, allocated) =
        (model.device_bytes() as f64, (device.allocated_bytes().unwrap() - before) as f64);
    assert!((allocated / counted - 1.0).abs() < 0.01, "{allocated} bytes, counted {counted}");
    drop(model);
    drop((learner, forward));
    host.wait();
    let left = device.allocated_bytes().unwrap().saturating_sub(before);
    assert!((left as f64) < 0.01 * counted, "{left} bytes are left");
}
