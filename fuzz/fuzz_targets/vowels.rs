//! The Japanese vowels' two files.

#![no_main]

use autorot::data::vowels;
use autorot_fuzz::{Folder, front};
use libfuzzer_sys::fuzz_target;

/// So many utterances of seven steps.
fn utterances(count: usize) -> String {
    let step = "0.5 -0.25 0 1 -1e-1 .5 0.1 0.2 0.3 0.4 0.5 0.6 \n";
    (step.repeat(7) + "\n").repeat(count)
}

// A byte that says how many whole utterances stand before the input, and whether the rest of them follow.
fuzz_target!(|data: &[u8]| {
    let ([options, before], text) = front(data);
    let folder = Folder::default();
    let count = if options & 2 == 0 { 270 } else { 370 };
    let before = if options & 1 == 0 { 0 } else { usize::from(before) };
    let behind = if options & 1 == 0 { 0 } else { count - 1 - before };
    let file = [utterances(before).as_bytes(), text, b"\n", utterances(behind).as_bytes()].concat();
    let whole = utterances(640 - count);
    let (train, test) =
        if count == 270 { (&file[..], whole.as_bytes()) } else { (whole.as_bytes(), &file[..]) };
    folder.file("ae.train", train);
    folder.file("ae.test", test);
    if let Ok(split) = vowels::load(folder.path()) {
        assert_eq!((split.train.len(), split.test.len()), (270, 370));
        assert_eq!(split.train.shape(), [29, 12]);
    }
});
