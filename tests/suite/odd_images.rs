//! Odd image files, and what each gives.

use crate::logs::{listen, warnings};
use autorot::Error;
use autorot::data::Dataset;
use autorot::data::folder::{ImageFolder, PassedOver};
use flate2::{Compression, Crc, write::ZlibEncoder};
use image::codecs::gif::GifEncoder;
use image::{
    DynamicImage, Frame, GrayAlphaImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba,
    RgbaImage,
};
use jpeg_encoder::{ColorType, Encoder};
use std::io::{Cursor, Write};

/// One class with one file of this name.
fn read(name: &str, bytes: &[u8]) -> Result<Dataset, Error> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("a")).unwrap();
    std::fs::write(dir.path().join("a").join(name), bytes).unwrap();
    ImageFolder::open(dir.path()).load()
}

#[track_caller]
fn refused(name: &str, bytes: &[u8], parts: &[&str]) {
    let Err(error) = read(name, bytes) else { panic!("{name} was accepted") };
    let text = error.to_string();
    for part in parts.iter().chain(&[name, "expected"]) {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

/// Noise as a JPEG.
fn jpeg(options: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut seed = 1u32;
    let noise = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    });
    let pixels: Vec<u8> = noise.take(64 * 64 * 3).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    options(&mut encoder);
    encoder.encode(&pixels, 64, 64, ColorType::Rgb).unwrap();
    bytes
}

/// The same picture as baseline and progressive files, with and without restart markers.
fn jpegs() -> [(&'static str, Vec<u8>); 4] {
    [
        ("baseline.jpg", jpeg(|_| {})),
        ("baseline, restarts.jpg", jpeg(|e| e.set_restart_interval(3))),
        ("progressive.jpg", jpeg(|e| e.set_progressive(true))),
        ("progressive, restarts.jpg", jpeg(|e| (e.set_progressive(true), e.set_restart_interval(5)).1)),
    ]
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A PNG file of these chunks, its pixels (with a filter byte before every row) compressed here.
fn png(chunks: &[(&[u8; 4], &[u8])], pixels: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(pixels).unwrap();
    let pixels = encoder.finish().unwrap();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, body) in chunks.iter().chain(&[(b"IDAT", &pixels[..]), (b"IEND", &[])]) {
        file.extend((body.len() as u32).to_be_bytes());
        let mut sum = Crc::new();
        [&kind[..], body].iter().for_each(|part| {
            sum.update(part);
            file.extend_from_slice(part);
        });
        file.extend(sum.sum().to_be_bytes());
    }
    file
}

#[test]
fn a_jpeg_that_was_cut_off_is_refused() {
    for (name, bytes) in jpegs() {
        for part in [3, 6, 9] {
            refused(name, &bytes[..bytes.len() * part / 10], &["rows of blocks", "skip_damaged"]);
        }
        refused(name, &bytes[..bytes.len() - 3], &[]);
        // As browsers save what they have of a file.
        refused(name, &[&bytes[..bytes.len() / 2], &[0xff, 0xd9]].concat(), &[]);
    }
}

#[test]
fn a_jpeg_that_was_overwritten_with_zeros_is_refused() {
    for (name, bytes) in jpegs() {
        for (from, to) in [(4, 5), (5, 10), (8, 9)] {
            let mut zeroed = bytes.clone();
            zeroed[bytes.len() * from / 10..bytes.len() * to / 10].fill(0);
            refused(name, &zeroed, &[]);
        }
        let tables = bytes.windows(2).position(|pair| pair == [0xff, 0xdb]).unwrap();
        let mut zeroed = bytes.clone();
        zeroed[tables + 5..tables + 60].fill(0);
        refused(name, &zeroed, &["segment db"]);
    }
}

#[test]
fn a_jpeg_without_its_end_marker_is_whole() {
    for (name, bytes) in jpegs() {
        let whole = read(name, &bytes).unwrap();
        for missing in [1, 2] {
            assert_eq!(read(name, &bytes[..bytes.len() - missing]).unwrap(), whole, "{name}");
        }
        // What stands behind the end belongs to somebody else.
        assert_eq!(read(name, &[&bytes, &b"thumbnail"[..]].concat()).unwrap(), whole, "{name}");
    }
}

#[test]
fn images_are_turned_upright() {
    // Six blocks of 8 × 8 pixels, from black to white: the grid 0 1 2 over 3 4 5.
    let pixels: Vec<u8> = (0..16 * 24).map(|i| 50 * (i / (24 * 8) * 3 + i % 24 / 8) as u8).collect();
    let upright: [&[&[u8]]; 8] = [
        &[&[0, 1, 2], &[3, 4, 5]],
        &[&[2, 1, 0], &[5, 4, 3]],
        &[&[5, 4, 3], &[2, 1, 0]],
        &[&[3, 4, 5], &[0, 1, 2]],
        &[&[0, 3], &[1, 4], &[2, 5]],
        &[&[3, 0], &[4, 1], &[5, 2]],
        &[&[5, 2], &[4, 1], &[3, 0]],
        &[&[2, 5], &[1, 4], &[0, 3]],
    ];
    for (orientation, grid) in (1..).zip(upright) {
        let exif =
            [b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", &[orientation, 0, 0, 0, 0, 0, 0, 0][..]]
                .concat();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 95);
        encoder.add_exif_metadata(&exif).unwrap();
        encoder.encode(&pixels, 24, 16, ColorType::Luma).unwrap();
        let data = read("turned.jpeg", &bytes).unwrap();
        let (height, width) = (8 * grid.len(), 8 * grid[0].len());
        assert_eq!(data.shape(), [height, width, 3], "orientation {orientation}");
        for (row, blocks) in grid.iter().enumerate() {
            for (column, &block) in blocks.iter().enumerate() {
                let found = data.inputs()[3 * ((8 * row + 4) * width + 8 * column + 4)] * 255.0;
                let off = (found - 50.0 * f32::from(block)).abs();
                assert!(off < 3.0, "orientation {orientation}, block {row}, {column}: {found}");
            }
        }
    }
}

#[test]
fn sixteen_bits_a_channel_keep_their_precision() {
    let image = ImageBuffer::from_pixel(2, 1, Luma([0x8001u16]));
    let data = read("deep.png", &encoded(image, ImageFormat::Png)).unwrap();
    assert!(data.inputs().iter().all(|&v| (v - 32769.0 / 65535.0).abs() < 1e-7), "{:?}", data.inputs());
}

#[test]
fn transparency_is_dropped() {
    // Two pixels of a palette, the first of them transparent.
    let head = [0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0];
    let palette = [255, 0, 51, 0, 255, 0];
    let bytes = png(&[(b"IHDR", &head), (b"PLTE", &palette), (b"tRNS", &[0])], &[0, 0, 1]);
    assert_eq!(read("palette.png", &bytes).unwrap().inputs(), [1.0, 0.0, 0.2, 0.0, 1.0, 0.0]);
    let gray = GrayAlphaImage::from_pixel(1, 1, LumaA([51, 7]));
    let data = read("gray.png", &encoded(gray, ImageFormat::Png)).unwrap();
    assert!(data.inputs().iter().all(|v| (v - 0.2).abs() < 1e-6), "{:?}", data.inputs());
}

#[test]
fn other_formats_are_read_whatever_their_names_say() {
    let image = RgbImage::from_fn(5, 3, |x, y| Rgb([51 * x as u8, 51 * y as u8, 255]));
    let wanted = read("x.png", &encoded(image.clone(), ImageFormat::Png)).unwrap();
    assert_eq!((wanted.shape(), wanted.inputs()[3]), (&[3, 5, 3][..], 0.2));
    for format in [ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Png] {
        let bytes = encoded(image.clone(), format);
        for name in ["x.bmp", "x.WEBP", "x.gif", "x.jfif"] {
            assert_eq!(read(name, &bytes).unwrap(), wanted, "{format:?} as {name}");
        }
        refused("x.webp", &bytes[..bytes.len() / 2], &["a whole PNG, JPEG, WebP, GIF or BMP image"]);
    }
    refused("x.png", b"GIF, in words alone", &[]);
    refused("x.png", b"words", &["no image"]);
    refused("x.png", b"II*\0\x08\0\0\0", &[]);
}

#[test]
fn an_animation_gives_its_first_picture() {
    let mut bytes = Vec::new();
    let frame = |colour: [u8; 4]| Frame::new(RgbaImage::from_pixel(2, 2, Rgba(colour)));
    GifEncoder::new(&mut bytes).encode_frames([frame([255, 0, 0, 255]), frame([0, 255, 0, 255])]).unwrap();
    let data = read("moving.gif", &bytes).unwrap();
    assert_eq!((data.len(), data.inputs()[..3].to_vec()), (1, vec![1.0, 0.0, 0.0]));
}

#[test]
fn four_inks_become_three_colours() {
    let mut bytes = Vec::new();
    let pixels: Vec<u8> = [0, 255, 255, 0].repeat(64);
    Encoder::new(&mut bytes, 95).encode(&pixels, 8, 8, ColorType::Cmyk).unwrap();
    let data = read("inks.jpg", &bytes).unwrap();
    let [red, green, blue] = data.inputs()[..3] else { panic!("three channels") };
    assert!(red > 0.98 && green < 0.02 && blue < 0.02, "{red} {green} {blue}");
    refused("inks.jpg", &bytes[..bytes.len() - 4], &[]);
}

#[test]
fn files_without_pixels_are_refused() {
    refused("empty.jpg", b"", &["an empty file"]);
    for (width, height) in [(0, 1), (1, 0)] {
        let head = [0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 0];
        refused("none.png", &png(&[(b"IHDR", &head)], &[0]), &[]);
    }
    refused("none.gif", b"GIF89a\0\0\0\0\0\0\0;", &[]);
}

#[test]
fn what_is_passed_over_is_counted_and_told() {
    listen();
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
    for name in ["a", "b", "a/deeper", "a/.hidden"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    let good = jpeg(|_| {});
    ["a/1.jpg", "a/2.jpg", "b/1.jpg"].iter().for_each(|name| file(name, &good));
    file("labels.csv", b"");
    file("a/notes.txt", b"");
    file("a/3.jpg.part", &good);
    file("a/.4.jpg", b"");
    let folder = ImageFolder::open(dir.path()).gray(true);
    let (data, over) = folder.load_counted().unwrap();
    assert_eq!((data.len(), over), (3, PassedOver { files: 3, directories: 1, damaged: 0 }));
    let told = warnings().join("\n");
    assert!(told.contains("3 other files, 1 nested"), "{told}");

    file("a/1.jpg", &good[..good.len() / 2]);
    file("b/2.png", b"");
    assert!(folder.load_counted().unwrap_err().to_string().contains("1.jpg"));
    let (data, over) = folder.skip_damaged(true).load_counted().unwrap();
    assert_eq!((data.len(), over.damaged), (2, 2));
    let told = warnings().join("\n");
    assert!(
        told.contains("1.jpg: passed over") && told.contains("2.png: passed over: an empty file"),
        "{told}"
    );
}

#[test]
fn a_test_folder_may_lack_a_class_but_have_no_other() {
    let dir = tempfile::tempdir().unwrap();
    for class in ["ant", "cat"] {
        std::fs::create_dir(dir.path().join(class)).unwrap();
    }
    let pixel = encoded(RgbImage::new(1, 1), ImageFormat::Png);
    std::fs::write(dir.path().join("cat/1.png"), pixel).unwrap();
    let open = |names: &[&str]| ImageFolder::open(dir.path()).class_names(names.iter().copied()).load();
    // Without names, a directory without images is taken for a mistake.
    assert!(ImageFolder::open(dir.path()).load().unwrap_err().to_string().contains("ant: found no image"));
    let data = open(&["dog", "cat", "ant"]).unwrap();
    assert_eq!(data.targets().class_names().unwrap(), ["dog", "cat", "ant"]);
    let autorot::Targets::Classes { labels, .. } = data.targets() else { panic!("classes") };
    assert_eq!(labels, &[1]);
    let error = open(&["bee", "cat"]).unwrap_err().to_string();
    assert!(error.contains("other classes, \"ant\"") && error.contains("\"bee\", \"cat\""), "{error}");
    assert!(open(&["ant", "cat", "ant"]).unwrap_err().to_string().contains("\"ant\" twice"));
    assert!(open(&[]).is_err());
}
