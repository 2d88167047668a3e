//! Keras' files that were cut off, changed or made up: one error each, in bounded memory, and no panic.

use crate::files::says;
use crate::hostile::{count, replace};
use crate::keras_files::file;
use autorot::file::KerasFormat;
use autorot::*;
use serde_json::{Value, json};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;

fn read(bytes: &[u8]) -> Result<Model> {
    Model::from_keras(bytes, &Device::cpu())
}

/// A small model's file.
fn small(format: KerasFormat) -> Vec<u8> {
    let net = Sequential::new([2]).add(Dense::new(1));
    net.build(&Device::cpu(), 1).unwrap().to_keras(format).unwrap()
}

/// An error that says what is wrong, and not at length.
fn refused(bytes: &[u8]) {
    let error = read(bytes).unwrap_err().to_string();
    assert!(error.contains("expected") && error.len() < 4000, "{error}");
}

/// Whatever the bytes are, they are a model or one error.
fn settled(bytes: &[u8]) -> bool {
    match read(bytes) {
        Ok(mut model) => {
            let x = vec![0.5; model.network().input().len()];
            model.predict(&x).unwrap();
            true
        }
        Err(error) => {
            assert!(error.to_string().len() < 4000, "{error}");
            false
        }
    }
}

/// Whether there is something at a place, or next to it: most of an HDF5 file is zero.
fn told(bytes: &[u8], place: usize) -> bool {
    bytes[place.saturating_sub(8)..bytes.len().min(place + 9)].iter().any(|&byte| byte != 0)
}

/// The members of a zip file.
fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let member = |i| {
        let mut file = archive.by_index(i).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        (file.name().unwrap().into_owned(), content)
    };
    (0..3).map(member).collect()
}

fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(name.clone(), SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The `.keras` file with another member.
fn with(bytes: &[u8], name: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut members = members(bytes);
    let content = &mut members.iter_mut().find(|(own, _)| own == name).unwrap().1;
    *content = change(content);
    zipped(&members)
}

#[test]
fn every_truncated_file_is_refused() {
    let files = [small(KerasFormat::Keras), small(KerasFormat::H5), file("k2_rotated_grids.h5")];
    for bytes in files {
        read(&bytes).unwrap();
        (0..bytes.len()).for_each(|len| refused(&bytes[..len]));
    }
}

#[test]
fn flipped_bits_are_refused_or_numbers() {
    for bytes in [small(KerasFormat::Keras), small(KerasFormat::H5), file("k2_rotated_grids.h5")] {
        let (mut tried, mut taken) = (0, 0);
        for place in (0..bytes.len()).step_by(1 + bytes.len() / 4000).filter(|&place| told(&bytes, place)) {
            let mut flipped = bytes.clone();
            flipped[place] ^= 1 << (place % 8);
            tried += 1;
            taken += usize::from(settled(&flipped));
        }
        println!("{taken} of {tried} taken");
    }
}

#[test]
fn addresses_and_sizes_that_files_declare_are_bounded() {
    // Eight bytes that are any number: an address, a length, a size.
    for bytes in [small(KerasFormat::H5), file("k2_rotated_grids.h5")] {
        let step = 8 * (1 + bytes.len() / 4000);
        for number in [1, 96, bytes.len() as u64 - 8, 1 << 40, u64::MAX] {
            for place in (0..bytes.len() - 8).step_by(step).filter(|&place| told(&bytes, place)) {
                let mut changed = bytes.clone();
                changed[place..place + 8].copy_from_slice(&number.to_le_bytes());
                settled(&changed);
            }
        }
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
        json!([7, 7]),
        json!({}),
        json!(true),
    ];
    for name in ["k2_residual.keras", "k3_residual.keras", "k3_sequences.keras", "k2_rotated.keras"] {
        let bytes = file(name);
        let config = &members(&bytes).into_iter().find(|(name, _)| name == "config.json").unwrap().1;
        let config: Value = serde_json::from_slice(config).unwrap();
        let (mut tried, mut taken) = (0, 0);
        for place in (0..count(&config)).step_by(3) {
            let mut changed = config.clone();
            replace(&mut changed, &mut place.clone(), &others[place / 3 % others.len()]);
            tried += 1;
            taken += usize::from(settled(&with(&bytes, "config.json", |_| changed.to_string().into_bytes())));
        }
        println!("{name}: {taken} of {tried} taken");
        assert!(tried > 90 && taken > 10);
    }
}

#[test]
fn archives_are_read_by_their_three_names_alone() {
    let bytes = small(KerasFormat::Keras);
    let all = members(&bytes);
    assert_eq!(
        all.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["metadata.json", "config.json", "model.weights.h5"]
    );
    let more = |name: &str| [&all[..], &[(name.to_owned(), b"content".to_vec())]].concat();
    // What else lies in the file is not read, and its name leads nowhere.
    for name in ["assets/words.txt", "../config.json", "/config.json", "a/../model.weights.h5"] {
        read(&zipped(&more(name))).unwrap();
    }
    for i in 0..3 {
        let mut few = all.clone();
        let (name, _) = few.remove(i);
        says(read(&zipped(&few)), &["no ", &name]);
        // The same name twice: one of another name, which is then changed.
        let other = format!("{}x", &name[..name.len() - 1]);
        let mut twice = zipped(&more(&other));
        while let Some(at) = twice.windows(other.len()).position(|part| part == other.as_bytes()) {
            twice[at..at + name.len()].copy_from_slice(name.as_bytes());
        }
        says(read(&twice), &["another number of files than 3 names"]);
    }
    // A few kilobytes that claim to be, or are, many more.
    let bomb = with(&bytes, "config.json", |_| vec![b' '; 24 << 20]);
    assert!(bomb.len() < 1 << 20);
    says(read(&bomb), &["config.json of 25165824 bytes"]);
    let bomb = with(&bytes, "model.weights.h5", |_| vec![0; 24 << 20]);
    says(read(&bomb), &["model.weights.h5 of 25165824 bytes"]);
}

#[test]
fn descriptions_are_read_to_a_bounded_depth() {
    let bytes = small(KerasFormat::Keras);
    let config = |text: String| with(&bytes, "config.json", |_| text.clone().into_bytes());
    refused(&config("[".repeat(100_000)));
    refused(&config("{\"config\":".repeat(100_000)));
    // Models inside models, and blocks inside blocks.
    let mut model = json!({ "class_name": "Sequential", "config": { "name": "a", "layers": [] } });
    for _ in 0..40 {
        model = json!({ "class_name": "Sequential", "config": { "name": "a", "layers": [model] } });
    }
    refused(&config(model.to_string()));
    let dense = json!({ "units": 2, "name": "" });
    let mut layers = vec![
        json!({ "class_name": "InputLayer", "name": "x0", "config": { "name": "x0", "batch_shape": [null, 2] }, "inbound_nodes": [] }),
    ];
    for i in 1..200 {
        let (before, name, sum) = (format!("x{}", i - 1), format!("d{i}"), format!("x{i}"));
        let mut config = dense.clone();
        config["name"] = json!(name);
        layers.push(
            json!({ "class_name": "Dense", "config": config, "inbound_nodes": [[[before, 0, 0, {}]]] }),
        );
        layers.push(json!({ "class_name": "Add", "config": { "name": sum }, "inbound_nodes": [[["x0", 0, 0, {}], [name, 0, 0, {}]]] }));
    }
    let graph = json!({ "class_name": "Functional", "config": { "layers": layers, "input_layers": [["x0", 0, 0]], "output_layers": [["x199", 0, 0]] } });
    says(read(&config(graph.to_string())), &["deep inside each other"]);
}

#[test]
fn arrays_of_arrays_and_numbers_that_are_none_are_refused() {
    // Another reader would recurse into the type, and end the process.
    says(read(&file("deep.h5")), &["class 10"]);
    let bytes = small(KerasFormat::Keras);
    let kernel = {
        let mut model = read(&bytes).unwrap();
        model.weights().unwrap()["0.dense.kernel"].values[0]
    };
    for number in [f32::NAN, f32::INFINITY] {
        let spoilt = with(&bytes, "model.weights.h5", |weights| {
            let mut weights = weights.to_vec();
            let at = weights.windows(4).position(|part| part == kernel.to_le_bytes()).unwrap();
            weights[at..at + 4].copy_from_slice(&number.to_le_bytes());
            weights
        });
        says(read(&spoilt), &["0.dense.kernel", "finite"]);
    }
    // Far more numbers than memory has: refused before any are asked for.
    let many = with(&bytes, "config.json", |config| {
        let text = String::from_utf8(config.to_vec()).unwrap();
        text.replace("\"units\":1", "\"units\":900000000").into_bytes()
    });
    says(read(&many), &["layers/dense/vars/0", "900000000"]);
}

#[test]
fn layers_and_options_that_are_not_known_are_named() {
    let bytes = small(KerasFormat::Keras);
    let changed = |from: &str, to: &str| {
        read(&with(&bytes, "config.json", |config| {
            let text = String::from_utf8(config.to_vec()).unwrap();
            assert!(text.contains(from), "{text}");
            text.replacen(from, to, 1).into_bytes()
        }))
    };
    says(changed("\"Dense\"", "\"Dance\""), &["dense", "\"Dance\"", "Conv2DTranspose"]);
    says(changed("\"units\":1", "\"units\":1,\"wings\":2"), &["dense", "wings 2"]);
    says(changed("\"units\":1", "\"units\":-1"), &["dense", "units -1", "whole number"]);
    says(changed("\"units\":1", "\"dtype\":\"float16\",\"units\":1"), &["dense", "float16"]);
    says(changed("\"linear\"", "\"sparsemax\""), &["dense", "sparsemax"]);
    says(changed("\"linear\"", "\"leaky_relu\""), &["dense", "0.2", "LeakyReLU"]);
    says(changed("[null,2]", "[null,null]"), &["the shape [null,null]", "one shape"]);
}
