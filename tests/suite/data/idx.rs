//! Files of every kind, and refusals.

use std::fs;
use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use autorot::data::{Targets, idx::*};
use autorot::{Dataset, Result};

fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    dims.iter().for_each(|d| file.extend(d.to_be_bytes()));
    file.extend(bytes);
    file
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn images() -> Vec<u8> {
    idx(&[2, 1, 3], &[0, 51, 255, 1, 2, 3])
}

/// Writes both files and loads them.
fn attempt(images: &[u8], labels: &[u8]) -> Result<Dataset> {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("pictures"), dir.path().join("answers"));
    fs::write(&a, images).unwrap();
    fs::write(&b, labels).unwrap();
    load(a, b, &["no", "yes"])
}

fn refused(images: &[u8], labels: &[u8], words: &[&str]) {
    let message = attempt(images, labels).unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn plain_and_gzipped_files_give_the_same() {
    let data = attempt(&images(), &idx(&[2], &[1, 0])).unwrap();
    assert_eq!(data.shape(), [1, 3]);
    assert_eq!(data.inputs()[..3], [0.0, 0.2, 1.0]);
    assert_eq!(data.inputs()[5], 3.0 / 255.0);
    let names = vec!["no".to_string(), "yes".to_string()];
    assert_eq!(data.targets(), &Targets::Classes { labels: vec![1, 0], steps: 1, names });
    assert_eq!(data, attempt(&zipped(&images()), &zipped(&idx(&[2], &[1, 0]))).unwrap());
}

#[test]
fn damaged_images_are_refused() {
    let labels = idx(&[2], &[1, 0]);
    refused(&[], &labels, &["pictures", "early end"]);
    refused(&images()[..10], &labels, &["pictures", "early end"]);
    refused(&images()[..20], &labels, &["pictures", "4 bytes", "6 bytes"]);
    refused(&[images(), vec![7]].concat(), &labels, &["pictures", "more bytes", "6 bytes"]);
    refused(&[0, 0, 15, 1, 0, 0, 0, 0], &labels, &["pictures", "0f", "08"]);
    refused(b"\x89PNG....", &labels, &["pictures", "magic"]);
    refused(&[0, 0, 8, 0], &labels, &["pictures", "magic"]);
    refused(&idx(&[0, 2, 2], &[]), &labels, &["pictures", "[0, 2, 2]"]);
    refused(&idx(&[6], &[0; 6]), &labels, &["pictures", "two dimensions"]);
    // Neither an overflow nor a petabyte of memory.
    refused(&idx(&[u32::MAX; 3], &[0; 6]), &labels, &["pictures", "product"]);
    refused(&idx(&[u32::MAX, 1 << 18, 1], &[0; 6]), &labels, &["pictures", "6 bytes"]);
}

#[test]
fn damaged_gzip_is_refused() {
    let labels = idx(&[2], &[1, 0]);
    let good = zipped(&images());
    refused(&good[..good.len() - 10], &labels, &["pictures", "early end"]);
    let mut wrong_sum = good.clone();
    let crc = good.len() - 8;
    wrong_sum[crc] ^= 1;
    refused(&wrong_sum, &labels, &["pictures", "damaged"]);
    refused(&[good, b"rest".to_vec()].concat(), &labels, &["pictures", "damaged"]);
}

#[test]
fn labels_must_fit() {
    refused(&images(), &idx(&[3], &[0, 0, 0]), &["answers", "3 labels", "2, one"]);
    refused(&images(), &idx(&[2], &[0, 2]), &["answers", "label 2 in row 1", "labels from 0 to 1, one"]);
    refused(&images(), &images(), &["answers", "one dimension"]);
}

#[test]
fn the_four_files_are_found_with_either_name() {
    let dir = tempfile::tempdir().unwrap();
    let message = mnist(dir.path()).unwrap_err().to_string();
    assert!(message.contains("t10k-images-idx3-ubyte.gz"), "{message}");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("train-images.idx3-ubyte", &images());
    write("train-labels.idx1-ubyte.gz", &zipped(&idx(&[2], &[9, 0])));
    write("t10k-images-idx3-ubyte.gz", &zipped(&idx(&[1, 1, 3], &[1, 2, 3])));
    write("t10k-labels-idx1-ubyte", &idx(&[1], &[8]));
    let split = mnist(dir.path()).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (2, 1));
    let Targets::Classes { labels, names, .. } = fashion_mnist(dir.path()).unwrap().test.targets().clone()
    else {
        panic!("classes were expected");
    };
    assert_eq!(names[labels[0] as usize], "Bag");
    write("t10k-images-idx3-ubyte.gz", &zipped(&idx(&[1, 3, 1], &[1, 2, 3])));
    let message = mnist(dir.path()).unwrap_err().to_string();
    assert!(message.contains("t10k-images") && message.contains("[3, 1]"), "{message}");
    fs::remove_file(dir.path().join("train-labels.idx1-ubyte.gz")).unwrap();
    assert!(mnist(dir.path()).is_err());
}

#[test]
fn a_missing_file_is_named() {
    let message = load("nowhere/a", "nowhere/b", &["x"]).unwrap_err().to_string();
    assert!(message.contains("nowhere"), "{message}");
}
