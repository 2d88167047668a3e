//! Weights and states know what network they are of, and trainings what they go on with.

use crate::nets::waves;
use autorot::model::LayerDescription;
use autorot::model::{Description, Tensor, Weights};
use autorot::train::TrainingDescription;
use autorot::{
    Activate, Activation, Adam, AutoRotate, AveragePool2d, BatchNorm, Clip, Conv2d, Dataset, Dense, Device,
    Dropout, EarlyStopping, Error, Flatten, Gru, Initializer, LearnL, Loss, MaxPool2d, Metric, Model,
    Optimizer, Padding, Regularizer, RotatedPart, Rule, Schedule, Sequential, Sgd, Targets, Trainer,
};

fn built(net: Sequential) -> Model {
    net.build(&Device::cpu(), 1).unwrap()
}

/// A rotated hidden layer, or a classic one, for inputs in this range.
fn dense(range: f32, activation: Activation, rotate: Option<AutoRotate>) -> Sequential {
    let hidden = Dense::new(6).activation(activation).auto_rotate(rotate);
    Sequential::new([3]).input_range(-range, range).add(hidden).add(Dense::new(2))
}

fn conv(change: impl Fn(Conv2d) -> Conv2d, max: bool) -> Sequential {
    let layer = Conv2d::new(2, 3).padding(Padding::Same).activation(Activation::Tanh);
    let net = Sequential::new([8, 8, 1]).input_range(0.0, 1.0).add(change(layer));
    let net = if max { net.add(MaxPool2d::new(2)) } else { net.add(AveragePool2d::new(2)) };
    net.add(Conv2d::new(1, 1))
}

fn gru(part: RotatedPart, after: bool) -> Sequential {
    let layer = Gru::new(4).reset_after(after).use_bias(false).rotated_part(part);
    Sequential::new([5, 3]).input_range(-1.0, 1.0).add(layer.auto_rotate(AutoRotate::new()))
}

#[track_caller]
fn says(result: Result<(), Error>, words: &[&str]) {
    let text = result.expect_err("weights of another network").to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text:?}");
    }
}

#[test]
fn weights_and_states_of_another_network_are_refused() {
    let (tanh, new) = (Activation::Tanh, AutoRotate::new);
    let rotated = |rotate: AutoRotate| dense(1.0, tanh, Some(rotate));
    let norm = |epsilon: f32| Sequential::new([3]).add(Dense::new(2)).add(BatchNorm::new().epsilon(epsilon));
    let after = |activation| Sequential::new([3]).add(Dense::new(2)).add(Activate::new(activation));
    let cases: [(Sequential, Sequential, &[&str]); 17] = [
        (rotated(new()), dense(3.0, tanh, Some(new())), &["0.dense", "x_q 3", "x_q 9"]),
        (rotated(new()), dense(1.0, tanh, None), &["0.dense", "rotation auto-rotating", "classic", "x_q 3"]),
        (dense(1.0, tanh, None), rotated(new()), &["0.dense", "classic", "x_q 3"]),
        (rotated(new()), rotated(new().rule(Rule::Aligned)), &["0.dense", "rule diagonal", "rule aligned"]),
        (rotated(new()), rotated(new().l(4.0)), &["0.dense", "l [2.0]", "l [4.0]"]),
        (rotated(new()), rotated(new().epsilon(0.1)), &["0.dense", "epsilon 0.00001", "epsilon 0.1"]),
        (rotated(new()), rotated(new().learn_l(LearnL::PerUnit)), &["0.dense", "learn_l fixed", "per_unit"]),
        (rotated(new()), dense(1.0, Activation::Arctan, Some(new().l(2.0))), &["activation tanh", "arctan"]),
        (
            conv(|c| c.auto_rotate(new()), true),
            conv(|c| c.auto_rotate(new().per_filter(true)), true),
            &["0.conv2d", "per_filter false", "per_filter true"],
        ),
        (conv(|c| c, true), conv(|c| c.strides(2), true), &["0.conv2d", "strides [1,1]", "strides [2,2]"]),
        (conv(|c| c, true), conv(|c| c.padding(Padding::Valid), true), &["padding same", "padding valid"]),
        (conv(|c| c, true), conv(|c| c.dilation(2), true), &["dilation [1,1]", "dilation [2,2]"]),
        (conv(|c| c, true), conv(|c| c, false), &["1.max_pool2d", "1.average_pool2d"]),
        (gru(RotatedPart::Input, true), gru(RotatedPart::Gate, true), &["0.gru", "h_q none", "h_q 3"]),
        (
            gru(RotatedPart::Input, true),
            gru(RotatedPart::Input, false),
            &["reset_after true", "reset_after false"],
        ),
        (norm(1e-3), norm(0.1), &["1.batch_norm", "epsilon 0.001", "epsilon 0.1"]),
        (after(tanh), after(Activation::Relu), &["1.activate", "activation tanh", "activation relu"]),
    ];
    for (from, into, words) in cases {
        let (mut from, mut into) = (built(from), built(into));
        let (weights, state, before) =
            (from.weights().unwrap(), from.state().unwrap(), into.state().unwrap());
        says(into.set_weights(&weights), words);
        // Where a learnt L is a parameter more, that is what differs first.
        let extra = before.weights().len() != weights.len();
        says(into.set_state(&state), if extra { &["state of a model", "lambda"] } else { words });
        says(into.set_state(&state), &["build the"]);
        assert_eq!(into.state().unwrap(), before, "nothing changes when it fails");
        // The numbers alone fit wherever their shapes do.
        into.set_weights(&weights.clone().without_description()).unwrap();
        let plain: Weights = weights.into_iter().collect();
        assert_eq!(plain.description(), None);
        into.set_weights(&plain).unwrap();
        from.set_state(&state).unwrap();
    }
}

#[test]
fn what_weights_do_not_depend_on_may_differ() {
    let hidden = || Dense::new(6).activation(Activation::Tanh);
    let end = |net: Sequential| net.add(Dense::new(2));
    let range = |net: Sequential| net.input_range(-1.0, 1.0);
    let a =
        end(range(Sequential::new([3])).add(hidden().auto_rotate(AutoRotate::new())).add(Dropout::new(0.5)));
    // x_Q by another way, other beginnings and penalties, another share dropped, or none.
    let declared = hidden()
        .auto_rotate(AutoRotate::new().limits(-1.0, 1.0).detached(true))
        .kernel_initializer(Initializer::HeNormal)
        .kernel_regularizer(Regularizer { l1: 0.0, l2: 0.1 });
    let given = hidden().auto_rotate(AutoRotate::new().x_q(3.0).l(2.0));
    let others = [
        end(Sequential::new([3]).add(declared).add(Dropout::new(0.1))),
        end(Sequential::new([3]).add(given).add(Flatten)),
    ];
    let mut a = built(a);
    let (weights, state) = (a.weights().unwrap(), a.state().unwrap());
    for other in others {
        let mut other = other.build(&Device::cpu(), 2).unwrap();
        assert_ne!(other.predict(&[0.5; 3]).unwrap(), a.predict(&[0.5; 3]).unwrap());
        other.set_weights(&weights).unwrap();
        assert_eq!(other.predict(&[0.5; 3]).unwrap(), a.predict(&[0.5; 3]).unwrap());
        other.set_state(&state).unwrap();
    }
    // Longer sequences that are kept in mind, and all outputs.
    let layer = || Gru::new(4).auto_rotate(AutoRotate::new());
    let mut short = built(range(Sequential::new([5, 3])).add(layer()));
    let mut long = built(range(Sequential::new([9, 3])).add(layer().stateful(true).return_sequences(true)));
    long.set_weights(&short.weights().unwrap()).unwrap();
    // Larger pictures.
    let picture = |size: usize| {
        let layer = Conv2d::new(2, 3).padding(Padding::Same).strides(2).auto_rotate(AutoRotate::new());
        built(Sequential::new([size, size, 1]).input_range(0.0, 1.0).add(layer))
    };
    picture(16).set_weights(&picture(9).weights().unwrap()).unwrap();
}

#[test]
fn dropout_before_a_rotated_layer_changes_its_x_q() {
    let net = |rate: f32, rotate: AutoRotate| {
        let net = Sequential::new([3]).input_range(-1.0, 1.0).add(Dropout::new(rate));
        built(net.add(Dense::new(2).auto_rotate(rotate)))
    };
    let mut from = net(0.5, AutoRotate::new());
    let (weights, state) = (from.weights().unwrap(), from.state().unwrap());
    let mut other = net(0.0, AutoRotate::new());
    let words = ["1.dense", "x_q 6", "x_q 3", "the same dropout", "x_q(v)"];
    says(other.set_weights(&weights), &words);
    says(other.set_state(&state), &words);
    let mut given = net(0.0, AutoRotate::new().x_q(6.0));
    given.set_weights(&weights).unwrap();
    given.set_state(&state).unwrap();
}

#[test]
fn a_layer_more_is_another_network() {
    let net = || Sequential::new([3]).add(Dense::new(2));
    let mut plain = built(net());
    let (weights, state) = (plain.weights().unwrap(), plain.state().unwrap());
    let mut more = built(net().add(Activate::new(Activation::Relu)));
    let before = more.weights().unwrap();
    says(more.set_weights(&weights), &["1.activate", "weights of a network without this layer", "without_"]);
    says(more.set_state(&state), &["1.activate", "a state of a network without this layer"]);
    assert_eq!(more.weights().unwrap(), before);
    more.set_weights(&weights.clone().without_description()).unwrap();
    // A part, and layers that are lent to a network with further ones.
    let mut bias = weights.clone();
    bias.retain(|path, _| path == "0.dense.bias");
    more.set_weights(&bias).unwrap();
    let mut longer = built(net().add(Activate::new(Activation::Relu)).add(Dense::new(4)));
    longer.set_weights(&weights).unwrap();
    assert_eq!(longer.weights().unwrap()["0.dense.kernel"], weights["0.dense.kernel"]);
    for same in [net().add(Dropout::new(0.1)), net().add(Flatten)] {
        built(same).set_weights(&weights).unwrap();
    }
}

#[test]
fn a_part_of_the_weights_is_compared_by_its_layers() {
    let net = |activation| {
        let hidden = |activation| Dense::new(6).activation(activation).auto_rotate(AutoRotate::new());
        Sequential::new([3]).input_range(-1.0, 1.0).add(hidden(Activation::Tanh)).add(hidden(activation))
    };
    let (mut a, mut b) = (built(net(Activation::Tanh)), built(net(Activation::Sigmoid)));
    let mut weights = a.weights().unwrap();
    weights.get_mut("0.dense.bias").unwrap().values[0] = 7.0;
    says(b.set_weights(&weights), &["1.dense", "tanh", "sigmoid"]);
    weights.retain(|path, _| path.starts_with("0."));
    let others = b.weights().unwrap();
    b.set_weights(&weights).unwrap();
    assert_eq!(b.weights().unwrap()["0.dense.bias"].values[0], 7.0);
    assert_eq!(b.weights().unwrap()["1.dense.kernel"], others["1.dense.kernel"]);
    // A tensor from elsewhere under a path of the network.
    let bias = Tensor { shape: vec![6], values: vec![1.0; 6] };
    assert_eq!(weights.insert("0.dense.bias", bias.clone()).unwrap().values[0], 7.0);
    b.set_weights(&Weights::from_tensors([("1.dense.bias".to_owned(), bias)])).unwrap();
    assert_eq!(weights.paths().collect::<Vec<_>>(), ["0.dense.bias", "0.dense.kernel"]);
    assert_eq!((weights.remove("0.dense.kernel").map(|t| t.shape), weights.len()), (Some(vec![3, 6]), 1));
}

#[test]
fn descriptions_are_whole_and_go_into_json_and_back() {
    for entry in autorot::extend::layers::all() {
        for example in entry.examples {
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 1.0).add_boxed(example);
            let network = net.network(3).unwrap();
            let description = network.description();
            let described: Vec<&str> = description.layers.iter().map(|layer| layer.path.as_str()).collect();
            let nodes: Vec<&str> = network.every_node().iter().map(|node| node.path()).collect();
            assert_eq!(described, nodes);
            let parameter = |layer: &LayerDescription| {
                let path = layer.path.clone();
                let parameters = layer.parameters.clone().into_iter();
                parameters.map(move |(name, shape)| (format!("{path}.{name}"), shape)).collect::<Vec<_>>()
            };
            let mut parameters: Vec<_> = description.layers.iter().flat_map(parameter).collect();
            let arena = network.arena().parameters().iter().map(|p| (p.path.clone(), p.shape.clone()));
            let mut arena: Vec<_> = arena.collect();
            parameters.sort();
            arena.sort();
            assert_eq!(parameters, arena, "{nodes:?}");
            for (layer, node) in description.layers.iter().zip(network.every_node()) {
                assert_eq!(layer.rotation.is_some(), node.facts().rotation.is_some(), "{}", layer.path);
            }
            let silent = ["flatten", "residual", "time_distributed"];
            let told = description.layers.last().unwrap();
            assert_eq!(told.options.is_empty(), silent.contains(&entry.kind), "{}", told.path);
            let text = serde_json::to_string(description).unwrap();
            assert_eq!(serde_json::from_str::<Description>(&text).unwrap(), *description, "{text}");
        }
    }
}

#[test]
fn resume_compares_every_option() {
    let data = waves(20);
    let adam = Adam { learning_rate: 0.01.into(), ..Adam::default() };
    let stopping = EarlyStopping { patience: 9, ..EarlyStopping::default() };
    let with = |optimizer: Optimizer, loss: Loss, stopping: EarlyStopping| {
        let trainer =
            Trainer::new(optimizer, loss).metric(Metric::MeanAbsoluteError).early_stopping(stopping);
        trainer.epochs(2).batch(8).progress(false)
    };
    let huber = || Loss::Huber { delta: 1.0 };
    let mut model = built(dense(1.0, Activation::Tanh, Some(AutoRotate::new())).add(Dropout::new(0.2)));
    let mut trainer = with(adam.clone().into(), huber(), stopping.clone());
    trainer.fit(&mut model, &data, None).unwrap();
    let snapshot = trainer.snapshot().unwrap().clone();
    assert_eq!(snapshot.description().optimizer, Optimizer::from(adam.clone()).description());
    assert_eq!(snapshot.model().description(), model.network().description());
    let text = serde_json::to_string(snapshot.description()).unwrap();
    assert_eq!(serde_json::from_str::<TrainingDescription>(&text).unwrap(), *snapshot.description());

    let schedule = Schedule::WarmUp { start: 0.0, rate: 0.01, updates: 5 };
    let clip = Clip { norm: Some(1.0), value: None };
    let others: [(Optimizer, Loss, EarlyStopping, &[&str]); 7] = [
        (
            Optimizer::from(adam.clone()).with_learning_rate(0.02),
            huber(),
            stopping.clone(),
            &["optimizer", "0.02", "0.01"],
        ),
        (
            Optimizer::from(adam.clone()).with_learning_rate(schedule),
            huber(),
            stopping.clone(),
            &["optimizer", "warm_up", "constant"],
        ),
        (
            Optimizer::from(adam.clone()).with_clip(clip),
            huber(),
            stopping.clone(),
            &["optimizer", "clip.norm 1", "clip.norm none"],
        ),
        (
            Adam { beta_1: 0.8, ..adam.clone() }.into(),
            huber(),
            stopping.clone(),
            &["beta_1 0.8", "beta_1 0.9"],
        ),
        (Sgd::default().into(), huber(), stopping.clone(), &["sgd.momentum", "adam.beta_2"]),
        (adam.clone().into(), Loss::Huber { delta: 2.0 }, stopping.clone(), &["loss", "delta 2", "delta 1"]),
        (
            adam.clone().into(),
            huber(),
            EarlyStopping { patience: 8, ..stopping.clone() },
            &["early_stopping", "patience 8"],
        ),
    ];
    for (optimizer, loss, stopping, words) in others {
        let mut other = with(optimizer, loss, stopping).from_snapshot(snapshot.clone());
        says(other.resume(&mut model, &data, None).map(drop), words);
    }
    let inputs: Vec<f32> = data.inputs().iter().map(|x| -x).collect();
    let changed = data.with_inputs(inputs).unwrap();
    says(trainer.resume(&mut model, &changed, None).map(drop), &["training data", "fingerprint"]);
    let mut other = built(dense(1.0, Activation::Tanh, Some(AutoRotate::new())).add(Dropout::new(0.3)));
    says(trainer.resume(&mut other, &data, None).map(drop), &["2.dropout", "rate 0.2", "rate 0.3"]);
    let mut other = built(dense(2.0, Activation::Tanh, Some(AutoRotate::new())).add(Dropout::new(0.2)));
    says(trainer.resume(&mut other, &data, None).map(drop), &["0.dense", "x_q 3", "x_q 6"]);
    let net = dense(1.0, Activation::Tanh, Some(AutoRotate::new())).add(Dropout::new(0.2));
    let mut other = net.build(&Device::cpu(), 7).unwrap();
    says(
        trainer.resume(&mut other, &data, None).map(drop),
        &["seed of the network", "found 1 in the state,", "expected 7"],
    );
    trainer.resume(&mut model, &data, None).unwrap();
}

#[test]
fn data_are_known_again_by_a_fingerprint() {
    let of = |data: &Dataset| {
        let mut model = built(dense(1.0, Activation::Tanh, None));
        let mut trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError).epochs(1).progress(false);
        trainer.fit(&mut model, data, Some(data)).unwrap();
        trainer.snapshot().unwrap().description().clone()
    };
    let data = waves(12);
    let (one, again) = (of(&data), of(&data));
    assert_eq!(one, again);
    assert_eq!((one.train.rows, &*one.train.shape), (12, &[3][..]));
    assert_eq!(one.validation.as_ref(), Some(&one.train));
    let order: Vec<usize> = (0..12).rev().collect();
    assert_ne!(of(&data.select(&order).unwrap()).train, one.train);
    // Each number counts, the first and the last, too.
    let Targets::Values { values, .. } = data.targets() else { panic!("waves have values") };
    let (inputs, targets, width) = (data.inputs().to_vec(), values.clone(), values.len() / 12);
    for place in [0, 17, inputs.len() - 1] {
        let mut inputs = inputs.clone();
        inputs[place] += 0.25;
        let other = Dataset::values([3], inputs, [width], targets.clone()).unwrap();
        assert_ne!(of(&other).train, one.train, "input {place}");
    }
    for place in [0, targets.len() - 1] {
        let mut targets = targets.clone();
        targets[place] += 0.25;
        let other = Dataset::values([3], inputs.clone(), [width], targets).unwrap();
        assert_ne!(of(&other).train, one.train, "target {place}");
    }
}
