//! Starts from data: that of weight normalisation against numpy (`tests/golden/generate_starts.py`), LSUV against its definition.

use crate::common::{Random, Tolerance, assert_close, devices};
use crate::files::says;
use crate::golden::golden;
use autorot::extend::layers;
use autorot::model::{Draft, Started, Tensor, Weights};
use autorot::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Stored {
    shape: Vec<usize>,
    values: Vec<f32>,
}

#[derive(Deserialize)]
struct Case {
    shape: Vec<usize>,
    x: Vec<f32>,
    weights: BTreeMap<String, Stored>,
    started: BTreeMap<String, Vec<f64>>,
}

/// A data set of these inputs, with targets that do not matter.
fn data(shape: &[usize], x: Vec<f32>) -> Dataset {
    let rows = x.len() / shape.iter().product::<usize>();
    Dataset::values(shape, x, [1], vec![0.0; rows]).unwrap()
}

fn noise(shape: &[usize], rows: usize, seed: u64) -> Dataset {
    data(shape, Random::new(seed).vector(rows * shape.iter().product::<usize>(), 2.0))
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}

#[test]
fn weight_normalisation_starts_as_numpy_has_it() {
    let cases: BTreeMap<String, Case> = golden("starts.json");
    assert_eq!(cases.len(), 3);
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        for (name, case) in &cases {
            let net = Sequential::new(case.shape.clone());
            let dense = |units| Dense::new(units).weight_norm(true);
            let net = match name.as_str() {
                "dense" => {
                    let second = dense(3).activation(Activation::Sigmoid).use_bias(false);
                    net.add(dense(4).activation(Activation::Tanh)).add(second).add(Dense::new(2))
                }
                "conv" => {
                    let conv = Conv1d::new(5, 3).activation(Activation::Sigmoid).weight_norm(true);
                    net.add(conv).add(Flatten).add(dense(2))
                }
                _ => net.add(Masking::new(9.0)).add(Lstm::new(3).weight_norm(true)),
            };
            let mut model = net.build(&device, 2).unwrap();
            let tensor = |(path, of): (&String, &Stored)| {
                (path.clone(), Tensor { shape: of.shape.clone(), values: of.values.clone() })
            };
            model.set_weights(&case.weights.iter().map(tensor).collect()).unwrap();
            let before = model.weights().unwrap();
            let set = data(&case.shape, case.x.clone());
            let started = model.start_weight_norm(&set, 100).unwrap();
            let count = case.started.keys().filter(|path| path.ends_with("gain")).count();
            assert_eq!(started.len(), count, "{name}");
            let weights = model.weights().unwrap();
            for (path, tensor) in &weights {
                let what = format!("{name} on {}: {path}", device.name());
                match case.started.get(path) {
                    Some(wanted) => {
                        assert_close(&what, &wide(&tensor.values), wanted, Tolerance::new(1e-5, 1e-5));
                    }
                    None => assert_eq!(*tensor, before[&**path], "{what}"),
                }
            }
            // Again the same, although the biases are others by now.
            model.start_weight_norm(&set, 100).unwrap();
            assert_eq!(model.weights().unwrap(), weights, "{name}");
        }
    }
}

fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count
}

/// Two layers by the paper's rule, written a second time.
#[test]
fn lsuv_follows_its_definition() {
    const ROWS: usize = 20;
    let set = noise(&[3], 30, 5);
    let net = Sequential::new([3])
        .add(Dense::new(4).activation(Activation::Tanh).bias_initializer(Initializer::Constant(0.5)))
        .add(Dense::new(2).use_bias(false));
    let seed = 6;
    // x of the rows, then layer by layer: orthonormal weights, divided by the deviation until that is near 1.
    let mut x = wide(&set.inputs()[..ROWS * 3]);
    let mut wanted = Vec::new();
    for (path, [inputs, units], bias) in [("0.dense.kernel", [3, 4], 0.5), ("1.dense.kernel", [4, 2], 0.0)] {
        let start = Initializer::Orthogonal { gain: 1.0 }.values(path, &[inputs, units], seed).unwrap();
        let mut w = wide(&start);
        let mut rounds = 0;
        let z = loop {
            let sum = |row: &[f64], n: usize| {
                row.iter().enumerate().map(|(k, x)| x * w[k * units + n]).sum::<f64>()
            };
            let z: Vec<f64> = x
                .chunks_exact(inputs)
                .flat_map(|row| (0..units).map(move |n| (row, n)))
                .map(|(row, n)| sum(row, n) + bias)
                .collect();
            if (variance(&z) - 1.0).abs() < 0.1 || rounds == 10 {
                break z;
            }
            w.iter_mut().for_each(|w| *w /= variance(&z).sqrt());
            rounds += 1;
        };
        wanted.push((path, w, rounds, variance(&z)));
        x = z.into_iter().map(f64::tanh).collect();
    }
    assert!(wanted.iter().any(|(_, _, rounds, _)| *rounds > 0), "{wanted:?}");
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        let mut model = net.build(&device, seed).unwrap();
        let before = model.weights().unwrap();
        let started = model.lsuv(&set, ROWS).unwrap();
        let weights = model.weights().unwrap();
        for ((path, w, rounds, variance), started) in wanted.iter().zip(&started) {
            assert_eq!((started.path.as_str(), started.rounds), (path.trim_end_matches(".kernel"), *rounds));
            let tolerance = Tolerance::new(1e-5, 1e-5);
            assert_close(path, &wide(&weights[path].values), w, tolerance);
            assert_close(path, &[started.variance], &[*variance], tolerance);
        }
        assert_eq!(weights["0.dense.bias"], before["0.dense.bias"]);
    }
}

/// The same layer without an activation: its outputs are what is measured.
fn without_activation(kind: &str, layer: &dyn extend::Layer) -> Draft {
    let mut options = layer.options();
    options.insert("activation".to_owned(), "linear".into());
    Draft { options, ..Draft::new(kind) }
}

#[test]
fn every_layer_of_neurons_is_started() {
    let (mut started, mut rotated) = (0, 0);
    for entry in layers::all() {
        let set = noise(&entry.input, 12, 3);
        for example in entry.examples {
            let options = example.options();
            let Some(rotate) = options.get("auto_rotate") else { continue };
            let (classic, what) = (rotate.is_null(), format!("{example:?}"));
            let normed = options["weight_norm"] == true;
            let linear = without_activation(entry.kind, &*example);
            let recurrent = options.contains_key("recurrent_initializer");
            let net = Sequential::new(entry.input.clone()).input_range(-2.0, 2.0);
            let mut model = net.clone().add_boxed(example).build(&Device::cpu_f64(), 4).unwrap();
            let before = model.weights().unwrap();
            if !classic {
                says(model.lsuv(&set, 12), &["no layer that LSUV could start"]);
                assert_eq!(model.weights().unwrap(), before);
                rotated += 1;
                continue;
            }
            let told = model.lsuv(&set, 12).unwrap();
            let [Started { variance: found, rounds, .. }] = told.as_slice() else { panic!("{what}") };
            assert!((found - 1.0).abs() < 0.1 && *rounds <= 10, "{what}: {told:?}");
            // The outputs of a recurrent layer are not those that are measured.
            if !recurrent {
                let mut linear = net.add_drafts(&[linear]).unwrap().build(&Device::cpu_f64(), 4).unwrap();
                linear.set_weights(&model.weights().unwrap().without_description()).unwrap();
                let z = wide(&linear.predict(set.inputs()).unwrap());
                assert!((variance(&z) - found).abs() < 1e-5, "{what}: {} and {found}", variance(&z));
                if normed {
                    model.start_weight_norm(&set, 12).unwrap();
                    linear.set_weights(&model.weights().unwrap().without_description()).unwrap();
                    let z = wide(&linear.predict(set.inputs()).unwrap());
                    let units = linear.network().output().shape.last().copied().unwrap();
                    for n in 0..units {
                        let of_unit: Vec<f64> = z.iter().skip(n).step_by(units).copied().collect();
                        assert!((variance(&of_unit) - 1.0).abs() < 1e-5, "{what}: {}", variance(&of_unit));
                    }
                }
            }
            if !normed {
                says(
                    model.start_weight_norm(&set, 12),
                    &["no layer with weight normalisation", "weight_norm(true)"],
                );
            }
            started += 1;
        }
    }
    assert!(started > 80 && rotated > 80, "{started} and {rotated}");
}

/// Blocks, layers inside others, rotated ones among them, and masks.
fn deep() -> Sequential {
    let dense = |units| Dense::new(units).activation(Activation::Tanh);
    let rotated = dense(3).auto_rotate(AutoRotate::new());
    let block = Residual::new().add(dense(3).weight_norm(true)).add(TimeDistributed::new(dense(3)));
    Sequential::new([4, 3])
        .input_range(-2.0, 2.0)
        .add(Masking::new(9.0))
        .add(block.shortcut(rotated))
        .add(Bidirectional::new(Gru::new(3).weight_norm(true).return_sequences(true)))
        .add(TimeDistributed::new(Residual::new().add(dense(6))))
        .add(Lstm::new(4))
        .add(Dense::new(2).weight_norm(true))
}

/// Sequences, padded at their ends if asked for.
fn sequences(steps: usize, padded: bool) -> Dataset {
    let mut random = Random::new(8);
    let mut x = Vec::new();
    for row in 0..10 {
        let len = if padded { 1 + row % 4 } else { steps };
        let mut line = random.vector(len * 3, 2.0);
        line.resize(steps * 3, 9.0);
        x.extend(line);
    }
    data(&[steps, 3], x)
}

#[test]
fn layers_inside_others_are_started_and_masked_steps_do_not_count() {
    let paths = [
        "1.residual.0.dense",
        "1.residual.1.time_distributed.0.dense",
        "2.bidirectional.forward",
        "2.bidirectional.backward",
        "3.time_distributed.0.residual.0.dense",
        "4.lstm",
        "5.dense",
    ];
    for device in devices() {
        for padded in [false, true] {
            let set = sequences(4, padded);
            let mut model = deep().build(&device, 1).unwrap();
            let started = model.lsuv(&set, 10).unwrap();
            assert_eq!(started.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), paths);
            assert!(started.iter().all(|s| (s.variance - 1.0).abs() < 0.1), "{started:?}");
            let weights = model.weights().unwrap();
            let before = deep().build(&device, 1).unwrap().weights().unwrap();
            let rotated = "1.residual.shortcut.0.dense.kernel";
            assert_eq!(weights[rotated], before[rotated]);
            // The same bits again.
            let mut again = deep().build(&device, 1).unwrap();
            again.lsuv(&set, 10).unwrap();
            assert_eq!(again.weights().unwrap(), weights);
            let normed = model.start_weight_norm(&set, 10).unwrap();
            let paths: Vec<&str> = normed.iter().map(|s| s.path.as_str()).collect();
            assert_eq!(
                paths,
                ["1.residual.0.dense", "2.bidirectional.forward", "2.bidirectional.backward", "5.dense"]
            );
        }
    }
    // Longer padding changes nothing: layers here do not see how long the sequences are.
    let net = |steps| {
        let inner = Residual::new().add(Dense::new(3).activation(Activation::Tanh));
        Sequential::new([steps, 3])
            .add(Masking::new(9.0))
            .add(Dense::new(3).activation(Activation::Tanh).weight_norm(true))
            .add(TimeDistributed::new(inner))
            .add(Bidirectional::new(SimpleRnn::new(2)))
    };
    let weights = |steps| {
        let mut model = net(steps).build(&Device::cpu_f64(), 1).unwrap();
        let set = sequences(steps, true);
        let told = model.lsuv(&set, 10).unwrap();
        model.start_weight_norm(&set, 10).unwrap();
        (told, model.weights().unwrap())
    };
    let ((short, one), (long, other)) = (weights(4), weights(9));
    for (short, long) in short.iter().zip(&long) {
        assert!((short.variance - long.variance).abs() < 1e-9, "{short:?} and {long:?}");
    }
    for (path, tensor) in &one {
        assert_close(path, &wide(&tensor.values), &wide(&other[&**path].values), Tolerance::new(1e-6, 1e-6));
    }
}

#[test]
fn a_start_leaves_training_as_it_is() {
    let set = noise(&[3], 16, 1);
    let net =
        Sequential::new([3]).add(Dense::new(4).weight_norm(true)).add(BatchNorm::new()).add(Dense::new(1));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let mut trainer =
        Trainer::new(Adam::default(), Loss::MeanSquaredError).batch(8).epochs(2).progress(false);
    trainer.fit(&mut model, &set, None).unwrap();
    let before = model.state().unwrap();
    model.lsuv(&set, 16).unwrap();
    model.start_weight_norm(&set, 16).unwrap();
    let after = model.state().unwrap();
    assert_eq!((after.steps(), after.epochs()), (4, 2));
    let statistics = |weights: &Weights| {
        ["mean", "variance"].map(|name| weights[&*format!("1.batch_norm.moving_{name}")].clone())
    };
    assert_eq!(statistics(&after.weights()), statistics(&before.weights()));
    assert_ne!(after.weights()["0.dense.kernel"], before.weights()["0.dense.kernel"]);
    // Training goes on with the moments that there were: only the parameters differ.
    let mut other = net.build(&Device::cpu(), 1).unwrap();
    other.set_state(&before).unwrap();
    other.set_weights(&after.weights()).unwrap();
    trainer.fit(&mut model, &set, None).unwrap();
    trainer.fit(&mut other, &set, None).unwrap();
    assert_eq!(model.weights().unwrap(), other.weights().unwrap());
}

#[test]
fn what_cannot_be_started_says_why() {
    let net = Sequential::new([3]).add(Dense::new(4).weight_norm(true)).add(Dense::new(1));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let before = model.weights().unwrap();
    says(model.lsuv(&noise(&[3], 5, 1), 1), &["rows to start from", "1 rows", "at least 2"]);
    says(model.lsuv(&noise(&[1, 3], 5, 1), 5), &["[1, 3]", "[3]"]);
    says(model.lsuv(&data(&[3], vec![0.0; 15]), 5), &["0.dense", "variance 0"]);
    assert_eq!(model.weights().unwrap(), before);
    // A unit that is the same for all rows stays as it is.
    model.start_weight_norm(&data(&[3], vec![0.5; 15]), 5).unwrap();
    assert_eq!(model.weights().unwrap(), before);
}
