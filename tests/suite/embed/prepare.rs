//! Kernels compiled ahead of time: all that will be needed and no more, step by step, and shared.

use super::{Host, buffers, rows, texture};
use crate::nets;
use autorot::device::Prepare;
use autorot::embed::{Backward, Forward, Learner, TargetKind, TextureRows};
use autorot::model::Network;
use autorot::{
    Activation, Adam, AutoRotate, BatchNorm, Conv2d, Dataset, Dense, Device, Dropout, Flatten, Loss, Lstm,
    MaxPool2d, Metric, Result, Sequential, Sgd, Targets, Trainer, wgpu,
};
use std::time::Duration;

fn glyph_net(data: &Dataset) -> Sequential {
    Sequential::for_data(data)
        .add(Flatten)
        .add(Dense::new(24).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(Dropout::new(0.1))
        .add(Dense::new(data.targets().width()))
}

fn image_net() -> Sequential {
    Sequential::new([16, 16, 1])
        .input_range(0.0, 1.0)
        .add(Conv2d::new(4, 3).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new()))
        .add(BatchNorm::new())
        .add(MaxPool2d::new(2))
        .add(Flatten)
        .add(Dense::new(3))
}

fn images() -> Dataset {
    let inputs = (0..70 * 256).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    Dataset::classes([16, 16, 1], inputs, (0..70).map(|i| i % 3).collect(), names).unwrap()
}

fn sequences() -> Dataset {
    let inputs = (0..60 * 10).map(|i| (i * 31 % 17) as f32 / 17.0).collect();
    Dataset::values([5, 2], inputs, [1], (0..60).map(|i| i as f32 / 60.0).collect()).unwrap()
}

fn sequence_net() -> Sequential {
    Sequential::new([5, 2]).input_range(0.0, 1.0).add(Lstm::new(6)).add(Dense::new(1))
}

type Name<'a> = &'a dyn Fn(Prepare, &Network) -> Result<Prepare>;
type Make<'a> = &'a dyn Fn(&Device);

/// What is compiled when it is made is what was prepared, no kernel more or less.
fn covers(host: &Host, what: &str, net: &Sequential, name: Name<'_>, make: Make<'_>) {
    let bare = host.autorot();
    make(&bare);
    let wanted = bare.compiled();
    assert!(wanted >= 2, "{what}: {wanted}");

    let device = host.autorot();
    let mut prepare = name(device.prepare(), &net.network(1).unwrap()).unwrap();
    assert_eq!(device.compiled(), 0, "{what}: naming compiles nothing");
    assert!(prepare.remaining() >= wanted);
    // Without any time it is one kernel a call.
    assert!(!prepare.run_within(Duration::ZERO).unwrap());
    assert_eq!(device.compiled(), 1, "{what}");
    prepare.run_within(Duration::ZERO).unwrap();
    assert_eq!(device.compiled(), 2, "{what}");
    std::thread::spawn(move || prepare.run().map(|()| prepare.remaining()))
        .join()
        .unwrap()
        .map(|left| assert_eq!(left, 0))
        .unwrap();
    assert_eq!(device.compiled(), wanted, "{what}: prepared");
    make(&device);
    assert_eq!(device.compiled(), wanted, "{what}: made");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn what_is_prepared_is_what_is_needed() {
    let host = Host::open(wgpu::Features::empty());
    let classes = |accumulate, batch| {
        let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).metric(Metric::Accuracy);
        trainer.metric(Metric::TopK { k: 2 }).accumulate(accumulate).batch(batch)
    };
    let (glyphs, images, sequences) = (nets::glyphs().train, images(), sequences());
    let of_glyphs = || classes(3, 64);
    let of_images = || classes(1, 32);
    let of_sequences = || Trainer::new(Sgd::default(), Loss::MeanSquaredError).batch(16);
    type Build<'a> = &'a dyn Fn() -> Trainer<'static>;
    let cases: [(&str, Sequential, &Dataset, Build<'_>); 3] = [
        ("glyphs", glyph_net(&glyphs), &glyphs, &of_glyphs),
        ("images", image_net(), &images, &of_images),
        ("sequences", sequence_net(), &sequences, &of_sequences),
    ];
    for (what, net, data, trainer) in &cases {
        let trainer = || trainer().progress(false).epochs(1);
        let (len, kind) = (
            data.len(),
            match data.targets() {
                Targets::Classes { .. } => TargetKind::Labels,
                Targets::Values { .. } => TargetKind::Values,
            },
        );
        let build = |device: &Device| net.build(device, 1).unwrap();
        covers(
            &host,
            &format!("{what}: learner"),
            net,
            &|p, n| p.learner(n, &trainer(), len, kind),
            &|device| {
                let own = buffers(&host, data);
                let mut model = build(device);
                let mut learner = Learner::new(&trainer(), &mut model, rows(&own, data)).unwrap();
                host.train(&mut learner, &mut model, 3);
            },
        );
        covers(&host, &format!("{what}: forward"), net, &|p, n| p.forward(n, 33), &|device| {
            Forward::new(&mut build(device), 33, None).unwrap();
        });
        covers(
            &host,
            &format!("{what}: backward"),
            net,
            &|p, n| p.backward(n, 20, Adam::default()),
            &|device| {
                Backward::new(&mut build(device), 20, None, Adam::default()).unwrap();
            },
        );
        covers(&host, &format!("{what}: predict"), net, &|p, n| p.predict(n, 1030), &|device| {
            let row = &data.inputs()[..data.row_len()];
            build(device).predict(&row.repeat(1030)).unwrap();
        });
        let (train, validation) = (data.select(&(0..50).collect::<Vec<_>>()).unwrap(), 37);
        let valid = data.select(&(0..validation).collect::<Vec<_>>()).unwrap();
        covers(
            &host,
            &format!("{what}: fit"),
            net,
            &|p, n| p.fit(n, &trainer(), 50, Some(validation), kind),
            &|device| {
                trainer().fit(&mut build(device), &train, Some(&valid)).unwrap();
            },
        );
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn the_conversion_of_textures_is_prepared_and_shared_by_all_textures() {
    let host = Host::open(wgpu::Features::empty());
    let device = host.autorot();
    let mut prepare = device.prepare().texture_rows(3).unwrap().texture_rows(3).unwrap();
    prepare.run().unwrap();
    assert_eq!(device.compiled(), 1);
    for (width, channels, compiled) in [(7, 3, 1), (16, 3, 1), (16, 4, 2)] {
        let (format, usage) = (wgpu::TextureFormat::Rgba8Unorm, wgpu::TextureUsages::TEXTURE_BINDING);
        let texture = texture(&host.device, [width, 5], format, usage);
        TextureRows::new(&device, &texture, channels).unwrap();
        assert_eq!(device.compiled(), compiled, "{width} texels, {channels} channels");
    }
}

#[test]
fn what_cannot_be_trained_cannot_be_prepared_and_a_cpu_has_nothing_to_compile() {
    let network = sequence_net().network(1).unwrap();
    let trainer = || Trainer::new(Sgd::default(), Loss::MeanSquaredError);
    let cpu = Device::cpu();
    let learner = |trainer: Trainer<'_>, rows| {
        cpu.prepare().learner(&network, &trainer, rows, TargetKind::Values).map(drop)
    };
    let wrong = Sgd { momentum: -1.0, ..Sgd::default() };
    let cases = [
        (learner(trainer(), 0), "0 rows"),
        (learner(trainer().batch(0), 9), "batch"),
        (learner(trainer().accumulate(0), 9), "accumulate"),
        (learner(Trainer::new(wrong.clone(), Loss::MeanSquaredError), 9), "momentum"),
        (cpu.prepare().forward(&network, 0).map(drop), "0 rows"),
        (cpu.prepare().backward(&network, 0, Sgd::default()).map(drop), "0 rows"),
        (cpu.prepare().backward(&network, 1, wrong).map(drop), "momentum"),
        (cpu.prepare().predict(&network, 0).map(drop), "0 rows"),
        (cpu.prepare().texture_rows(5).map(drop), "1 to 4"),
    ];
    for (result, word) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(word), "{error}: no {word}");
    }
    let mut prepare = cpu.prepare().forward(&network, 8).unwrap();
    assert_eq!((prepare.remaining(), cpu.compiled()), (0, 0));
    assert!(prepare.run_within(Duration::ZERO).unwrap());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn devices_share_what_is_compiled_when_asked_to() {
    let host = Host::open(wgpu::Features::empty());
    let other = Host::open(wgpu::Features::empty());
    let shared = |host: &Host| Device::from_wgpu_shared(host.device.clone(), host.queue.clone());
    let (first, second, elsewhere) = (shared(&host), shared(&host), shared(&other));
    nets::wave_model(&first).predict(&[0.5; 3]).unwrap();
    let count = first.compiled();
    assert!(count > 0);
    assert_eq!((second.compiled(), shared(&host).compiled()), (count, count));
    // What is tuned is the device's own, what is compiled is not.
    assert_eq!(second.clone().with_tuning(autorot::device::Tuning::Off).compiled(), count);
    assert_eq!((host.autorot().compiled(), elsewhere.compiled()), (0, 0));
    nets::wave_model(&elsewhere).predict(&[0.5; 3]).unwrap();
    assert_eq!((first.compiled(), elsewhere.compiled()), (count, count));
    drop((first, second));
    assert_eq!(shared(&host).compiled(), 0, "nothing is kept for its own sake");
}

#[test]
fn trainers_and_descriptions_move_between_threads_and_are_copied() {
    fn moves<T: Send>() {}
    fn shared<T: Sync>() {}
    fn copied<T: Clone>() {}
    moves::<Trainer<'_>>();
    shared::<Trainer<'_>>();
    moves::<Prepare>();
    moves::<Sequential>();
    shared::<Sequential>();
    copied::<Sequential>();
    let net = sequence_net();
    let wider = net.clone().add(Dense::new(2));
    assert_eq!(net.network(1).unwrap().output().shape, [1]);
    assert_eq!(wider.network(1).unwrap().output().shape, [2]);
    let thread = std::thread::spawn(move || {
        let mut model = net.build(&Device::cpu(), 1).unwrap();
        let trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).epochs(2).progress(false);
        let mut count = 0;
        let counted = trainer.callback(|_: &mut autorot::Model, _: &autorot::train::Epoch| {
            count += 1;
            Ok(std::ops::ControlFlow::Continue(()))
        });
        { counted }.fit(&mut model, &sequences(), None).unwrap();
        count
    });
    assert_eq!(thread.join().unwrap(), 2);
}
