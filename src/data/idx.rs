//! The idx format of MNIST and similar data sets, plain or gzipped.

mod file;

use std::path::{Path, PathBuf};

use file::File;

use super::classes::{check_distinct, listed};
use super::{Dataset, Indexed, Source, Split};
use crate::{Error, Result};

/// f64 represents every whole number up to this one.
const MOST: f64 = (1u64 << 53) as f64;

/// A classification data set in two idx files, each plain or gzipped (detected by content, not by name).
///
/// The image file has at least two dimensions, rows first: the others are the shape of one input row (`[28, 28]` for MNIST). Unsigned
/// bytes are divided by 255, so they lie in 0..1. All other types (signed bytes, 16- and 32-bit integers, 32- and 64-bit floats) keep
/// their values, in double precision where single precision would lose information, for a [`Scaler`](super::Scaler). Unscaled they are
/// rounded, with a warning through `log` where single precision is too coarse for their differences.
///
/// The label file has one dimension of the same length, with whole numbers of any type. Without [`class_names`](Idx::class_names) the
/// labels that occur are the classes, in ascending order, named by their numbers: `"1"` to `"26"` for the letters of EMNIST, which count
/// from 1. With names, labels count from 0, or from [`first_label`](Idx::first_label).
///
/// ```no_run
/// use autorot::data::{Split, idx::Idx};
///
/// let letters = ('a'..='z').map(String::from);
/// let part = |name: &str| {
///     let file = |kind: &str| format!("emnist-letters-{name}-{kind}-ubyte.gz");
///     Idx::open(file("images-idx3"), file("labels-idx1")).class_names(letters.clone()).first_label(1).load()
/// };
/// let split = Split::new(part("train")?, part("test")?)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before load"]
pub struct Idx {
    images: PathBuf,
    labels: PathBuf,
    class_names: Option<Vec<String>>,
    first_label: i64,
}

impl Idx {
    /// Starts with these files. Nothing is read yet.
    pub fn open(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Self {
        let (images, labels) = (images.as_ref().to_path_buf(), labels.as_ref().to_path_buf());
        Self { images, labels, class_names: None, first_label: 0 }
    }

    /// The names of the classes, in the order of the labels, so that several files agree on them. If no row has the first label, this is
    /// reported through `log`.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The label of the first of [`class_names`](Idx::class_names); 0 by default.
    pub fn first_label(mut self, label: i64) -> Self {
        self.first_label = label;
        self
    }

    /// Reads the files.
    ///
    /// # Errors
    /// A file that cannot be read, is not an idx file, is truncated or longer than its header says, has an empty dimension or the wrong
    /// number of dimensions; different numbers of images and labels; images with non-finite numbers; labels that are not whole, or have
    /// no name; names that are missing or duplicated.
    pub fn load(&self) -> Result<Dataset> {
        let (images, labels) = (File::read(&self.images)?, File::read(&self.labels)?);
        self.check(&images.dims, &labels.dims)?;
        let (labels, names) = self.classes(&labels)?;
        images.classes(&self.images, labels, names)
    }

    /// Checks that images and labels of these dimensions belong together.
    fn check(&self, images: &[usize], labels: &[usize]) -> Result<()> {
        if images.len() < 2 {
            return Err(Error::invalid(
                self.images.display(),
                format!("dimensions {images:?}"),
                "two dimensions or more, images first",
                "pass the file of images first and the file of labels second",
            ));
        }
        if labels.len() != 1 {
            return Err(Error::invalid(
                self.labels.display(),
                format!("dimensions {labels:?}"),
                "one dimension, a label for each image",
                "pass the file of images first and the file of labels second",
            ));
        }
        if labels[0] != images[0] {
            return Err(Error::invalid(
                self.labels.display(),
                format!("{} labels", labels[0]),
                format!("{}, one for each image of {}", images[0], self.images.display()),
                "pass two files that belong together",
            ));
        }
        Ok(())
    }

    /// The rows as a source that reads images by their place in the file, in any order, and holds only the labels in memory. The file of
    /// images must not be gzipped. Numbers become single precision.
    ///
    /// # Errors
    /// As [`Idx::load`], except that images which are not finite are found when they are read; a gzipped file of images.
    pub fn source(&self) -> Result<Box<dyn Source>> {
        let (images, labels) = (file::by_row(&self.images)?, File::read(&self.labels)?);
        self.check(&[&[images.len()], images.shape()].concat(), &labels.dims)?;
        let (labels, names) = self.classes(&labels)?;
        let count = images.len();
        let read = move |rows: &[usize]| {
            let labels = rows.iter().map(|&row| labels[row]).collect();
            Dataset::classes(images.shape(), images.read(rows)?, labels, names.clone())
        };
        Ok(Box::new(Indexed::new(count, read)?))
    }

    /// The class of each row, and the class names.
    fn classes(&self, file: &File) -> Result<(Vec<u32>, Vec<String>)> {
        let numbers: Vec<f64> = file.numbers().collect();
        let refuse = |row: usize, expected: String, remedy: &str| {
            let found = format!("label {} in row {row}", numbers[row]);
            Err(Error::invalid(self.labels.display(), found, expected, remedy))
        };
        if let Some(row) = numbers.iter().position(|v| v.fract() != 0.0 || v.abs() > MOST) {
            return refuse(row, "whole numbers".into(), "build a Dataset::values of numbers to regress");
        }
        let labels: Vec<i64> = numbers.iter().map(|&v| v as i64).collect();
        let (least, most) = (labels.iter().min(), labels.iter().max());
        let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
        let Some(names) = &self.class_names else {
            let mut classes = labels.clone();
            classes.sort_unstable();
            classes.dedup();
            let names: Vec<String> = classes.iter().map(ToString::to_string).collect();
            if least != 0 {
                let (file, classes) = (self.labels.display(), listed(&names));
                log::warn!("{file}: the labels begin at {least}, not 0; they are the classes {classes}");
            }
            let place = |label| classes.partition_point(|class| class < label) as u32;
            return Ok((labels.iter().map(place).collect(), names));
        };
        check_distinct(format!("{}, class names", self.labels.display()), names)?;
        let place = |label: i64| {
            usize::try_from(i128::from(label) - i128::from(self.first_label))
                .ok()
                .filter(|&p| p < names.len())
        };
        if let Some(row) = labels.iter().position(|&label| place(label).is_none()) {
            let from_least = i128::from(most) - i128::from(least) < names.len() as i128;
            let last = i128::from(self.first_label) + names.len() as i128 - 1;
            return refuse(
                row,
                format!("labels from {} to {last}, one for each class name", self.first_label),
                &match from_least {
                    true => format!(
                        "labels go from {least} to {most}: set Idx::first_label({least}), or give no names"
                    ),
                    false => "name every class or check the file".into(),
                },
            );
        }
        if least > self.first_label {
            let (file, first) = (self.labels.display(), self.first_label);
            log::warn!(
                "{file}: the labels begin at {least}, so no row is of class {first}, {:?}; set Idx::first_label if the first \
                 name belongs to another label",
                names[0]
            );
        }
        Ok((labels.iter().filter_map(|&label| place(label)).map(|p| p as u32).collect(), names.clone()))
    }
}

/// Loads a classification data set from two idx files whose labels count from 0, one for each name; short for [`Idx`].
///
/// # Errors
/// As [`Idx::load`].
pub fn load(images: impl AsRef<Path>, labels: impl AsRef<Path>, names: &[&str]) -> Result<Dataset> {
    Idx::open(images, labels).class_names(names.iter().copied()).load()
}

/// Loads MNIST from the four original files in `dir`, each with or without `.gz`: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
/// `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, or the same with a dot, `train-images.idx3-ubyte`. Rows of shape `[28, 28]` in
/// 0..1, classes `0` to `9`.
///
/// # Errors
/// A missing file, and as [`load`].
pub fn mnist(dir: impl AsRef<Path>) -> Result<Split> {
    split(dir.as_ref(), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
}

/// Loads Fashion-MNIST from the four original files in `dir`, named like those of [`mnist`]. Rows of shape `[28, 28]` in 0..1, ten
/// classes from `T-shirt/top` to `Ankle boot`.
///
/// # Errors
/// A missing file, and as [`load`].
pub fn fashion_mnist(dir: impl AsRef<Path>) -> Result<Split> {
    const NAMES: [&str; 10] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ];
    split(dir.as_ref(), &NAMES)
}

fn split(dir: &Path, names: &[&str]) -> Result<Split> {
    let images = find(dir, "t10k-images", "idx3-ubyte")?;
    let test = load(&images, find(dir, "t10k-labels", "idx1-ubyte")?, names)?;
    let train = find(dir, "train-images", "idx3-ubyte")?;
    let train = load(train, find(dir, "train-labels", "idx1-ubyte")?, names)?;
    if train.shape() != test.shape() {
        return Err(Error::invalid(
            images.display(),
            format!("images of shape {:?}", test.shape()),
            format!("{:?}, as in the training part", train.shape()),
            "pass a folder with the files of one data set",
        ));
    }
    Split::new(train, test)
}

/// A file with this name, with any separator between its two parts, with or without `.gz`.
fn find(dir: &Path, stem: &str, kind: &str) -> Result<PathBuf> {
    let names = ["-", "."].map(|between| ["", ".gz"].map(|end| format!("{stem}{between}{kind}{end}")));
    let names = names.as_flattened();
    names.iter().map(|name| dir.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        Error::invalid(
            dir.join(&names[0]).display(),
            "no such file",
            names.join(" or "),
            "place the four original files in this folder",
        )
    })
}
