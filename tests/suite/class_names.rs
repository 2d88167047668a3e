//! Classes are what their names say, not their numbers.

use crate::common::devices;
use crate::resume::same;
use autorot::model::Outputs;
use autorot::{
    Adam, Dataset, Dense, Device, EarlyStopping, Error, Loss, Metric, Model, Sequential, Sgd, Targets,
    Trainer,
};

fn data(names: &[&str]) -> Dataset {
    let count = names.len() as u32;
    let inputs = (0..count).map(|i| i as f32).collect();
    Dataset::classes([1], inputs, (0..count).collect(), names.iter().map(ToString::to_string).collect())
        .unwrap()
}

fn trainer() -> Trainer<'static> {
    Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy)
        .metric(Metric::Accuracy)
        .epochs(1)
        .progress(false)
}

fn model(network: Sequential) -> Model {
    network.add(Dense::new(3)).build(&Device::cpu(), 0).unwrap()
}

/// The error's text, which names all of `parts`.
#[track_caller]
fn fails<T>(result: Result<T, Error>, parts: &[&str]) {
    let Err(error) = result else { panic!("expected an error naming {parts:?}") };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

const ANIMALS: [&str; 3] = ["ant", "bee", "cat"];
const OTHERS: [&str; 3] = ["bee", "cat", "dog"];

#[test]
fn training_and_validation_have_the_same_classes() {
    let (train, other) = (data(&ANIMALS), data(&OTHERS));
    let mut new = model(Sequential::new([1]));
    let parts =
        ["validation data", "\"dog\"", "without \"ant\"", "\"ant\", \"bee\", \"cat\", those of the training"];
    fails(trainer().fit(&mut new, &train, Some(&other)), &parts);
    assert_eq!(new.class_names(), None, "nothing was trained");
    fails(
        trainer().fit(&mut new, &train, Some(&data(&["bee", "ant", "cat"]))),
        &["in another order", "class 0"],
    );
    fails(trainer().fit(&mut new, &train, Some(&data(&["ant", "bee"]))), &["without \"cat\""]);
    trainer().fit(&mut new, &train, Some(&train)).unwrap();
}

#[test]
fn a_model_keeps_the_classes_that_it_was_built_for_or_first_trained_with() {
    let (train, other) = (data(&ANIMALS), data(&OTHERS));
    let mut built = model(Sequential::for_data(&train));
    assert_eq!(built.class_names().unwrap(), ANIMALS);
    let mut trained = model(Sequential::new([1]));
    trainer().evaluate(&mut trained, &other).unwrap(); // nothing is known yet
    trainer().fit(&mut trained, &train, None).unwrap();
    for model in [&mut built, &mut trained] {
        let parts = ["data set", "\"dog\"", "\"ant\"", "those of the model", "set_class_names"];
        fails(trainer().evaluate(model, &other), &parts);
        fails(trainer().fit(model, &other, None), &parts);
        fails(trainer().inspect(model, &other, 3), &parts);
        // A part without rows of some class is of the same classes.
        trainer().evaluate(model, &train.select(&[1]).unwrap()).unwrap();
    }
    // Until the outputs are said to stand for others.
    built.set_class_names(OTHERS).unwrap();
    trainer().fit(&mut built, &other, None).unwrap();
    fails(trainer().evaluate(&mut built, &train), &["those of the model"]);
    fails(built.set_class_names(["ant"]), &["1 names", "[3]"]);
    fails(built.set_class_names(["ant", "ant", "bee"]), &["\"ant\" twice"]);
    built.rebuild(&Device::cpu()).unwrap();
    assert_eq!(built.class_names().unwrap(), OTHERS);
}

#[test]
fn states_and_snapshots_carry_the_names() {
    let (train, other) = (data(&ANIMALS), data(&OTHERS));
    let state = model(Sequential::for_data(&train)).state().unwrap();
    let mut blank = model(Sequential::new([1]));
    blank.set_state(&state).unwrap();
    fails(trainer().evaluate(&mut blank, &other), &["\"dog\"", "those of the model"]);
    let mut different = model(Sequential::for_data(&other));
    let before = different.weights().unwrap();
    fails(different.set_state(&state), &["state of a model", "\"ant\"", "\"dog\""]);
    assert_eq!(different.weights().unwrap(), before);
}

#[test]
fn weights_carry_the_names_too() {
    let (train, other) = (data(&ANIMALS), data(&OTHERS));
    let net = |net: Sequential| model(net.add(Dense::new(2)));
    let mut known = net(Sequential::for_data(&train));
    let weights = known.weights().unwrap();
    assert_eq!(weights.class_names().unwrap(), ANIMALS);
    assert_eq!(known.state().unwrap().weights(), weights);
    let mut different = net(Sequential::for_data(&other));
    let before = different.weights().unwrap();
    fails(
        different.set_weights(&weights),
        &["weights, class names", "\"ant\"", "\"dog\"", "set_class_names"],
    );
    assert_eq!(different.weights().unwrap(), before);
    let plain = weights.clone().without_description();
    assert_eq!(plain.class_names(), None);
    different.set_weights(&plain).unwrap();
    // Hidden layers have no classes, and what is an output there may be hidden here.
    let mut hidden = weights.clone();
    hidden.retain(|path, _| path.starts_with("0."));
    let mut longer = model(Sequential::for_data(&other).add(Dense::new(2)).add(Dense::new(3)));
    let mut blank = net(Sequential::new([1]));
    different.set_weights(&hidden).unwrap();
    blank.set_weights(&hidden).unwrap();
    longer.set_weights(&weights).unwrap();
    assert_eq!((blank.class_names(), longer.class_names().unwrap()), (None, &OTHERS.map(String::from)[..]));
    // A model without names takes them over.
    blank.set_weights(&weights).unwrap();
    assert_eq!(blank.class_names().unwrap(), ANIMALS);
    // What training leaves has them as well.
    let mut trained = model(Sequential::new([1]));
    let mut trainer = trainer().early_stopping(EarlyStopping::default());
    trainer.fit(&mut trained, &train, None).unwrap();
    assert_eq!(trainer.best_weights().unwrap().class_names().unwrap(), ANIMALS);
    assert_eq!(trainer.snapshot().unwrap().weights().class_names().unwrap(), ANIMALS);
}

#[test]
fn a_training_that_does_not_begin_gives_no_names() {
    let (train, other) = (data(&ANIMALS), data(&OTHERS));
    let mut blank = model(Sequential::new([1]));
    let refused = EarlyStopping { patience: 0, ..EarlyStopping::default() };
    fails(trainer().early_stopping(refused).fit(&mut blank, &train, None), &["early stopping"]);
    assert_eq!(blank.class_names(), None);
    // Nor do other classes than those of the snapshot.
    let mut begun = trainer();
    begun.fit(&mut model(Sequential::new([1])), &train, None).unwrap();
    fails(begun.resume(&mut blank, &other, None), &["resume: training data", "\"dog\"", "of the snapshot"]);
    assert_eq!(blank.class_names(), None);
    begun.resume(&mut blank, &train, None).unwrap();
    assert_eq!(blank.class_names().unwrap(), ANIMALS);
}

#[test]
fn what_has_no_classes_is_not_compared() {
    let train = data(&ANIMALS);
    // One target a class, without names.
    let distribution = Dataset::values([1], vec![0.0; 2], [3], vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]).unwrap();
    let mut model = model(Sequential::for_data(&train));
    assert!(trainer().evaluate(&mut model, &distribution).unwrap().loss.is_finite());
    trainer().fit(&mut model, &distribution, Some(&train)).unwrap();
    assert_eq!(model.class_names().unwrap(), ANIMALS);
    // A network with other outputs than classes is not for these classes.
    let same = Dataset::values([1], train.inputs().to_vec(), [1], train.inputs().to_vec()).unwrap();
    let mut copy = Sequential::for_data(&train).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    assert_eq!(copy.class_names(), None);
    Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).fit(&mut copy, &same, None).unwrap();
    assert_eq!(copy.class_names(), None);
    assert!(matches!(same.targets(), Targets::Values { .. }) && same.targets().class_names().is_none());
}

#[test]
fn a_class_a_time_step_is_compared_too() {
    let steps = |names: [&str; 3]| {
        let names = names.map(String::from).to_vec();
        Dataset::step_classes([2, 1], vec![0.0, 1.0], vec![0, 2], names).unwrap()
    };
    let mut model = model(Sequential::for_data(&steps(ANIMALS)));
    assert_eq!(model.class_names().unwrap(), ANIMALS);
    fails(trainer().evaluate(&mut model, &steps(OTHERS)), &["\"dog\""]);
}

/// Rows of two inputs in two classes, the second one where the first input is larger.
fn pairs(rows: usize) -> Dataset {
    let inputs: Vec<f32> = (0..2 * rows).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
    let labels = inputs.chunks(2).map(|x| u32::from(x[0] > x[1])).collect();
    Dataset::classes([2], inputs, labels, vec!["no".to_owned(), "yes".to_owned()]).unwrap()
}

/// The same rows with 0 and 1 as values.
fn as_values(data: &Dataset) -> Dataset {
    let Targets::Classes { labels, .. } = data.targets() else { panic!("classes") };
    let values = labels.iter().map(|&label| label as f32).collect();
    Dataset::values([2], data.inputs().to_vec(), [1], values).unwrap()
}

#[test]
fn a_single_output_tells_two_classes() {
    let data = pairs(60);
    let values = as_values(&data);
    let losses = [Loss::BinaryCrossEntropy, Loss::BinaryFocalCrossEntropy { gamma: 2.0, alpha: None }];
    for device in devices() {
        for loss in losses.clone().into_iter().chain([Loss::Hinge, Loss::MeanSquaredError]) {
            let trained = |data: &Dataset| {
                let net = Sequential::new([2]).input_range(0.0, 1.0);
                let mut model = net.add(Dense::new(1)).build(&device, 3).unwrap();
                let squared = loss == Loss::MeanSquaredError;
                let (rate, threshold) = if squared { (0.3, 0.5) } else { (1.0, 0.0) };
                let rate = Sgd { learning_rate: rate.into(), ..Sgd::default() };
                let trainer = Trainer::new(rate, loss.clone()).metric(Metric::BinaryAccuracy { threshold });
                let mut trainer = trainer.metric(Metric::R2).batch(16).epochs(6).progress(false);
                // Rows that lie on the device as a whole, and rows that are sent in parts.
                let history = trainer.fit(&mut model, data, Some(data)).unwrap();
                let sent = trainer.resident_bytes(0).evaluate(&mut model, data).unwrap();
                assert_eq!(Some(sent.loss), history.epochs[5].val_loss);
                (history, model)
            };
            let (history, mut model) = trained(&data);
            let (wanted, mut other) = trained(&values);
            let what = format!("{} on {}", loss.name(), device.name());
            same(&history, &wanted);
            assert!(model.weights().unwrap().iter().eq(other.weights().unwrap().iter()), "{what}");
            assert_eq!(model.class_names().unwrap(), ["no", "yes"], "{what}");
            assert!(history.epochs[5].val_metrics[0] > 0.6, "{what}: {history:?}");

            let outputs = other.predict(data.inputs()).unwrap();
            let predictions = model.predict_rows(data.inputs()).unwrap();
            if model.outputs() != Outputs::BinaryLogits {
                assert_eq!((predictions.names(), predictions.class(0)), (&["yes".to_owned()][..], None));
                continue;
            }
            assert_eq!(predictions.names(), ["no", "yes"]);
            for (row, &logit) in outputs.iter().enumerate() {
                let yes = 1.0 / (1.0 + (-f64::from(logit)).exp());
                let found = predictions.row(row).unwrap();
                assert!((found[0] - (1.0 - yes)).abs() < 1e-12 && (found[1] - yes).abs() < 1e-12);
                assert_eq!(predictions.class(row), Some(if yes > 0.5 { "yes" } else { "no" }));
            }
            // The report counts what the metric counts.
            let report = model.classification(&data).unwrap();
            let right = (report.confusion()[0][0] + report.confusion()[1][1]) / 60.0;
            assert!((right - history.epochs[5].val_metrics[0]).abs() < 1e-6, "{what}: {right}");
        }
    }
    // A file keeps it; other losses and numbers of classes do not do.
    let net = || Sequential::new([2]).input_range(0.0, 1.0).add(Dense::new(1));
    let mut model = net().build(&Device::cpu(), 3).unwrap();
    let mut binary = Trainer::new(Adam::default(), Loss::BinaryCrossEntropy).epochs(1).progress(false);
    binary.fit(&mut model, &data, None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    model.save(folder.path().join("model.safetensors")).unwrap();
    let mut loaded = Model::load(folder.path().join("model.safetensors"), &Device::cpu()).unwrap();
    let rows = data.inputs();
    assert_eq!(loaded.predict_rows(rows).unwrap(), model.predict_rows(rows).unwrap());
    let mut softmax = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).progress(false);
    fails(softmax.fit(&mut net().build(&Device::cpu(), 3).unwrap(), &data, None), &["BinaryCrossEntropy"]);
    let three = Dataset::classes(
        [2],
        rows.to_vec(),
        (0..60).map(|i| i % 3).collect(),
        ["a", "b", "c"].map(str::to_owned).to_vec(),
    );
    let mut fresh = net().build(&Device::cpu(), 3).unwrap();
    fails(binary.fit(&mut fresh, &three.unwrap(), None), &["1 outputs", "3 for these targets"]);
    fails(binary.metric(Metric::Accuracy).fit(&mut fresh, &data, None), &["BinaryAccuracy"]);
}
