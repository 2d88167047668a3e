//! The files themselves: header, element types, compression.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use crate::data::Dataset;
use crate::data::numbers::Numbers;
use crate::data::precise::Precise;
use crate::{Error, Result};

/// The element type that is divided by 255.
const UNSIGNED_BYTE: u8 = 0x08;

/// A number type, in the byte order of idx files.
#[derive(Debug)]
struct Kind {
    /// Its code in the header.
    code: u8,
    /// In bytes.
    size: usize,
    number: fn(&[u8]) -> f64,
    /// As numpy calls it.
    name: &'static str,
}

/// All types in the format.
const KINDS: [Kind; 6] = [
    Kind { code: 0x08, size: 1, number: |b| f64::from(b[0]), name: "|u1" },
    Kind { code: 0x09, size: 1, number: |b| f64::from(i8::from_be_bytes([b[0]])), name: "|i1" },
    Kind { code: 0x0b, size: 2, number: |b| f64::from(i16::from_be_bytes([b[0], b[1]])), name: ">i2" },
    Kind {
        code: 0x0c,
        size: 4,
        number: |b| f64::from(i32::from_be_bytes([b[0], b[1], b[2], b[3]])),
        name: ">i4",
    },
    Kind {
        code: 0x0d,
        size: 4,
        number: |b| f64::from(f32::from_be_bytes([b[0], b[1], b[2], b[3]])),
        name: ">f4",
    },
    Kind {
        code: 0x0e,
        size: 8,
        number: |b| f64::from_be_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        name: ">f8",
    },
];

/// The content of an idx file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) dims: Vec<usize>,
    kind: &'static Kind,
    bytes: Vec<u8>,
}

impl File {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut file = BufReader::new(fs::File::open(path).map_err(|e| Error::io(path, e))?);
        if file.fill_buf().map_err(|e| Error::io(path, e))?.starts_with(&[0x1f, 0x8b]) {
            parse(path, MultiGzDecoder::new(file))
        } else {
            parse(path, file)
        }
    }

    /// All numbers, row after row.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.bytes.chunks_exact(self.kind.size).map(self.kind.number)
    }

    /// All numbers as inputs, in rows with these classes: unsigned bytes in 0..1, others unchanged.
    pub(super) fn classes(&self, path: &Path, labels: Vec<u32>, names: Vec<String>) -> Result<Dataset> {
        let shape = &self.dims[1..];
        if self.kind.code == UNSIGNED_BYTE {
            let inputs = self.bytes.iter().map(|&v| f32::from(v) / 255.0).collect();
            return Dataset::classes(shape, inputs, labels, names);
        }
        let (width, numbers) = (shape.iter().product(), self.numbers().collect::<Vec<f64>>());
        if let Some(place) = numbers.iter().position(|&number| !(number as f32).is_finite()) {
            return Err(Error::invalid(
                path.display(),
                format!("{} in row {}", numbers[place], place / width),
                "finite numbers that single precision can hold",
                "fill in missing values, or scale the numbers before writing them",
            ));
        }
        let rounded = Precise::split(&numbers, width, shape.last().copied().unwrap_or(1), None);
        rounded.warn(path.display());
        let mut data = Dataset::classes(shape, rounded.single, labels, names)?;
        data.exact_inputs = rounded.exact;
        Ok(data)
    }
}

/// The array of a file, of which rows are read by their place: unsigned bytes in 0..1, others unchanged.
pub(super) fn by_row(path: &Path) -> Result<Numbers> {
    let file = fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut start = BufReader::new(&file);
    if start.fill_buf().map_err(|e| Error::io(path, e))?.starts_with(&[0x1f, 0x8b]) {
        return Err(Error::invalid(
            path.display(),
            "a gzip file, which can only be read from its beginning",
            "a plain idx file",
            "unpack it with gunzip, or load it as a whole",
        ));
    }
    let (dims, kind) = header(path, &mut start)?;
    drop(start);
    let offset = 4 + 4 * dims.len() as u64;
    let numbers = Numbers::new((path, file), offset, &dims, kind.name)?;
    Ok(if kind.code == UNSIGNED_BYTE { numbers.divided_by(255.0) } else { numbers })
}

fn parse(path: &Path, mut source: impl Read) -> Result<File> {
    let (dims, kind) = header(path, &mut source)?;
    let size = dims.iter().product::<usize>() * kind.size;
    // The header's size is not trusted for an allocation: the vector grows as bytes arrive.
    let mut bytes = Vec::new();
    let limit = (size as u64).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes).map_err(|e| broken(path, e))?;
    if bytes.len() != size {
        let found = if bytes.len() > size { "more".to_string() } else { bytes.len().to_string() };
        return Err(Error::invalid(
            path.display(),
            format!("{found} bytes after the header"),
            format!("{size} bytes for dimensions {dims:?}"),
            "the file is damaged: fetch it again",
        ));
    }
    Ok(File { dims, kind, bytes })
}

/// The dimensions, whose numbers can be addressed, and their type.
fn header(path: &Path, source: &mut impl Read) -> Result<(Vec<usize>, &'static Kind)> {
    let mut magic = [0; 4];
    fill(path, source, &mut magic)?;
    let kind = KINDS.iter().find(|kind| magic[..3] == [0, 0, kind.code] && magic[3] > 0);
    let Some(kind) = kind else {
        return Err(Error::invalid(
            path.display(),
            format!("magic bytes {magic:02x?}"),
            "[00, 00, type, dimensions], with a type from 08 to 0e other than 0a",
            "pass an idx file",
        ));
    };
    let mut header = vec![0; 4 * usize::from(magic[3])];
    fill(path, source, &mut header)?;
    // A length that does not fit in usize saturates and is refused below.
    let dims: Vec<usize> = header
        .chunks_exact(4)
        .map(|b| usize::try_from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])).unwrap_or(usize::MAX))
        .collect();
    let size = dims.iter().try_fold(kind.size, |size: usize, &d| size.checked_mul(d));
    if size.is_none_or(|size| size == 0) {
        return Err(Error::invalid(
            path.display(),
            format!("dimensions {dims:?}"),
            "dimensions of at least 1 whose product can be addressed",
            "the file is damaged or empty: fetch it again",
        ));
    }
    Ok((dims, kind))
}

fn fill(path: &Path, source: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    source.read_exact(buffer).map_err(|e| broken(path, e))
}

/// Unexpected ends and gzip errors are faults of the content; the rest are I/O errors.
fn broken(path: &Path, error: std::io::Error) -> Error {
    let found = match error.kind() {
        ErrorKind::UnexpectedEof => "an early end of the file".to_string(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => error.to_string(),
        _ => return Error::io(path, error),
    };
    Error::invalid(path.display(), found, "a whole idx file", "the file is damaged: fetch it again")
}
