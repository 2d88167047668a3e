//! Runs the program off-screen and checks the pictures that it writes.

use super::Options;
use super::gpu::{Gpu, instance};
use super::headless::{self, colours};
use super::layout::{Layout, Rect};
use super::picture::Picture;
use clap::Parser;
use image::RgbaImage;
use std::path::Path;

/// Fails if there is no adapter, and says what to do.
fn needs_adapter() {
    if let Err(error) = Gpu::open(&instance(), None) {
        panic!("no GPU to test on: {error}: run tests/run, or cargo test --features tests-without-gpu");
    }
}

fn options(arguments: &[&str]) -> Options {
    Options::try_parse_from([&["embed", "--headless"], arguments].concat()).unwrap()
}

/// Runs the program; returns the frame that it wrote.
fn frame(folder: &Path, arguments: &[&str]) -> RgbaImage {
    let path = folder.join("frame.png");
    headless::run(&options(&[arguments, &["--png", path.to_str().unwrap()]].concat())).unwrap();
    let frame = image::open(path).unwrap().to_rgba8();
    assert_eq!(frame.dimensions(), headless::SIZE);
    frame
}

/// The target and the learnt picture, as a frame shows them.
fn pictures(frame: &RgbaImage, size: (u32, u32)) -> [Vec<[f32; 3]>; 2] {
    let layout = Layout::new(frame.dimensions(), size);
    [layout.target, layout.learnt].map(|place| colours(frame, place, size))
}

/// The largest difference between two colours.
fn farthest(a: &[[f32; 3]], b: &[[f32; 3]]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.as_flattened().iter().zip(b.as_flattened()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The share of a place's pixels in which one channel exceeds another by 40 or more.
fn share(frame: &RgbaImage, place: Rect, ahead: usize, behind: usize) -> f64 {
    let Rect { x, y, width, height } = place;
    let all = (y..y + height).flat_map(|j| (x..x + width).map(move |i| (i, j)));
    let count = all.filter(|&(i, j)| {
        let pixel = frame.get_pixel(i, j).0;
        i32::from(pixel[ahead]) - i32::from(pixel[behind]) >= 40
    });
    count.count() as f64 / f64::from(width * height)
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_picture_is_learnt_and_drawn() {
    needs_adapter();
    let folder = tempfile::tempdir().unwrap();
    let picture = Picture::open("swirl", 64).unwrap();
    let first = frame(folder.path(), &["--frames", "1", "--steps", "1"]);
    let [target, learnt] = pictures(&first, (64, 64));
    assert!(farthest(&target, &picture.colours) < 0.503 / 255.0, "the target is drawn as it is");
    let before = picture.psnr(&learnt);
    assert!(before < 15.0, "{before} dB after one step");

    let last = frame(folder.path(), &[]);
    let [target, learnt] = pictures(&last, (64, 64));
    assert!(farthest(&target, &picture.colours) < 0.503 / 255.0, "the target is drawn as it is");
    let after = picture.psnr(&learnt);
    println!("{before:.1} dB after one step, {after:.1} dB at the end");
    assert!(after >= 25.0, "{after} dB");

    let plot = Layout::new(headless::SIZE, (64, 64)).plot;
    let (orange, blue) = (share(&last, plot, 0, 2), share(&last, plot, 2, 0));
    assert!(orange > 0.01 && blue > 0.01, "both surfaces are drawn: {orange} and {blue} of the plot");
}

#[test]
#[cfg_attr(feature = "tests-without-gpu", ignore = "needs a GPU")]
fn a_picture_of_the_users_is_shown() {
    needs_adapter();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.png");
    let own = image::RgbImage::from_fn(40, 24, |x, y| image::Rgb([6 * x as u8, 10 * y as u8, 77]));
    own.save(&path).unwrap();
    let shown = frame(folder.path(), &["--picture", path.to_str().unwrap(), "--frames", "1", "--steps", "1"]);
    let [target, _] = pictures(&shown, (40, 24));
    let wanted: Vec<_> = own.pixels().map(|p| p.0.map(|byte| f32::from(byte) / 255.0)).collect();
    assert_eq!(farthest(&target, &wanted), 0.0);
}

#[test]
fn large_pictures_are_reduced_and_odd_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.png");
    image::RgbImage::from_pixel(1000, 500, image::Rgb([255, 0, 128])).save(&path).unwrap();
    let picture = Picture::open(path.to_str().unwrap(), 64).unwrap();
    assert_eq!((picture.width, picture.height), (256, 128));
    assert!(farthest(&picture.colours, &vec![[1.0, 0.0, 128.0 / 255.0]; 256 * 128]) < 1e-3);
    let corners = picture.coordinates();
    assert_eq!(
        [corners[0], corners[256 * 128 - 1]],
        [[-255.0 / 256.0, -127.0 / 256.0], [255.0 / 256.0, 127.0 / 256.0]]
    );

    let error = Picture::open("swirls", 64).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(error.contains("swirls") && error.contains("sunset"), "{error}");
}

/// What draws frames neither waits for the device nor reads numbers from a model, which would wait.
#[test]
fn the_frame_loop_blocks_nothing() {
    let sources = [
        ("painter.rs", include_str!("painter.rs")),
        ("renderer.rs", include_str!("renderer.rs")),
        ("show.rs", include_str!("show.rs")),
        ("window.rs", include_str!("window.rs")),
    ];
    for (name, source) in sources {
        for word in ["PollType", "block_on", "map_async", ".recv()", ".predict(", ".fit(", ".weights("] {
            assert!(!source.contains(word), "{name}: {word}");
        }
    }
}
