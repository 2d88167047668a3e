//! Models in files: what is written comes back, and what was changed is refused.

use crate::nets::waves;
use autorot::data::{Columns, Preparation, Scale, Scaler, Table};
use autorot::extend::layers;
use autorot::model::{Kinds, Network, Outputs, Weights};
use autorot::*;
use serde_json::{Value, json};
use std::fs;

/// The error's text has all of these.
fn says<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "{text:?} does not name {word:?}"));
}

fn again(model: &mut Model, device: &Device) -> Model {
    Model::from_bytes(&model.to_bytes().unwrap(), device, &Kinds::default()).unwrap()
}

#[test]
fn every_layer_with_every_option_comes_back() {
    let mut count = 0;
    for entry in layers::all() {
        let len: usize = entry.input.iter().product();
        for example in entry.examples {
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 2.0).add_boxed(example);
            let mut model = net.build(&Device::cpu(), 7).unwrap();
            let mut other = again(&mut model, &Device::cpu());
            let (description, found) = (model.network().description(), other.network().description());
            assert_eq!(found, description);
            assert_eq!(other.weights().unwrap(), model.weights().unwrap());
            let x: Vec<f32> = (0..3 * len).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
            assert_eq!(other.predict(&x).unwrap(), model.predict(&x).unwrap(), "{}", entry.kind);
            assert_eq!(other.to_bytes().unwrap(), model.to_bytes().unwrap(), "{}", entry.kind);
            count += 1;
        }
    }
    assert!(count > 200, "{count} uses of layers");
}

/// A small net with a bit of everything that descriptions have.
fn small() -> Model {
    let net = Sequential::new([3]).input_range(-1.0, 1.0);
    let block =
        Residual::new().add(Dense::new(4).activation(Activation::Tanh).auto_rotate(AutoRotate::new()));
    net.add(Dense::new(4)).add(block).add(Dense::new(2)).build(&Device::cpu(), 3).unwrap()
}

#[test]
fn a_file_is_a_model_with_its_precision_classes_and_outputs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/net.safetensors");
    let data = waves(24);
    for device in [Device::cpu(), Device::cpu_f64()] {
        let mut model = Sequential::for_data(&data).add(Dense::new(2)).build(&device, 1).unwrap();
        Trainer::new(Adam::default(), Loss::MeanSquaredError)
            .epochs(2)
            .progress(false)
            .fit(&mut model, &data, None)
            .unwrap();
        model.save(&path).unwrap();
        let mut other = Model::load(&path, &device).unwrap();
        assert_eq!(other.exact_weights().unwrap(), model.exact_weights().unwrap());
        assert_eq!(other.network().input().range, model.network().input().range);
        // What is not in the file starts anew.
        assert_eq!((other.outputs(), other.state().unwrap().steps()), (Outputs::Values, 0));
    }
    let mut model = small();
    model.set_class_names(["low", "high"]).unwrap();
    model.set_outputs(Outputs::Logits);
    let other = again(&mut model, &Device::cpu());
    assert_eq!(other.class_names().unwrap(), ["low", "high"]);
    assert_eq!(other.outputs(), Outputs::Logits);
    // From the description alone: the same network, with the weights that it started from.
    let mut fresh = Model::from_description(&model.to_description(), &Device::cpu()).unwrap();
    assert_eq!(fresh.weights().unwrap(), model.weights().unwrap());
}

#[test]
fn training_tells_what_outputs_are() {
    let data =
        Dataset::classes([1], vec![0.0, 1.0, 2.0], vec![0, 1, 0], vec!["no".into(), "yes".into()]).unwrap();
    let net = Sequential::for_data(&data).add(Dense::new(2));
    let mut model = net.build(&Device::cpu(), 1).unwrap();
    let mut trainer = Trainer::new(Sgd::default(), Loss::SoftmaxCrossEntropy).epochs(1).progress(false);
    trainer.fit(&mut model, &data, None).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    assert_eq!(
        (model.outputs(), model.class_names().unwrap()),
        (Outputs::Logits, &["no", "yes"].map(String::from)[..])
    );
    // logits 0 and ln 3: probabilities 1/4 and 3/4.
    let mut weights = model.weights().unwrap();
    weights.get_mut("0.dense.kernel").unwrap().values.fill(0.0);
    weights.get_mut("0.dense.bias").unwrap().values = vec![0.0, 3f32.ln()];
    model.set_weights(&weights).unwrap();
    let predicted = model.predict_rows(&[5.0_f32, 6.0][..]).unwrap();
    assert_eq!((predicted.len(), predicted.class(1), predicted.class(2)), (2, Some("yes"), None));
    let row = predicted.row(0).unwrap();
    assert!((row[0] - 0.25).abs() < 1e-7 && (row[1] - 0.75).abs() < 1e-7, "{row:?}");
    model.set_outputs(Outputs::BinaryLogits);
    let row = model.predict_rows(&[5.0_f32][..]).unwrap().row(0).unwrap().to_vec();
    assert!((row[0] - 0.5).abs() < 1e-7 && (row[1] - 0.75).abs() < 1e-7, "{row:?}");
}

#[test]
fn raw_rows_are_answered_in_the_units_of_the_data() {
    let table = Table::new(
        ["size", "kind", "price"],
        (0..20)
            .map(|i| [format!("{}", 10 * i), ["old", "new"][i % 2].to_owned(), format!("{}", 1000 + 50 * i)]),
    )
    .unwrap();
    let columns = Columns::new().inputs(["size"]).scale(Scale::Standard).categories(["kind"]);
    let columns = columns.targets(["price"]).scale_targets(Scale::Standard);
    let preparation = Preparation::fit(&table, &columns).unwrap();
    let data = preparation.apply(&table).unwrap();
    let mut model = Sequential::for_data(&data).add(Dense::new(1)).build(&Device::cpu(), 1).unwrap();
    model.set_conversion(preparation.clone()).unwrap();
    let outputs = model.predict(data.inputs()).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    let rows = Table::new(["kind", "size", "colour"], [["new", "10", "red"], ["old", "20", "blue"]]).unwrap();
    let predicted = model.predict_rows(&rows).unwrap();
    assert_eq!(predicted.names(), ["price"]);
    assert_eq!(predicted.values(), preparation.invert(&outputs[1..3]).unwrap());
    says(model.predict_rows(&[1.0_f32][..]), &["numbers", "size, kind", "Table"]);
    says(model.predict_rows(&Table::new(["size"], [["1"]]).unwrap()), &["kind"]);

    let data = waves(8);
    let scalers = [Scaler::standard_targets(&data).unwrap(), Scaler::min_max(&data, 0.0, 1.0).unwrap()];
    let scaled = scalers.iter().fold(data.clone(), |data, scaler| scaler.apply(&data).unwrap());
    let mut model = Sequential::for_data(&scaled).add(Dense::new(2)).build(&Device::cpu(), 1).unwrap();
    let outputs = model.predict(scaled.inputs()).unwrap();
    model.set_conversion(scalers.clone()).unwrap();
    let mut model = again(&mut model, &Device::cpu());
    let predicted = model.predict_rows(data.inputs()).unwrap();
    assert_eq!(predicted.values(), scalers[0].invert_f64(&outputs).unwrap());
    says(model.predict_rows(&rows), &["a table", "numbers"].map(|_| "numbers"));
    says(small().set_conversion(preparation), &["3 inputs and 1 outputs", "3 inputs and 2 outputs"]);
}

#[test]
fn weights_go_into_files_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = small();
    let weights = model.weights().unwrap();
    model.save(dir.path().join("model")).unwrap();
    assert_eq!(Weights::load(dir.path().join("model")).unwrap(), weights);
    weights.save(dir.path().join("weights")).unwrap();
    let bare = Weights::load(dir.path().join("weights")).unwrap();
    assert_eq!(bare, weights.without_description());
    says(
        Model::load(dir.path().join("weights"), &Device::cpu()),
        &["without a description", "Weights::load"],
    );
    says(Model::load(dir.path().join("none"), &Device::cpu()), &["none"]);
}

#[test]
fn numpys_arrays_come_in_and_go_out() {
    let dir = tempfile::tempdir().unwrap();
    let mut model = small();
    let weights = model.weights().unwrap();
    let path = dir.path().join("weights.npz");
    weights.save(&path).unwrap();
    assert_eq!(Weights::load(&path).unwrap(), weights.clone().without_description());
    // As numpy.save writes [[1, 2, 3], [4, 5, 6]] in column-major order, of doubles, with its version 1.0 header.
    let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }";
    let header = format!("{header:<117}\n");
    let mut bytes =
        [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat();
    bytes.extend([1.0_f64, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|v| v.to_le_bytes()));
    let path = dir.path().join("array.npy");
    fs::write(&path, &bytes).unwrap();
    let tensor = model::Tensor::load(&path).unwrap();
    assert_eq!(tensor, model::Tensor { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] });
    let exact = model::Tensor { shape: vec![2], values: vec![0.1, 1e300] };
    exact.save(&path).unwrap();
    assert_eq!(model::Tensor::load(&path).unwrap(), exact, "in double precision where it is needed");
    says(model::Tensor { shape: vec![3], values: vec![0.0; 2] }.save(&path), &["2 values", "3"]);
    let spoilt = |from: &str, to: &str| {
        let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        fs::write(&path, bytes).unwrap();
        model::Tensor::load(&path)
    };
    says(spoilt("<f8", "<i8"), &["array.npy", "<i8", "floating-point"]);
    says(spoilt("(2, 3)", "(2, 9)"), &["array.npy"]);
    says(spoilt("(2, 3), ", "(2, 9999"), &["array.npy"]);
    for len in 0..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        says(model::Tensor::load(&path), &["array.npy"]);
    }
    // Truncated archives, and one that would become far larger than it is.
    let path = dir.path().join("weights.npz");
    let bytes = fs::read(&path).unwrap();
    for len in (0..bytes.len()).step_by(7) {
        fs::write(&path, &bytes[..len]).unwrap();
        says(Weights::load(&path), &["weights.npz"]);
    }
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    bomb.start_file("a.npy", zip::write::SimpleFileOptions::default()).unwrap();
    (0..200).for_each(|_| std::io::Write::write_all(&mut bomb, &[0; 1 << 20]).unwrap());
    fs::write(&path, bomb.finish().unwrap().into_inner()).unwrap();
    says(Weights::load(&path), &["a.npy", "bytes in a file of"]);
}

#[test]
fn a_part_of_the_weights_is_set_where_path_and_shape_match() {
    let mut from = small();
    let mut into =
        Sequential::new([3]).add(Dense::new(4)).add(Dense::new(5)).build(&Device::cpu(), 9).unwrap();
    let before = into.weights().unwrap();
    let mut weights = from.weights().unwrap();
    weights.insert("1.dense.bias", model::Tensor { shape: vec![6], values: vec![0.0; 6] });
    let matched = into.set_matching(&weights).unwrap();
    assert_eq!(matched.set, ["0.dense.kernel", "0.dense.bias"]);
    assert_eq!(matched.missing, ["1.dense.kernel"]);
    assert_eq!(matched.misshapen, [("1.dense.bias".to_owned(), vec![6], vec![5])]);
    assert!(matched.unused.contains(&"2.dense.kernel".to_owned()), "{matched:?}");
    let after = into.weights().unwrap();
    assert_eq!(after["0.dense.kernel"], weights["0.dense.kernel"]);
    assert_eq!(after["1.dense.kernel"], before["1.dense.kernel"]);
    weights.get_mut("0.dense.bias").unwrap().values[1] = f32::INFINITY;
    says(into.set_matching(&weights), &["0.dense.bias", "finite"]);
    assert_eq!(into.weights().unwrap(), after);
}

/// The file with another description, and without its checksum.
fn altered(bytes: &[u8], change: impl Fn(&str) -> String) -> Vec<u8> {
    let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let text = &metadata.metadata().as_ref().unwrap()["autorot"];
    let (text, _) = text.rsplit_once(",\"checksum\"").unwrap();
    let metadata = [("autorot".to_owned(), change(&format!("{text}}}")))].into();
    safetensors::serialize(file.tensors(), Some(metadata)).unwrap()
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let bytes = small().to_bytes().unwrap();
    let read = |bytes: &[u8]| Model::from_bytes(bytes, &Device::cpu(), &Kinds::default());
    read(&altered(&bytes, str::to_owned)).unwrap();
    let with = |from: &str, to: &str| {
        let changed = altered(&bytes, |text| {
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1)
        });
        read(&changed)
    };
    says(with("\"format\":1", "\"format\":2"), &["format 2", "autorot 0.1.0 or newer"]);
    says(with("\"outputs\"", "\"output\""), &["unknown field `output`"]);
    says(with("\"units\":4", "\"units\":4,\"wings\":2"), &["0.dense", "wings 2"]);
    says(with("\"units\":4,", ""), &["0.dense", "units"]);
    says(
        with("\"kind\":\"residual\"", "\"kind\":\"loop\""),
        &["1.residual", "\"loop\"", "residual", "Kinds::with"],
    );
    says(with("\"activation\":\"tanh\"", "\"activation\":\"tinh\""), &["1.residual.0.dense", "tinh"]);
    // The resolved x_Q of the rotation is told behind the options.
    let other_x_q = altered(&bytes, |text| {
        let (before, after) = text.rsplit_once("\"x_q\":").unwrap();
        format!("{before}\"x_q\":1{after}")
    });
    says(read(&other_x_q), &["1.residual.0.dense", "x_q"]);
    says(with("\"units\":2", "\"units\":5"), &["2.dense", "5"]);
    // Far more numbers than memory has: refused without asking for any.
    says(with("\"units\":2", "\"units\":900000000"), &["2.dense"]);
    says(with("\"units\":2", "\"units\":4000000000000000000"), &["2.dense"]);
    says(with("\"writer\"", "\"writer\":\"a\",\"writer\""), &["duplicate field `writer`"]);
    // A file lacks a tensor, or has one more, or one that is no number.
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = altered(&bytes, str::to_owned);
    let (_, plain) = safetensors::SafeTensors::read_metadata(&text).unwrap();
    assert_ne!(plain.metadata(), metadata.metadata());
    let few: Vec<_> = file.tensors().into_iter().filter(|(name, _)| name != "2.dense.bias").collect();
    says(
        read(&safetensors::serialize(few, plain.metadata().clone()).unwrap()),
        &["2.dense.bias of the shape none"],
    );
    let (name, one) = file.tensors().remove(0);
    let more = file.tensors().into_iter().chain([("3.dense.bias".to_owned(), one)]);
    says(read(&safetensors::serialize(more, plain.metadata().clone()).unwrap()), &["3.dense.bias"]);
    let mut spoilt = text.clone();
    let end = spoilt.len();
    spoilt[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    says(read(&spoilt), &["NaN", "finite"]);
    let _ = name;
}

/// The number of values in a JSON text.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces one of the values.
fn replace(value: &mut Value, place: &mut usize, by: &Value) {
    if *place == 0 {
        value.clone_from(by);
    }
    *place = place.wrapping_sub(1);
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| replace(value, place, by)),
        Value::Object(fields) => fields.values_mut().for_each(|value| replace(value, place, by)),
        _ => {}
    }
}

#[test]
fn descriptions_with_any_value_replaced_are_refused_or_mean_what_they_say() {
    let others = [
        json!(null),
        json!(-1),
        json!(0),
        json!(3),
        json!(1e30),
        json!(4_000_000_000_u64),
        json!("x"),
        json!([]),
        json!([7, 7, 7, 7]),
        json!({}),
        json!(true),
    ];
    let kinds = Kinds::default();
    let (mut tried, mut taken) = (0, 0);
    for (number, entry) in layers::all().into_iter().enumerate() {
        // Of each layer two uses: all values of each would take minutes.
        for example in entry.examples.into_iter().rev().step_by(7).take(2) {
            let net = Sequential::new(entry.input.clone()).input_range(-1.0, 2.0).add_boxed(example);
            let text = net.build(&Device::cpu(), 7).unwrap().to_description();
            let value: Value = serde_json::from_str(&text).unwrap();
            for place in 0..count(&value) {
                for other in others.iter().skip((place + number) % 3).step_by(3) {
                    let mut changed = value.clone();
                    replace(&mut changed, &mut place.clone(), other);
                    tried += 1;
                    match Network::from_description(&changed.to_string(), &kinds) {
                        Err(error) => assert!(!error.to_string().contains("report this"), "{error}"),
                        Ok(network) => {
                            // What is taken can be computed with, where it is small.
                            if network.memory(2).is_ok_and(|m| m.parameters + m.activations < 1 << 20) {
                                taken += 1;
                                // Names of classes, or a conversion, may not suit the outputs.
                                let model = Model::from_description(&changed.to_string(), &Device::cpu());
                                let _ = model.and_then(|mut m| m.predict(&vec![0.5; network.input().len()]));
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{tried} descriptions, {taken} taken");
    assert!(tried > 5000 && taken > 100, "{tried} descriptions, {taken} taken");
}

#[test]
fn every_truncated_or_flipped_file_is_refused() {
    let mut model = Sequential::new([2]).add(Dense::new(1)).build(&Device::cpu(), 1).unwrap();
    let bytes = model.to_bytes().unwrap();
    let read = |bytes: &[u8]| Model::from_bytes(bytes, &Device::cpu(), &Kinds::default());
    let whole = read(&bytes).unwrap().to_bytes().unwrap();
    assert_eq!(whole, bytes);
    for len in 0..bytes.len() {
        says(read(&bytes[..len]), &["model file"]);
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << bit;
            match read(&flipped) {
                Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
                // Padding behind the description may be another white space.
                Ok(mut same) => assert_eq!(same.to_bytes().unwrap(), bytes, "bit {bit} of byte {place}"),
            }
        }
    }
    let longer = [&bytes[..], b"more"].concat();
    says(read(&longer), &["model file"]);
    fs::write(tempfile::tempdir().unwrap().path().join("x"), b"").unwrap();
}
