//! Folders of images in all formats.

#![no_main]

use autorot::data::folder::{ImageFolder, Options};
use autorot_fuzz::{Folder, front};
use libfuzzer_sys::fuzz_target;

// Options, then an image; the same one again, cut or whole, where that is asked for.
fuzz_target!(|data: &[u8]| {
    let ([options, height, width], image) = front(data);
    let set = |bit: u8| options & (1 << bit) != 0;
    let files = Folder::default();
    files.file(if set(0) { "a/1.png" } else { "a/1.JPG" }, image);
    if set(1) {
        files.file("b/2.jpeg", if set(2) { image } else { &image[..image.len() / 2] });
    }
    if set(3) {
        files.file("b/notes.txt", "no image");
    }
    // A large size is a large allocation that was asked for.
    let size = set(4).then_some((usize::from(height) % 65, usize::from(width) % 65));
    let images = ImageFolder::open(files.path()).options(Options { gray: set(5), size }).skip_damaged(set(6));
    let images = if set(7) { images.class_names(["b", "c", "a"]) } else { images };
    if let Ok(data) = images.load() {
        assert!(data.inputs().iter().all(|v| v.is_finite()));
        assert_eq!(data.shape().len(), if set(5) { 2 } else { 3 });
        assert!(size.is_none_or(|(h, w)| data.shape()[..2] == [h, w]));
    }
});
