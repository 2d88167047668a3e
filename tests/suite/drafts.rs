//! Layers by kind and the options that differ from their defaults.

use autorot::extend::layers;
use autorot::model::Draft;
use autorot::{Device, Optimizer, Sequential};
use serde_json::{Value, json};

/// Those that hold others.
const HOLDERS: [&str; 3] = ["residual", "time_distributed", "bidirectional"];

#[test]
fn every_layer_comes_back_from_what_differs_from_its_defaults() {
    for entry in layers::all().into_iter().filter(|entry| !HOLDERS.contains(&entry.kind)) {
        let plain = entry.plain.options();
        assert_eq!(entry.plain.kind(), entry.kind);
        for example in &entry.examples {
            let mut draft = Draft::new(entry.kind);
            for (name, value) in example.options() {
                // The strides of poolings are by default the size of their windows.
                if plain[&name] != value || entry.required.contains(&&*name) || name == "strides" {
                    draft = draft.option(name, value);
                }
            }
            assert_eq!(draft.complete("0.layer").unwrap().options, example.options(), "{example:?}");
        }
        for name in entry.required {
            let rest = plain.clone().into_iter().filter(|(other, _)| other != name);
            let draft = rest.fold(Draft::new(entry.kind), |draft, (name, value)| draft.option(name, value));
            let error = draft.complete("4.layer").unwrap_err().to_string();
            assert!(error.contains("4.layer") && error.contains(name), "{error}");
        }
        let error = Draft::new(entry.kind);
        let error =
            entry.required.iter().fold(error, |draft, name| draft.option(*name, plain[*name].clone()));
        let error = error.option("wings", 2).complete("4.layer").unwrap_err().to_string();
        assert!(error.contains("4.layer") && error.contains("\"wings\""), "{error}");
    }
}

#[test]
fn drafts_are_written_as_people_write_them() {
    let conv =
        Draft::new("conv2d").option("filters", 2).option("kernel_size", 3).complete("0.conv2d").unwrap();
    assert_eq!(conv.options["kernel_size"], json!([3, 3]));
    let pool = Draft::new("max_pool2d").option("kernel_size", 2).complete("0.max_pool2d").unwrap();
    assert_eq!(pool.options["strides"], json!([2, 2]));
    let padding = Draft::new("zero_padding2d").option("padding", 1).complete("0.zero_padding2d").unwrap();
    assert_eq!(padding.options["padding"], json!([[1, 1], [1, 1]]));
    let dense = |rotate: Value| Draft::new("dense").option("units", 2).option("auto_rotate", rotate);
    assert_eq!(dense(json!(false)).complete("0.dense").unwrap().options["auto_rotate"], Value::Null);
    let rotated = dense(json!(true)).complete("0.dense").unwrap();
    assert_eq!(rotated, dense(json!({ "rule": "diagonal" })).complete("0.dense").unwrap());
    let error = dense(json!({ "rules": 1 })).complete("0.dense").unwrap_err().to_string();
    assert!(error.contains("0.dense, option auto_rotate") && error.contains("rules"), "{error}");
    for wrong in [json!("two"), json!(-1), json!(2.5)] {
        let error = Draft::new("dense").option("units", wrong).complete("0.dense").unwrap_err().to_string();
        assert!(error.contains("0.dense, option units"), "{error}");
    }
}

#[test]
fn layers_inside_others_have_their_paths() {
    let inner = |kind: &str| Draft { layers: vec![Draft::new("gru").option("units", 2)], ..Draft::new(kind) };
    let block = Draft {
        shortcut: vec![Draft::new("dense").option("units", 4)],
        layers: vec![inner("bidirectional").option("merge", "concat")],
        ..Draft::new("residual")
    };
    let net = Sequential::new([5, 3]);
    let error =
        net.clone().add_drafts(std::slice::from_ref(&block)).unwrap().network(0).unwrap_err().to_string();
    assert!(error.contains("0.residual"), "the shapes differ: {error}");
    let mut block = block;
    block.layers[0].layers[0] = Draft::new("gru").option("units", 2).option("return_sequences", true);
    let model = net.clone().add_drafts(&[block]).unwrap().build(&Device::cpu(), 0).unwrap();
    let layers = &model.network().description().layers;
    let paths: Vec<&str> = layers.iter().map(|layer| &*layer.path).collect();
    let both = ["0.residual.0.bidirectional.forward", "0.residual.0.bidirectional.backward"];
    assert_eq!(paths[..2], both);
    assert_eq!(paths[2..], ["0.residual.0.bidirectional", "0.residual.shortcut.0.dense", "0.residual"]);
    let refused = |draft: Draft| net.clone().add_drafts(&[draft]).unwrap_err().to_string();
    assert!(refused(inner("dense").option("units", 2)).contains("holds none"));
    assert!(refused(Draft::new("bidirectional")).contains("one recurrent layer"));
    let gru = |units: u32, backwards: bool| {
        Draft::new("gru").option("units", units).option("go_backwards", backwards)
    };
    let both = |layers: Vec<Draft>| Draft { layers, ..Draft::new("bidirectional") };
    let two = net.clone().add_drafts(&[both(vec![gru(2, false), gru(3, true)])]).unwrap().network(0).unwrap();
    assert_eq!(two.output().shape, [5]);
    assert!(refused(both(vec![gru(2, false), gru(2, true), gru(2, true)])).contains("one for each"));
    let error = refused(Draft { layers: vec![Draft::new("gru")], ..Draft::new("time_distributed") });
    assert!(error.contains("0.time_distributed.0.gru") && error.contains("units"), "{error}");
    assert!(refused(Draft::new("dens")).contains("\"dens\""));
}

#[test]
fn optimisers_come_from_their_options() {
    let of = |name: &str, options: Value| {
        let options = options.as_object().unwrap().clone().into_iter().collect();
        Optimizer::from_options(name, &options)
    };
    for name in ["sgd", "rmsprop", "adam", "adamw"] {
        assert_eq!(of(name, json!({})).unwrap(), Optimizer::from_name(name).unwrap());
        // Every option, as a description has it.
        let given = Optimizer::from_name(name).unwrap().with_learning_rate(0.25).with_weight_decay(0.5);
        let all = given.description().into_values().next().unwrap();
        assert_eq!(of(name, all).unwrap(), given, "{name}");
    }
    let sgd = of("sgd", json!({ "learning_rate": 0.1, "momentum": 0.5, "clip": { "norm": 1.0 } })).unwrap();
    let told = serde_json::to_string(&sgd.description()).unwrap();
    assert!(told.contains("\"momentum\":0.5") && told.contains("\"norm\":1.0"), "{told}");
    for (name, options, part) in [
        ("adam", json!({ "momentum": 0.9 }), "\"momentum\""),
        ("sgd", json!({ "momentum": "much" }), "option momentum"),
        ("sgd", json!({ "clip": { "norms": 1.0 } }), "norms"),
        ("adagrid", json!({}), "adagrid"),
    ] {
        let error = of(name, options).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
