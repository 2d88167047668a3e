//! Arrays of numbers in files, of which rows are read by their place.

#[cfg(any(unix, windows))]
use positioned_io::ReadAt;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// How numbers of a type are stored.
#[derive(Clone, Copy, Debug)]
struct Element {
    /// In bytes.
    size: usize,
    /// Appends the numbers in these bytes.
    append: fn(&[u8], &mut Vec<f32>),
}

macro_rules! elements {
    ($code:expr, $($name:literal: $type:ty),+) => {
        match $code {
            $(
                concat!("<", $name) => Some(Element {
                    size: size_of::<$type>(),
                    append: |bytes, to| to.extend(bytes.as_chunks().0.iter().map(|b| <$type>::from_le_bytes(*b) as f32)),
                }),
                concat!(">", $name) => Some(Element {
                    size: size_of::<$type>(),
                    append: |bytes, to| to.extend(bytes.as_chunks().0.iter().map(|b| <$type>::from_be_bytes(*b) as f32)),
                }),
            )+
            _ => None,
        }
    };
}

impl Element {
    /// The type that numpy calls so: `<f4`, `>i2`, `|u1`.
    fn named(name: &str) -> Option<Self> {
        // Single bytes, truth values among them, have no order.
        let name = name.replace("|b1", "<u1").replace('|', "<");
        elements!(
            name.as_str(), "f4": f32, "f8": f64, "i1": i8, "i2": i16, "i4": i32, "i8": i64, "u1": u8, "u2": u16,
            "u4": u32, "u8": u64
        )
    }
}

/// Fills `bytes` with those of the file from `place` on.
#[cfg(any(unix, windows))]
fn read_at(file: &File, place: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    file.read_exact_at(place, bytes)
}

/// Browsers have no files.
#[cfg(not(any(unix, windows)))]
fn read_at(_: &File, _: u64, _: &mut [u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// An array in a file: rows of numbers, one after another.
#[derive(Debug)]
pub(super) struct Numbers {
    path: PathBuf,
    file: File,
    /// Where the first number is.
    offset: u64,
    rows: usize,
    shape: Vec<usize>,
    element: Element,
    divisor: f32,
}

impl Numbers {
    /// An array whose first dimension is that of its rows, in a file which has nothing behind it.
    ///
    /// # Errors
    /// An unknown type, by numpy's name for it; a file of another length; a shape without rows, or with too many numbers.
    pub(super) fn new((path, file): (&Path, File), offset: u64, shape: &[usize], kind: &str) -> Result<Self> {
        let Some(element) = Element::named(kind) else {
            let (found, expected) = (format!("elements of the type {kind}"), "integers or floats");
            return Err(Error::invalid(path.display(), found, expected, "convert them to float32"));
        };
        let bytes = shape.iter().try_fold(element.size, |all, &n| all.checked_mul(n));
        let Some((&rows, row)) = shape.split_first().filter(|(rows, _)| **rows > 0 && bytes.is_some()) else {
            let remedy = "save an array whose first dimension numbers the rows";
            return Err(Error::invalid(
                path.display(),
                format!("the shape {shape:?}"),
                "[rows, ...]",
                remedy,
            ));
        };
        let (found, all) =
            (file.metadata().map_err(|e| Error::io(path, e))?.len(), bytes.unwrap_or(0) as u64);
        if found.checked_sub(offset) != Some(all) {
            return Err(Error::invalid(
                path.display(),
                format!("{found} bytes"),
                format!("{} for the shape {shape:?}", offset + all),
                "the file is damaged: write it again",
            ));
        }
        let (path, shape) = (path.to_owned(), row.to_vec());
        Ok(Self { path, file, offset, rows, shape, element, divisor: 1.0 })
    }

    /// The same array, whose numbers are divided by this one.
    pub(super) fn divided_by(self, divisor: f32) -> Self {
        Self { divisor, ..self }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// The shape of a row.
    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// These rows, in single precision. Neighbouring ones are read at once.
    ///
    /// # Errors
    /// A file that cannot be read, or has become shorter; numbers that are not finite in single precision.
    pub(super) fn read(&self, rows: &[usize]) -> Result<Vec<f32>> {
        let width: usize = self.shape.iter().product();
        let mut values = Vec::with_capacity(rows.len() * width);
        let mut bytes = Vec::new();
        for run in rows.chunk_by(|&row, &next| next == row + 1) {
            bytes.resize(run.len() * width * self.element.size, 0);
            let place = self.offset + (run[0] * width * self.element.size) as u64;
            read_at(&self.file, place, &mut bytes).map_err(|e| Error::io(&self.path, e))?;
            (self.element.append)(&bytes, &mut values);
        }
        if self.divisor != 1.0 {
            values.iter_mut().for_each(|value| *value /= self.divisor);
        }
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(values),
            Some(place) => Err(Error::invalid(
                self.path.display(),
                format!("{} in row {}", values[place], rows[place / width.max(1)]),
                "finite numbers that single precision can hold",
                "fill in missing values, or scale the numbers before writing them",
            )),
        }
    }
}
