//! Optimisers, losses, metrics and a whole training against Keras; `tests/golden/training.json`.

use crate::common::{Tolerance, assert_close, devices};
use crate::golden::{golden, now};
use autorot::extend::executor::{Executor, Program, Values};
use autorot::extend::kernel::{Element, clock, rates};
use autorot::extend::plan::arena::keys;
use autorot::extend::plan::{Purpose, Recorder, View};
use autorot::extend::{LossViews, UpdateViews};
use autorot::model::Network;
use autorot::{
    Activation, Adadelta, Adagrad, Adam, AdamW, Adamax, AutoRotate, Clip, Dataset, Dense, Device, Lamb,
    LearnL, Lion, Loss, Metric, Nadam, Optimizer, RmsProp, Schedule, Sequential, Sgd, Trainer,
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct OptimizerCase {
    name: String,
    optimizer: String,
    settings: Value,
    lengths: Vec<usize>,
    not_decayed: Vec<usize>,
    initial: Vec<f64>,
    gradients: Vec<Vec<f64>>,
    parameters: Vec<Vec<f64>>,
    /// The moving averages after every step, of an optimiser that keeps them.
    #[serde(default)]
    averages: Vec<Vec<f64>>,
}

pub fn number(settings: &Value, key: &str) -> Option<f64> {
    settings.get(key).and_then(Value::as_f64)
}

fn optimizer(name: &str, settings: &Value) -> Optimizer {
    let get = |key: &str| number(settings, key).unwrap_or_else(|| panic!("{name}: no {key}"));
    let single = |key: &str| get(key) as f32;
    let limit = |key: &str| number(settings, key).map(|v| v as f32);
    let clip = Clip { norm: limit("global_clipnorm"), value: limit("clipvalue") };
    let learning_rate = Schedule::Constant(get("learning_rate"));
    let adam = || Adam {
        learning_rate: learning_rate.clone(),
        beta_1: get("beta_1"),
        beta_2: get("beta_2"),
        epsilon: single("epsilon"),
        clip,
    };
    let weight_decay = limit("weight_decay").unwrap_or(0.0);
    let made: Optimizer = match name {
        "sgd" => {
            let nesterov = settings["nesterov"].as_bool().unwrap();
            Sgd { learning_rate, momentum: single("momentum"), nesterov, clip }.into()
        }
        "rmsprop" => {
            let (momentum, epsilon) = (single("momentum"), single("epsilon"));
            RmsProp { learning_rate, rho: single("rho"), momentum, epsilon, clip }.into()
        }
        "adam" => adam().into(),
        "adamw" => AdamW { adam: adam(), weight_decay }.into(),
        "nadam" => {
            let Adam { beta_1, beta_2, epsilon, .. } = adam();
            Nadam { learning_rate, beta_1, beta_2, epsilon, clip }.into()
        }
        "lamb" => {
            let Adam { beta_1, beta_2, epsilon, .. } = adam();
            Optimizer::from(Lamb { learning_rate, beta_1, beta_2, epsilon, clip })
                .with_weight_decay(weight_decay)
        }
        "adagrad" => {
            let initial_accumulator_value = single("initial_accumulator_value");
            Adagrad { learning_rate, initial_accumulator_value, epsilon: single("epsilon"), clip }.into()
        }
        "adadelta" => Adadelta { learning_rate, rho: single("rho"), epsilon: single("epsilon"), clip }.into(),
        "adamax" => {
            let [beta_2, epsilon] = ["beta_2", "epsilon"].map(single);
            Adamax { learning_rate, beta_1: get("beta_1"), beta_2, epsilon, clip }.into()
        }
        "lion" => Lion { learning_rate, beta_1: single("beta_1"), beta_2: single("beta_2"), clip }.into(),
        other => panic!("no optimizer {other}"),
    };
    limit("ema_momentum").into_iter().fold(made, Optimizer::with_ema)
}

/// A network whose parameters have these lengths: a kernel, then another, or a bias, or learnt Ls.
fn parameters_of(case: &OptimizerCase) -> Network {
    let units = case.lengths[0];
    let layer = Dense::new(units).use_bias(false);
    let model = Sequential::new([1]).input_range(0.0, 1.0);
    let model = match (case.lengths.as_slice(), case.not_decayed.as_slice()) {
        ([_], []) => model.add(layer),
        ([a, b], []) if a == b => model.add(layer.use_bias(true)),
        ([a, b], [1]) if a == b => {
            let rotate = AutoRotate::new().learn_l(LearnL::PerUnit);
            model.add(layer.auto_rotate(rotate))
        }
        other => panic!("{}: no network with parameters {other:?}", case.name),
    };
    model.network(0).unwrap()
}

#[test]
fn optimisers_take_the_steps_that_keras_takes() {
    let cases: Vec<OptimizerCase> = ["training.json", "lamb.json"]
        .into_iter()
        .flat_map(|file| {
            let all: Value = golden(file);
            serde_json::from_value::<Vec<OptimizerCase>>(all["optimizers"].clone()).unwrap()
        })
        .collect();
    assert!(cases.len() >= 30);
    for device in devices() {
        for case in &cases {
            let optimizer = optimizer(&case.optimizer, &case.settings);
            let network = parameters_of(case);
            let arena = network.arena();
            let mut executor = device.executor();
            let mut shared = vec![
                (keys::PARAMETERS, arena.len()),
                (keys::GRADIENTS, arena.len()),
                (keys::PREVIOUS, arena.len()),
                (keys::AVERAGES, arena.len()),
            ];
            let kept = optimizer.kept();
            shared.extend(kept.iter().map(|key| (key.as_str(), arena.len())));
            shared.extend([(keys::RATES, rates::LEN), (keys::TALLIES, 1), (keys::CONTROL, 2)]);
            for (key, len) in shared {
                executor.allocate(key, Element::Float, len).unwrap();
            }
            executor.allocate(keys::CLOCK, Element::Index, clock::LEN).unwrap();
            executor.allocate(keys::DUE, Element::Index, 1).unwrap();
            let mut rec = Recorder::new(Purpose::Train, 1, arena);
            let float = |rec: &mut Recorder<'_>, key, len| rec.shared(key, Element::Float, len);
            let step = UpdateViews {
                gradient: float(&mut rec, keys::GRADIENTS, arena.len()),
                rates: float(&mut rec, keys::RATES, rates::LEN),
                tallies: float(&mut rec, keys::TALLIES, 1),
                scores: None,
                columns: 1,
                clock: rec.clock(),
                control: float(&mut rec, keys::CONTROL, 2),
                due: rec.shared(keys::DUE, Element::Index, 1),
                kind: None,
            };
            optimizer.record(&mut rec, step, arena);
            let program = executor.bind(&rec.finish("update").unwrap()).unwrap();
            let places: Vec<_> = arena.parameters().iter().map(|p| (p.offset, p.len())).collect();
            assert_eq!(places.iter().map(|p| p.1).collect::<Vec<_>>(), case.lengths, "{}", case.name);
            let write = |executor: &mut dyn Executor, key: &str, values: &[f64]| {
                let mut first = 0;
                for &(offset, len) in &places {
                    executor.write(key, offset, Values::F64(&values[first..first + len])).unwrap();
                    first += len;
                }
            };
            write(&mut *executor, keys::PARAMETERS, &case.initial);
            write(&mut *executor, keys::AVERAGES, &case.initial);
            for (i, (gradient, wanted)) in case.gradients.iter().zip(&case.parameters).enumerate() {
                write(&mut *executor, keys::GRADIENTS, gradient);
                let row = rates::row(optimizer.rates(i as u64), 1.0, true);
                executor.write(keys::RATES, 0, Values::F64(&row)).unwrap();
                executor.run(program, 1).unwrap();
                let averages = case.averages.get(i).map(|wanted| (keys::AVERAGES, wanted));
                for (key, wanted) in [(keys::PARAMETERS, wanted)].into_iter().chain(averages) {
                    let mut found = Vec::new();
                    for &(offset, len) in &places {
                        found.extend(now(executor.read(key, offset, len)));
                    }
                    let what = format!("{} of {} on {}, step {i}", key, case.name, device.name());
                    assert_close(&what, &found, wanted, Tolerance::new(1e-6, 1e-6));
                }
            }
        }
    }
}

/// Predictions and targets, and what is made of them.
#[derive(Deserialize)]
pub struct LossCase {
    name: String,
    #[serde(alias = "metric")]
    loss: String,
    settings: Value,
    batch: usize,
    outputs: usize,
    predictions: Vec<f64>,
    targets: Vec<f64>,
    value: f64,
    #[serde(default)]
    d_predictions: Vec<f64>,
}

impl LossCase {
    /// Of a test's own: rows of `outputs` predictions, and as many targets or a class a row.
    pub fn new(outputs: usize, predictions: Vec<f64>, targets: Vec<f64>) -> Self {
        let batch = predictions.len() / outputs;
        let (name, loss, settings) = (String::new(), String::new(), Value::Null);
        let d_predictions = Vec::new();
        Self { name, loss, settings, batch, outputs, predictions, targets, value: 0.0, d_predictions }
    }

    /// A metric of it.
    pub fn metric(&self, device: &Device, metric: Metric) -> f64 {
        let columns = metric.columns(self.outputs);
        let (sums, _) = self.run(device, columns, |rec, views| {
            metric.record(rec, views, 0);
            views.scores
        });
        metric.value(&sums, &self.data(), self.batch as f64)
    }

    /// Class indices become distributions, as gathering makes them.
    fn distributions(&self) -> Vec<f64> {
        if self.targets.len() == self.batch * self.outputs {
            return self.targets.clone();
        }
        let mut all = vec![0.0; self.batch * self.outputs];
        for (row, &class) in self.targets.iter().enumerate() {
            all[row * self.outputs + class as usize] = 1.0;
        }
        all
    }

    fn data(&self) -> Dataset {
        let values = self.distributions().into_iter().map(|v| v as f32).collect();
        Dataset::values([1], vec![0.0; self.batch], [self.outputs], values).unwrap()
    }

    /// Records with the views of this case; returns the sums of the scores and the program.
    fn run(
        &self,
        device: &Device,
        columns: usize,
        record: impl FnOnce(&mut Recorder<'_>, LossViews) -> View,
    ) -> (Vec<f64>, Vec<f64>) {
        let arena = autorot::extend::plan::arena::Arena::default();
        let len = self.batch * self.outputs;
        let mut executor = device.executor();
        for (key, values) in [("predictions", &self.predictions), ("targets", &self.distributions())] {
            executor.allocate(key, Element::Float, len).unwrap();
            executor.write(key, 0, Values::F64(values)).unwrap();
        }
        let mut rec = Recorder::new(Purpose::Train, self.batch, &arena);
        let views = LossViews {
            outputs: rec.shared("predictions", Element::Float, len),
            targets: rec.shared("targets", Element::Float, len),
            weights: None,
            scores: rec.scratch(self.batch * columns),
            columns,
        };
        let out = record(&mut rec, views);
        rec.keep(views.scores);
        rec.keep(out);
        let program: Program = executor.bind(&rec.finish("loss").unwrap()).unwrap();
        executor.run(program, 1).unwrap();
        let scores = now(executor.read_view(program, views.scores));
        let sums = (0..columns).map(|c| scores.iter().skip(c).step_by(columns).sum()).collect();
        (sums, now(executor.read_view(program, out)))
    }
}

#[test]
fn losses_agree_with_keras() {
    let all: Value = golden("training.json");
    let cases: Vec<LossCase> = serde_json::from_value(all["losses"].clone()).unwrap();
    assert!(cases.len() >= 10);
    for device in devices() {
        for case in &cases {
            let set = |key: &str| number(&case.settings, key).map(|v| v as f32);
            let loss = match case.loss.as_str() {
                "sparse_categorical_crossentropy" | "categorical_crossentropy" => Loss::SoftmaxCrossEntropy,
                "binary_crossentropy" => Loss::BinaryCrossEntropy,
                "mean_squared_error" => Loss::MeanSquaredError,
                "mean_absolute_error" => Loss::MeanAbsoluteError,
                "huber" => Loss::Huber { delta: set("delta").unwrap() },
                "log_cosh" => Loss::LogCosh,
                "poisson" => Loss::Poisson,
                "cosine_similarity" => Loss::CosineSimilarity,
                "kl_divergence" => Loss::KlDivergence,
                "categorical_focal_crossentropy" => {
                    Loss::SoftmaxFocalCrossEntropy { gamma: set("gamma").unwrap(), alpha: set("alpha") }
                }
                "binary_focal_crossentropy" => {
                    Loss::BinaryFocalCrossEntropy { gamma: set("gamma").unwrap(), alpha: set("alpha") }
                }
                "hinge" => Loss::Hinge,
                "squared_hinge" => Loss::SquaredHinge,
                other => panic!("no loss {other}"),
            };
            let (sums, gradient) = case.run(&device, 1, |rec, views| loss.record(rec, views, true).unwrap());
            let what = format!("{} on {}", case.name, device.name());
            let tolerance = Tolerance::new(1e-6, 1e-6);
            assert_close(&what, &[sums[0] / case.batch as f64], &[case.value], tolerance);
            assert_close(&what, &gradient, &case.d_predictions, tolerance);
        }
    }
}

#[test]
fn metrics_agree_with_keras() {
    let all: Value = golden("training.json");
    let cases: Vec<LossCase> = serde_json::from_value(all["metrics"].clone()).unwrap();
    assert!(cases.len() >= 10);
    for device in devices() {
        for case in &cases {
            let metric = match case.loss.as_str() {
                "sparse_categorical_accuracy" | "categorical_accuracy" => Metric::Accuracy,
                "sparse_top_k_categorical_accuracy" => {
                    Metric::TopK { k: number(&case.settings, "k").unwrap() as u32 }
                }
                "mean_absolute_error" => Metric::MeanAbsoluteError,
                "r2_score" => Metric::R2,
                "mean_squared_error" => Metric::MeanSquaredError,
                "root_mean_squared_error" => Metric::RootMeanSquaredError,
                "mean_absolute_percentage_error" => Metric::MeanAbsolutePercentageError,
                "precision" | "recall" => {
                    let threshold = number(&case.settings, "thresholds").unwrap() as f32;
                    let found = case.loss == "precision";
                    if found { Metric::Precision { threshold } } else { Metric::Recall { threshold } }
                }
                other => panic!("no metric {other}"),
            };
            let found = case.metric(&device, metric);
            let what = format!("{} on {}", case.name, device.name());
            assert_close(&what, &[found], &[case.value], Tolerance::new(1e-6, 1e-5));
        }
    }
}

#[test]
fn a_net_trains_as_in_keras() {
    let all: Value = golden("training.json");
    let net = &all["net"];
    let floats = |v: &Value| -> Vec<f32> {
        v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    };
    let wide =
        |v: &Value| -> Vec<f64> { v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect() };
    let labels: Vec<u32> =
        net["targets"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as u32).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::classes([6], floats(&net["x"]), labels, names).unwrap();
    let hidden = &net["hidden"];
    let single = |key: &str| hidden[key].as_f64().unwrap() as f32;
    let rotate =
        AutoRotate::new().limits(single("x_min"), single("x_max")).l(single("l")).epsilon(single("epsilon"));
    for device in devices() {
        let mut model = Sequential::for_data(&data);
        for units in [5, 4] {
            model = model.add(Dense::new(units).activation(Activation::Sigmoid).auto_rotate(rotate));
        }
        let mut model = model.add(Dense::new(3)).build(&device, 0).unwrap();
        let mut weights = model.weights().unwrap();
        for (i, layer) in net["initial"].as_array().unwrap().iter().enumerate() {
            for name in ["kernel", "bias"] {
                weights.get_mut(&format!("{i}.dense.{name}")).unwrap().values = floats(&layer[name]);
            }
        }
        model.set_weights(&weights).unwrap();
        let mut trainer = Trainer::new(optimizer("rmsprop", &net["settings"]), Loss::SoftmaxCrossEntropy)
            .progress(false)
            .epochs(5)
            .batch(8)
            .shuffle(false);
        let history = trainer.fit(&mut model, &data, None).unwrap();
        let mut losses: Vec<f64> = history.epochs.iter().map(|e| e.train_loss).collect();
        losses.push(trainer.evaluate(&mut model, &data).unwrap().loss);
        assert_close(&device.name(), &losses, &wide(&net["losses"]), Tolerance::new(1e-6, 1e-5));
        let weights = model.weights().unwrap();
        for (i, layer) in net["final"].as_array().unwrap().iter().enumerate() {
            for name in ["kernel", "bias"] {
                let path = format!("{i}.dense.{name}");
                let found: Vec<f64> = weights[&*path].values.iter().map(|&v| v.into()).collect();
                assert_close(&path, &found, &wide(&layer[name]), Tolerance::new(2e-6, 1e-5));
            }
        }
    }
}
