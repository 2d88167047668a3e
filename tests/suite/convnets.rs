//! Networks of convolutions as wholes: training, its repetition, running statistics, memory, and what cannot be built.

use crate::common::{callers, devices};
use crate::nets::assert_trained;
use autorot::data::Glyphs;
use autorot::extend::Layer;
use autorot::model::Weights;
use autorot::{
    Activate, Activation, Adam, AutoRotate, AveragePool2d, BatchNorm, Conv2d, Conv2dTranspose, Dataset,
    Dense, DepthwiseConv2d, Device, Error, Flatten, GlobalAveragePool2d, History, LearnL, Loss, MaxPool2d,
    Metric, Model, Optimizer, Padding, RandomCrop, RandomFlip, RandomTranslation, Residual, Rule,
    SeparableConv2d, Sequential, Split, Trainer, UpSampling2d, ZeroPadding2d,
};
use autorot::{Conv, ConvTranspose, DepthwiseConv, Pool};

/// Glyphs as pictures with a channel.
fn pictures() -> Split {
    let split = Glyphs { train: 400, test: 90, seed: 3 }.load().unwrap();
    let shape = [split.train.shape(), &[1]].concat();
    let of = |data: Dataset| data.reshape(shape.clone()).unwrap();
    Split { train: of(split.train), test: of(split.test) }
}

/// A small net with everything that images go through.
fn model(data: &Dataset, device: &Device) -> Model {
    let rotate = AutoRotate::new().rule(Rule::Aligned);
    let conv = |filters| Conv2d::new(filters, 3).padding(Padding::Same).activation(Activation::Tanh);
    Sequential::for_data(data)
        .add(RandomTranslation::new(1))
        .add(conv(8).auto_rotate(rotate.learn_l(LearnL::PerUnit)))
        .add(MaxPool2d::new(2))
        .add(
            Residual::new()
                .add(conv(12).strides(2).auto_rotate(AutoRotate::new().per_filter(true)))
                .add(BatchNorm::new().momentum(0.9))
                .shortcut(Conv2d::new(12, 1).strides(2)),
        )
        .add(Activate::new(Activation::Elu))
        .add(
            SeparableConv2d::new(8, 3)
                .padding(Padding::Same)
                .activation(Activation::Tanh)
                .auto_rotate(rotate),
        )
        .add(BatchNorm::new().momentum(0.9))
        .add(AveragePool2d::new(2))
        .add(Flatten)
        .add(Dense::new(data.targets().width()))
        .build(device, 11)
        .unwrap()
}

fn train(device: &Device, data: &Split, epochs: usize) -> (History, Weights, Model) {
    let mut model = model(&data.train, device);
    let before = model.weights().unwrap();
    let optimizer = Optimizer::from(Adam::default()).with_learning_rate(0.01);
    let history = Trainer::new(optimizer, Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .batch(64)
        .epochs(epochs)
        .progress(false)
        .fit(&mut model, &data.train, Some(&data.test))
        .unwrap();
    let weights = model.weights().unwrap();
    assert_trained(&before, &weights);
    (history, weights, model)
}

#[test]
fn convolutional_nets_learn_and_devices_agree() {
    let data = pictures();
    let mut first: Option<f64> = None;
    for device in devices() {
        let (history, weights, mut model) = train(&device, &data, 6);
        let losses: Vec<f64> = history.epochs.iter().map(|e| e.train_loss).collect();
        assert!(losses[5] < 0.9 * losses[0], "{}: {losses:?}", device.name());
        let wanted = *first.get_or_insert(losses[0]);
        assert!((losses[0] - wanted).abs() < 1e-3, "{}: {} and {wanted}", device.name(), losses[0]);
        // The running statistics have followed the batches', and predictions use them.
        let moving = &weights["3.residual.1.batch_norm.moving_variance"].values;
        assert!(moving.iter().any(|v| (v - 1.0).abs() > 0.05), "{moving:?}");
        let rows = data.test.select(&[0, 1, 2]).unwrap();
        let before = model.predict(rows.inputs()).unwrap();
        let mut other = weights.clone();
        let statistic = other.get_mut("6.batch_norm.moving_mean").unwrap();
        statistic.values.iter_mut().for_each(|v| *v += 1.0);
        model.set_weights(&other).unwrap();
        assert_ne!(before, model.predict(rows.inputs()).unwrap());
        // A row's prediction does not depend on what it is predicted with.
        model.set_weights(&weights).unwrap();
        let alone = model.predict(data.test.select(&[1]).unwrap().inputs()).unwrap();
        let width = alone.len();
        assert!(alone.iter().zip(&before[width..2 * width]).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn two_trainings_of_a_convolutional_net_are_equal_to_the_bit() {
    let data = pictures();
    for device in devices() {
        let ((a, a_weights, _), (b, b_weights, _)) = (train(&device, &data, 2), train(&device, &data, 2));
        assert_eq!(a_weights, b_weights, "{}", device.name());
        assert_eq!(a.epochs[1].val_loss, b.epochs[1].val_loss);
    }
}

#[test]
fn a_step_that_fails_leaves_the_running_statistics() {
    let data = pictures();
    for device in devices() {
        let mut model = model(&data.train, &device);
        let optimizer = Optimizer::from(Adam::default()).with_learning_rate(1e30);
        let mut trainer =
            Trainer::new(optimizer, Loss::SoftmaxCrossEntropy).batch(64).epochs(3).progress(false);
        let error = trainer.fit(&mut model, &data.train, None).unwrap_err();
        assert!(matches!(error, Error::NonFinite { .. }), "{error}");
        for (path, tensor) in model.weights().unwrap() {
            let values = tensor.values;
            assert!(values.iter().all(|v| v.is_finite()), "{}: {path}: {values:?}", device.name());
        }
    }
}

#[test]
fn augmentation_is_for_training_alone() {
    let data = pictures();
    let build = |augment: bool| {
        let model = Sequential::for_data(&data.train);
        let model = if augment {
            model.add(RandomTranslation::new(2)).add(RandomFlip::both())
        } else {
            model.add(Flatten).add(autorot::Dropout::new(0.5))
        };
        model.add(Flatten).add(Dense::new(3)).build(&Device::cpu(), 1).unwrap()
    };
    let rows = data.test.select(&[0, 1, 2, 3]).unwrap();
    let (mut plain, mut augmented) = (build(false), build(true));
    augmented.set_weights(&plain.weights().unwrap()).unwrap();
    assert_eq!(plain.predict(rows.inputs()).unwrap(), augmented.predict(rows.inputs()).unwrap());
}

#[test]
fn memory_is_told_before_anything_is_allocated() {
    let network = Sequential::new([64, 64, 1]).add(Conv2d::new(64, 3)).add(Flatten).network(0).unwrap();
    let (small, large) = (network.memory(8).unwrap(), network.memory(16).unwrap());
    let outputs = 62 * 62 * 64 * 4;
    assert!(small.activations >= 8 * outputs && large.activations >= 16 * outputs, "{small:?} {large:?}");
    // Outputs, their gradient and df at most.
    assert!(large.activations <= 16 * 3 * outputs + 16 * 64 * 64 * 4 + (1 << 20), "{large:?}");
    assert_eq!(large.binding, 16 * outputs);
    let text = network.summary();
    for part in
        ["0.conv2d", "[62, 62, 64]", "640 trainable parameters", "MiB of activations", "each row more"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(network.memory(0).is_err() && network.memory(usize::MAX).is_err());
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_batch_that_no_binding_holds_is_refused_with_the_largest_that_one_does() {
    // With the limit that every adapter has, whatever more this one offers.
    let device = callers();
    let limit = device.largest_binding().unwrap();
    assert!(limit <= 1 << 27, "{limit}");
    let row = 512 * 512 * 4 * 4;
    let fitting = (limit / row) as usize;
    let rows = fitting + 1;
    let data = Dataset::values([512, 512, 1], vec![0.5; rows * 512 * 512], [1], vec![0.0; rows]).unwrap();
    let model = Sequential::for_data(&data).add(Conv2d::new(4, 1)).add(GlobalAveragePool2d::new());
    let mut model = model.add(Dense::new(1)).build(&device, 0).unwrap();
    let mut trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).progress(false).batch(rows);
    let text = trainer.fit(&mut model, &data, None).unwrap_err().to_string();
    for part in ["0.conv2d", &limit.to_string(), &format!("a batch of at most {fitting}")] {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

/// What a layer says of an input that it cannot work with.
#[track_caller]
fn refused(input: &[usize], layer: impl Layer + 'static, parts: &[&str]) {
    let Err(error) = Sequential::new(input).input_range(0.0, 1.0).add(layer).network(0) else {
        panic!("expected an error naming {parts:?}")
    };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

#[test]
fn impossible_geometry_is_an_error_that_names_the_layer_and_the_sizes() {
    refused(&[4, 9, 3], Conv2d::new(2, 5), &["0.conv2d", "5", "4", "[4, 9]"]);
    refused(&[9, 3], Conv::<1>::new(2, 3).dilation(5), &["0.conv1d", "11", "9"]);
    refused(&[4, 4, 3], Conv2d::new(4, 2).groups(2), &["0.conv2d", "2 groups", "3 channels", "4 filters"]);
    refused(&[4, 4, 4], Conv2d::new(3, 2).groups(2), &["0.conv2d", "2 groups", "3 filters"]);
    refused(&[4, 4, 4], Conv2d::new(4, 2).groups(0), &["0.conv2d", "0 groups"]);
    refused(&[4, 4, 4], Conv2d::new(0, 2), &["0.conv2d", "0 filters"]);
    refused(&[4, 4, 4], Conv2d::new(4, 0), &["0.conv2d", "kernel size", "[0, 0]"]);
    refused(&[4, 4, 4], Conv2d::new(4, 2).strides([1, 0]), &["0.conv2d", "strides", "[1, 0]"]);
    refused(&[4, 4], Conv2d::new(4, 2), &["0.conv2d", "[4, 4]", "2 spatial"]);
    let padding = Padding::Explicit(vec![(1, 1)]);
    refused(&[4, 4, 4], Conv2d::new(4, 2).padding(padding), &["0.conv2d", "padding", "2 dimensions"]);
    let causal = &["causal padding", "Conv1d", "Padding::explicit"];
    refused(&[4, 4, 4], Conv2d::new(4, 2).padding(Padding::Causal), causal);
    refused(&[4, 4, 4], SeparableConv2d::new(4, 2).padding(Padding::Causal), causal);
    refused(&[4, 4], DepthwiseConv::<1>::new(2).padding(Padding::Causal), causal);
    refused(&[4, 4], ConvTranspose::<1>::new(4, 2).padding(Padding::Causal), causal);
    refused(&[4, 4], Pool::<1, true>::new(2).padding(Padding::Causal), causal);
    refused(
        &[4, 4, 4],
        Conv2dTranspose::new(4, 3).strides(2).output_padding(2),
        &["0.conv2d_transpose", "output padding [2, 2]", "[2, 2]"],
    );
    refused(
        &[4, 4, 4],
        Conv2dTranspose::new(4, 4).strides(2).padding(Padding::Same).output_padding(0),
        &["0.conv2d_transpose", "[4, 4]", "output padding"],
    );
    refused(&[4, 4, 4], Conv2dTranspose::new(0, 2), &["0.conv2d_transpose", "0 filters"]);
    refused(&[4, 4, 4], Conv2dTranspose::new(4, 0), &["0.conv2d_transpose", "kernel size", "[0, 0]"]);
    refused(
        &[4, 4, 4],
        Conv2dTranspose::new(4, 2).strides([0, 1]),
        &["0.conv2d_transpose", "strides", "[0, 1]"],
    );
    let padding = Padding::Explicit(vec![(1, 1)]);
    refused(
        &[4, 4, 4],
        Conv2dTranspose::new(4, 2).padding(padding),
        &["0.conv2d_transpose", "padding", "2 dimensions"],
    );
    refused(
        &[4, 4, 4],
        DepthwiseConv2d::new(2).depth_multiplier(0),
        &["0.depthwise_conv2d", "0 filters", "4 channels"],
    );
    refused(&[4, 4, 4], SeparableConv2d::new(3, 6), &["0.separable_conv2d", "6", "4"]);
    refused(&[3, 3, 4], MaxPool2d::new(4), &["0.max_pool2d", "4", "3"]);
    let padding = Padding::explicit::<2>(2);
    refused(&[3, 3, 4], Pool::<2, false>::new(2).padding(padding), &["0.average_pool2d", "ZeroPadding"]);
    refused(&[3, 4], AveragePool2d::new(2), &["0.average_pool2d", "[3, 4]"]);
    refused(&[3, 3, 4], UpSampling2d::new(0), &["0.up_sampling2d", "[0, 0]"]);
    refused(&[3, 4], ZeroPadding2d::new(1), &["0.zero_padding2d", "[3, 4]"]);
    refused(&[3], BatchNorm::new().momentum(1.5), &["0.batch_norm", "1.5"]);
    refused(&[3], BatchNorm::new().epsilon(0.0), &["0.batch_norm", "0"]);
    refused(&[3], Residual::new(), &["0.residual", "no layers"]);
    refused(&[3], Residual::new().add(Dense::new(4)), &["0.residual", "[4]", "[3]", "shortcut"]);
    refused(&[4, 4, 1], Residual::new().add(Conv2d::new(1, 9)), &["0.residual.0.conv2d", "9", "4"]);
    refused(&[4, 4, 1], RandomTranslation::new(4), &["0.random_translation", "[4, 4]"]);
    refused(&[4, 4, 1], RandomCrop::new([5, 2]), &["0.random_crop", "[5, 2]", "[4, 4]"]);
    let far = 1 << 60;
    refused(&[4, 4, 4], Conv2d::new(4, 2).dilation(far), &["0.conv2d", "dilation"]);
    refused(&[4, 4, 4], Conv2d::new(4, 2).strides(far), &["0.conv2d", "strides"]);
    refused(&[4, 4, 4], Conv2d::new(far, 2), &["0.conv2d"]);
    refused(&[4, 4, 4], Conv2d::new(1, 1 << 14).padding(Padding::Same), &["0.conv2d", "65535 taps"]);
    refused(&[4, 4, 4], Conv2d::new(1, 2).padding(Padding::explicit::<2>(far)), &["0.conv2d", "padding"]);
    refused(&[4, 4, 4], DepthwiseConv2d::new(2).depth_multiplier(far), &["0.depthwise_conv2d"]);
    refused(&[4, 4, 4], ZeroPadding2d::new(far), &["0.zero_padding2d"]);
    refused(&[4, 4, 4], UpSampling2d::new(far), &["0.up_sampling2d"]);
    refused(&[32_768, 32_768, 3], Conv2d::new(4, 1), &["0.conv2d"]);
}

#[test]
fn causal_windows_see_no_later_step() {
    // y_t = x_{t−4} + 10·x_{t−2} + 100·x_t with zeros before the first step, every second one with a stride.
    let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    for (stride, wanted) in
        [(1, vec![100.0, 200.0, 310.0, 420.0, 531.0, 642.0]), (2, vec![100.0, 310.0, 531.0])]
    {
        let layer = Conv::<1>::new(1, 3).dilation(2).strides(stride).padding(Padding::Causal);
        let mut model = Sequential::new([6, 1]).add(layer.use_bias(false)).build(&Device::cpu(), 0).unwrap();
        let mut weights = model.weights().unwrap();
        weights.get_mut("0.conv1d.kernel").unwrap().values = vec![1.0, 10.0, 100.0];
        model.set_weights(&weights).unwrap();
        assert_eq!(model.predict(&x).unwrap(), wanted);
    }
}

/// Keras' `deconv_output_length`, for windows longer and shorter than their stride.
#[test]
fn transposed_convolutions_have_keras_sizes() {
    for (input, kernel, stride, valid, same) in [
        (4, 3, 1, 6, 4),
        (4, 3, 2, 9, 8),
        (4, 2, 2, 8, 8),
        (4, 2, 3, 12, 12),
        (5, 1, 4, 20, 20),
        (3, 7, 2, 11, 6),
    ] {
        for (padding, wanted) in [(Padding::Valid, valid), (Padding::Same, same)] {
            let layer = Conv2dTranspose::new(2, kernel).strides(stride).padding(padding.clone());
            let network = Sequential::new([input, input, 1]).add(layer).network(0).unwrap();
            let what = format!("{input} by {kernel} and {stride}, {padding:?}");
            assert_eq!(network.output().shape, [wanted, wanted, 2], "{what}");
        }
    }
}

#[test]
fn shifts_and_crops_fit_their_picture() {
    let crop = |size: [usize; 2]| {
        Sequential::new([8, 4, 1]).input_range(0.0, 1.0).add(RandomCrop::new(size)).network(1).is_ok()
    };
    assert!(crop([8, 1]) && !crop([9, 1]) && !crop([0, 1]) && !crop([1, 0]));
    let build = |height: usize, pixels: usize| {
        Sequential::new([height, 4, 1])
            .input_range(0.0, 1.0)
            .add(RandomTranslation::new([pixels, 1]))
            .network(1)
    };
    assert!(build(8, 7).is_ok());
    let refused = |height, pixels, parts: &[&str]| {
        let text = build(height, pixels).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    refused(8, 8, &["0.random_translation", "[8, 1]", "[8, 4]"]);
    assert!(build(40_000, 32_767).is_ok());
    refused(40_000, 32_768, &["0.random_translation", "32768"]);
}
