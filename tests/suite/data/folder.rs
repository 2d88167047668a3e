//! Folders, classes and sizes; odd files have tests of their own.

use image::{Rgb, RgbImage};
use tempfile::TempDir;

use autorot::data::{Targets, folder::*};
use std::fs;

fn picture(width: u32, height: u32, first: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb(if (x, y) == (0, 0) { first } else { [51, 51, 51] }))
}

/// Two classes with three images of 3 × 2 pixels, and files that are not images.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for class in ["beta", "alpha", ".hidden"] {
        fs::create_dir(dir.path().join(class)).unwrap();
    }
    picture(3, 2, [255, 0, 0]).save(dir.path().join("beta/2.png")).unwrap();
    picture(3, 2, [0, 255, 0]).save(dir.path().join("beta/10.PNG")).unwrap();
    picture(3, 2, [0, 0, 255]).save(dir.path().join("alpha/x.png")).unwrap();
    fs::write(dir.path().join("alpha/notes.txt"), "no image").unwrap();
    fs::write(dir.path().join("list.png"), "no image").unwrap();
    dir
}

const GRAY: Options = Options { gray: true, size: None };

#[test]
fn classes_and_files_come_sorted_with_channels_last() {
    let dir = folder();
    let data = load(dir.path(), Options::default()).unwrap();
    assert_eq!(data.shape(), [2, 3, 3]);
    let names = vec!["alpha".to_string(), "beta".to_string()];
    assert_eq!(data.targets(), &Targets::Classes { labels: vec![0, 1, 1], steps: 1, names });
    let first = |row| data.row(row).unwrap()[..4].to_vec();
    assert_eq!(first(0), [0.0, 0.0, 1.0, 0.2]);
    assert_eq!(first(1), [0.0, 1.0, 0.0, 0.2]);
    assert_eq!(first(2), [1.0, 0.0, 0.0, 0.2]);
    let gray = load(dir.path(), GRAY).unwrap();
    assert_eq!(gray.shape(), [2, 3]);
    assert_eq!(gray.row(1).unwrap()[..2], [0.587, 0.2]);
}

#[test]
fn jpeg_files_are_read() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    picture(8, 8, [51; 3]).save(dir.path().join("a/1.jpg")).unwrap();
    picture(8, 8, [51; 3]).save(dir.path().join("a/2.jpeg")).unwrap();
    let data = load(dir.path(), GRAY).unwrap();
    assert_eq!(data.len(), 2);
    assert!(data.inputs().iter().all(|v| (v - 0.2).abs() < 0.02));
}

#[test]
fn a_deviating_size_is_named_or_resized() {
    let dir = folder();
    picture(5, 4, [51; 3]).save(dir.path().join("beta/big.png")).unwrap();
    let message = load(dir.path(), GRAY).unwrap_err().to_string();
    assert!(
        message.contains("big.png") && message.contains("4 × 5") && message.contains("2 × 3"),
        "{message}"
    );
    let data = load(dir.path(), Options { size: Some((4, 6)), ..GRAY }).unwrap();
    assert_eq!((data.len(), data.shape()), (4, &[4, 6][..]));
    assert!(data.row(3).unwrap().iter().all(|&v| v == 0.2));
    for size in [(0, 4), (4, 1 << 40)] {
        assert!(load(dir.path(), Options { size: Some(size), ..GRAY }).is_err());
    }
}

#[test]
fn damaged_and_missing_files_are_named() {
    let dir = folder();
    let message = || load(dir.path(), GRAY).unwrap_err().to_string();
    let good = fs::read(dir.path().join("alpha/x.png")).unwrap();
    for bad in [&good[..good.len() / 2], b"text", b""] {
        fs::write(dir.path().join("alpha/x.png"), bad).unwrap();
        assert!(message().contains("x.png"), "{}", message());
    }
    // A header that declares 2³⁰ pixels, with the matching checksum.
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 0, 64, 0]);
    huge[29..33].copy_from_slice(&[0x6b, 0x47, 0xd2, 0x53]);
    fs::write(dir.path().join("alpha/x.png"), &huge).unwrap();
    assert!(message().contains("x.png: found 16384 × 65536 pixels"), "{}", message());
    fs::remove_file(dir.path().join("alpha/x.png")).unwrap();
    assert!(message().contains("alpha: found no image"), "{}", message());
    let empty = tempfile::tempdir().unwrap();
    assert!(load(empty.path(), GRAY).unwrap_err().to_string().contains("no directory"));
    assert!(load(empty.path().join("x"), GRAY).unwrap_err().to_string().contains('x'));
}
