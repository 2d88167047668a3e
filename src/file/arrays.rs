//! Arrays of numpy: one in a `.npy` file, several by name in a `.npz` file.

use crate::model::Tensor;
use crate::store::npy::check_header;
use crate::{Error, Result};
use npyz::{Deserialize, NpyFile, Order, WriteOptions, WriterBuilder};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// How many times the size of a file its contents may have, and as many more bytes: what a few bytes claim to hold does not decide how
/// much memory is used.
const MOST_TIMES: u64 = 64;
const MOST_MORE: u64 = 64 << 20;

fn wrong(place: &str, found: impl std::fmt::Display) -> Error {
    let expected = "arrays of numbers, as numpy.save and numpy.savez write them";
    Error::invalid(place, found, expected, "convert the arrays to float32 or float64, and save them again")
}

/// The array of a `.npy` file, in row-major order.
pub(super) fn read_npy(bytes: &[u8], place: &str) -> Result<Tensor<f64>> {
    check_header(bytes).ok_or_else(|| wrong(place, "no header of an array"))?;
    let mut rest = bytes;
    let file = NpyFile::new(&mut rest).map_err(|e| wrong(place, e))?;
    let (len, fortran) = (file.len(), file.order() == Order::Fortran);
    let shape = file.shape().iter().map(|&n| n as usize).collect::<Vec<_>>();
    if len > bytes.len() as u64 {
        return Err(wrong(place, format!("an array of the shape {shape:?}, in {} bytes", bytes.len())));
    }
    let values = numbers(file, |v: f64| v)
        .or_else(|file| numbers(file, |v: f32| v.into()))
        .or_else(|file| numbers(file, |v: i64| v as f64))
        .or_else(|file| numbers(file, |v: i32| v.into()))
        .or_else(|file| numbers(file, |v: i16| v.into()))
        .or_else(|file| numbers(file, |v: i8| v.into()))
        .or_else(|file| numbers(file, |v: u64| v as f64))
        .or_else(|file| numbers(file, |v: u32| v.into()))
        .or_else(|file| numbers(file, |v: u16| v.into()))
        .or_else(|file| numbers(file, |v: u8| v.into()));
    let values = match values {
        Ok(values) => values.map_err(|e| wrong(place, e))?,
        Err(file) => return Err(wrong(place, format!("elements of the type {}", file.dtype().descr()))),
    };
    if values.len() as u64 != len || !rest.is_empty() {
        return Err(wrong(
            place,
            format!("{} numbers of {len}, and {} bytes more", values.len(), rest.len()),
        ));
    }
    Ok(Tensor { values: if fortran { row_major(&values, &shape) } else { values }, shape })
}

/// The numbers of a file if they are of this type, otherwise the file.
fn numbers<R: Read, T: Deserialize>(
    file: NpyFile<R>,
    wide: fn(T) -> f64,
) -> std::result::Result<std::io::Result<Vec<f64>>, NpyFile<R>> {
    Ok(file.try_data::<T>()?.map(|number| number.map(wide)).collect())
}

/// Numbers in row-major order that were in column-major order.
fn row_major(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut strides = vec![1; shape.len()];
    (1..shape.len()).for_each(|i| strides[i] = strides[i - 1] * shape[i - 1]);
    let place = |mut index: usize| {
        let axes = shape.iter().zip(&strides).rev();
        axes.map(|(&n, stride)| {
            let at = index % n;
            index /= n;
            at * stride
        })
        .sum::<usize>()
    };
    (0..values.len()).map(|index| values[place(index)]).collect()
}

/// The bytes of a `.npy` file, in single precision where that holds every number.
fn array_bytes(tensor: &Tensor<f64>) -> std::io::Result<Vec<u8>> {
    let shape: Vec<u64> = tensor.shape.iter().map(|&n| n as u64).collect();
    let mut bytes = Vec::new();
    if super::tensors::is_single(&tensor.values) {
        let mut writer =
            WriteOptions::<f32>::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
        writer.extend(tensor.values.iter().map(|&v| v as f32))?;
        writer.finish()?;
    } else {
        let mut writer =
            WriteOptions::<f64>::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
        writer.extend(tensor.values.iter().copied())?;
        writer.finish()?;
    }
    Ok(bytes)
}

/// The bytes of a `.npy` file.
pub(super) fn npy_bytes(tensor: &Tensor<f64>) -> Result<Vec<u8>> {
    array_bytes(tensor)
        .map_err(|e| Error::invalid("npy file", e, "an array that fits into memory", "save it in parts"))
}

/// Whether a zip file has several members of one name, of which its reader has only the last: fewer `names` than its end declares members.
pub(super) fn repeats(bytes: &[u8], names: usize) -> bool {
    let end = bytes.windows(4).rposition(|part| part == b"PK\x05\x06");
    let declared = end.and_then(|end| bytes.get(end + 10..)?.first_chunk().copied());
    // All ones stand for a number that is elsewhere in the file.
    declared
        .map(u16::from_le_bytes)
        .is_some_and(|declared| declared != u16::MAX && usize::from(declared) != names)
}

/// The arrays of a `.npz` file by name.
pub(super) fn read_npz(bytes: &[u8], place: &str) -> Result<BTreeMap<String, Tensor<f64>>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| wrong(place, e))?;
    if repeats(bytes, archive.len()) {
        return Err(wrong(place, "a name that is there twice"));
    }
    let mut left = bytes.len() as u64 * MOST_TIMES + MOST_MORE;
    let mut tensors = BTreeMap::new();
    for i in 0..archive.len() {
        let file = archive.by_index(i).map_err(|e| wrong(place, e))?;
        let name = file.name().map_err(|e| wrong(place, e))?.into_owned();
        let place = format!("{place}: {name}");
        let Some(name) = name.strip_suffix(".npy").map(str::to_owned) else {
            return Err(wrong(&place, "a file that is no array"));
        };
        let size = file.size();
        left = left
            .checked_sub(size)
            .ok_or_else(|| wrong(&place, format!("{size} bytes in a file of {}", bytes.len())))?;
        // What is declared need not be what comes; the checksum is compared at the end.
        let mut content = Vec::new();
        file.take(size.saturating_add(1)).read_to_end(&mut content).map_err(|e| wrong(&place, e))?;
        if content.len() as u64 != size {
            return Err(wrong(&place, format!("other than the {size} bytes that are declared")));
        }
        tensors.insert(name, read_npy(&content, &place)?);
    }
    Ok(tensors)
}

/// The bytes of a `.npz` file.
pub(super) fn npz_bytes(tensors: &BTreeMap<String, Tensor<f64>>) -> Result<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    // The same bytes at any time; numbers hardly become shorter.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
    let failed = |e| Error::invalid("npz file", e, "arrays that fit into memory", "save them in parts");
    for (name, tensor) in tensors {
        writer.start_file(format!("{name}.npy"), options).map_err(failed)?;
        array_bytes(tensor).and_then(|bytes| writer.write_all(&bytes)).map_err(|e| failed(e.into()))?;
    }
    Ok(writer.finish().map_err(failed)?.into_inner())
}
