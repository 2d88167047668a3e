//! Weights on rows, time steps and classes, and smoothed labels: against Keras (`tests/golden/weighted.json`), through every way to
//! train, and refused where they make no sense.

use crate::common::{Tolerance, assert_close, devices};
use crate::files::says;
use crate::golden::golden;
use autorot::{
    Dataset, Dense, Device, Loss, Masking, Metric, Model, Sequential, Sgd, TimeDistributed, Trainer,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    loss: String,
    shape: Vec<usize>,
    outputs: usize,
    rate: f64,
    padding: Option<f32>,
    smoothing: f32,
    x: Vec<f32>,
    y: Vec<f32>,
    weights: Option<Vec<f32>>,
    class_weights: Option<Vec<f32>>,
    kernel: Vec<f32>,
    bias: Vec<f32>,
    value: f64,
    metric: Option<f64>,
    kernel_after: Vec<f64>,
    bias_after: Vec<f64>,
}

impl Case {
    fn loss(&self) -> Loss {
        match self.loss.as_str() {
            "sparse_categorical_crossentropy" | "categorical_crossentropy" => Loss::SoftmaxCrossEntropy,
            "binary_crossentropy" => Loss::BinaryCrossEntropy,
            "mean_squared_error" => Loss::MeanSquaredError,
            other => panic!("no loss {other}"),
        }
    }

    fn data(&self) -> Dataset {
        let names = || (0..self.outputs).map(|c| c.to_string()).collect();
        let (shape, x) = (self.shape.clone(), self.x.clone());
        let labels = || self.y.iter().map(|&v| v as u32).collect();
        let of_steps = self.shape.len() > 1;
        let data = match (self.loss.as_str(), of_steps) {
            ("sparse_categorical_crossentropy", true) => Dataset::step_classes(shape, x, labels(), names()),
            ("sparse_categorical_crossentropy", false) => Dataset::classes(shape, x, labels(), names()),
            _ => {
                let target: Vec<usize> =
                    self.shape[..self.shape.len() - 1].iter().copied().chain([self.outputs]).collect();
                Dataset::values(shape, x, target, self.y.clone())
            }
        };
        let data = data.unwrap();
        let data = match self.padding {
            Some(padding) => data.with_mask(padding).unwrap(),
            None => data,
        };
        match (&self.weights, &self.class_weights) {
            (Some(weights), _) => data.with_weights(weights.clone()).unwrap(),
            (_, Some(weights)) => data.with_class_weights(weights).unwrap(),
            _ => data,
        }
    }

    fn model(&self, device: &Device, data: &Dataset) -> Model {
        let mut net = Sequential::for_data(data);
        if let Some(padding) = self.padding {
            net = net.add(Masking::new(padding));
        }
        let dense = Dense::new(self.outputs);
        net = if self.shape.len() > 1 { net.add(TimeDistributed::new(dense)) } else { net.add(dense) };
        let mut model = net.build(device, 0).unwrap();
        let mut weights = model.weights().unwrap();
        for (path, values) in [("kernel", &self.kernel), ("bias", &self.bias)] {
            let path = weights.paths().find(|p| p.ends_with(path)).unwrap().to_owned();
            weights.get_mut(&path).unwrap().values = values.clone();
        }
        model.set_weights(&weights).unwrap();
        model
    }

    fn trainer(&self, batch: usize) -> Trainer<'static> {
        let trainer = Trainer::new(Sgd { learning_rate: self.rate.into(), ..Sgd::default() }, self.loss())
            .label_smoothing(self.smoothing)
            .progress(false)
            .shuffle(false)
            .epochs(1)
            .batch(batch);
        match (&self.metric, self.loss()) {
            (Some(_), Loss::MeanSquaredError) => trainer.weighted_metric(Metric::MeanAbsoluteError),
            (Some(_), _) => trainer.weighted_metric(Metric::Accuracy),
            _ => trainer,
        }
    }

    /// Kernel and bias.
    fn weights(model: &mut Model) -> [Vec<f64>; 2] {
        let weights = model.weights().unwrap();
        ["kernel", "bias"].map(|name| {
            let path = weights.paths().find(|p| p.ends_with(name)).unwrap().to_owned();
            weights.get(&path).unwrap().values.iter().map(|&v| f64::from(v)).collect()
        })
    }
}

fn cases() -> Vec<Case> {
    let all: Cases = golden("weighted.json");
    assert!(all.cases.len() >= 10);
    all.cases
}

#[test]
fn a_weighted_step_is_keras_s() {
    let tolerance = Tolerance::new(1e-6, 1e-5);
    for device in devices() {
        for case in cases() {
            let what = format!("{} on {}", case.name, device.name());
            let data = case.data();
            let mut model = case.model(&device, &data);
            let mut trainer = case.trainer(data.len());
            let before = trainer.evaluate(&mut model, &data).unwrap();
            let history = trainer.fit(&mut model, &data, None).unwrap();
            let epoch = &history.epochs[0];
            assert_close(
                &format!("{what}: loss"),
                &[epoch.train_loss, before.loss],
                &[case.value; 2],
                tolerance,
            );
            if let Some(metric) = case.metric {
                let found = [epoch.train_metrics[0], before.metrics[0]];
                assert_close(&format!("{what}: metric"), &found, &[metric; 2], tolerance);
            }
            let [kernel, bias] = Case::weights(&mut model);
            assert_close(&format!("{what}: kernel"), &kernel, &case.kernel_after, tolerance);
            assert_close(&format!("{what}: bias"), &bias, &case.bias_after, tolerance);
        }
    }
}

/// Rows in parts, steps of a loop of one's own and shared updates weigh rows as a whole batch does.
#[test]
fn every_way_to_train_weighs_rows_alike() {
    let case = cases().into_iter().find(|case| case.name == "rows").unwrap();
    let tolerance = Tolerance::new(1e-6, 1e-5);
    for device in devices() {
        let data = case.data();
        let mut model = case.model(&device, &data);
        case.trainer(2).accumulate(3).resident_bytes(0).fit(&mut model, &data, None).unwrap();
        let [kernel, _] = Case::weights(&mut model);
        assert_close("shared updates", &kernel, &case.kernel_after, tolerance);

        let mut model = case.model(&device, &data);
        let trainer = case.trainer(6);
        let mut steps = trainer.begin(&mut model, &data).unwrap();
        let evaluation = steps.step(&[0, 1, 2, 3, 4, 5]).unwrap();
        drop(steps);
        assert_close("own loop", &[evaluation.loss], &[case.value], tolerance);
        let [kernel, _] = Case::weights(&mut model);
        assert_close("own loop", &kernel, &case.kernel_after, tolerance);
    }
}

fn three() -> Dataset {
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    Dataset::classes([1], vec![0.0, 0.5, 1.0, 0.25], vec![0, 1, 1, 1], names).unwrap()
}

#[test]
fn weights_go_with_their_rows() {
    let data = three().with_weights(vec![1.0, 2.0, 3.0, 4.0]).unwrap();
    assert_eq!(data.select(&[3, 0]).unwrap().weights(), Some(&[4.0, 1.0][..]));
    assert_eq!(data.with_inputs(vec![0.5; 4]).unwrap().weights(), data.weights());
    let product = data.clone().with_class_weights(&[10.0, 1.0, 5.0]).unwrap();
    assert_eq!(product.weights(), Some(&[10.0, 2.0, 3.0, 4.0][..]));
    let parts = data.split(0.5, 1).unwrap();
    assert!(parts.train.weights().is_some() && parts.test.weights().is_some());
    // 4 rows over 3 classes of 1, 3 and no rows.
    assert_eq!(three().balanced_class_weights().unwrap(), [4.0 / 3.0, 4.0 / 9.0, 0.0]);
}

#[test]
fn wrong_weights_are_refused() {
    says(three().with_weights(vec![1.0; 3]), &["data set weights", "3 weights", "4 rows"]);
    says(three().with_weights(vec![1.0, -1.0, 0.0, 0.0]), &["-1 as weight 1", ">= 0"]);
    says(three().with_weights(vec![f32::NAN; 4]), &["NaN", "finite"]);
    says(three().with_weights(vec![0.0; 4]), &["all 0"]);
    says(three().with_class_weights(&[1.0]), &["class weights", "1 weights", "3 classes"]);
    let values = || Dataset::values([1], vec![0.0, 1.0], [1], vec![0.0, 1.0]).unwrap();
    says(values().with_class_weights(&[1.0]), &["class weights", "values"]);
    let mut model = Sequential::for_data(&values()).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    let smoothed =
        |share| Trainer::new(Sgd::default(), Loss::MeanSquaredError).label_smoothing(share).progress(false);
    says(smoothed(0.1).fit(&mut model, &values(), None), &["label_smoothing", "mean_squared_error"]);
    says(smoothed(1.0).fit(&mut model, &values(), None), &["label_smoothing", "below 1"]);
    let weighted =
        Trainer::new(Sgd::default(), Loss::MeanSquaredError).weighted_metric(Metric::R2).progress(false);
    says(weighted.evaluate(&mut model, &values()), &["weighted metric", "r2"]);
}
