//! Numbers by name, with a text beside them, in one file: safetensors.

use crate::model::Tensor;
use crate::real::Part;
use crate::{Error, Result, store};
use safetensors::{Dtype, SafeTensorError, SafeTensors, View, serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The key of the text in a file's metadata.
const KEY: &str = "autorot";

/// What comes before the checksum, the text's last field.
const CHECKSUM: &str = ",\"checksum\":\"";

/// The CRC-32 of a text and of bytes.
fn checksum<'b>(text: &'b str, bytes: impl Iterator<Item = &'b [u8]>) -> String {
    let mut crc = flate2::Crc::new();
    std::iter::once(text.as_bytes()).chain(bytes).for_each(|bytes| crc.update(bytes));
    format!("{:08x}", crc.sum())
}

/// The contents of a file.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The text; `None` in files of other programs.
    pub(crate) text: Option<String>,
    pub(crate) tensors: BTreeMap<String, Tensor<f64>>,
}

/// Numbers to be written: name, shape, values.
pub(super) type Named<'t> = (String, &'t [usize], Part<'t>);

/// Numbers as they lie in a file: the bits, with the lowest byte first.
struct Stored<'t> {
    shape: &'t [usize],
    bits: Bits<'t>,
}

enum Bits<'t> {
    Single(Cow<'t, [u32]>),
    Double(Vec<u64>),
}

impl<'t> Stored<'t> {
    /// In single precision where that holds every number.
    fn new(shape: &'t [usize], values: Part<'t>) -> Self {
        let bits = match values {
            Part::Single(values) if cfg!(target_endian = "little") => {
                Bits::Single(Cow::Borrowed(bytemuck::cast_slice(values)))
            }
            Part::Double(values) if !is_single(values) => {
                Bits::Double(values.iter().map(|v| v.to_bits().to_le()).collect())
            }
            values => Bits::Single(values.single().into_iter().map(|v| v.to_bits().to_le()).collect()),
        };
        Self { shape, bits }
    }

    fn bytes(&self) -> &[u8] {
        match &self.bits {
            Bits::Single(bits) => bytemuck::cast_slice(bits),
            Bits::Double(bits) => bytemuck::cast_slice(bits),
        }
    }
}

impl View for &Stored<'_> {
    fn dtype(&self) -> Dtype {
        match self.bits {
            Bits::Single(_) => Dtype::F32,
            Bits::Double(_) => Dtype::F64,
        }
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.bytes())
    }

    fn data_len(&self) -> usize {
        self.bytes().len()
    }
}

/// Whether single precision holds every number.
pub(super) fn is_single(values: &[f64]) -> bool {
    // In blocks without a branch inside.
    let differs = |&v: &f64| f64::from(v as f32).to_bits() != v.to_bits() && !v.is_nan();
    values.chunks(4096).all(|block| !block.iter().fold(false, |any, v| any | differs(v)))
}

/// What goes into a file: tensors in their order, and the metadata.
type Parts<'t> = (Vec<(String, Stored<'t>)>, Option<HashMap<String, String>>);

/// The text, a JSON object, gets a last field with the checksum of what is before it and of all numbers.
fn parts<'t>(text: Option<&str>, tensors: impl IntoIterator<Item = Named<'t>>) -> Parts<'t> {
    let stored = |(name, shape, values): Named<'t>| (name, Stored::new(shape, values));
    let mut tensors: Vec<(String, Stored<'t>)> = tensors.into_iter().map(stored).collect();
    // As they lie in the file.
    tensors.sort_by(|(name, a), (other, b)| View::dtype(&b).cmp(&View::dtype(&a)).then(name.cmp(other)));
    let text = text.and_then(|text| text.strip_suffix('}')).map(|text| {
        let sum = checksum(text, tensors.iter().map(|(_, stored)| stored.bytes()));
        (KEY.to_owned(), format!("{text}{CHECKSUM}{sum}\"}}"))
    });
    (tensors, text.map(|text| HashMap::from([text])))
}

fn too_large(error: SafeTensorError) -> Error {
    Error::invalid("model file", error, "a description below 100 MB", "divide the network")
}

/// The bytes of a file.
pub(crate) fn file_bytes<'t>(
    text: Option<&str>,
    tensors: impl IntoIterator<Item = Named<'t>>,
) -> Result<Vec<u8>> {
    let (tensors, metadata) = parts(text, tensors);
    serialize(tensors.iter().map(|(name, stored)| (name, stored)), metadata).map_err(too_large)
}

/// A tensor of which only the header knows.
struct Told<'s>(&'s Stored<'s>);

impl View for Told<'_> {
    fn dtype(&self) -> Dtype {
        self.0.dtype()
    }

    fn shape(&self) -> &[usize] {
        self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&[])
    }

    fn data_len(&self) -> usize {
        self.0.bytes().len()
    }
}

/// Writes a file without a copy of the numbers in memory: its header, then the numbers in the same order.
pub(crate) fn write_file<'t>(
    path: &Path,
    text: Option<&str>,
    tensors: impl IntoIterator<Item = Named<'t>>,
) -> Result<()> {
    let (tensors, metadata) = parts(text, tensors);
    let header =
        serialize(tensors.iter().map(|(name, stored)| (name, Told(stored))), metadata).map_err(too_large)?;
    let all = std::iter::once(&*header).chain(tensors.iter().map(|(_, stored)| stored.bytes()));
    store::write_parts(path, all)
}

/// Tensors to be written.
pub(crate) fn named(tensors: &BTreeMap<String, Tensor<f64>>) -> impl Iterator<Item = Named<'_>> {
    tensors.iter().map(|(name, tensor)| (name.clone(), &*tensor.shape, Part::Double(&tensor.values)))
}

impl Contents {
    /// What the bytes of a file hold; `place` is named in errors.
    ///
    /// # Errors
    /// No whole safetensors file; tensors of other types than F32 and F64.
    pub(crate) fn of_bytes(bytes: &[u8], place: &str) -> Result<Self> {
        let bad = |found: String, expected: &str| {
            Error::invalid(place, found, expected, "use a whole file, as Model::save writes it")
        };
        let wrong = |e| bad(format!("{e}, in {} bytes", bytes.len()), "a whole safetensors file");
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(wrong)?;
        let mut text = metadata.metadata().as_ref().and_then(|all| all.get(KEY)).cloned();
        if let Some((summed, sum)) = text.as_ref().and_then(|text| text.rsplit_once(CHECKSUM)) {
            let expected = checksum(summed, std::iter::once(&bytes[8 + header..]));
            if sum.strip_suffix("\"}") != Some(&expected) {
                let found = format!("contents with the checksum {expected}, not {sum:?}");
                return Err(bad(found, "the contents that were written"));
            }
            text = Some(format!("{summed}}}"));
        }
        let file = SafeTensors::deserialize(bytes).map_err(wrong)?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let data = view.data();
            let values = match view.dtype() {
                Dtype::F32 => data.as_chunks().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect(),
                Dtype::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
                other => return Err(bad(format!("{name} of the type {other:?}"), "F32 or F64")),
            };
            tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), values });
        }
        Ok(Self { text, tensors })
    }
}
