//! Whatever is wrong is one error that names the place, what was found, what was expected and what to do.

use crate::common::callers_with;
use autorot::data::{Csv, Glyphs, cifar10, folder, idx};
use autorot::embed::Learner;
use autorot::{
    Activation, Adam, AdamW, AlphaDropout, AutoRotate, Clip, Dataset, Dense, Device, Dropout, EarlyStopping,
    Error, Fault, Flatten, Initializer, Loss, Masking, Metric, Model, Optimizer, Range, Regularizer, RmsProp,
    Schedule, Sequential, Sgd, Targets, TimeDistributed, Trainer,
};

/// The error's text, which must name all of `parts`.
#[track_caller]
fn fails<T>(result: Result<T, Error>, parts: &[&str]) {
    let Err(error) = result else { panic!("expected an error naming {parts:?}") };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
    if matches!(error, Error::Invalid { .. }) {
        assert!(text.contains("found") && text.contains("expected") && text.contains(';'), "{text:?}");
    }
}

fn data() -> Dataset {
    Dataset::classes([4], vec![0.5; 24], vec![0, 1, 2, 0, 1, 2], ["a", "b", "c"].map(String::from).to_vec())
        .unwrap()
}

fn model() -> Model {
    Sequential::new([4]).add(Dense::new(3)).build(&Device::cpu(), 0).unwrap()
}

fn trainer() -> Trainer<'static> {
    Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false).epochs(1)
}

/// Builds a network around one layer.
fn with(layer: Dense) -> Result<Model, Error> {
    Sequential::new([4]).input_range(0.0, 1.0).add(Dense::new(5)).add(layer).build(&Device::cpu(), 0)
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_callers_device_with_less_than_the_kernels_need() {
    let few = wgpu::Limits { max_storage_buffers_per_shader_stage: 4, ..wgpu::Limits::default() };
    let device = callers_with(few);
    let parts =
        ["found max_storage_buffers_per_shader_stage 4, expected at least 8", "wgpu::Limits::default()"];
    fails(Sequential::new([4]).add(Dense::new(3)).build(&device, 0), &parts);
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn data_larger_than_a_binding_name_what_sends_them_in_parts() {
    let small = wgpu::Limits { max_storage_buffer_binding_size: 1 << 20, ..wgpu::Limits::default() };
    let device = callers_with(small);
    let rows = 300_000;
    let names = ["a", "b"].map(String::from).to_vec();
    let data = Dataset::classes([1], vec![0.5; rows], vec![1; rows], names).unwrap();
    let mut model = Sequential::new([1]).add(Dense::new(2)).build(&device, 0).unwrap();
    let mut train = |batch, bytes| {
        trainer().batch(batch).resident_bytes(bytes).progress(false).fit(&mut model, &data, None).map(drop)
    };
    fails(
        train(8000, 1 << 30),
        &["training data", "1200000 bytes", "1048576", "resident_bytes below 2400000"],
    );
    fails(train(100_000, 1000), &["training data", "1048576", "a batch of at most 8192"]);
    train(8192, 1000).unwrap();
    fails(train(100_000, 1 << 30), &["resident_bytes below 2400000", "a batch of at most 8192"]);
    // Where that does not help, what does.
    let whole = trainer().inspect(&mut model, &data, rows);
    fails(whole, &["inspection data", "1200000 bytes", "inspect at most 262144 rows"]);
    let learner = Learner::new(&trainer().shuffle(false), &mut model, &data);
    fails(learner.map(drop), &["learner's data", "at most 262144 rows", "Trainer::fit"]);
    let wide = Dataset::values([rows], vec![0.5; rows], [1], vec![1.0]).unwrap();
    let mut model = Sequential::new([rows]).add(Dense::new(1)).build(&device, 0).unwrap();
    let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).progress(false);
    fails(
        trainer.fit(&mut model, &wide, None),
        &["1200000 bytes for 1 rows", "smaller rows, or use the CPU"],
    );
}

#[test]
fn arrays() {
    let names = || vec!["a".to_owned(), "b".to_owned()];
    fails(Dataset::classes([2], vec![0.0; 4], vec![0, 2], names()), &["label 2", "row 1", "2"]);
    fails(Dataset::classes([2], vec![0.0; 5], vec![0, 1], names()), &["5 values", "2 rows"]);
    fails(Dataset::classes([usize::MAX, 2], vec![0.0], vec![0], names()), &["data set inputs"]);
    fails(Dataset::classes([2], vec![], vec![], names()), &["no rows"]);
    fails(Dataset::classes([0], vec![], vec![0], names()), &["[0]"]);
    fails(Dataset::classes([2], vec![0.0, f32::NAN], vec![0], names()), &["NaN", "row 0"]);
    fails(Dataset::values([1], vec![0.0, f32::INFINITY], [1], vec![0.0; 2]), &["inf", "row 1"]);
    fails(Dataset::values([1], vec![0.0], [1], vec![f32::NAN]), &["targets", "NaN"]);
    fails(Dataset::values([1], vec![0.0], [2], vec![0.0]), &["targets"]);
    fails(data().select(&[6]), &["row 6", "below 6"]);
    fails(data().select(&[]), &["no rows"]);
}

#[test]
fn files() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fails(idx::mnist(dir.path()), &["images-idx3-ubyte", ".gz"]);
    fails(cifar10::load(path("nowhere"), true), &["nowhere"]);
    fails(folder::load(path("nowhere"), folder::Options::default()), &["nowhere"]);
    std::fs::write(path("images"), [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3]).unwrap();
    std::fs::write(path("labels"), [0, 0, 8, 1, 0, 0, 0, 2, 0, 1]).unwrap();
    fails(idx::load(path("images"), path("labels"), &["a", "b"]), &["images", "3", "8"]);
    std::fs::write(path("images"), [9, 9, 9, 9, 0, 0, 0, 2]).unwrap();
    fails(idx::load(path("images"), path("labels"), &["a", "b"]), &["images", "magic"]);
    let batches = (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_owned()]);
    batches.for_each(|name| std::fs::write(path(&name), vec![1u8; 3072]).unwrap());
    fails(cifar10::load(dir.path(), false), &["_batch", ".bin", "3072", "3073"]);
    std::fs::write(path("table.csv"), "a;b\n1;2\n").unwrap();
    let table = || Csv::open(path("table.csv")).delimiter(b';');
    fails(table().inputs(["a"]).targets(["c"]).load(), &["table.csv", "\"c\"", "a", "b"]);
    std::fs::write(path("table.csv"), "a;b\n1;x\n").unwrap();
    fails(table().inputs(["a"]).targets(["b"]).load(), &["table.csv", "\"x\"", "b"]);
    fails(Glyphs { train: 0, test: 1, seed: 0 }.load(), &["train"]);
}

#[test]
fn layers() {
    let rotated = |rotate: AutoRotate| with(Dense::new(3).activation(Activation::Tanh).auto_rotate(rotate));
    fails(with(Dense::new(0)), &["1.dense", "0 units"]);
    fails(rotated(AutoRotate::new().l(0.0)), &["1.dense", "L = 0"]);
    fails(rotated(AutoRotate::new().l(-1.0)), &["1.dense", "L = -1"]);
    fails(rotated(AutoRotate::new().l(f32::NAN)), &["1.dense", "L = NaN"]);
    fails(rotated(AutoRotate::new().epsilon(-1e-5)), &["1.dense", "ε"]);
    fails(rotated(AutoRotate::new().limits(1.0, 0.0)), &["1.dense", "limits(1, 0)"]);
    fails(rotated(AutoRotate::new().x_q(f32::INFINITY)), &["1.dense", "x_Q"]);
    fails(rotated(AutoRotate::new().limits(-2.0, -1.0)), &["1.dense", "x_Q = 0", "x_q(v)"]);
    let regularizer = Regularizer { l1: -1.0, l2: 0.0 };
    fails(with(Dense::new(3).kernel_regularizer(regularizer)), &["1.dense", "l1 = -1"]);
    let bad = Initializer::Constant(f32::NAN);
    fails(with(Dense::new(3).kernel_initializer(bad)), &["1.dense.kernel"]);
    let cpu = Device::cpu();
    let unknown = Sequential::new([4]).add(Dense::new(3).auto_rotate(AutoRotate::new()));
    fails(unknown.build(&cpu, 0), &["0.dense", "unknown range", "input_range"]);
    fails(Sequential::new([4]).input_range(1.0, 0.0).add(Dense::new(1)).build(&cpu, 0), &["1..0"]);
    fails(Sequential::new([4]).add(Dropout::new(1.0)).build(&cpu, 0), &["0.dropout", "rate 1"]);
    fails(
        Sequential::new([4]).add(AlphaDropout::new(-0.1)).build(&cpu, 0),
        &["0.alpha_dropout", "rate -0.1"],
    );
    fails(Sequential::new([4]).build(&cpu, 0), &["no layers"]);
    fails(Sequential::new([0]).add(Flatten).build(&cpu, 0), &["[0]"]);
    fails(Sequential::new([]).add(Flatten).build(&cpu, 0), &["[]"]);
    fails(Sequential::new([usize::MAX, 2]).add(Flatten).build(&cpu, 0), &["input"]);
    fails(Sequential::new([4]).add(Dense::new(usize::MAX)).build(&cpu, 0), &["0.dense"]);
    fails(Range::new(f32::NAN, 1.0), &["NaN"]);
}

#[test]
fn names() {
    fails(Activation::from_name("sigmoidal"), &["sigmoidal", "sigmoid", "tanh"]);
    fails(Optimizer::from_name("adamin"), &["adamin", "adamw"]);
    fails(Device::named("no such adapter"), &["no such adapter", "cpu"]);
}

#[test]
fn training_options() {
    let fit = |trainer: Trainer<'static>| {
        let mut trainer = trainer;
        trainer.fit(&mut model(), &data(), None)
    };
    fails(fit(trainer().batch(0)), &["batch", "at least 1"]);
    fails(fit(trainer().epochs(0)), &["epochs"]);
    fails(fit(trainer().accumulate(0)), &["accumulate"]);
    fails(fit(trainer().metric(Metric::Accuracy).metric(Metric::Accuracy)), &["accuracy twice"]);
    fails(fit(trainer().metric(Metric::TopK { k: 0 })), &["top_0"]);
    fails(fit(trainer().metric(Metric::TopK { k: 4 })), &["4 largest of 3 outputs", "1 to 2"]);
    fails(fit(trainer().metric(Metric::TopK { k: 3 })), &["3 largest of 3 outputs", "1 to 2"]);
    assert!(fit(trainer().metric(Metric::TopK { k: 2 })).is_ok());
    fails(fit(trainer().metric(Metric::BinaryAccuracy { threshold: f32::NAN })), &["threshold NaN"]);
    fails(
        fit(trainer().early_stopping(EarlyStopping { patience: 0, ..Default::default() })),
        &["patience 0"],
    );
    let with_optimizer = |o: Optimizer| Trainer::new(o, Loss::SoftmaxCrossEntropy).progress(false);
    fails(fit(with_optimizer(Sgd { momentum: 1.0, ..Default::default() }.into())), &["momentum"]);
    fails(fit(with_optimizer(RmsProp { epsilon: 0.0, ..Default::default() }.into())), &["epsilon"]);
    fails(fit(with_optimizer(Adam { beta_2: -0.1, ..Default::default() }.into())), &["beta_2"]);
    fails(
        fit(with_optimizer(AdamW { weight_decay: f32::NAN, ..Default::default() }.into())),
        &["weight_decay"],
    );
    let clip = Clip { norm: Some(0.0), value: None };
    fails(fit(with_optimizer(Sgd { clip, ..Default::default() }.into())), &["clip.norm"]);
    for value in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let clip = Clip { norm: None, value: Some(value) };
        fails(fit(with_optimizer(Sgd { clip, ..Default::default() }.into())), &["clip.value"]);
    }
    let rate = Optimizer::from(Sgd::default()).with_learning_rate(-1.0);
    fails(fit(with_optimizer(rate)), &["learning rate", "-1"]);
    let cosine = Schedule::Cosine { peak: 0.1, updates: 0, floor: 0.0, warm_up: 0, start: 0.0 };
    fails(
        fit(with_optimizer(Optimizer::from(Sgd::default()).with_learning_rate(cosine))),
        &["learning rate"],
    );
    // Each number of a schedule, by itself.
    let step = |initial, every, factor| Schedule::Step { initial, every, factor };
    let warm_up = |start, rate, updates| Schedule::WarmUp { start, rate, updates };
    let cosine = |peak, updates, floor, start| Schedule::Cosine { peak, updates, floor, warm_up: 3, start };
    for schedule in [
        Schedule::Constant(f64::NAN),
        Schedule::Constant(1e39),
        step(-0.1, 5, 0.5),
        step(0.1, 0, 0.5),
        step(0.1, 5, f64::INFINITY),
        warm_up(-0.1, 0.1, 5),
        warm_up(0.1, f64::NAN, 5),
        warm_up(0.1, 0.1, 0),
        cosine(-0.1, 5, 0.1, 0.1),
        cosine(0.1, 0, 0.1, 0.1),
        cosine(0.1, 5, 1.1, 0.1),
        cosine(0.1, 5, 0.1, f64::INFINITY),
    ] {
        assert!(schedule.check().is_err(), "{schedule:?}");
    }
    for schedule in
        [step(0.1, 1, 0.0), warm_up(0.0, 0.1, 1), cosine(0.1, 1, 1.0, 0.0), Schedule::Constant(0.0)]
    {
        schedule.check().unwrap();
    }
    fails(fit(Trainer::new(Sgd::default(), Loss::Huber { delta: 0.0 }).progress(false)), &["huber", "δ = 0"]);
}

#[test]
fn a_choice_between_one_class_is_refused() {
    let net = |shape: &[usize], units: usize| {
        Sequential::new(shape).add(Dense::new(units)).build(&Device::cpu(), 0).unwrap()
    };
    let of_loss = |loss: Loss| Trainer::new(Adam::default(), loss).epochs(1);
    let everywhere = |trainer: Trainer<'static>, model: &mut Model, data: &Dataset, parts: &[&str]| {
        let mut trainer = trainer;
        fails(trainer.fit(model, data, None), parts);
        fails(trainer.evaluate(model, data), parts);
        fails(trainer.inspect(model, data, 1), parts);
    };
    let softmax = &["softmax_cross_entropy", "1 output", "BinaryCrossEntropy"];
    // A value a row, a value a step, and a value a step of which the targets say nothing.
    let single = Dataset::values([2], vec![0.5; 8], [1], vec![0.0, 1.0, 0.0, 1.0]).unwrap();
    everywhere(trainer(), &mut net(&[2], 1), &single, softmax);
    for shape in [&[3, 1][..], &[3]] {
        let steps = Dataset::values([3, 2], vec![0.5; 12], shape, vec![0.0; 6]).unwrap();
        everywhere(trainer(), &mut net(&[3, 2], 1), &steps, softmax);
        for metric in [Metric::Accuracy, Metric::TopK { k: 1 }] {
            let scored = of_loss(Loss::MeanSquaredError).metric(metric.clone());
            everywhere(scored, &mut net(&[3, 2], 1), &steps, &[&metric.name(), "1 output", "BinaryAccuracy"]);
        }
        assert!(of_loss(Loss::MeanSquaredError).fit(&mut net(&[3, 2], 1), &steps, None).is_ok());
        assert!(of_loss(Loss::BinaryCrossEntropy).fit(&mut net(&[3, 2], 1), &steps, None).is_ok());
    }
    // A data set of one class, of whole rows and of steps, under every loss; for validation, too.
    let one = || vec!["ant".to_owned()];
    let rows = Dataset::classes([2], vec![0.5; 8], vec![0; 4], one()).unwrap();
    let steps = Dataset::step_classes([3, 2], vec![0.5; 12], vec![0; 6], one()).unwrap();
    for loss in [Loss::SoftmaxCrossEntropy, Loss::BinaryCrossEntropy, Loss::MeanSquaredError] {
        everywhere(of_loss(loss.clone()), &mut net(&[2], 1), &rows, &["one class", "\"ant\"", "at least 2"]);
        everywhere(of_loss(loss), &mut net(&[3, 2], 1), &steps, &["one class", "\"ant\""]);
    }
    fails(of_loss(Loss::BinaryCrossEntropy).fit(&mut net(&[2], 1), &single, Some(&rows)), &["\"ant\""]);
    fails(Loss::SoftmaxCrossEntropy.check(rows.targets(), 1), softmax);
    // Positions as classes, once they are laid out as such.
    let positions = Dataset::values([3, 2], vec![0.5; 12], [3], vec![0.0, 1.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
    let mut pointer =
        Sequential::new([3, 2]).add(Dense::new(1)).add(Flatten).build(&Device::cpu(), 0).unwrap();
    assert!(trainer().metric(Metric::Accuracy).fit(&mut pointer, &positions, None).is_ok());
}

#[test]
fn data_that_do_not_fit() {
    let mut other = Sequential::new([5]).add(Dense::new(3)).build(&Device::cpu(), 0).unwrap();
    fails(trainer().fit(&mut other, &data(), None), &["[4]", "[5]"]);
    let mut narrow = Sequential::new([4]).add(Dense::new(2)).build(&Device::cpu(), 0).unwrap();
    fails(trainer().fit(&mut narrow, &data(), None), &["2 outputs", "3"]);
    let outside = Dataset::values([4], vec![0.0; 4], [3], vec![0.0, 2.0, 0.0]).unwrap();
    fails(trainer().fit(&mut model(), &outside, None), &["target 2", "0 to 1"]);
    fails(trainer().fit(&mut model(), &data(), Some(&outside)), &["target 2"]);
    fails(trainer().inspect(&mut model(), &data(), 0), &["rows to inspect"]);
    fails(model().predict(&[0.0; 3]), &["3 values", "[4]"]);
    fails(model().predict(&[]), &["0 values"]);
    fails(model().predict(&[0.0, f32::NAN, 0.0, 0.0]), &["NaN", "row 0"]);
}

#[test]
fn weights_that_do_not_fit() {
    let mut model = model();
    let good = model.weights().unwrap();
    let changed = |change: &dyn Fn(&mut autorot::model::Weights)| {
        let mut weights = good.clone();
        change(&mut weights);
        weights
    };
    let renamed = changed(&|w| {
        let value = w.remove("0.dense.bias").unwrap();
        w.insert("9.dense.bias", value);
    });
    fails(model.set_weights(&renamed), &["9.dense.bias", "0.dense.bias"]);
    let shaped = changed(&|w| w.get_mut("0.dense.bias").unwrap().shape = vec![4]);
    fails(model.set_weights(&shaped), &["0.dense.bias", "[4]", "[3]"]);
    let broken = changed(&|w| w.get_mut("0.dense.kernel").unwrap().values[0] = f32::NAN);
    fails(model.set_weights(&broken), &["0.dense.kernel", "NaN"]);
    assert_eq!(model.weights().unwrap(), good, "nothing changes when it fails");
}

#[test]
fn figures_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let history = trainer().fit(&mut model(), &data(), None).unwrap();
    fails(history.plot(dir.path().join("curves.gif")), &["curves.gif", "png"]);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
    let mut odd = history.clone();
    odd.epochs[0].val_metrics.push(1.0);
    fails(odd.save_csv(dir.path().join("history.csv")), &["epoch 1", "1 of validation"]);
    std::fs::write(dir.path().join("file"), "x").unwrap();
    fails(history.save_csv(dir.path().join("file/history.csv")), &["file"]);
}

#[test]
fn a_device_too_small_is_an_error() {
    for device in crate::common::devices().into_iter().chain([Device::cpu_f64()]) {
        let result = device.executor().allocate("large", autorot::extend::kernel::Element::Float, 1 << 60);
        let wanted = if device.is_gpu() { Fault::Unsupported } else { Fault::OutOfMemory };
        assert_eq!(result.as_ref().unwrap_err().fault(), Some(wanted));
        fails(result, &["bytes", "device"]);
    }
}

#[test]
fn large_nets_are_described_without_memory_and_larger_ones_refused() {
    let mut large = Sequential::new([60_000]).input_range(0.0, 1.0);
    for _ in 0..64 {
        large = large.add(Dense::new(60_000).auto_rotate(AutoRotate::new()));
    }
    let network = large.network(0).unwrap();
    assert_eq!(network.arena().count(), 64 * 60_001 * 60_000);
    assert!(network.memory(2).unwrap().parameters >= 4 * 64 * 60_001 * 60_000);
    fails(network.memory(usize::MAX), &["batch", "60000"]);

    use autorot::{
        Bidirectional, Gru, Lstm, Residual, SeparableConv1d, TimeDistributed, UpSampling1d, ZeroPadding2d,
    };
    let of = |shape: &[usize]| Sequential::new(shape).input_range(0.0, 1.0);
    let huge = 1 << 31;
    fails(of(&[3, 2]).add(Lstm::new(usize::MAX / 2)).network(0), &["0.lstm"]);
    fails(of(&[3, 1]).add(Gru::new(usize::MAX).return_sequences(true)).network(0), &["0.gru"]);
    fails(of(&[3, 1]).add(Bidirectional::new(Lstm::new(usize::MAX))).network(0), &["0.bidirectional"]);
    let grown = TimeDistributed::new(UpSampling1d::new(1 << 20));
    fails(of(&[1 << 20, 1, 1]).add(grown).network(0), &["0.time_distributed", "elements"]);
    let waist = Residual::new().add(Dense::new(huge)).add(Dense::new(1));
    fails(of(&[huge, 1]).add(TimeDistributed::new(waist)).network(0), &["dense", "elements"]);
    let wide = SeparableConv1d::new(1, 1).depth_multiplier(huge);
    fails(of(&[1 << 20, 1]).add(wide).network(0), &["0.separable_conv1d", "elements"]);
    fails(of(&[2, 2, 1]).add(ZeroPadding2d::new(usize::MAX)).network(0), &["0.zero_padding2d"]);
    // What is too large is not told to grow.
    let large = ["at most 4,294,967,295", "use a smaller layer"];
    fails(of(&[5]).add(Dense::new(huge)).network(0), &[&["0.dense"], &large[..]].concat());
    fails(of(&[64]).add(Dense::new(1 << 40)).network(0), &large);
    fails(of(&[3, 2]).add(Lstm::new(1 << 40)).network(0), &large);
    fails(Sequential::new([huge, 4]).add(Dense::new(1)).network(0), &large);
    fails(Sequential::new([4, 0, usize::MAX]).add(Dense::new(1)).network(0), &["at least 1"]);
}

#[test]
fn a_state_of_unknown_range_says_why() {
    use autorot::{Gru, RotatedPart, SimpleRnn};
    let gates = |layer: autorot::Recurrent| {
        layer.auto_rotate(AutoRotate::new().x_q(2.0)).rotated_part(RotatedPart::Gate)
    };
    let built = |layer, range: Option<(f32, f32)>| {
        let net = Sequential::new([5, 3]);
        let net = if let Some((min, max)) = range { net.input_range(min, max) } else { net };
        net.add(layer).network(0)
    };
    // The gates are no shares: the cell's activation is not at fault, nor are the inputs.
    let turned = gates(Gru::new(4).recurrent_activation(Activation::Tanh));
    fails(built(turned.clone(), Some((0.0, 1.0))), &["0.gru", "gates", "tanh", "between 0 and 1", "sigmoid"]);
    let text = built(turned, Some((0.0, 1.0))).unwrap_err().to_string();
    assert!(!text.contains("such as tanh") && !text.contains("input_range"), "{text}");
    // The cell's activation, whose range is that of inputs nobody knows.
    let unbounded = gates(SimpleRnn::new(4).activation(Activation::Relu));
    fails(built(unbounded.clone(), None), &["0.simple_rnn", "relu", "input_range", "such as tanh"]);
    built(unbounded, Some((0.0, 1.0))).unwrap();
    built(gates(Gru::new(4)), None).unwrap();
}

/// A softmax of one number is 1, also where every time step has one; where steps may be masked, each has its target.
#[test]
fn targets_of_steps_fit_their_predictions() {
    let values = |shape: [usize; 2]| Dataset::values([6, 1], vec![0.5; 12], shape, vec![0.5; 12]).unwrap();
    let one_a_step = Targets::Values { shape: vec![6, 1], values: vec![1.0; 12] };
    fails(Loss::SoftmaxCrossEntropy.check(&one_a_step, 6), &["softmax"]);
    assert!(Loss::MeanSquaredError.check(&one_a_step, 6).is_ok());
    let fit = |data: &Dataset| {
        let layer = TimeDistributed::new(Dense::new(1));
        let mut model =
            Sequential::new([6, 1]).add(Masking::new(-1.0)).add(layer).build(&Device::cpu(), 1)?;
        Trainer::new(Sgd::default(), Loss::MeanSquaredError)
            .progress(false)
            .epochs(1)
            .fit(&mut model, data, None)
    };
    assert!(fit(&values([6, 1])).is_ok());
    fails(fit(&values([2, 3])), &["targets", "2", "3"]);
    fails(fit(&values([3, 2])), &["targets", "3", "2"]);
}
