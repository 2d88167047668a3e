//! Weights in PyTorch's layout: there and back, and what PyTorch computes from them (`tests/golden/generate_torch.py`).

use crate::common::Random;
use crate::files::says;
use crate::random_nets::check;
use autorot::file::Layout;
use autorot::model::{Tensor, Weights};
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
    x: Vec<f32>,
    y: Vec<f32>,
    state: BTreeMap<String, Stored>,
}

fn net(name: &str) -> Sequential {
    match name {
        "images" => Sequential::new([5, 4, 3])
            .add(Conv2d::new(4, 3).padding(Padding::Same).activation(Activation::Tanh))
            .add(BatchNorm::new())
            .add(DepthwiseConv2d::new(2).depth_multiplier(2))
            .add(SeparableConv2d::new(5, 2))
            .add(Conv2dTranspose::new(3, 2).strides(2))
            .add(Flatten)
            .add(BatchNorm::new())
            .add(Dense::new(3).activation(Activation::Sigmoid)),
        "groups" => Sequential::new([4, 3, 4, 2])
            .add(Conv3d::new(4, 2).groups(2))
            .add(Conv3dTranspose::new(2, [2, 1, 2]).use_bias(false))
            .add(Flatten)
            .add(Dense::new(2)),
        "lines" => Sequential::new([8, 3])
            .add(Conv1d::new(4, 3).activation(Activation::Relu))
            .add(MaxPool1d::new(2))
            .add(Flatten)
            .add(Dense::new(2).use_bias(false)),
        "sequences" => Sequential::new([5, 3])
            .add(Bidirectional::new(Lstm::new(4).return_sequences(true)))
            .add(Gru::new(5).return_sequences(true))
            .add(SimpleRnn::new(4).return_sequences(true))
            .add(Bidirectional::new(Gru::new(2)))
            .add(Dense::new(2)),
        "flattened" => Sequential::new([5, 3])
            .add(Lstm::new(4).use_bias(false).return_sequences(true))
            .add(Flatten)
            .add(Dense::new(2)),
        "film" => Sequential::new([3, 4, 5, 2])
            .add(TimeDistributed::new(Conv2d::new(3, 3)))
            .add(TimeDistributed::new(Flatten))
            .add(Lstm::new(3)),
        other => panic!("no net for {other}"),
    }
}

#[test]
fn states_of_pytorch_predict_as_they_do_there() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/torch.json");
    let cases: BTreeMap<String, Case> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 6);
    for (name, Case { x, y, state }) in cases {
        let mut model = net(&name).build(&Device::cpu(), 1).unwrap();
        let tensor = |(path, Stored { shape, values })| (path, Tensor { shape, values });
        let state: Weights = state.into_iter().map(tensor).collect();
        let weights = Weights::from_layout(state.clone(), Layout::PyTorch, model.network()).unwrap();
        model.set_weights(&weights).unwrap();
        let found = model.predict(&x).unwrap();
        let off = found.iter().zip(&y).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        println!("{name}: off by {off:e}");
        assert!(off < 1e-5 && found.len() == y.len(), "{name}: off by {off}");
        // And back: two biases have become one.
        let written = model.weights().unwrap().to_layout(Layout::PyTorch, model.network()).unwrap();
        assert!(written.paths().eq(state.paths()), "{name}");
        for (path, tensor) in &written {
            assert_eq!(tensor.shape, state[path].shape, "{path}");
            if !path.contains("bias_") {
                assert_eq!(tensor, &state[path], "{path}");
            }
        }
    }
}

#[test]
fn weights_come_back_from_another_layout() {
    let mut taken = 0;
    let taken = std::cell::RefCell::new(&mut taken);
    let cases = check(300, |description| {
        let mut model = description.net().build(&Device::cpu(), description.seed).unwrap();
        let mut weights = model.weights().unwrap();
        let mut random = Random::new(description.seed);
        for path in weights.paths().map(str::to_owned).collect::<Vec<_>>() {
            let tensor = weights.get_mut(&path).unwrap();
            tensor.values = random.vector(tensor.values.len(), 1.0);
        }
        let Ok(there) = weights.to_layout(Layout::PyTorch, model.network()) else { return Ok(()) };
        let back = Weights::from_layout(there, Layout::PyTorch, model.network()).unwrap();
        assert_eq!(back, weights.without_description());
        **taken.borrow_mut() += 1;
        Ok(())
    });
    let taken = *taken.into_inner();
    println!("{taken} of {cases} nets");
    assert!(taken * 4 > cases * 3, "{taken} of {cases} nets");
}

#[test]
fn tables_slopes_and_groups_have_pytorchs_names() {
    let grids = Sequential::new([4, 3, 2])
        .add(Conv2d::new(4, 2))
        .add(GroupNorm::new(2))
        .add(PRelu::new().shared_axes([1, 2]))
        .add(Flatten)
        .add(PRelu::new().shared_axes([1]))
        .add(Dense::new(2));
    let words = Sequential::new([3]).add(Embedding::new(5, 2)).add(Flatten).add(Dense::new(2));
    let of = |net: Sequential| {
        let mut model = net.build(&Device::cpu(), 1).unwrap();
        let weights = model.weights().unwrap();
        let there = weights.to_layout(Layout::PyTorch, model.network()).unwrap();
        let back = Weights::from_layout(there.clone(), Layout::PyTorch, model.network()).unwrap();
        assert_eq!(back, weights.clone().without_description());
        (weights, there)
    };
    let (_, there) = of(grids);
    let shapes = ["1.group_norm.weight", "1.group_norm.bias", "2.prelu.weight", "4.prelu.weight"];
    assert_eq!(shapes.map(|path| there[path].shape.clone()), [vec![4], vec![4], vec![4], vec![1]]);
    let (own, there) = of(words);
    assert_eq!(there["0.embedding.weight"], own["0.embedding.embeddings"]);
    // Vectors of an embedding lie behind each other in both.
    assert_eq!(there["2.dense.weight"].values[1], own["2.dense.kernel"].values[2]);
    let places = Sequential::new([4, 3, 2]).add(PRelu::new().shared_axes([1]));
    let mut model = places.build(&Device::cpu(), 1).unwrap();
    let weights = model.weights().unwrap();
    says(weights.to_layout(Layout::PyTorch, model.network()), &["0.prelu", "shared_axes"]);
}

#[test]
fn what_does_not_fit_is_named() {
    let mut model = net("images").build(&Device::cpu(), 1).unwrap();
    let network = model.network().clone();
    let weights = model.weights().unwrap();
    assert_eq!(weights.to_layout(Layout::Keras, &network).unwrap(), weights);
    let there = weights.to_layout(Layout::PyTorch, &network).unwrap();
    assert_eq!(there["2.depthwise_conv2d.weight"].shape, [8, 1, 2, 2]);
    let change = |change: &dyn Fn(&mut Weights)| {
        let mut changed = there.clone();
        change(&mut changed);
        Weights::from_layout(changed, Layout::PyTorch, &network)
    };
    let tensor =
        |shape: &[usize]| Tensor { shape: shape.to_vec(), values: vec![0.5; shape.iter().product()] };
    says(change(&|w| drop(w.remove("0.conv2d.bias"))), &["0.conv2d.bias", "no tensor"]);
    says(
        change(&|w| drop(w.insert("7.dense.weight", tensor(&[72, 3])))),
        &["7.dense.weight", "[72, 3]", "[3, 72]"],
    );
    says(change(&|w| drop(w.insert("9.weight", tensor(&[1])))), &["9.weight", "no use"]);
    change(&|w| drop(w.insert("1.batch_norm.num_batches_tracked", tensor(&[1])))).unwrap();
    let mut few = weights.clone();
    few.remove("7.dense.kernel");
    says(few.to_layout(Layout::PyTorch, &network), &["7.dense.kernel"]);
    let gru = Sequential::new([3, 2]).add(Gru::new(2).reset_after(false));
    let mut model = gru.build(&Device::cpu(), 1).unwrap();
    let weights = model.weights().unwrap();
    says(weights.to_layout(Layout::PyTorch, model.network()), &["0.gru", "reset_after(true)"]);
}
