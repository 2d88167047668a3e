//! Weight normalisation: against PyTorch (`tests/golden/generate_weight_norm.py`), by hand, and as part of a model.

use crate::common::{Tolerance, assert_close, devices};
use crate::files::says;
use crate::golden::golden;
use crate::probe::Probe;
use autorot::extend::layers;
use autorot::file::Layout;
use autorot::model::{Tensor, Weights};
use autorot::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Stored {
    shape: Vec<usize>,
    values: Vec<f32>,
    gradient: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    x: Vec<f64>,
    y: Vec<f64>,
    g: Vec<f64>,
    d_x: Vec<f64>,
    tensors: BTreeMap<String, Stored>,
}

const ROWS: usize = 3;

/// The layers of the golden file.
fn net(name: &str) -> Sequential {
    let net = |input: &[usize]| Sequential::new(input);
    match name {
        "dense" => net(&[5]).add(Dense::new(4).activation(Activation::Tanh).weight_norm(true)),
        "conv1d" => {
            net(&[7, 3]).add(Conv1d::new(5, 3).strides(2).activation(Activation::Tanh).weight_norm(true))
        }
        "conv2d" => {
            let conv = Conv2d::new(4, 3).padding(Padding::Same).groups(2);
            net(&[5, 4, 2]).add(conv.activation(Activation::Sigmoid).weight_norm(true))
        }
        "transposed" => {
            let conv = Conv2dTranspose::new(4, 2).strides(2);
            net(&[3, 2, 3]).add(conv.activation(Activation::Tanh).weight_norm(true))
        }
        "depthwise" => {
            let conv = DepthwiseConv2d::new(2).depth_multiplier(2);
            net(&[4, 5, 3]).add(conv.activation(Activation::Sigmoid).weight_norm(true))
        }
        "separable" => {
            net(&[5, 4, 3]).add(SeparableConv2d::new(4, 2).activation(Activation::Tanh).weight_norm(true))
        }
        "simple_rnn" => net(&[4, 3]).add(SimpleRnn::new(4).weight_norm(true)),
        "lstm" => net(&[4, 3]).add(Lstm::new(4).weight_norm(true)),
        "gru" => net(&[4, 3]).add(Gru::new(4).weight_norm(true)),
        other => panic!("no net for {other}"),
    }
}

#[test]
fn layers_compute_what_pytorch_does() {
    let cases: BTreeMap<String, Case> = golden("weight_norm.json");
    assert_eq!(cases.len(), 9);
    for device in devices().into_iter().chain([Device::cpu_f64()]) {
        for (name, case) in &cases {
            let what = format!("{name} on {}", device.name());
            let network = net(name).network(1).unwrap();
            let arena = network.arena();
            let tensor = |(path, stored): (&String, &Stored)| {
                (path.clone(), Tensor { shape: stored.shape.clone(), values: stored.values.clone() })
            };
            let state: Weights = case.tensors.iter().map(tensor).collect();
            let weights = Weights::from_layout(state, Layout::PyTorch, &network).unwrap();
            let mut parameters = vec![0.0; arena.len()];
            for p in arena.parameters() {
                let values = weights[&*p.path].values.iter().map(|&v| f64::from(v));
                parameters[p.range()].iter_mut().zip(values).for_each(|(to, value)| *to = value);
            }
            let mut probe = Probe::new(&device, &network, ROWS, &mut crate::common::Random::new(0));
            probe.set_g(&case.g);
            let [y, by_parameters, by_input, _] = probe.all(&case.x, &parameters);
            let tolerance = Tolerance::new(2e-6, 1e-5);
            assert_close(&format!("{what}: y"), &y, &case.y, tolerance);
            assert_close(&format!("{what}: dx"), &by_input, &case.d_x, tolerance);
            let gradient = |p: &extend::plan::arena::Parameter| {
                let values = by_parameters[p.range()].iter().map(|&v| v as f32).collect();
                (p.path.clone(), Tensor { shape: p.shape.clone(), values })
            };
            let gradients: Weights = arena.parameters().iter().map(gradient).collect();
            let gradients = gradients.to_layout(Layout::PyTorch, &network).unwrap();
            assert!(gradients.paths().eq(case.tensors.keys()), "{what}");
            for (path, wanted) in &case.tensors {
                // PyTorch has a second bias where this crate has one.
                if path.contains("bias_hh") && name != "gru" {
                    continue;
                }
                let found: Vec<f64> = gradients[&**path].values.iter().map(|&v| v.into()).collect();
                assert_close(&format!("{what}: {path}"), &found, &wanted.gradient, tolerance);
            }
        }
    }
}

/// v = (3, 4), g = 2 and b = ½ on x = (1, 1): w = (1.2, 1.6) and y = 3.3. With a target of 0.3, ∂ℓ/∂y = 6, so ∂ℓ/∂w = (6, 6), dg =
/// 6·7/5 = 8.4, dv = 2/5·((6, 6) − 42/25·(3, 4)) = (0.384, −0.288), to which the penalty adds 0.02·(3, 4).
#[test]
fn a_step_by_hand() {
    let data = Dataset::values([2], vec![1.0, 1.0], [1], vec![0.3]).unwrap();
    let penalty = Regularizer { l1: 0.0, l2: 0.01 };
    let layer = || Dense::new(1).weight_norm(true).kernel_regularizer(penalty);
    for device in devices() {
        let mut model = Sequential::new([2]).add(layer()).build(&device, 1).unwrap();
        let weights = [
            ("kernel", vec![2, 1], vec![3.0, 4.0]),
            ("gain", vec![1], vec![2.0]),
            ("bias", vec![1], vec![0.5]),
        ];
        let tensor = |(name, shape, values)| (format!("0.dense.{name}"), Tensor { shape, values });
        model.set_weights(&weights.into_iter().map(tensor).collect()).unwrap();
        assert!((model.predict(&[1.0, 1.0]).unwrap()[0] - 3.3).abs() < 1e-6);
        let sgd = Sgd { learning_rate: 0.1.into(), ..Sgd::default() };
        let mut trainer = Trainer::new(sgd, Loss::MeanSquaredError).epochs(1).progress(false);
        let history = trainer.fit(&mut model, &data, None).unwrap();
        // 3² + 0.01·25
        assert!((history.epochs[0].train_loss - 9.25).abs() < 1e-5);
        let left = model.weights().unwrap();
        let of = |name: &str| {
            left[&*format!("0.dense.{name}")].values.iter().map(|&v| v.into()).collect::<Vec<f64>>()
        };
        let tolerance = Tolerance::new(1e-6, 1e-6);
        assert_close("v", &of("kernel"), &[2.9556, 4.0208], tolerance);
        assert_close("g", &of("gain"), &[1.16], tolerance);
        assert_close("b", &of("bias"), &[-0.1], tolerance);
    }
}

#[test]
fn weight_decay_applies_to_v_alone() {
    let mut model =
        Sequential::new([3]).add(Dense::new(2).weight_norm(true)).build(&Device::cpu(), 1).unwrap();
    let before = model.weights().unwrap();
    // The outputs are the targets, so that nothing but decay changes the weights.
    let y = model.predict(&[0.5, -1.0, 0.25]).unwrap();
    let data = Dataset::values([3], vec![0.5, -1.0, 0.25], [2], y).unwrap();
    let sgd = Optimizer::from(Sgd { learning_rate: 0.5.into(), ..Sgd::default() }).with_weight_decay(0.1);
    Trainer::new(sgd, Loss::MeanSquaredError).epochs(1).progress(false).fit(&mut model, &data, None).unwrap();
    let after = model.weights().unwrap();
    for (before, after) in before["0.dense.kernel"].values.iter().zip(&after["0.dense.kernel"].values) {
        assert!((after - 0.95 * before).abs() < 1e-6, "{before} and {after}");
    }
    for (before, after) in before["0.dense.gain"].values.iter().zip(&after["0.dense.gain"].values) {
        assert!((after - before).abs() < 1e-6, "{before} and {after}");
    }
}

/// The layers of the registry with weight normalisation, and the same ones without.
fn pairs() -> Vec<(Vec<usize>, Box<dyn extend::Layer>, Sequential)> {
    let mut all = Vec::new();
    for entry in layers::all() {
        for example in entry.examples {
            let mut options = example.options();
            if options.get("weight_norm") == Some(&true.into()) {
                options.insert("weight_norm".to_owned(), false.into());
                let draft = model::Draft { options, ..model::Draft::new(entry.kind) };
                let plain = Sequential::new(entry.input.clone()).add_drafts(&[draft]).unwrap();
                all.push((entry.input.clone(), example, plain));
            }
        }
    }
    assert!(all.len() > 20, "{} layers", all.len());
    all
}

#[test]
fn layers_start_and_fold_as_those_without() {
    for (input, layer, plain) in pairs() {
        let what = format!("{layer:?}");
        let mut model = Sequential::new(input.clone()).add_boxed(layer).build(&Device::cpu_f64(), 4).unwrap();
        let mut plain = plain.build(&Device::cpu_f64(), 4).unwrap();
        let count: usize = input.iter().product();
        let x: Vec<f32> = (0..4 * count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let wide = |y: Vec<f32>| y.into_iter().map(f64::from).collect::<Vec<_>>();
        let (found, wanted) = (wide(model.predict(&x).unwrap()), wide(plain.predict(&x).unwrap()));
        assert_close(&what, &found, &wanted, Tolerance::new(1e-6, 1e-6));
        // Away from the start.
        let mut weights = model.weights().unwrap();
        let gain = weights.paths().find(|path| path.ends_with(".gain")).unwrap().to_owned();
        for (i, g) in weights.get_mut(&gain).unwrap().values.iter_mut().enumerate() {
            *g *= 0.5 + i as f32;
        }
        model.set_weights(&weights).unwrap();
        let wanted = wide(model.predict(&x).unwrap());
        let mut folded = model.fold().unwrap();
        assert_eq!(
            folded.network().description().layers[0].parameters,
            plain.network().description().layers[0].parameters
        );
        let found = wide(folded.predict(&x).unwrap());
        assert_close(&format!("{what}, folded"), &found, &wanted, Tolerance::new(1e-6, 1e-6));
        plain.set_weights(&folded.weights().unwrap()).unwrap();
        says(plain.set_weights(&weights), &[&*gain, "no such parameter"]);
        weights.remove(&gain);
        says(plain.set_weights(&weights), &["weight_norm true", "weight_norm false"]);
    }
}

#[test]
fn filters_longer_than_a_dispatch_start_as_those_without() {
    // Sums over more weights than one dispatch takes, with the channels last, too.
    let wide = |normed: bool| Sequential::new([300_000]).add(Dense::new(2).weight_norm(normed));
    let deep = |normed: bool| {
        let conv = Conv1dTranspose::new(2, 3).weight_norm(normed);
        Sequential::new([2, 100_000]).add(conv)
    };
    for device in devices() {
        for net in [&wide as &dyn Fn(bool) -> Sequential, &deep] {
            let [mut normed, mut plain] = [true, false].map(|normed| net(normed).build(&device, 1).unwrap());
            let count = plain.network().input().len();
            let x: Vec<f32> = (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
            let wide = |y: Vec<f32>| y.into_iter().map(f64::from).collect::<Vec<_>>();
            let (found, wanted) = (wide(normed.predict(&x).unwrap()), wide(plain.predict(&x).unwrap()));
            assert_close(&device.name(), &found, &wanted, Tolerance::new(1e-5, 1e-4));
            // ‖v‖ is the gain: the gradient of a linear loss by it is Σ D·v/‖v‖, and that by v is orthogonal to v.
            let network = normed.network().clone();
            let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
            let mut probe = Probe::new(&device, &network, 1, &mut crate::common::Random::new(0));
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let (gradient, _) = probe.gradients(&x, &parameters);
            let kernel = network.arena().parameters()[0].range();
            let pairs = kernel.map(|i| gradient[i] * parameters[i]);
            let (sum, size) = pairs.fold((0.0, 0.0), |(sum, size), p| (sum + p, size + p.abs()));
            assert!(sum.abs() < 1e-4 * size, "{}: {sum} of {size}", device.name());
        }
    }
}

#[test]
fn units_without_a_direction_stay() {
    let zeros = Dense::new(2).weight_norm(true).kernel_initializer(Initializer::Zeros);
    let data = Dataset::values([3], vec![0.5, -1.0, 0.25], [2], vec![1.0, 2.0]).unwrap();
    for device in devices() {
        let mut model = Sequential::new([3]).add(zeros.clone()).build(&device, 1).unwrap();
        let adam = Adam::default();
        Trainer::new(adam, Loss::MeanSquaredError)
            .epochs(3)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap();
        let weights = model.weights().unwrap();
        assert!(weights["0.dense.kernel"].values.iter().all(|&v| v == 0.0));
        assert!(weights["0.dense.bias"].values.iter().all(|&b| b > 0.0));
        assert!(model.fold().unwrap().weights().unwrap()["0.dense.kernel"].values.iter().all(|&v| v == 0.0));
    }
}

#[test]
fn layers_are_rotated_or_normalised() {
    let rotate = AutoRotate::new();
    let layers: [Box<dyn extend::Layer>; 3] = [
        Box::new(Dense::new(2).weight_norm(true).auto_rotate(rotate)),
        Box::new(Conv1d::new(2, 1).weight_norm(true).auto_rotate(rotate)),
        Box::new(Gru::new(2).weight_norm(true).auto_rotate(rotate)),
    ];
    for layer in layers {
        let kind = layer.kind();
        let net = Sequential::new([4, 3]).input_range(0.0, 1.0).add_boxed(layer);
        says(
            net.network(0),
            &[&*format!("0.{kind}"), "weight_norm together with auto_rotate", "leave one of them out"],
        );
    }
}

/// Files for other programs hold the weights that a layer computes with.
#[cfg(feature = "keras")]
#[test]
fn keras_gets_plain_layers() {
    use autorot::file::KerasFormat;
    let net = Sequential::new([3]).add(Dense::new(4).activation(Activation::Tanh).weight_norm(true));
    let mut model = net.add(Dense::new(1)).build(&Device::cpu(), 3).unwrap();
    let mut weights = model.weights().unwrap();
    weights.get_mut("0.dense.gain").unwrap().values = vec![0.5, 2.0, -1.0, 0.0];
    model.set_weights(&weights).unwrap();
    let bytes = model.to_keras(KerasFormat::Keras).unwrap();
    let mut again = Model::from_keras(&bytes, &Device::cpu()).unwrap();
    assert!(again.weights().unwrap().get("0.dense.gain").is_none());
    let x = [0.5, -1.0, 0.25];
    let (own, other) = (model.predict(&x).unwrap()[0], again.predict(&x).unwrap()[0]);
    assert!((own - other).abs() < 1e-6, "{own} and {other}");
}
