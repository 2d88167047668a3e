//! The networks and data that trainings are tested on.

use autorot::data::Glyphs;
use autorot::model::Weights;
use autorot::{
    Activation, Adam, AutoRotate, Dataset, Dense, Device, Dropout, Flatten, History, LearnL, Loss, Metric,
    Model, Optimizer, Regularizer, Rule, Sequential, Split, Trainer,
};

pub fn glyphs() -> Split {
    Glyphs { train: 700, test: 150, seed: 3 }.load().unwrap()
}

/// Two rotated layers and dropout: everything that a training step can contain.
pub fn model(data: &Dataset, device: &Device) -> Model {
    Sequential::for_data(data)
        .add(Flatten)
        .add(
            Dense::new(24)
                .activation(Activation::Tanh)
                .auto_rotate(AutoRotate::new().learn_l(LearnL::PerLayer)),
        )
        .add(Dropout::new(0.1))
        .add(
            Dense::new(20)
                .activation(Activation::Sigmoid)
                .kernel_regularizer(Regularizer { l1: 1e-5, l2: 1e-4 })
                .auto_rotate(AutoRotate::new().rule(Rule::Aligned).learn_l(LearnL::PerUnit)),
        )
        .add(Dense::new(data.targets().width()))
        .build(device, 11)
        .unwrap()
}

pub fn trainer<'a>(optimizer: impl Into<Optimizer>) -> Trainer<'a> {
    Trainer::new(optimizer, Loss::SoftmaxCrossEntropy)
        .progress(false)
        .metric(Metric::Accuracy)
        .metric(Metric::TopK { k: 3 })
        .batch(64)
}

/// A training has changed every kernel: without that, equal weights after two trainings would tell nothing.
#[track_caller]
pub fn assert_trained(before: &Weights, after: &Weights) {
    for (path, tensor) in before {
        assert!(
            !path.ends_with("kernel") || tensor != &after[path],
            "{path} is as it was before the training"
        );
    }
}

pub fn run(device: &Device, epochs: usize) -> (History, Weights) {
    let data = glyphs();
    let mut model = model(&data.train, device);
    let before = model.weights().unwrap();
    let history = trainer(Optimizer::from(Adam::default()).with_learning_rate(0.01))
        .epochs(epochs)
        .fit(&mut model, &data.train, Some(&data.test))
        .unwrap();
    let weights = model.weights().unwrap();
    assert_trained(&before, &weights);
    (history, weights)
}

/// A small regression set: y = sin of a sum, with more rows than a batch and a remainder.
pub fn waves(rows: usize) -> Dataset {
    let inputs: Vec<f32> = (0..rows * 3).map(|i| ((i * 37 % 101) as f32 / 101.0) * 2.0 - 1.0).collect();
    let targets = inputs.chunks(3).flat_map(|x| {
        let sum = x[0] + 0.5 * x[1] - x[2];
        [sum.sin(), 0.3 * sum]
    });
    let targets = targets.collect();
    Dataset::values([3], inputs, [2], targets).unwrap()
}

pub fn wave_network() -> Sequential {
    Sequential::new([3])
        .input_range(-1.0, 1.0)
        .add(Dense::new(12).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
        .add(Dense::new(2))
}

pub fn wave_model(device: &Device) -> Model {
    wave_network().build(device, 1).unwrap()
}
