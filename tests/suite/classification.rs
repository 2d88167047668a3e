//! Scores of classifiers and of predicted values against scikit-learn's: `tests/golden/scores.json`.

use crate::common::{Tolerance, assert_close};
use crate::files::says;
use crate::golden::golden;
use autorot::report::{Average, Classification, Regression};
use autorot::{Adam, Dataset, Dense, Device, Flatten, Loss, Metric, Sequential, Trainer, data::Glyphs};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Cases {
    classifiers: Vec<Classifier>,
    regressions: Vec<Values>,
}

#[derive(Deserialize)]
struct Classifier {
    name: String,
    classes: usize,
    labels: Vec<u32>,
    probabilities: Vec<f64>,
    weights: Option<Vec<f64>>,
    confusion: Vec<Vec<f64>>,
    accuracy: f64,
    balanced_accuracy: f64,
    precisions: Vec<f64>,
    recalls: Vec<f64>,
    f_2: Vec<f64>,
    averages: BTreeMap<String, [f64; 3]>,
    log_loss: f64,
    roc_auc: f64,
    average_precision: f64,
    calibration: Option<[Vec<f64>; 2]>,
}

#[derive(Deserialize)]
struct Values {
    name: String,
    expected: Vec<f64>,
    predicted: Vec<f64>,
    scores: BTreeMap<String, Vec<f64>>,
}

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| class.to_string()).collect()
}

#[test]
fn scores_of_classes_are_scikit_learn_s() {
    let all: Cases = golden("scores.json");
    assert!(all.classifiers.len() >= 6);
    let close = |what: String, found: &[f64], wanted: &[f64]| {
        assert_close(&what, found, wanted, Tolerance::new(1e-12, 1e-12));
    };
    for case in all.classifiers {
        let what = |score: &str| format!("{}: {score}", case.name);
        let scores =
            Classification::new(names(case.classes), case.labels.clone(), case.probabilities.clone());
        let mut scores = scores.unwrap();
        if let Some(weights) = &case.weights {
            scores = scores.with_weights(weights.clone()).unwrap();
        }
        close(what("confusion"), &scores.confusion().concat(), &case.confusion.concat());
        close(what("accuracy"), &[scores.accuracy()], &[case.accuracy]);
        close(what("balanced accuracy"), &[scores.balanced_accuracy()], &[case.balanced_accuracy]);
        close(what("precisions"), &scores.precisions(), &case.precisions);
        close(what("recalls"), &scores.recalls(), &case.recalls);
        close(what("F2"), &scores.f_scores(2.0), &case.f_2);
        for (name, average) in
            [("micro", Average::Micro), ("macro", Average::Macro), ("weighted", Average::Weighted)]
        {
            let found = [scores.precision(average), scores.recall(average), scores.f1(average)];
            close(what(name), &found, &case.averages[name]);
        }
        close(what("log loss"), &[scores.log_loss()], &[case.log_loss]);
        close(what("ROC AUC"), &[scores.roc_auc()], &[case.roc_auc]);
        close(what("average precision"), &[scores.average_precision()], &[case.average_precision]);
        if let Some([predicted, observed]) = &case.calibration {
            let bins = scores.calibration(1, 4);
            close(what("predicted"), &bins.iter().map(|bin| bin.predicted).collect::<Vec<_>>(), predicted);
            close(what("observed"), &bins.iter().map(|bin| bin.observed).collect::<Vec<_>>(), observed);
        }
    }
}

#[test]
fn scores_of_values_are_scikit_learn_s() {
    let all: Cases = golden("scores.json");
    for case in all.regressions {
        let names = ["a", "b"].map(str::to_owned).to_vec();
        let scores = Regression::new(names, case.predicted, case.expected).unwrap();
        for (name, wanted) in &case.scores {
            let found = match name.as_str() {
                "mean_absolute_error" => scores.mean_absolute_error(),
                "mean_squared_error" => scores.mean_squared_error(),
                "root_mean_squared_error" => scores.root_mean_squared_error(),
                "mean_absolute_percentage_error" => scores.mean_absolute_percentage_error(),
                "median_absolute_error" => scores.median_absolute_error(),
                "max_error" => scores.max_error(),
                "r2" => scores.r2(),
                other => panic!("no score {other}"),
            };
            assert_close(&format!("{}: {name}", case.name), &found, wanted, Tolerance::new(1e-12, 1e-12));
        }
    }
}

#[test]
fn a_model_s_scores_are_those_of_its_predictions() {
    let data = Glyphs { train: 256, test: 128, seed: 3 }.load().unwrap();
    let net = Sequential::for_data(&data.train).add(Flatten).add(Dense::new(16));
    let mut model = net.build(&Device::cpu(), 0).unwrap();
    let mut trainer =
        Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).metric(Metric::Accuracy).progress(false);
    trainer.fit(&mut model, &data.train, None).unwrap();
    let evaluation = trainer.evaluate(&mut model, &data.test).unwrap();
    let scores = model.classification(&data.test).unwrap();
    let found = [scores.accuracy(), scores.log_loss()];
    assert_close("scores", &found, &[evaluation.metrics[0], evaluation.loss], Tolerance::new(1e-6, 1e-5));
    assert_eq!(scores.support().iter().sum::<f64>(), 128.0);
    let weighted = data.test.clone().with_weights((0..128).map(|i| (i % 3) as f32).collect()).unwrap();
    assert_ne!(model.classification(&weighted).unwrap().accuracy(), scores.accuracy());
    let folder = tempfile::tempdir().unwrap();
    for (name, drawn) in [
        ("confusion.svg", scores.plot_confusion(folder.path().join("confusion.svg"))),
        ("calibration.svg", scores.plot_calibration(folder.path().join("calibration.svg"), 2, 5)),
    ] {
        drawn.unwrap();
        assert!(std::fs::read_to_string(folder.path().join(name)).unwrap().contains("</svg>"));
    }
}

#[test]
fn what_is_no_score_is_refused() {
    let two = || names(2);
    says(Classification::new(two(), vec![], vec![]), &["classification", "0 rows"]);
    says(Classification::new(names(1), vec![0], vec![1.0]), &["1 classes", "two classes"]);
    says(Classification::new(two(), vec![2], vec![0.5, 0.5]), &["label 2", "below 2"]);
    says(Classification::new(two(), vec![1], vec![0.5]), &["1 probabilities"]);
    says(Classification::new(two(), vec![1], vec![0.5, f64::NAN]), &["NaN", "0 to 1"]);
    let fine = Classification::new(two(), vec![1], vec![0.5, 0.5]).unwrap();
    says(fine.with_weights(vec![-1.0]), &["weights", "-1"]);
    says(Regression::new(two(), vec![1.0], vec![1.0]), &["regression", "1 predicted"]);
    let values = Dataset::values([1], vec![0.0], [1], vec![0.0]).unwrap();
    let mut model = Sequential::for_data(&values).add(Dense::new(1)).build(&Device::cpu(), 0).unwrap();
    says(model.classification(&values), &["classification", "one class a row"]);
    // Values are no probabilities, unless they look like some.
    let data = Dataset::classes([1], vec![0.0, 1.0], vec![0, 1], two()).unwrap();
    let mut model = Sequential::for_data(&data).add(Dense::new(2)).build(&Device::cpu(), 0).unwrap();
    let mut weights = model.weights().unwrap();
    weights.get_mut("0.dense.kernel").unwrap().values = vec![-3.0, 3.0];
    model.set_weights(&weights).unwrap();
    says(model.classification(&data), &["probability -3", "set to be logits"]);
    model.set_outputs(autorot::model::Outputs::Logits);
    assert_eq!(model.classification(&data).unwrap().recalls(), [1.0, 1.0]);
}
