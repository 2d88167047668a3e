//! The idx format of MNIST and its relatives, plain or gzipped.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{Dataset, Split};
use crate::{Error, Result};

/// The element type of unsigned bytes in an idx header.
const UNSIGNED_BYTE: u8 = 0x08;

/// Loads a classification data set from two idx files of unsigned bytes, each plain or gzipped (told
/// by its content, not its name).
///
/// `images` has at least two dimensions, rows first: the others are the shape of one input row
/// (`[28, 28]` for MNIST). Its values are divided by 255, so they lie in 0..1. `labels` has one
/// dimension and as many entries, each below `names.len()`, the number of classes.
///
/// # Errors
/// A file that cannot be read, is no idx file of unsigned bytes, is truncated or longer than its
/// header says, has an empty dimension or one too many; different numbers of images and labels; a
/// label out of range.
pub fn load(images: impl AsRef<Path>, labels: impl AsRef<Path>, names: &[&str]) -> Result<Dataset> {
    let (images, labels) = (images.as_ref(), labels.as_ref());
    let pixels = read(images)?;
    let classes = read(labels)?;
    if pixels.dims.len() < 2 {
        return Err(Error::invalid(
            images.display(),
            format!("dimensions {:?}", pixels.dims),
            "two dimensions or more, images first",
            "pass the file of images first and the file of labels second",
        ));
    }
    if classes.dims.len() != 1 {
        return Err(Error::invalid(
            labels.display(),
            format!("dimensions {:?}", classes.dims),
            "one dimension, a label for each image",
            "pass the file of images first and the file of labels second",
        ));
    }
    if classes.dims[0] != pixels.dims[0] {
        return Err(Error::invalid(
            labels.display(),
            format!("{} labels", classes.dims[0]),
            format!("{}, one for each image of {}", pixels.dims[0], images.display()),
            "pass two files that belong together",
        ));
    }
    if let Some(row) = classes.bytes.iter().position(|&l| usize::from(l) >= names.len()) {
        return Err(Error::invalid(
            labels.display(),
            format!("label {} in row {row}", classes.bytes[row]),
            format!("labels below the number of classes, {}", names.len()),
            "name every class or check the file",
        ));
    }
    Dataset::classes(
        &pixels.dims[1..],
        pixels.bytes.iter().map(|&v| f32::from(v) / 255.0).collect(),
        classes.bytes.iter().map(|&l| u32::from(l)).collect(),
        names.iter().map(ToString::to_string).collect(),
    )
}

/// Loads MNIST from the four original files in `dir`, each with or without `.gz`:
/// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
/// `t10k-labels-idx1-ubyte`. Rows of shape `[28, 28]` in 0..1, classes `0` to `9`.
///
/// # Errors
/// A missing file, and as [`load`].
pub fn mnist(dir: impl AsRef<Path>) -> Result<Split> {
    split(dir.as_ref(), &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"])
}

/// Loads Fashion-MNIST from the four original files in `dir`, which are named as those of [`mnist`].
/// Rows of shape `[28, 28]` in 0..1, ten classes from `T-shirt/top` to `Ankle boot`.
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
    let images = find(dir, "t10k-images-idx3-ubyte")?;
    let test = load(&images, find(dir, "t10k-labels-idx1-ubyte")?, names)?;
    let train = load(find(dir, "train-images-idx3-ubyte")?, find(dir, "train-labels-idx1-ubyte")?, names)?;
    if train.shape() != test.shape() {
        return Err(Error::invalid(
            images.display(),
            format!("images of shape {:?}", test.shape()),
            format!("{:?}, as in the training part", train.shape()),
            "pass a folder with the files of one data set",
        ));
    }
    Ok(Split { train, test })
}

fn find(dir: &Path, name: &str) -> Result<PathBuf> {
    let plain = dir.join(name);
    [plain.clone(), dir.join(format!("{name}.gz"))].into_iter().find(|path| path.is_file()).ok_or_else(|| {
        Error::invalid(
            plain.display(),
            "no such file",
            format!("{name} or {name}.gz"),
            "place the four original files in this folder",
        )
    })
}

struct Idx {
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

fn read(path: &Path) -> Result<Idx> {
    let mut file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    if file.fill_buf().map_err(|e| Error::io(path, e))?.starts_with(&[0x1f, 0x8b]) {
        parse(path, MultiGzDecoder::new(file))
    } else {
        parse(path, file)
    }
}

fn parse(path: &Path, mut source: impl Read) -> Result<Idx> {
    let mut magic = [0; 4];
    fill(path, &mut source, &mut magic)?;
    if magic[..3] != [0, 0, UNSIGNED_BYTE] || magic[3] == 0 {
        return Err(Error::invalid(
            path.display(),
            format!("magic bytes {magic:02x?}"),
            "[00, 00, 08, dimensions], an idx file of unsigned bytes",
            "pass an idx file",
        ));
    }
    let mut header = vec![0; 4 * usize::from(magic[3])];
    fill(path, &mut source, &mut header)?;
    // A length that does not fit in usize saturates and is refused below.
    let dims: Vec<usize> = header
        .chunks_exact(4)
        .map(|b| usize::try_from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])).unwrap_or(usize::MAX))
        .collect();
    let size = dims.iter().try_fold(1, |size: usize, &d| size.checked_mul(d));
    let Some(size) = size.filter(|&s| s > 0) else {
        return Err(Error::invalid(
            path.display(),
            format!("dimensions {dims:?}"),
            "dimensions of at least 1 whose product can be addressed",
            "the file is damaged or empty: fetch it again",
        ));
    };
    // The header is not trusted with an allocation: the vector grows as bytes arrive.
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
    Ok(Idx { dims, bytes })
}

fn fill(path: &Path, source: &mut impl Read, buffer: &mut [u8]) -> Result<()> {
    source.read_exact(buffer).map_err(|e| broken(path, e))
}

/// Ends of file and gzip errors are faults of the content; the rest are the system's.
fn broken(path: &Path, error: std::io::Error) -> Error {
    let found = match error.kind() {
        ErrorKind::UnexpectedEof => "an early end of the file".to_string(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => error.to_string(),
        _ => return Error::io(path, error),
    };
    Error::invalid(path.display(), found, "a whole idx file", "the file is damaged: fetch it again")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;
    use crate::data::Targets;

    fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|d| file.extend(d.to_be_bytes()));
        file.extend(bytes);
        file
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn images() -> Vec<u8> {
        idx(&[2, 1, 3], &[0, 51, 255, 1, 2, 3])
    }

    /// Writes both files and loads them.
    fn attempt(images: &[u8], labels: &[u8]) -> Result<Dataset> {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("pictures"), dir.path().join("answers"));
        fs::write(&a, images).unwrap();
        fs::write(&b, labels).unwrap();
        load(a, b, &["no", "yes"])
    }

    fn refused(images: &[u8], labels: &[u8], words: &[&str]) {
        let message = attempt(images, labels).unwrap_err().to_string();
        for word in words {
            assert!(message.contains(word), "{word:?} is not in {message:?}");
        }
    }

    #[test]
    fn plain_and_gzipped_files_give_the_same() {
        let data = attempt(&images(), &idx(&[2], &[1, 0])).unwrap();
        assert_eq!(data.shape(), [1, 3]);
        assert_eq!(data.inputs()[..3], [0.0, 0.2, 1.0]);
        assert_eq!(data.inputs()[5], 3.0 / 255.0);
        let names = vec!["no".to_string(), "yes".to_string()];
        assert_eq!(data.targets(), &Targets::Classes { labels: vec![1, 0], steps: 1, names });
        assert_eq!(data, attempt(&zipped(&images()), &zipped(&idx(&[2], &[1, 0]))).unwrap());
    }

    #[test]
    fn damaged_images_are_refused() {
        let labels = idx(&[2], &[1, 0]);
        refused(&[], &labels, &["pictures", "early end"]);
        refused(&images()[..10], &labels, &["pictures", "early end"]);
        refused(&images()[..20], &labels, &["pictures", "4 bytes", "6 bytes"]);
        refused(&[images(), vec![7]].concat(), &labels, &["pictures", "more bytes", "6 bytes"]);
        refused(&[0, 0, 13, 1, 0, 0, 0, 0], &labels, &["pictures", "0d", "08"]);
        refused(b"\x89PNG....", &labels, &["pictures", "magic"]);
        refused(&[0, 0, 8, 0], &labels, &["pictures", "magic"]);
        refused(&idx(&[0, 2, 2], &[]), &labels, &["pictures", "[0, 2, 2]"]);
        refused(&idx(&[6], &[0; 6]), &labels, &["pictures", "two dimensions"]);
        // Neither an overflow nor a petabyte of memory.
        refused(&idx(&[u32::MAX; 3], &[0; 6]), &labels, &["pictures", "product"]);
        refused(&idx(&[u32::MAX, 1 << 18, 1], &[0; 6]), &labels, &["pictures", "6 bytes"]);
    }

    #[test]
    fn damaged_gzip_is_refused() {
        let labels = idx(&[2], &[1, 0]);
        let good = zipped(&images());
        refused(&good[..good.len() - 10], &labels, &["pictures", "early end"]);
        let mut wrong_sum = good.clone();
        let crc = good.len() - 8;
        wrong_sum[crc] ^= 1;
        refused(&wrong_sum, &labels, &["pictures", "damaged"]);
        refused(&[good, b"rest".to_vec()].concat(), &labels, &["pictures", "damaged"]);
    }

    #[test]
    fn labels_must_fit() {
        refused(&images(), &idx(&[3], &[0, 0, 0]), &["answers", "3 labels", "2, one"]);
        refused(&images(), &idx(&[2], &[0, 2]), &["answers", "label 2 in row 1", "classes, 2"]);
        refused(&images(), &images(), &["answers", "one dimension"]);
    }

    #[test]
    fn the_four_files_are_found_with_either_name() {
        let dir = tempfile::tempdir().unwrap();
        let message = mnist(dir.path()).unwrap_err().to_string();
        assert!(message.contains("t10k-images-idx3-ubyte.gz"), "{message}");
        let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
        write("train-images-idx3-ubyte", &images());
        write("train-labels-idx1-ubyte.gz", &zipped(&idx(&[2], &[9, 0])));
        write("t10k-images-idx3-ubyte.gz", &zipped(&idx(&[1, 1, 3], &[1, 2, 3])));
        write("t10k-labels-idx1-ubyte", &idx(&[1], &[8]));
        let split = mnist(dir.path()).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (2, 1));
        let Targets::Classes { labels, names, .. } =
            fashion_mnist(dir.path()).unwrap().test.targets().clone()
        else {
            panic!("classes were expected");
        };
        assert_eq!(names[labels[0] as usize], "Bag");
        write("t10k-images-idx3-ubyte.gz", &zipped(&idx(&[1, 3, 1], &[1, 2, 3])));
        let message = mnist(dir.path()).unwrap_err().to_string();
        assert!(message.contains("t10k-images") && message.contains("[3, 1]"), "{message}");
        fs::remove_file(dir.path().join("train-labels-idx1-ubyte.gz")).unwrap();
        assert!(mnist(dir.path()).is_err());
    }

    #[test]
    fn a_missing_file_is_named() {
        let message = load("nowhere/a", "nowhere/b", &["x"]).unwrap_err().to_string();
        assert!(message.contains("nowhere"), "{message}");
    }
}
