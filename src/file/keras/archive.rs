//! Keras' two containers: `.keras`, a zip file of a text and an HDF5 file, and `.h5`, one HDF5 file with the text in an attribute.

use crate::file::arrays::repeats;
use crate::model::Tensor;
use crate::{Error, Result};
use hdf5_pure::{AttrValue, FileBuilder, FinishedGroup, LibVer};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The members of a `.keras` file that are read and written.
const CONFIG: &str = "config.json";
const METADATA: &str = "metadata.json";
const WEIGHTS: &str = "model.weights.h5";

/// The most bytes of a text: a description of twenty thousand layers has fewer.
pub(super) const MOST_TEXT: u64 = 16 << 20;

/// How many times the size of a file its contents may have, and as many more bytes.
const MOST_TIMES: u64 = 16;
const MOST_MORE: u64 = 16 << 20;

/// The contents of a `.keras` file.
#[derive(Debug)]
pub(super) struct Archive {
    pub(super) config: String,
    pub(super) metadata: String,
    /// An HDF5 file.
    pub(super) weights: Vec<u8>,
}

pub(super) fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

fn wrong(place: &str, found: impl std::fmt::Display) -> Error {
    let expected = format!("a zip file of {CONFIG}, {METADATA} and {WEIGHTS}, as Keras writes it");
    Error::invalid(place, found, expected, "load the model in Keras, and save it again")
}

impl Archive {
    /// The contents of a file. Only the three members are read, by their exact names; no name is a path to write to.
    pub(super) fn read(bytes: &[u8], place: &str) -> Result<Self> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| wrong(place, e))?;
        if repeats(bytes, archive.len()) {
            return Err(wrong(place, format!("another number of files than {} names", archive.len())));
        }
        let mut found: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for i in 0..archive.len() {
            let file = archive.by_index(i).map_err(|e| wrong(place, e))?;
            let name = file.name().map_err(|e| wrong(place, e))?.into_owned();
            let most = match name.as_str() {
                CONFIG | METADATA => MOST_TEXT,
                WEIGHTS => u64::MAX,
                // Assets of layers that are not read.
                _ => continue,
            };
            let most = most.min(bytes.len() as u64 * MOST_TIMES + MOST_MORE);
            let size = file.size();
            if size > most {
                return Err(wrong(place, format!("{name} of {size} bytes in a file of {}", bytes.len())));
            }
            // What is declared need not be what comes; the checksum is compared at the end.
            let mut content = Vec::new();
            file.take(size + 1)
                .read_to_end(&mut content)
                .map_err(|e| wrong(place, format!("{name}: {e}")))?;
            if content.len() as u64 != size {
                return Err(wrong(place, format!("{name} of other than the {size} bytes that are declared")));
            }
            found.insert(name, content);
        }
        let mut take = |name: &str| found.remove(name).ok_or_else(|| wrong(place, format!("no {name}")));
        let [config, metadata, weights] = [take(CONFIG)?, take(METADATA)?, take(WEIGHTS)?];
        let text =
            |name: &str, bytes| String::from_utf8(bytes).map_err(|e| wrong(place, format!("{name}: {e}")));
        Ok(Self { config: text(CONFIG, config)?, metadata: text(METADATA, metadata)?, weights })
    }

    /// The bytes of a file; the same at any time.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let failed = |e: &dyn std::fmt::Display| unwritable(e);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        // As Keras has them: numbers hardly become shorter.
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        let members = [
            (METADATA, self.metadata.as_bytes()),
            (CONFIG, self.config.as_bytes()),
            (WEIGHTS, &self.weights),
        ];
        for (name, bytes) in members {
            let options = options.large_file(bytes.len() as u64 >= u64::from(u32::MAX));
            writer.start_file(name, options).map_err(|e| failed(&e))?;
            writer.write_all(bytes).map_err(|e| failed(&e))?;
        }
        Ok(writer.finish().map_err(|e| failed(&e))?.into_inner())
    }
}

fn unwritable(found: impl std::fmt::Display) -> Error {
    Error::invalid("Keras file", found, "a model that fits into such a file", "divide the network")
}

/// A group of an HDF5 file that is to be written.
#[derive(Debug, Default)]
pub(super) struct Folder<'t> {
    pub(super) groups: BTreeMap<String, Self>,
    pub(super) arrays: BTreeMap<String, &'t Tensor<f64>>,
    /// Attributes of one text.
    pub(super) texts: BTreeMap<&'static str, String>,
    /// Attributes of a list of texts.
    pub(super) lists: BTreeMap<&'static str, Vec<String>>,
}

impl<'t> Folder<'t> {
    /// The group at a path, which is made where there is none.
    pub(super) fn at(&mut self, path: &str) -> &mut Self {
        path.split('/').fold(self, |folder, name| folder.groups.entry(name.to_owned()).or_default())
    }

    fn attributes(&self) -> impl Iterator<Item = (&'static str, AttrValue)> {
        let texts = self.texts.iter().map(|(&name, text)| (name, AttrValue::VarLenString(text.clone())));
        // Keras, too, has an empty list of numbers in the place of one of texts.
        let list = |texts: &Vec<String>| match texts.is_empty() {
            true => AttrValue::F64Array(Vec::new()),
            false => AttrValue::VarLenStringArray(texts.clone()),
        };
        texts.chain(self.lists.iter().map(move |(&name, texts)| (name, list(texts))))
    }

    /// The bytes of the HDF5 file of which this is the outermost group.
    pub(super) fn bytes(&self) -> Result<Vec<u8>> {
        let mut file = FileBuilder::new();
        file.with_libver_bounds(LibVer::Earliest, LibVer::V18);
        self.attributes().for_each(|(name, value)| file.set_attr(name, value));
        for (name, tensor) in &self.arrays {
            fill(file.create_dataset(name), tensor);
        }
        for (name, folder) in &self.groups {
            let group = folder.finished(file.create_group(name));
            file.add_group(group);
        }
        file.finish().map_err(unwritable)
    }

    fn finished(&self, mut group: hdf5_pure::GroupBuilder) -> FinishedGroup {
        self.attributes().for_each(|(name, value)| group.set_attr(name, value));
        for (name, tensor) in &self.arrays {
            fill(group.create_dataset(name), tensor);
        }
        for (name, folder) in &self.groups {
            let inner = folder.finished(group.create_group(name));
            group.add_group(inner);
        }
        group.finish()
    }
}

/// An array, in single precision where that holds every number.
fn fill(array: &mut hdf5_pure::DatasetBuilder, tensor: &Tensor<f64>) {
    if super::super::tensors::is_single(&tensor.values) {
        array.with_f32_data(&tensor.values.iter().map(|&v| v as f32).collect::<Vec<_>>());
    } else {
        array.with_f64_data(&tensor.values);
    }
    array.with_shape(&tensor.shape.iter().map(|&n| n as u64).collect::<Vec<_>>());
}
