//! Pairs of idx files, plain and gzipped, and a folder of four.

#![no_main]

use autorot::data::idx;
use autorot_fuzz::{Folder, front};
use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use std::io::Write;

fn zipped(bytes: &[u8], zip: bool) -> Vec<u8> {
    if !zip {
        return bytes.to_vec();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

// One byte of options, one for the length of the labels' file, both files.
fuzz_target!(|data: &[u8]| {
    let ([options, length], rest) = front(data);
    let (labels, images) = rest.split_at(rest.len().min(length.into()));
    let zip = |bit: u8| options & (1 << bit) != 0;
    let (images, labels) = (zipped(images, zip(0)), zipped(labels, zip(1)));
    let folder = Folder::default();
    let result = if zip(2) {
        for part in ["train", "t10k"] {
            let gz = if zip(3) { ".gz" } else { "" };
            folder.file(&format!("{part}-images-idx3-ubyte{gz}"), &images);
            folder.file(&format!("{part}-labels-idx1-ubyte"), &labels);
        }
        idx::mnist(folder.path()).map(|split| split.test)
    } else {
        let (a, b) = (folder.file("images", &images), folder.file("labels", &labels));
        let names = ["zero", "one", "two", "three"];
        match usize::from(options >> 4) % 6 {
            5 => idx::Idx::open(a, b).load(),
            count => idx::Idx::open(a, b)
                .class_names(names[..count].iter().copied())
                .first_label((options >> 7).into())
                .load(),
        }
    };
    if let Ok(data) = result {
        assert_eq!(data.inputs().len(), data.len() * data.row_len());
        assert!(data.inputs().iter().all(|v| v.is_finite()));
    }
});
