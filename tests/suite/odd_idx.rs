//! Odd idx files, and what each gives.

use crate::logs::{listen, warnings};
use autorot::Error;
use autorot::data::idx::{self, Idx};
use autorot::data::{Dataset, Scaler, Split, Targets};
use std::path::Path;

/// An idx file: the code of its element type, its dimensions, its numbers as bytes.
fn idx(kind: u8, dims: &[u32], numbers: &[u8]) -> Vec<u8> {
    let sizes = dims.iter().flat_map(|d| d.to_be_bytes());
    [0, 0, kind, dims.len() as u8].into_iter().chain(sizes).chain(numbers.iter().copied()).collect()
}

/// Images `[1, 2]` with these labels as unsigned bytes, read by `read`.
fn with_labels<T>(labels: &[u8], read: impl FnOnce(&Path, &Path) -> Result<T, Error>) -> Result<T, Error> {
    let rows = labels.len() as u32;
    files(&idx(8, &[rows, 1, 2], &vec![51; labels.len() * 2]), &idx(8, &[rows], labels), read)
}

fn files<T>(
    images: &[u8],
    labels: &[u8],
    read: impl FnOnce(&Path, &Path) -> Result<T, Error>,
) -> Result<T, Error> {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("images"), dir.path().join("labels"));
    std::fs::write(&a, images).unwrap();
    std::fs::write(&b, labels).unwrap();
    read(&a, &b)
}

fn classes(data: &Dataset) -> (Vec<u32>, Vec<&str>) {
    let Targets::Classes { labels, names, .. } = data.targets() else { panic!("classes") };
    (labels.clone(), names.iter().map(String::as_str).collect())
}

#[test]
fn numbers_of_every_type_are_images_and_labels() {
    // The numbers 0, 1, 2 and -3 (3 in unsigned bytes) in every type.
    let signed =
        |f: &dyn Fn(i8) -> Vec<u8>| -> Vec<u8> { [0, 1, 2, -3].iter().flat_map(|&v| f(v)).collect() };
    let all: [(u8, Vec<u8>, f32, f32); 6] = [
        (0x08, vec![0, 1, 2, 3], 1.0 / 255.0, 3.0 / 255.0),
        (0x09, signed(&|v| v.to_be_bytes().to_vec()), 1.0, -3.0),
        (0x0b, signed(&|v| i16::from(v).to_be_bytes().to_vec()), 1.0, -3.0),
        (0x0c, signed(&|v| i32::from(v).to_be_bytes().to_vec()), 1.0, -3.0),
        (0x0d, signed(&|v| f32::from(v).to_be_bytes().to_vec()), 1.0, -3.0),
        (0x0e, signed(&|v| f64::from(v).to_be_bytes().to_vec()), 1.0, -3.0),
    ];
    for (kind, bytes, one, last) in all {
        let size = bytes.len() / 4;
        let (images, labels) = (idx(kind, &[2, 2], &bytes), idx(kind, &[2], &bytes[..2 * size]));
        let data = files(&images, &labels, |a, b| idx::load(a, b, &["no", "yes"])).unwrap();
        assert_eq!(data.inputs()[1..], [one, 2.0 * one, last], "type {kind:02x}");
        assert_eq!(classes(&data), (vec![0, 1], vec!["no", "yes"]), "type {kind:02x}");
        let short = idx(kind, &[2, 2], &bytes[..4 * size - 1]);
        let error = files(&short, &labels, |a, b| idx::load(a, b, &["no", "yes"])).unwrap_err().to_string();
        assert!(error.contains(&format!("{} bytes for dimensions", 4 * size)), "{error}");
    }
    let unknown = idx(0x0a, &[1, 1], &[0, 0]);
    let error = files(&unknown, &unknown, |a, b| idx::load(a, b, &["a"])).unwrap_err().to_string();
    assert!(error.contains("0a"), "{error}");
}

#[test]
fn labels_that_count_from_one_are_told_and_no_output_is_dead() {
    listen();
    let data = with_labels(&[1, 26, 3], |a, b| Idx::open(a, b).load()).unwrap();
    assert_eq!(classes(&data), (vec![0, 2, 1], vec!["1", "3", "26"]));
    let told = warnings().join("\n");
    assert!(told.contains("labels begin at 1") && told.contains("\"1\", \"3\", \"26\""), "{told}");

    let letters: Vec<String> = ('a'..='z').map(String::from).collect();
    let named = |from| {
        let letters = letters.clone();
        with_labels(&[1, 26, 3], move |a, b| Idx::open(a, b).class_names(letters).first_label(from).load())
    };
    let data = named(1).unwrap();
    assert_eq!(classes(&data).0, [0, 25, 2]);
    assert!(warnings().is_empty());
    // Not as if they counted from 0.
    let error = named(0).unwrap_err().to_string();
    for part in ["label 26 in row 1", "labels from 0 to 25", "go from 1 to 26", "Idx::first_label(1)"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    // With a class too many, class 0 is named as the one without rows.
    let data = with_labels(&[1, 2], |a, b| idx::load(a, b, &["none", "a", "b"])).unwrap();
    assert_eq!(classes(&data).0, [1, 2]);
    let told = warnings().join("\n");
    assert!(told.contains("no row is of class 0, \"none\"; set Idx::first_label if"), "{told}");
}

#[test]
fn signed_labels_are_classes_by_their_numbers() {
    let (images, labels) = (idx(8, &[3, 1], &[0; 3]), idx(9, &[3], &[0xff, 1, 0xff]));
    let data = files(&images, &labels, |a, b| Idx::open(a, b).load()).unwrap();
    assert_eq!(classes(&data), (vec![0, 1, 0], vec!["-1", "1"]));
    let error = files(&images, &labels, |a, b| idx::load(a, b, &["no", "yes"])).unwrap_err().to_string();
    assert!(error.contains("label -1 in row 0"), "{error}");
    let halves: Vec<u8> = [0.0f32, 0.5, 1.0].iter().flat_map(|v| v.to_be_bytes()).collect();
    let error =
        files(&images, &idx(0x0d, &[3], &halves), |a, b| Idx::open(a, b).load()).unwrap_err().to_string();
    assert!(error.contains("label 0.5 in row 1") && error.contains("whole numbers"), "{error}");
}

#[test]
fn parts_with_other_labels_are_not_one_data_set() {
    let part = |labels: &[u8]| with_labels(labels, |a, b| Idx::open(a, b).load()).unwrap();
    assert!(Split::new(part(&[0, 1, 2]), part(&[2, 1, 0])).is_ok());
    let error = Split::new(part(&[0, 1, 2]), part(&[0, 2])).unwrap_err().to_string();
    assert!(error.contains("without \"1\""), "{error}");
}

#[test]
fn numbers_that_single_precision_cannot_hold_are_told_or_refused() {
    listen();
    let read = |numbers: &[f64]| {
        let (rows, labels) = (numbers.len() as u32, vec![0; numbers.len()]);
        let bytes: Vec<u8> = numbers.iter().flat_map(|v| v.to_be_bytes()).collect();
        files(&idx(0x0e, &[rows, 1], &bytes), &idx(8, &[rows], &labels), |a, b| Idx::open(a, b).load())
    };
    read(&[0.1, 1e9]).unwrap();
    assert!(warnings().is_empty());
    let times = read(&[1.7e9, 1.7e9 + 10.0, 1.7e9 + 20.0]).unwrap();
    assert_eq!(times.inputs(), [1.7e9; 3]);
    let told = warnings().join("\n");
    assert!(
        told.contains("images, feature 0: of 3 different numbers 1 ") && told.contains("Scaler"),
        "{told}"
    );
    // A scaler has them as they are.
    let scaled = Scaler::min_max(&times, 0.0, 1.0).unwrap().apply(&times).unwrap();
    assert_eq!(scaled.inputs(), [0.0, 0.5, 1.0]);
    for odd in [f64::NAN, 1e300] {
        let error = read(&[0.0, odd]).unwrap_err().to_string();
        assert!(error.contains("images: found") && error.contains("in row 1"), "{error}");
    }
}
