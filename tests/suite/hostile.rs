//! Model files and descriptions that were changed, cut off or made up: refused by name, or what they say.

use crate::files::{says, small};
use autorot::extend::layers;
use autorot::model::{Kinds, Network, Tensor, Weights};
use autorot::*;
use serde_json::{Value, json};

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
pub(crate) fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(values) => values.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Replaces one of the values.
pub(crate) fn replace(value: &mut Value, place: &mut usize, by: &Value) {
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
}

#[test]
fn an_array_that_is_there_twice_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("twice.npz");
    let array = |value| Tensor { shape: vec![1], values: vec![value] };
    Weights::from_tensors(["a", "b"].map(|name| (format!("0.dense.{name}"), array(1.0))))
        .save(&path)
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    while let Some(at) = bytes.windows(13).position(|part| part == b"0.dense.b.npy") {
        bytes[at + 8] = b'a';
    }
    std::fs::write(&path, bytes).unwrap();
    says(Weights::load(&path), &["twice.npz", "there twice"]);
}
