//! CIFAR-10 in its binary version.

use std::fs;
use std::path::Path;

use super::{Dataset, Split, luma};
use crate::{Error, Result};

const NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const PIXELS: usize = 32 * 32;
/// One label, then the red, the green and the blue plane.
const RECORD: usize = 1 + 3 * PIXELS;

/// Loads CIFAR-10 from the files `data_batch_1.bin` to `data_batch_5.bin` (the training part) and
/// `test_batch.bin` in `dir`.
///
/// Rows have the shape `[32, 32, 3]`, channels last, or with `gray` the shape `[32, 32]`: the Rec. 601 luma 0.299 R + 0.587 G + 0.114 B.
/// Values lie in 0..1. The ten classes go from `airplane` to `truck`. In colour the training part takes 614 MB of memory.
///
/// # Errors
/// A file that cannot be read, is empty or does not hold whole records of 3,073 bytes; a label above 9.
pub fn load(dir: impl AsRef<Path>, gray: bool) -> Result<Split> {
    let dir = dir.as_ref();
    let test = part(dir, &["test_batch.bin"], gray)?;
    let train = part(
        dir,
        &["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"],
        gray,
    )?;
    Split::new(train, test)
}

fn part(dir: &Path, files: &[&str], gray: bool) -> Result<Dataset> {
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for file in files {
        let path = dir.join(file);
        let bytes = fs::read(&path).map_err(|e| Error::io(&path, e))?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(RECORD) {
            return Err(Error::invalid(
                path.display(),
                format!("{} bytes, record {} is incomplete", bytes.len(), bytes.len() / RECORD),
                format!("whole records of {RECORD} bytes"),
                "use the binary version of CIFAR-10 and fetch the file again",
            ));
        }
        inputs.reserve(bytes.len() / RECORD * PIXELS * if gray { 1 } else { 3 });
        for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
            if usize::from(record[0]) >= NAMES.len() {
                return Err(Error::invalid(
                    path.display(),
                    format!("label {} in record {index}", record[0]),
                    "labels 0 to 9",
                    "use the binary version of CIFAR-10 and fetch the file again",
                ));
            }
            labels.push(u32::from(record[0]));
            let (red, rest) = record[1..].split_at(PIXELS);
            let (green, blue) = rest.split_at(PIXELS);
            for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
                let [r, g, b] = [r, g, b].map(|v| f32::from(v) / 255.0);
                if gray { inputs.push(luma(r, g, b)) } else { inputs.extend([r, g, b]) }
            }
        }
    }
    let shape = if gray { vec![32, 32] } else { vec![32, 32, 3] };
    Dataset::classes(shape, inputs, labels, NAMES.map(String::from).to_vec())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::data::Targets;

    /// A record whose planes hold these three values, except the first red pixel, 255.
    fn record(label: u8, [r, g, b]: [u8; 3]) -> Vec<u8> {
        let mut bytes = [vec![label], vec![r; PIXELS], vec![g; PIXELS], vec![b; PIXELS]].concat();
        bytes[1] = 255;
        bytes
    }

    fn folder() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for i in 1..=5 {
            let batch = record(i, [0, 51 * i, 255]);
            fs::write(dir.path().join(format!("data_batch_{i}.bin")), batch).unwrap();
        }
        let test = [record(0, [51, 51, 51]), record(9, [0, 0, 0])].concat();
        fs::write(dir.path().join("test_batch.bin"), test).unwrap();
        dir
    }

    #[test]
    fn colour_has_its_channels_last() {
        let split = load(folder().path(), false).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (5, 2));
        assert_eq!(split.train.shape(), [32, 32, 3]);
        assert_eq!(split.train.row(2).unwrap()[..6], [1.0, 0.6, 1.0, 0.0, 0.6, 1.0]);
        let Targets::Classes { labels, names, .. } = split.train.targets() else { panic!("classes") };
        assert_eq!(labels, &[1, 2, 3, 4, 5]);
        assert_eq!(names[9], "truck");
    }

    #[test]
    fn gray_is_the_luma() {
        let split = load(folder().path(), true).unwrap();
        assert_eq!(split.test.shape(), [32, 32]);
        // Equal channels give exactly their value.
        assert_eq!(split.test.row(0).unwrap()[1..3], [0.2, 0.2]);
        assert_eq!(split.test.row(1).unwrap()[..2], [0.299, 0.0]);
        assert!((split.train.row(1).unwrap()[9] - (0.587 * 0.4 + 0.114)).abs() < 1e-6);
    }

    #[test]
    fn damaged_files_are_refused() {
        let dir = folder();
        let path = dir.path().join("data_batch_4.bin");
        let message = || load(dir.path(), true).unwrap_err().to_string();
        let two = [record(1, [0; 3]), record(10, [0; 3])].concat();
        fs::write(&path, &two).unwrap();
        assert!(message().contains("data_batch_4.bin: found label 10 in record 1"), "{}", message());
        fs::write(&path, &two[..RECORD + 7]).unwrap();
        assert!(message().contains("data_batch_4.bin: found 3080 bytes, record 1 "), "{}", message());
        fs::write(&path, []).unwrap();
        assert!(message().contains("data_batch_4.bin: found 0 bytes"), "{}", message());
        fs::remove_file(&path).unwrap();
        assert!(message().contains("data_batch_4.bin"), "{}", message());
    }
}
