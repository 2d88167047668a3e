//! Long sums and loops through whole networks: values that are known by hand, or from double precision.

use crate::common::{Random, assert_norm, devices};
use autorot::{
    Activation, AutoRotate, AveragePool2d, BatchNorm, Conv1d, Conv2d, Dataset, Dense, Device,
    GlobalAveragePool2d, GlobalMaxPool2d, Initializer, LearnL, Loss, Lstm, MaxPool2d, Metric, Model, Padding,
    Rule, Sequential, Sgd, SimpleRnn, Targets, Trainer,
};

fn trainer(rate: f64, loss: Loss, batch: usize) -> Trainer<'static> {
    let sgd = Sgd { learning_rate: rate.into(), ..Sgd::default() };
    Trainer::new(sgd, loss).batch(batch).epochs(1).shuffle(false).progress(false)
}

fn classes(rows: usize, label: u32, count: usize) -> Dataset {
    let names = (0..count).map(|i| i.to_string()).collect();
    Dataset::classes([1], vec![1.0; rows], vec![label; rows], names).unwrap()
}

/// A layer whose outputs are 0.
fn zeros(units: usize) -> Dense {
    Dense::new(units).kernel_initializer(Initializer::Zeros)
}

fn near(what: &str, found: f64, wanted: f64, relative: f64) {
    assert!((found - wanted).abs() <= relative * wanted.abs(), "{what}: {found}, not {wanted}");
}

/// What a step of training adds to all parameters.
fn change(model: &mut Model, trainer: &mut Trainer<'_>, data: &Dataset) -> Vec<f64> {
    let all = |model: &mut Model| -> Vec<f64> {
        let weights = model.weights().unwrap();
        weights.tensors().flat_map(|tensor| tensor.values.iter().map(|&v| f64::from(v))).collect()
    };
    let before = all(model);
    trainer.fit(model, data, None).unwrap();
    all(model).iter().zip(before).map(|(after, before)| after - before).collect()
}

#[test]
fn the_mean_of_ten_million_equal_losses_is_that_loss() {
    for device in devices() {
        for (value, rows, batch) in
            [(0.1f32, 10_000_000, 10_000_000), (1.098_612_3, 1_000_000, 1_000_000), (0.7, 500_000, 70_000)]
        {
            let data = Dataset::values([1], vec![0.0; rows], [1], vec![value; rows]).unwrap();
            let mut model =
                Sequential::new([1]).input_range(-1.0, 1.0).add(zeros(1)).build(&device, 0).unwrap();
            let evaluation = trainer(1.0, Loss::MeanAbsoluteError, batch)
                .metric(Metric::MeanAbsoluteError)
                .evaluate(&mut model, &data)
                .unwrap();
            let what = format!("{}, batches of {batch}", device.name());
            near(&what, evaluation.loss, value.into(), 1e-6);
            near(&what, evaluation.metrics[0], value.into(), 1e-6);
        }
    }
}

#[test]
fn losses_over_many_outputs_and_classes_are_exact() {
    let count = 70_000;
    for device in devices() {
        let name = device.name().to_owned();
        for (label, accuracy) in [(0, 1.0), (count as u32 - 1, 0.0)] {
            let data = classes(3, label, count);
            let net = Sequential::new([1]).input_range(-1.0, 1.0).add(zeros(count));
            let mut model = net.build(&device, 0).unwrap();
            let mut trainer = trainer(1.0, Loss::SoftmaxCrossEntropy, 3)
                .metric(Metric::Accuracy)
                .metric(Metric::TopK { k: 5 })
                .metric(Metric::MeanAbsoluteError)
                .metric(Metric::BinaryAccuracy { threshold: 0.0 });
            let found = trainer.evaluate(&mut model, &data).unwrap();
            near(&name, found.loss, (count as f64).ln(), 1e-6);
            // Nothing is larger than the label's output, so it is among the five largest; the first largest is class 0.
            assert_eq!(found.metrics[..2], [accuracy, 1.0], "{name}, label {label}");
            near(&name, found.metrics[2], 1.0 / count as f64, 1e-5);
            near(&name, found.metrics[3], 1.0 - 1.0 / count as f64, 1e-6);
            // −∂/∂b = t − softmax.
            let step = change(&mut model, &mut trainer, &data);
            let share = 1.0 / count as f64;
            let bias = &step[..count];
            near(&name, bias[label as usize], 1.0 - share, 1e-5);
            near(&name, bias[count / 2], -share, 1e-3);
            // Now the label's output is the largest, with every class.
            let found = trainer.evaluate(&mut model, &data).unwrap();
            assert_eq!(found.metrics[..2], [1.0, 1.0], "{name}, label {label} learnt");
        }
        // Outputs in a row: class c has c larger ones.
        let data = classes(2, 70, count);
        let mut model =
            Sequential::new([1]).input_range(-1.0, 1.0).add(zeros(count)).build(&device, 0).unwrap();
        let mut weights = model.weights().unwrap();
        let bias = weights.paths().find(|path| path.ends_with("bias")).unwrap().to_owned();
        weights.get_mut(&bias).unwrap().values = (0..count).map(|c| 1.0 - c as f32 / count as f32).collect();
        model.set_weights(&weights).unwrap();
        for (k, hits) in [(70, 0.0), (71, 1.0)] {
            let found = trainer(1.0, Loss::SoftmaxCrossEntropy, 2)
                .metric(Metric::TopK { k })
                .evaluate(&mut model, &data)
                .unwrap();
            assert_eq!(found.metrics[0], hits, "{name}: top {k}");
        }
        // A mean over a million outputs.
        let outputs = 1_000_000;
        let data = Dataset::values([1], vec![1.0], [outputs], vec![0.1; outputs]).unwrap();
        let net = Sequential::new([1]).input_range(-1.0, 1.0).add(zeros(outputs).use_bias(false));
        let mut model = net.build(&device, 0).unwrap();
        let found = trainer(1.0, Loss::MeanSquaredError, 1).evaluate(&mut model, &data).unwrap();
        near(&name, found.loss, f64::from(0.1f32) * f64::from(0.1f32), 1e-6);
    }
}

#[test]
fn windows_of_many_positions_are_pooled_exactly() {
    for device in devices() {
        let name = device.name().to_owned();
        for side in [300, 2048] {
            let mut x = vec![0.1f32; side * side];
            let net = || Sequential::new([side, side, 1]).input_range(-1.0, 1.0);
            let mut mean = net().add(GlobalAveragePool2d::new()).build(&device, 0).unwrap();
            near(&name, mean.predict(&x).unwrap()[0].into(), f64::from(0.1f32), 1e-6);
            x[side * side - 1] = 7.0;
            let mut largest = net().add(GlobalMaxPool2d::new()).build(&device, 0).unwrap();
            assert_eq!(largest.predict(&x).unwrap(), [7.0], "{name}, {side}²");
        }
        // y = w·pool(x), loss (y − 1)²: the gradient by w is 2·(w·p − 1)·p, p being the pooled number.
        let (side, last) = (300, 300 * 300 - 1);
        let mut x: Vec<f32> = (0..=last).map(|i| (i % 7) as f32 / 10.0).collect();
        (x[4321], x[last]) = (2.0, 2.0);
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / x.len() as f64;
        let data = Dataset::values([side, side, 1], x, [1], vec![1.0]).unwrap();
        let scale = || Conv2d::new(1, 1).use_bias(false).kernel_initializer(Initializer::Constant(0.25));
        for (pooled, largest) in [(2.0, true), (mean, false)] {
            let net = Sequential::new([side, side, 1]).input_range(-1.0, 2.0).add(scale());
            let net =
                if largest { net.add(GlobalMaxPool2d::new()) } else { net.add(GlobalAveragePool2d::new()) };
            let mut model = net.build(&device, 0).unwrap();
            let step = change(&mut model, &mut trainer(1.0, Loss::MeanSquaredError, 1), &data);
            near(&name, step[0], -2.0 * (0.25 * pooled - 1.0) * pooled, 1e-5);
        }
    }
}

#[test]
fn large_windows_that_overlap_agree_with_double_precision() {
    let mut random = Random::new(5);
    let data =
        Dataset::values([40, 40, 3], random.vector(2 * 4800, 1.0), [2], random.vector(4, 1.0)).unwrap();
    let net = |largest: bool| {
        let net = Sequential::new([40, 40, 3]).input_range(-1.0, 1.0).add(Conv2d::new(3, 1));
        let net = if largest {
            net.add(MaxPool2d::new(30).strides(2).padding(Padding::Same))
        } else {
            net.add(AveragePool2d::new(30).strides(2).padding(Padding::Same))
        };
        net.add(autorot::Flatten).add(Dense::new(2))
    };
    compare("overlapping maxima", &data, 2, || net(true));
    compare("overlapping means", &data, 2, || net(false));
}

#[test]
fn normalisation_far_from_zero_is_exact() {
    let rows = 4096;
    for device in devices() {
        for (center, spread) in [(12_345.678f32, 0.0f32), (10_000.0, 0.25), (100_000.0, 1.0), (-3.0e6, 40.0)]
        {
            // As many below the centre as above it.
            let x: Vec<f32> =
                (0..rows).map(|i| if i % 2 == 0 { center - spread } else { center + spread }).collect();
            let deviation = f64::from((center + spread) - (center - spread)) / 2.0;
            let variance = deviation * deviation;
            let data = Dataset::values([1], x, [1], vec![0.0; rows]).unwrap();
            let mut model = Sequential::new([1])
                .input_range(-1.0, 1.0)
                .add(BatchNorm::new().momentum(0.0))
                .build(&device, 0)
                .unwrap();
            // The loss of the first step is the mean square of the normalised numbers.
            let history = trainer(1e-9, Loss::MeanSquaredError, rows).fit(&mut model, &data, None).unwrap();
            let (found, wanted) = (history.epochs[0].train_loss, variance / (variance + 1e-3));
            let what = format!("{}: {center} ± {spread}", device.name());
            assert!((found - wanted).abs() < 1e-3, "{what}: {found}, not {wanted}");
            let weights = model.weights().unwrap();
            let value = |name: &str| {
                let (_, tensor) = weights.iter().find(|(path, _)| path.ends_with(name)).unwrap();
                let values = &tensor.values;
                f64::from(values[0])
            };
            near(&what, value("moving_mean"), center.into(), 1e-7);
            assert!((value("moving_variance") - variance).abs() <= 1e-3 * variance, "{what}");
        }
    }
}

/// One step of training in single precision on the CPU and on the GPU, against double precision.
fn compare(what: &str, data: &Dataset, batch: usize, net: impl Fn() -> Sequential) {
    let step = |device: &Device| {
        let mut model = net().build(device, 3).unwrap();
        change(&mut model, &mut trainer(1.0, Loss::MeanSquaredError, batch), data)
    };
    let wanted = step(&Device::cpu_f64());
    for device in devices() {
        assert_norm(&format!("{what}, {}", device.name()), &step(&device), &wanted, 1e-3);
    }
}

fn values(inputs: &[usize], rows: usize, outputs: usize) -> Dataset {
    let mut random = Random::new(inputs.iter().sum::<usize>() as u64);
    let x = random.vector(rows * inputs.iter().product::<usize>(), 1.0);
    Dataset::values(inputs.to_vec(), x, [outputs], random.vector(rows * outputs, 1.0)).unwrap()
}

fn rotations() -> [AutoRotate; 2] {
    let diagonal = AutoRotate::new().learn_l(LearnL::PerLayer);
    [diagonal, AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit)]
}

#[test]
fn dense_layers_of_any_size_agree_with_double_precision() {
    for rotate in rotations() {
        let hidden = |units| {
            // Weights of one sign: no q near 0, by which a rotation magnifies rounding.
            let start = Initializer::RandomUniform { min: 0.001, max: 0.01 };
            Dense::new(units).activation(Activation::Tanh).kernel_initializer(start).auto_rotate(rotate)
        };
        let net = |inputs: usize| Sequential::new([inputs]).input_range(-1.0, 1.0);
        compare("many inputs", &values(&[40_000], 3, 2), 3, || net(40_000).add(hidden(5)).add(Dense::new(2)));
        compare("many units", &values(&[4], 3, 2), 3, || {
            net(4).add(hidden(5)).add(hidden(20_000)).add(Dense::new(2))
        });
        compare("many rows", &values(&[4], 40_000, 2), 40_000, || net(4).add(hidden(5)).add(Dense::new(2)));
    }
    compare("a million units", &values(&[2], 1, 1_048_576), 1, || {
        let wide = Dense::new(1_048_576).use_bias(false);
        Sequential::new([2]).add(Dense::new(2).activation(Activation::Tanh)).add(wide)
    });
}

#[test]
fn convolutions_of_any_size_agree_with_double_precision() {
    for rotate in rotations() {
        let start = Initializer::RandomUniform { min: 0.001, max: 0.02 };
        let line = Conv1d::new(3, 3).padding(Padding::Same).activation(Activation::Tanh);
        let line = line.kernel_initializer(start).auto_rotate(rotate);
        compare("a long line", &values(&[20_000, 2], 1, 3), 1, || {
            Sequential::new([20_000, 2])
                .input_range(-1.0, 1.0)
                .add(line.clone())
                .add(autorot::GlobalAveragePool1d::new())
        });
        let line = Conv1d::new(64, 3).padding(Padding::Same).activation(Activation::Tanh);
        let line = line.kernel_initializer(start).auto_rotate(rotate);
        compare("a line of a million outputs", &values(&[16_500, 1], 1, 64), 1, || {
            let net = Sequential::new([16_500, 1]).input_range(-1.0, 1.0);
            net.add(line.clone()).add(autorot::GlobalAveragePool1d::new())
        });
        let long_kernel = Conv1d::new(2, 5000).activation(Activation::Tanh).kernel_initializer(start);
        compare("a kernel of 5,000 taps", &values(&[5003, 1], 1, 2), 1, || {
            let net = Sequential::new([5003, 1]).input_range(-1.0, 1.0).add(Conv1d::new(1, 1));
            net.add(long_kernel.clone().auto_rotate(rotate)).add(autorot::GlobalAveragePool1d::new())
        });
        let wide = Conv2d::new(2, 31).padding(Padding::Same).activation(Activation::Tanh);
        let wide = wide.kernel_initializer(start).auto_rotate(rotate);
        compare("a kernel of 31 × 31", &values(&[33, 33, 10], 1, 2), 1, || {
            Sequential::new([33, 33, 10])
                .input_range(-1.0, 1.0)
                .add(Conv2d::new(10, 1))
                .add(wide.clone())
                .add(GlobalAveragePool2d::new())
        });
    }
}

#[test]
fn recurrent_layers_of_many_rows_agree_with_double_precision() {
    let data = values(&[6, 3], 3000, 2);
    for rotate in rotations() {
        compare("a simple cell", &data, 3000, || {
            let cell = SimpleRnn::new(4).auto_rotate(rotate);
            Sequential::new([6, 3]).input_range(-1.0, 1.0).add(cell).add(Dense::new(2))
        });
    }
    let data = values(&[2, 20_000], 2, 2);
    compare("many features", &data, 2, || {
        let cell = Lstm::new(2).auto_rotate(AutoRotate::new().rule(Rule::Aligned));
        Sequential::new([2, 20_000]).input_range(-1.0, 1.0).add(cell).add(Dense::new(2))
    });
}

#[test]
fn sums_of_squares_over_many_outputs_are_kept_apart() {
    // R² of 70,000 outputs: 1 minus the mean of their errors' shares.
    let outputs = 70_000;
    let targets: Vec<f32> = (0..2 * outputs).map(|i| if i < outputs { -1.0 } else { 1.0 }).collect();
    let data = Dataset::values([1], vec![0.0; 2], [outputs], targets).unwrap();
    assert!(matches!(data.targets(), Targets::Values { .. }));
    for device in devices() {
        let mut model =
            Sequential::new([1]).input_range(-1.0, 1.0).add(zeros(outputs)).build(&device, 0).unwrap();
        let found =
            trainer(1.0, Loss::MeanSquaredError, 2).metric(Metric::R2).evaluate(&mut model, &data).unwrap();
        assert!(found.metrics[0].abs() < 1e-6, "{}: {}", device.name(), found.metrics[0]);
    }
}
