//! The Jacobians that `Model::jacobians` measures: against values by hand, finite differences and mean-field theory.

use crate::common::devices;
use autorot::data::PadSequences;
use autorot::extend::Layer;
use autorot::{
    Activate, Activation, Adam, AutoRotate, BatchNorm, Bidirectional, Conv2d, Dataset, Dense, Device,
    Flatten, Gru, Initializer, Loss, Lstm, Masking, MaxPool2d, Model, Padding, Recurrent, Residual, Rule,
    Sequential, SimpleRnn, TimeDistributed, Trainer,
};

/// Rows of inputs that look drawn at random, with targets that nothing reads.
fn rows(shape: &[usize], count: usize, scale: f32) -> Dataset {
    let len: usize = shape.iter().product();
    let value = |i: usize| scale * (((i * 7919 + 13) % 101) as f32 / 50.0 - 1.0);
    Dataset::values(shape, (0..count * len).map(value).collect(), [1], vec![0.0; count]).unwrap()
}

fn orthogonal(units: usize, gain: f32) -> Dense {
    Dense::new(units).kernel_initializer(Initializer::Orthogonal { gain })
}

fn net(shape: &[usize], layers: Vec<Box<dyn Layer>>) -> Sequential {
    layers.into_iter().fold(Sequential::new(shape).input_range(-1.0, 1.0), Sequential::add_boxed)
}

#[track_caller]
fn close(found: f64, wanted: f64, share: f64, what: &str) {
    assert!((found - wanted).abs() <= share * wanted.abs(), "{what}: found {found}, wanted {wanted}");
}

#[test]
fn orthogonal_layers_have_1_and_a_sigmoid_at_0_has_the_square_of_a_quarter_of_its_gain() {
    // Fewer units than inputs: the rows of Wᵀ are orthonormal, so ‖Wv‖ = ‖v‖ again. A flattening in between changes nothing.
    let model = net(
        &[4, 5],
        vec![
            Box::new(Flatten),
            Box::new(orthogonal(20, 1.0)),
            Box::new(orthogonal(8, 1.0)),
            Box::new(orthogonal(8, 3.0).activation(Activation::Sigmoid)),
            Box::new(orthogonal(8, 2.0).use_bias(false)),
            Box::new(Activate::new(Activation::LeakyRelu)),
        ],
    );
    // All inputs 0: so are the sigmoids' z.
    let data = Dataset::values([4, 5], vec![0.0; 60], [1], vec![0.0; 3]).unwrap();
    for device in devices() {
        let layers = model.build(&device, 1).unwrap().jacobians(&data, 10, 1).unwrap();
        let chi = [1.0, 1.0, 9.0 / 16.0, 4.0];
        let paths = ["1.dense", "2.dense", "3.dense", "4.dense", "5.activate"];
        assert_eq!(layers.len(), 5);
        let mut product = layers[4].product;
        close(product, layers[4].chi, 1e-9, "the last");
        for (i, layer) in layers.iter().enumerate().rev() {
            assert_eq!(layer.path, paths[i]);
            if let Some(&chi) = chi.get(i) {
                close(layer.chi, chi, 1e-5, &layer.path);
                product *= chi;
            }
            close(layer.product, product, 1e-5, &layer.path);
        }
    }
}

#[test]
fn more_units_than_inputs_count_missing_singular_values_as_0() {
    let data = rows(&[6], 8, 1.0);
    let mut model = net(&[6], vec![Box::new(orthogonal(24, 1.0))]).build(&Device::cpu(), 1).unwrap();
    // Six of 24: with 4,000 vectors the estimate's standard deviation is about 1 %.
    close(model.jacobians(&data, 8, 500).unwrap()[0].chi, 6.0 / 24.0, 0.05, "χ");
}

/// tr(J·Jᵀ)/n over the rows, by central differences of predictions.
fn by_differences(model: &mut Model, data: &Dataset) -> f64 {
    let (count, len) = (data.len(), data.inputs().len() / data.len());
    let step = 0.01;
    let mut moved = Vec::new();
    for row in data.inputs().chunks_exact(len) {
        for i in 0..len {
            for by in [step, -step] {
                let mut row = row.to_vec();
                row[i] += by;
                moved.extend(row);
            }
        }
    }
    let outputs = model.predict(&moved).unwrap();
    let n = outputs.len() / (2 * count * len);
    let slope = |pair: &[f32], o: usize| f64::from(pair[o] - pair[n + o]) / f64::from(2.0 * step);
    let pairs = outputs.chunks_exact(2 * n);
    pairs.map(|pair| (0..n).map(|o| slope(pair, o).powi(2)).sum::<f64>()).sum::<f64>() / (count * n) as f64
}

#[test]
fn estimates_agree_with_finite_differences() {
    let tanh = |units: usize| Dense::new(units).activation(Activation::Tanh);
    let conv =
        |filters: usize| Conv2d::new(filters, 3).padding(Padding::Same).activation(Activation::Sigmoid);
    let rotated = |layer: Recurrent| layer.auto_rotate(AutoRotate::new().rule(Rule::Aligned));
    let cases: Vec<(&[usize], Box<dyn Layer>)> = vec![
        (&[5], Box::new(tanh(7))),
        (&[5], Box::new(tanh(4).auto_rotate(AutoRotate::new()))),
        (&[3, 4], Box::new(tanh(6).auto_rotate(AutoRotate::new().rule(Rule::Aligned)))),
        (&[4, 4, 2], Box::new(conv(3).auto_rotate(AutoRotate::new()))),
        (&[4, 4, 2], Box::new(MaxPool2d::new(2))),
        (&[6, 3], Box::new(SimpleRnn::new(4).return_sequences(true))),
        (&[6, 3], Box::new(rotated(Lstm::new(4)))),
        (&[6, 3], Box::new(Bidirectional::new(Gru::new(3).return_sequences(true)))),
        (&[3, 4, 4, 1], Box::new(TimeDistributed::new(conv(2)))),
        (&[5], Box::new(Residual::new().add(tanh(6)).add(tanh(5)).shortcut(Dense::new(5)))),
    ];
    for (shape, layer) in cases {
        let (data, kind) = (rows(shape, 4, 1.0), layer.kind());
        // A layer that changes nothing comes first: its product shows χ of blocks and poolings, which have no report of their own.
        let layers = vec![Box::new(Activate::new(Activation::Linear)) as Box<dyn Layer>, layer];
        let mut model = net(shape, layers).build(&Device::cpu_f64(), 3).unwrap();
        let found = model.jacobians(&data, 4, 1500).unwrap();
        close(found[0].product, by_differences(&mut model, &data), 0.05, kind);
        close(found[0].chi, 1.0, 1e-9, kind);
        if let [_, layer] = &*found
            && layer.path == format!("1.{kind}")
        {
            assert_eq!(layer.product, found[0].product, "{kind}");
        }
    }
}

#[test]
fn layers_in_blocks_continue_with_what_follows_the_block() {
    let data = rows(&[6], 4, 1.0);
    let block = Residual::new().add(Dense::new(9)).add(Dense::new(5)).shortcut(Dense::new(5));
    let layers: Vec<Box<dyn Layer>> =
        vec![Box::new(Dense::new(6)), Box::new(block), Box::new(orthogonal(5, 2.0))];
    let mut model = net(&[6], layers).build(&Device::cpu(), 1).unwrap();
    let weights = model.weights().unwrap();
    let squares = |path: &str| {
        let kernel = &weights[&*format!("{path}.kernel")];
        let sum = kernel.values.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
        sum / kernel.shape[1] as f64
    };
    let found = model.jacobians(&data, 4, 1500).unwrap();
    let inner = ["1.residual.0.dense", "1.residual.1.dense", "1.residual.shortcut.0.dense"];
    let paths = ["0.dense", inner[0], inner[1], inner[2], "2.dense"];
    assert_eq!(found.iter().map(|layer| &*layer.path).collect::<Vec<_>>(), paths);
    for layer in &found {
        close(layer.chi, squares(&layer.path), 0.05, &layer.path);
    }
    let [first, main, second, shortcut, last] = &*found else { panic!("{found:?}") };
    close(last.product, 4.0, 1e-5, "the last");
    assert_eq!(second.product, second.chi * last.product);
    assert_eq!(main.product, main.chi * second.product);
    assert_eq!(shortcut.product, shortcut.chi * last.product);
    // The block's Jacobian is the sum of both branches', and its mean square that of the sum.
    let kernel = |path: &str| &weights[&*format!("{path}.kernel")].values;
    let (a, b, s) = (kernel(inner[0]), kernel(inner[1]), kernel(inner[2]));
    let entry = |i: usize, o: usize| (0..9).map(|k| a[9 * i + k] * b[5 * k + o]).sum::<f32>() + s[5 * i + o];
    let entries = (0..30).map(|at| f64::from(entry(at / 5, at % 5)).powi(2));
    let of_block = entries.sum::<f64>() / 5.0;
    close(first.product, first.chi * of_block * last.product, 0.05, "before the block");
}

#[test]
fn batch_normalisation_is_that_of_training_and_the_model_stays_as_it_is() {
    let (count, columns, epsilon) = (7, 3, 0.5);
    let data = rows(&[columns], count, 2.0);
    // d_x = γ/s·(1 − 11ᵀ/B − x̂x̂ᵀ/B)·d_y, with s² = variance + ε: of its singular values one is 0, one is
    // γ/s·(1 − variance/s²), and B − 2 are γ/s.
    let of_column = |c: usize| {
        let x: Vec<f64> = data.inputs().iter().skip(c).step_by(columns).map(|&x| f64::from(x)).collect();
        let mean = x.iter().sum::<f64>() / count as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
        let s = variance + epsilon;
        ((count - 2) as f64 + (1.0 - variance / s).powi(2)) / s
    };
    let wanted = (0..columns).map(of_column).sum::<f64>() / (count * columns) as f64;
    for device in devices() {
        let layers: Vec<Box<dyn Layer>> = vec![Box::new(BatchNorm::new().epsilon(epsilon as f32))];
        let mut model = net(&[columns], layers).build(&device, 1).unwrap();
        let before = model.state().unwrap();
        close(model.jacobians(&data, count, 500).unwrap()[0].chi, wanted, 0.03, &device.name());
        assert!(model.state().unwrap() == before, "{}", device.name());
    }
}

#[test]
fn masked_steps_are_left_out() {
    // Without a recurrent share and at inputs of 0, a step's Jacobian is its orthogonal kernel.
    let sequences: Vec<Vec<f32>> = [1, 3, 5].map(|steps| vec![0.0; 4 * steps]).to_vec();
    let names = ["a", "b"].map(String::from).to_vec();
    let data = PadSequences::new(4, -1.0).classes(&sequences, vec![0, 1, 0], names).unwrap();
    let layer = SimpleRnn::new(4)
        .kernel_initializer(Initializer::Orthogonal { gain: 1.0 })
        .recurrent_initializer(Initializer::Zeros)
        .return_sequences(true);
    let masked = || Sequential::for_data(&data).add(Masking::new(-1.0));
    for device in devices() {
        let inner = TimeDistributed::new(orthogonal(4, 2.0));
        let nets = [
            masked().add(layer.clone()).add(orthogonal(4, 3.0)).add(inner),
            masked().add(Bidirectional::new(layer.clone())),
            masked().add(Residual::new().add(layer.clone())),
        ];
        let [chain, both, block] =
            nets.map(|net| net.build(&device, 1).unwrap().jacobians(&data, 3, 3).unwrap());
        let wanted = [("1.simple_rnn", 1.0), ("2.dense", 9.0), ("3.time_distributed.0.dense", 4.0)];
        for (layer, (path, chi)) in chain.iter().zip(wanted) {
            assert_eq!(layer.path, path);
            close(layer.chi, chi, 1e-5, path);
        }
        for layer in both.iter().chain(&block) {
            close(layer.chi, 1.0, 1e-5, &layer.path);
        }
        assert_eq!((both.len(), block.len()), (2, 1));
    }
}

#[test]
fn gradients_of_deep_sigmoid_nets_vanish_as_mean_field_theory_says() {
    // Glorot's variance is 1/N a weight, so z has the variance q = E σ(√q·u)² over normal u, whose fixed point is q = 0.26469,
    // and χ = E σ'(√q·u)² = 0.055721 there (Gauss-Hermite quadrature with 201 nodes).
    const CHI: f64 = 0.055_721;
    let layers = |_| Box::new(Dense::new(120).activation(Activation::Sigmoid)) as Box<dyn Layer>;
    let mut model = net(&[120], (0..12).map(layers).collect()).build(&Device::cpu(), 1).unwrap();
    let found = model.jacobians(&rows(&[120], 8, 1.0), 8, 20).unwrap();
    // The first layer sees inputs instead of sigmoids' outputs.
    // Each layer has weights of its own, drawn once.
    for layer in &found[1..] {
        close(layer.chi, CHI, 0.15, &layer.path);
    }
    // By eleven layers the squared gradient shrinks to 10⁻¹⁴: a layer's share of that within 5 %.
    close(found[1].product.powf(1.0 / 11.0), CHI, 0.05, "eleven layers");
}

#[test]
fn a_product_is_what_arrives_at_a_layer() {
    let tanh = |_| Box::new(orthogonal(40, 1.2).activation(Activation::Tanh)) as Box<dyn Layer>;
    let mut model = net(&[40], (0..4).map(tanh).collect()).build(&Device::cpu_f64(), 2).unwrap();
    let data = rows(&[40], 6, 1.0);
    let found = model.jacobians(&data, 6, 100).unwrap();
    close(found[0].product, by_differences(&mut model, &data), 0.1, "four layers");
    let product: f64 = found.iter().map(|layer| layer.chi).product();
    close(found[0].product, product, 1e-9, "the product");
}

#[test]
fn devices_agree_and_repeat_themselves() {
    let rotated = |units: usize| {
        Dense::new(units).activation(Activation::Sigmoid).auto_rotate(AutoRotate::new().rule(Rule::Aligned))
    };
    let image = |activation| Conv2d::new(4, 3).padding(Padding::Same).activation(activation);
    let layers = || -> Vec<Box<dyn Layer>> {
        vec![
            Box::new(image(Activation::Tanh)),
            Box::new(BatchNorm::new()),
            Box::new(Residual::new().add(image(Activation::Softsign))),
            Box::new(TimeDistributed::new(Flatten)),
            Box::new(Gru::new(5)),
            Box::new(rotated(6)),
        ]
    };
    let data = rows(&[6, 5, 2], 9, 1.0);
    let all = |device: &Device| {
        let mut model = net(&[6, 5, 2], layers()).build(device, 4).unwrap();
        let found = model.jacobians(&data, 9, 3).unwrap();
        assert_eq!(found, model.jacobians(&data, 100, 3).unwrap(), "{}", device.name());
        // Beside a training that has gone on meanwhile.
        let mut trainer = Trainer::new(Adam::default(), Loss::MeanSquaredError).epochs(1).progress(false);
        let targets = Dataset::values([6, 5, 2], data.inputs().to_vec(), [6], vec![0.5; 54]).unwrap();
        trainer.fit(&mut model, &targets, None).unwrap();
        assert_ne!(found, model.jacobians(&data, 9, 3).unwrap());
        assert_eq!(found.len(), 5);
        found
    };
    let wanted = all(&Device::cpu_f64());
    for device in devices() {
        for (found, wanted) in all(&device).iter().zip(&wanted) {
            assert_eq!(found.path, wanted.path);
            close(found.chi, wanted.chi, 1e-4, &found.path);
            close(found.product, wanted.product, 1e-4, &found.path);
        }
    }
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let mut model = net(&[3], vec![Box::new(Dense::new(2))]).build(&Device::cpu(), 0).unwrap();
    let data = rows(&[3], 2, 1.0);
    let mut refused = |data: &Dataset, rows: usize, probes: usize, words: &[&str]| {
        let error = model.jacobians(data, rows, probes).unwrap_err().to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "{error}"));
    };
    refused(&data, 0, 1, &["rows", "at least 1"]);
    refused(&data, 1, 0, &["probes", "at least 1"]);
    refused(&rows(&[4], 2, 1.0), 1, 1, &["[4]", "[3]"]);
    assert_eq!(model.jacobians(&data, 2, 1).unwrap().len(), 1);
}
