//! The gradient table: every layer of the registry inside a small net, against central differences in f64.

use crate::common::{Random, assert_norm, callers};
use crate::probe::Probe;
use autorot::extend::layers;
use autorot::model::Network;
use autorot::{Activation, Dense, Device, Flatten, Gru, Sequential};

/// Rows of the batch.
const BATCH: usize = 6;

/// Central differences of a loss at these places.
pub fn differences(
    at: &[f64],
    places: impl Iterator<Item = usize>,
    mut loss: impl FnMut(&[f64]) -> f64,
) -> Vec<f64> {
    const STEP: f64 = 1e-5;
    let mut moved = at.to_vec();
    let mut one = |i: usize| {
        moved[i] = at[i] + STEP;
        let above = loss(&moved);
        moved[i] = at[i] - STEP;
        let below = loss(&moved);
        moved[i] = at[i];
        (above - below) / (2.0 * STEP)
    };
    places.map(&mut one).collect()
}

/// The layer between two others, so that its gradients pass through and on.
fn around(input: &[usize], layer: Box<dyn autorot::extend::Layer>) -> Network {
    let mut model = Sequential::new(input).input_range(-1.0, 1.0);
    if let ([units], false) = (input, layer.kind() == "embedding") {
        model = model.add(Dense::new(*units).activation(Activation::Tanh));
    }
    let masks = layer.kind() == "masking" || layer.options().get("mask_zero") == Some(&true.into());
    model = model.add_boxed(layer);
    if masks {
        model = model.add(Gru::new(2));
    }
    model.add(Flatten).add(Dense::new(3).activation(Activation::Sigmoid)).network(5).unwrap()
}

#[test]
fn every_layer_has_the_gradient_of_its_forward_pass() {
    for mut entry in layers::all() {
        for (i, layer) in std::mem::take(&mut entry.examples).into_iter().enumerate() {
            let what = format!("{} {i}: {layer:?}", entry.kind);
            let network = around(&entry.input, layer);
            let mut random = Random::new(i as u64);
            let mut x = random.vector(BATCH * network.input().len(), 1.0);
            entry.fit(&mut x);
            let x: Vec<f64> = x.into_iter().map(f64::from).collect();
            let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
            let mut probe = Probe::new(&Device::cpu_f64(), &network, BATCH, &mut random);
            let (by_parameters, by_input) = probe.gradients(&x, &parameters);
            for p in network.arena().parameters() {
                let places = p.offset..p.offset + p.len();
                let wanted =
                    differences(&parameters, places.clone(), |w| probe.loss(&x, w) + penalty(&network, w));
                assert_norm(&format!("{what}: {}", p.path), &by_parameters[places], &wanted, 1e-6);
            }
            if entry.indices.is_some() {
                assert!(by_input.iter().all(|&d| d == 0.0), "{what}: indices have no gradient");
                continue;
            }
            let wanted = differences(&x, 0..x.len(), |x| probe.loss(x, &parameters));
            assert_norm(&format!("{what}: input"), &by_input, &wanted, 1e-6);
        }
    }
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn every_layer_has_the_oracles_gradient_on_a_callers_device_with_default_limits() {
    let device = callers();
    // The variant of products that software adapters compile fastest.
    let device = device.with_variant("reduce");
    for mut entry in layers::all() {
        let layer = entry.examples.pop().unwrap();
        let what = format!("{}: {layer:?}", entry.kind);
        let network = around(&entry.input, layer);
        let mut x = Random::new(1).vector(BATCH * network.input().len(), 1.0);
        entry.fit(&mut x);
        let x: Vec<f64> = x.into_iter().map(f64::from).collect();
        let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
        let of = |device| Probe::new(device, &network, BATCH, &mut Random::new(2)).gradients(&x, &parameters);
        let (found, wanted) = (of(&device), of(&Device::cpu_f64()));
        for p in network.arena().parameters() {
            let places = p.offset..p.offset + p.len();
            assert_norm(&format!("{what}: {}", p.path), &found.0[places.clone()], &wanted.0[places], 1e-4);
        }
        assert_norm(&format!("{what}: input"), &found.1, &wanted.1, 1e-4);
    }
}

#[test]
fn masked_steps_have_no_gradient_and_change_no_other() {
    use autorot::{
        AutoRotate, Bidirectional, Cell, Masking, MergeMode, Recurrent, Residual, TimeDistributed,
    };
    const MASK: f64 = 9.0;
    let (steps, features) = (5, 2);
    let rotated = |cell| {
        Recurrent::new(cell, 3)
            .bias_initializer(autorot::Initializer::Constant(0.5))
            .auto_rotate(AutoRotate::new().rule(autorot::Rule::Aligned))
            .recurrent_dropout(0.3)
            .return_sequences(true)
    };
    let cells =
        [Cell::SimpleRnn, Cell::Lstm, Cell::Gru { reset_after: true }, Cell::Gru { reset_after: false }];
    for cell in cells {
        let backwards = || rotated(cell).go_backwards(true);
        let both = |merge| Bidirectional::new(rotated(cell)).merge(merge);
        let tail = |model: Sequential| model.add(rotated(cell).return_sequences(false)).add(Dense::new(2));
        let head =
            || Sequential::new([steps, features]).input_range(-1.0, 1.0).add(Masking::new(MASK as f32));
        let nets = [
            tail(head().add(backwards())),
            tail(head().add(both(MergeMode::Mul)).add(Dense::new(2).activation(Activation::Tanh))),
            tail(head().add(Residual::new().add(rotated(cell)).add(TimeDistributed::new(Dense::new(2))))),
            tail(head().add(both(MergeMode::Concat)).add(rotated(cell).truncate(steps))),
        ];
        for (i, net) in nets.into_iter().enumerate() {
            let network = net.network(5).unwrap();
            let mut random = Random::new(i as u64);
            let mut x: Vec<f64> =
                random.vector(BATCH * steps * features, 1.0).into_iter().map(f64::from).collect();
            // Padded behind, before, in between, or not at all.
            let masked = |row: usize, step: usize| match row % 4 {
                0 => step >= 3,
                1 => step < 2,
                2 => step == 2,
                _ => false,
            };
            for (step, values) in x.chunks_exact_mut(features).enumerate() {
                if masked(step / steps, step % steps) {
                    values.fill(MASK);
                }
            }
            let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
            let mut probe = Probe::new(&Device::cpu_f64(), &network, BATCH, &mut random);
            let (by_parameters, by_input) = probe.gradients(&x, &parameters);
            for p in network.arena().parameters() {
                let places = p.offset..p.offset + p.len();
                let wanted = differences(&parameters, places.clone(), |w| probe.loss(&x, w));
                let what = format!("{cell:?} {i}: {}", p.path);
                assert_norm(&what, &by_parameters[places], &wanted, 1e-6);
            }
            let counts = |&place: &usize| x[place] != MASK;
            let free: Vec<usize> = (0..x.len()).filter(counts).collect();
            let found: Vec<f64> = free.iter().map(|&place| by_input[place]).collect();
            let wanted = differences(&x, free.into_iter(), |x| probe.loss(x, &parameters));
            assert_norm(&format!("{cell:?} {i}: input"), &found, &wanted, 1e-6);
            assert!((0..x.len()).filter(|p| !counts(p)).all(|place| by_input[place] == 0.0));
        }
    }
}

/// The regularisers' share of the loss.
fn penalty(network: &Network, parameters: &[f64]) -> f64 {
    let mut total = 0.0;
    for p in network.arena().parameters() {
        let Some(r) = p.kernel else { continue };
        for w in &parameters[p.range()] {
            total += f64::from(r.l1) * w.abs() + f64::from(r.l2) * w * w;
        }
    }
    total
}

#[test]
fn a_rotated_layer_does_not_see_the_scale_of_its_weights() {
    use autorot::{AutoRotate, Initializer};
    // With ε = 0, ρ·f is invariant to scaling (W, b), so the gradient is orthogonal to (W, b).
    let network = Sequential::new([5])
        .input_range(0.0, 1.0)
        .add(
            Dense::new(4)
                .activation(Activation::Tanh)
                .bias_initializer(Initializer::Constant(0.3))
                .auto_rotate(AutoRotate::new().epsilon(0.0)),
        )
        .network(2)
        .unwrap();
    let mut random = Random::new(9);
    let x: Vec<f64> = random.vector(BATCH * 5, 1.0).into_iter().map(f64::from).collect();
    let parameters: Vec<f64> = network.arena().initial().into_iter().map(f64::from).collect();
    let mut probe = Probe::new(&Device::cpu_f64(), &network, BATCH, &mut random);
    let (gradient, _) = probe.gradients(&x, &parameters);
    let product: f64 = gradient.iter().zip(&parameters).map(|(g, w)| g * w).sum();
    let sizes: f64 = gradient.iter().zip(&parameters).map(|(g, w)| (g * w).abs()).sum();
    assert!(product.abs() < 1e-12 * sizes.max(1.0), "{product} of {sizes}");
    let doubled: Vec<f64> = parameters.iter().map(|w| 2.0 * w).collect();
    let (a, b) = (probe.loss(&x, &parameters), probe.loss(&x, &doubled));
    assert!((a - b).abs() < 1e-12, "{a} and {b}");
}
