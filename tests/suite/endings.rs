//! Networks that end with a softmax or a sigmoid: what losses make of them, and what their predictions are.

use crate::common::{Tolerance, assert_close};
use autorot::model::{Kinds, Outputs};
use autorot::{
    Activation, Adam, Dataset, Dense, Device, Dropout, Flatten, Loss, Metric, Model, Result, Sequential,
    Softmax, TimeDistributed, Trainer,
};

/// Three classes along a line.
fn classes() -> Dataset {
    let inputs: Vec<f32> = (0..60).map(|i| (i % 3) as f32 - 1.0 + (i % 7) as f32 * 0.05).collect();
    let names = ["low", "middle", "high"].map(str::to_owned).to_vec();
    Dataset::classes([1], inputs, (0..60).map(|i| i % 3).collect(), names).unwrap()
}

/// Whether the numbers are above 0.
fn answers() -> Dataset {
    let inputs: Vec<f32> = (0..40).map(|i| i as f32 / 20.0 - 1.0).collect();
    let targets = inputs.iter().map(|&x| f32::from(u8::from(x > 0.0))).collect();
    Dataset::values([1], inputs, [1], targets).unwrap()
}

fn trained(data: &Dataset, net: Sequential, loss: Loss, metrics: &[Metric]) -> Result<Model> {
    let mut model = net.build(&Device::cpu(), 1)?;
    let adam = Adam { learning_rate: 0.05.into(), ..Adam::default() };
    let trainer = Trainer::new(adam, loss).epochs(60).batch(20).progress(false);
    metrics.iter().cloned().fold(trainer, Trainer::metric).fit(&mut model, data, None)?;
    Ok(model)
}

#[track_caller]
fn refused(result: Result<Model>, parts: &[&str]) {
    let error = result.unwrap_err().to_string();
    parts.iter().for_each(|part| assert!(error.contains(part), "{part} in {error}"));
}

#[test]
fn what_a_loss_takes_itself_is_refused_at_the_end() {
    let net = || Sequential::for_data(&classes()).add(Dense::new(3));
    let focal = Loss::SoftmaxFocalCrossEntropy { gamma: 2.0, alpha: None };
    for loss in [Loss::SoftmaxCrossEntropy, Loss::KlDivergence, focal] {
        let parts = ["1.softmax", "softmax at the end", &loss.name(), "Model::predict_rows"];
        refused(trained(&classes(), net().add(Softmax::new()), loss, &[]), &parts);
    }
    // What only moves numbers or leaves them as they are does not hide it.
    let hidden = net().add(Softmax::new()).add(Dropout::new(0.1)).add(Flatten);
    refused(trained(&classes(), hidden, Loss::SoftmaxCrossEntropy, &[]), &["1.softmax"]);
    let data = answers();
    let net = |layer: Dense| Sequential::for_data(&data).add(layer);
    for activation in [Activation::Sigmoid, Activation::HardSigmoid] {
        let layer = net(Dense::new(1).activation(activation));
        let parts = ["0.dense", activation.name(), "binary_cross_entropy", "linear"];
        refused(trained(&data, layer, Loss::BinaryCrossEntropy, &[]), &parts);
    }
    let rates = net(Dense::new(1).activation(Activation::Exponential));
    refused(trained(&data, rates, Loss::Poisson, &[]), &["0.dense", "exponential", "poisson"]);
    let steps = Dataset::values([2, 1], vec![0.5; 8], [2, 1], vec![1.0; 8]).unwrap();
    let each = TimeDistributed::new(Dense::new(1).activation(Activation::Sigmoid));
    let each = Sequential::for_data(&steps).add(each);
    refused(trained(&steps, each, Loss::BinaryCrossEntropy, &[]), &["0.time_distributed.0.dense"]);
    // An evaluation is refused as well.
    let mut model = net(Dense::new(1).activation(Activation::Sigmoid)).build(&Device::cpu(), 0).unwrap();
    assert!(model.evaluate(&data, Loss::BinaryCrossEntropy, &[]).is_err());
    assert!(model.evaluate(&data, Loss::MeanSquaredError, &[]).is_ok());
}

#[test]
fn logits_that_cannot_grow_are_warned_of() {
    crate::logs::listen();
    let data = answers();
    let net = |activation| Sequential::for_data(&data).add(Dense::new(1).activation(activation));
    let of = |activation, loss| {
        crate::logs::warnings();
        trained(&data, net(activation), loss, &[]).unwrap();
        crate::logs::warnings()
    };
    let found = of(Activation::Tanh, Loss::BinaryCrossEntropy);
    assert!(
        found.iter().any(|text| text.contains("0.dense: logits of tanh stay between -1 and 1")),
        "{found:?}"
    );
    // A linear layer has no bound, and values may have one.
    assert_eq!(of(Activation::Linear, Loss::BinaryCrossEntropy), [""; 0]);
    assert_eq!(of(Activation::Tanh, Loss::MeanSquaredError), [""; 0]);
}

#[test]
fn a_threshold_lies_among_the_outputs() {
    let data = answers();
    let net = |activation| Sequential::for_data(&data).add(Dense::new(1).activation(activation));
    let at = |threshold| Metric::BinaryAccuracy { threshold };
    let of =
        |activation, threshold| trained(&data, net(activation), Loss::MeanSquaredError, &[at(threshold)]);
    refused(of(Activation::Sigmoid, 0.0), &["binary_accuracy", "the threshold 0", "use 0.5"]);
    refused(of(Activation::Sigmoid, 1.0), &["the threshold 1"]);
    of(Activation::Tanh, 0.0).unwrap();
    let mut model = of(Activation::Sigmoid, 0.5).unwrap();
    let found = model.evaluate(&data, Loss::MeanSquaredError, &[at(0.5)]).unwrap().metrics[0];
    assert!(found > 0.9, "{found}");
}

#[test]
fn shares_of_a_softmax_are_probabilities() {
    let data = classes();
    let net = || Sequential::for_data(&data).add(Dense::new(3)).add(Softmax::new());
    let mut model = trained(&data, net(), Loss::MeanSquaredError, &[Metric::Accuracy]).unwrap();
    assert_eq!(model.outputs(), Outputs::Probabilities);
    let x = [-1.0, 0.1, 1.2];
    let raw: Vec<f64> = model.predict(&x).unwrap().into_iter().map(f64::from).collect();
    let rows = model.predict_rows(&x[..]).unwrap();
    assert!(rows.are_probabilities());
    assert_eq!(rows.values(), raw, "taken as they are");
    for row in raw.chunks_exact(3) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-6, "{row:?}");
    }
    let named: Vec<&str> = (0..3).filter_map(|row| rows.class(row)).collect();
    assert_eq!(named, ["low", "middle", "high"]);
    let scores = model.classification(&data).unwrap();
    assert!(scores.accuracy() > 0.9, "{}", scores.accuracy());
    // The class that is named is the largest output, counted by hand.
    let outputs = model.predict(data.inputs()).unwrap();
    let largest = |row: &[f32], class: usize| row.iter().all(|share| *share <= row[class]);
    let right = outputs.chunks_exact(3).enumerate().filter(|(i, row)| largest(row, i % 3)).count();
    assert!((scores.accuracy() - right as f64 / 60.0).abs() < 1e-12);
    let mut again = Model::from_bytes(&model.to_bytes().unwrap(), &Device::cpu(), &Kinds::default()).unwrap();
    assert_eq!(again.outputs(), Outputs::Probabilities);
    assert_eq!(again.predict_rows(&x[..]).unwrap(), rows);
}

#[cfg(feature = "keras")]
#[test]
fn a_softmax_goes_to_keras_files_once() {
    use autorot::file::KerasFormat;
    let data = classes();
    let net = Sequential::for_data(&data).add(Dense::new(3)).add(Softmax::new());
    let mut model = trained(&data, net, Loss::MeanSquaredError, &[]).unwrap();
    let x = [-1.0, 0.1, 1.2];
    let wanted = model.predict_rows(&x[..]).unwrap();
    for format in [KerasFormat::Keras, KerasFormat::H5] {
        let mut again = Model::from_keras(&model.to_keras(format).unwrap(), &Device::cpu()).unwrap();
        let found = again.predict_rows(&x[..]).unwrap();
        assert_close("answers", found.values(), wanted.values(), Tolerance::new(1e-6, 0.0));
        // What comes back has logits, as every classifier of Keras, and goes on with their loss.
        assert_eq!(again.outputs(), Outputs::Logits);
        let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy);
        trainer.epochs(1).progress(false).fit(&mut again, &data, None).unwrap();
    }
}
