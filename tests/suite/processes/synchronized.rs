//! Batch normalisation over all micro-batches of a step: what a whole batch would have, with the same bits on any number of processes.

use super::*;

/// Batch normalisation of images, and of rows behind them: with and without γ and β.
fn images(data: &Dataset, norm: impl Fn() -> BatchNorm) -> Sequential {
    Sequential::for_data(data)
        .add(Conv2d::new(5, 3).strides(2).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(norm())
        .add(Conv2d::new(4, 3).strides(2).activation(Activation::Sigmoid))
        .add(norm().scale(false))
        .add(Flatten)
        .add(Dense::new(9).activation(Activation::Tanh))
        .add(norm().center(false))
        .add(Dense::new(data.targets().width()))
}

fn synchronized() -> BatchNorm {
    BatchNorm::new().momentum(0.8).synchronized(true)
}

fn rows(count: usize) -> Dataset {
    let data = glyphs().train;
    let shape = [data.shape(), &[1]].concat();
    data.select(&(0..count).collect::<Vec<_>>()).unwrap().reshape(shape).unwrap()
}

/// The largest difference between two sets of weights.
fn apart(a: &Weights, b: &Weights) -> f64 {
    let pairs = a.iter().flat_map(|(path, tensor)| tensor.values.iter().zip(&b[path].values));
    pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
fn micro_batches_have_the_statistics_of_the_whole_batch() {
    // The last of three steps leaves some micro-batches without rows.
    let data = rows(45);
    for (device, limit) in [(Device::cpu_f64(), 1e-6), (Device::cpu(), 2e-4)] {
        let trained = |norm: &dyn Fn() -> BatchNorm, micro_batches: Option<usize>| {
            let mut model = images(&data, norm).build(&device, 5).unwrap();
            let trainer =
                Trainer::new(Sgd { learning_rate: 0.1.into(), ..Sgd::default() }, Loss::SoftmaxCrossEntropy)
                    .batch(20)
                    .epochs(1);
            let mut trainer = trainer.progress(false).shuffle(false);
            if let Some(count) = micro_batches {
                trainer = trainer.micro_batches(count);
            }
            let history = trainer.fit(&mut model, &data, None).unwrap();
            (history.epochs[0].train_loss, model.weights().unwrap())
        };
        let (loss, whole) = trained(&synchronized, None);
        for count in [1, 2, 8] {
            let (found, weights) = trained(&synchronized, Some(count));
            assert!((found - loss).abs() < limit, "{count}: {found} instead of {loss}");
            assert!(apart(&weights, &whole) < limit, "{count}: {}", apart(&weights, &whole));
        }
        let (_, own) = trained(&|| synchronized().synchronized(false), Some(8));
        assert!(apart(&own, &whole) > 1e-2, "statistics of their own: {}", apart(&own, &whole));
    }
}

#[test]
fn the_same_bits_on_any_number_of_processes() {
    let train = rows(141);
    for device in devices() {
        let net = || images(&train, synchronized);
        let case = Case {
            device,
            net: Box::new(net),
            trainer: Box::new(|| cross_entropy().batch(36)),
            train: &train,
            validation: None,
        };
        case.equals(&[2, 4, 8]);
    }
}

#[test]
fn losses_that_count_some_steps() {
    let mut random = Random::new(4);
    let sequences: Vec<Vec<f32>> = (0..70).map(|i| random.vector(3 * (2 + i * 5 % 6), 1.0)).collect();
    let labels: Vec<Vec<u32>> =
        sequences.iter().map(|s| s.chunks(3).map(|step| u32::from(step[0] > 0.0)).collect()).collect();
    let names = vec!["down".to_owned(), "up".to_owned()];
    let data = PadSequences::new(3, -9.0).step_classes(&sequences, &labels, names).unwrap().without_mask();
    // Steps behind the normalisation are masked where all of their numbers are negative.
    let net = || {
        Sequential::for_data(&data)
            .add(synchronized())
            .add(Activate::new(Activation::Relu))
            .add(Masking::new(0.0))
            .add(Lstm::new(4).return_sequences(true))
            .add(TimeDistributed::new(Dense::new(2)))
    };
    let trainer = || {
        Trainer::new(Sgd { learning_rate: 0.1.into(), ..Sgd::default() }, Loss::SoftmaxCrossEntropy)
            .batch(24)
            .epochs(1)
            .shuffle(false)
    };
    let trained = |trainer: Trainer<'static>| {
        let mut model = net().build(&Device::cpu_f64(), 5).unwrap();
        trainer.progress(false).fit(&mut model, &data, None).unwrap();
        model.weights().unwrap()
    };
    let difference = apart(&trained(trainer()), &trained(trainer().micro_batches(4)));
    assert!(difference < 1e-6, "{difference}");
    for device in devices() {
        let case =
            Case { device, net: Box::new(net), trainer: Box::new(trainer), train: &data, validation: None };
        case.equals(&[2]);
    }
}

#[test]
fn a_frozen_layer_meets_nobody() {
    let data = rows(40);
    let trained = |synchronized: bool| {
        let net = Sequential::for_data(&data)
            .add(Flatten)
            .add(BatchNorm::new().synchronized(synchronized))
            .add(Dense::new(data.targets().width()));
        let mut model = net.build(&Device::cpu(), 5).unwrap();
        model.set_trainable("1.batch_norm", false).unwrap();
        let mut trainer = cross_entropy().epochs(1).progress(false).micro_batches(4);
        trainer.fit(&mut model, &data, None).unwrap();
        model.weights().unwrap()
    };
    let (met, alone) = (trained(true), trained(false));
    assert!(met.iter().eq(alone.iter()), "{}", apart(&met, &alone));
}
