//! CIFAR-10's binary files.

#![no_main]

use autorot::data::cifar10;
use autorot_fuzz::{Folder, front};
use libfuzzer_sys::fuzz_target;

const RECORD: usize = 3_073;

// Of each of the six files a label, pixels to repeat, and how far the length is from whole records; then for `raw` a
// whole file.
fuzz_target!(|data: &[u8]| {
    let ([options], mut rest) = front(data);
    let folder = Folder::default();
    let names =
        ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    for (i, name) in names.into_iter().enumerate() {
        let ([records, label, pixel, off], after) = front(rest);
        rest = after;
        let mut record = vec![pixel; RECORD];
        record[0] = label;
        record[RECORD / 2] = off;
        let mut file = record.repeat(usize::from(records % 4));
        file.resize((file.len() + usize::from(off % 5)).saturating_sub(usize::from(off / 64)), label);
        if usize::from(options >> 1) == i {
            file = rest.to_vec();
        }
        folder.file(&format!("{name}.bin"), file);
    }
    if let Ok(split) = cifar10::load(folder.path(), options & 1 == 1) {
        for part in [split.train, split.test] {
            assert_eq!(part.shape().len(), if options & 1 == 1 { 2 } else { 3 });
            assert!(part.inputs().iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
});
