//! Images in one directory a class.

use std::fs;
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{ImageError, ImageReader};

use super::{Dataset, luma};
use crate::{Error, Result};

/// The largest height and width of images, and of what they may be resized to.
const MAX_SIDE: usize = 16_384;

/// The most pixels of an image that is taken as it is, and of one that is resized: a few bytes may declare any number.
const MAX_PIXELS: usize = 1 << 25;
const MAX_RESIZED: usize = 1 << 27;

/// How [`load`] reads images. The default keeps colour and size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether images become gray, by the Rec. 601 luma 0.299 R + 0.587 G + 0.114 B.
    pub gray: bool,
    /// The height and width, each 1 to 16,384, that every image is resized to (triangle filter,
    /// proportions not kept). `None` demands images of one size.
    pub size: Option<(usize, usize)>,
}

/// Loads the images `dir/CLASS/*.png`, `*.jpg` and `*.jpeg`: a class for each directory in `dir`.
///
/// Classes are sorted by name, images by class and then by file name. Other files are passed over, and
/// so are names that start with a dot. Rows have the shape `[height, width, 3]`, channels last, or
/// `[height, width]` with [`Options::gray`]; values lie in 0..1, transparency is dropped.
///
/// # Errors
/// A directory or file that cannot be read, no class directory, a class without images, a file that is no
/// image, an image of more than 16,384 pixels a side, or of more than 2²⁵ in all (2²⁷ where it is resized), images of
/// different sizes where [`Options::size`] is `None`, a size out of its range.
pub fn load(dir: impl AsRef<Path>, options: Options) -> Result<Dataset> {
    let dir = dir.as_ref();
    if let Some((height, width)) = options.size
        && [height, width].iter().any(|s| !(1..=MAX_SIDE).contains(s))
    {
        return Err(Error::invalid(
            "image folder option size",
            format!("({height}, {width})"),
            format!("a height and a width from 1 to {MAX_SIDE}"),
            "pass the size of the model's input",
        ));
    }
    let classes: Vec<PathBuf> = entries(dir)?.into_iter().filter(|path| path.is_dir()).collect();
    if classes.is_empty() {
        return Err(Error::invalid(
            dir.display(),
            "no directory",
            "one directory of images for each class",
            "pass the folder that holds the class directories",
        ));
    }
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    let mut size = options.size;
    for (label, class) in (0u32..).zip(&classes) {
        let files: Vec<PathBuf> = entries(class)?.into_iter().filter(|path| is_image(path)).collect();
        if files.is_empty() {
            return Err(Error::invalid(
                class.display(),
                "no image",
                "at least one png, jpg or jpeg file in every class directory",
                "add images or remove the directory",
            ));
        }
        for file in files {
            read(&file, options, &mut size, &mut inputs)?;
            labels.push(label);
        }
    }
    let (height, width) = size.unwrap_or_default();
    let shape = if options.gray { vec![height, width] } else { vec![height, width, 3] };
    Dataset::classes(shape, inputs, labels, classes.iter().map(|path| name(path)).collect())
}

/// What is in a directory, sorted, without hidden names.
fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        fs::read_dir(dir)?.map(|entry| entry.map(|e| e.path())).collect()
    };
    let mut paths = read().map_err(|e| Error::io(dir, e))?;
    paths.retain(|path| !name(path).starts_with('.'));
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["png", "jpg", "jpeg"].contains(&extension.as_str()) && path.is_file()
}

/// Appends one image to `inputs`. `size` is what all images must have, once one of them has set it.
fn read(
    path: &Path,
    options: Options,
    size: &mut Option<(usize, usize)>,
    inputs: &mut Vec<f32>,
) -> Result<()> {
    let open = || ImageReader::open(path)?.with_guessed_format();
    let broken = |e| match e {
        ImageError::IoError(e) if e.kind() != std::io::ErrorKind::UnexpectedEof => Error::io(path, e),
        e => Error::invalid(path.display(), e, "a PNG or JPEG image", "replace or remove the file"),
    };
    // What the header declares is looked at before anything of that size is made.
    let dimensions = open().map_err(ImageError::IoError).and_then(ImageReader::into_dimensions);
    let (width, height) = dimensions.map_err(broken)?;
    let found = (height as usize, width as usize);
    let most = if options.size.is_some() { MAX_RESIZED } else { MAX_PIXELS };
    if found.0.max(found.1) > MAX_SIDE || found.0 * found.1 > most {
        return Err(Error::invalid(
            path.display(),
            format!("{} × {} pixels (height × width)", found.0, found.1),
            format!("at most {MAX_SIDE} a side and {most} in all"),
            "make the image smaller",
        ));
    }
    let expected = *size.get_or_insert(found);
    if options.size.is_none() && found != expected {
        return Err(Error::invalid(
            path.display(),
            format!("{} × {} pixels (height × width)", found.0, found.1),
            format!("{} × {}, as the images before it", expected.0, expected.1),
            "set Options::size to resize every image",
        ));
    }
    let mut image = open().map_err(ImageError::IoError).and_then(ImageReader::decode).map_err(broken)?;
    if let Some((height, width)) = options.size {
        image = image.resize_exact(width as u32, height as u32, FilterType::Triangle);
    }
    let image = image.into_rgb32f();
    if options.gray {
        inputs.extend(image.pixels().map(|p| luma(p.0[0], p.0[1], p.0[2])));
    } else {
        inputs.extend_from_slice(&image);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;
    use crate::data::Targets;

    fn picture(width: u32, height: u32, first: [u8; 3]) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb(if (x, y) == (0, 0) { first } else { [51, 51, 51] }))
    }

    /// Two classes with three images of 3 × 2 pixels, and files that are none.
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
        // A header that declares 2³⁰ pixels, with the sum that belongs to it.
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
}
