//! Arrays of numpy: one in a `.npy` file, several by name in a `.npz` file.

use crate::model::Tensor;
use crate::{Error, Result};
use npyz::{NpyFile, Order, WriteOptions, WriterBuilder};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// How many times the size of a file its contents may have, and as many more bytes: what a few bytes claim to hold does not decide how
/// much memory is used.
const MOST_TIMES: u64 = 64;
const MOST_MORE: u64 = 64 << 20;

fn wrong(place: &str, found: impl std::fmt::Display) -> Error {
    let expected = "arrays of floating-point numbers, as numpy.save and numpy.savez write them";
    Error::invalid(place, found, expected, "convert the arrays to float32 or float64, and save them again")
}

/// An array of numbers, in row-major order; at most `most` bytes of it are read.
fn read_array(from: impl Read, most: u64, place: &str) -> Result<Tensor<f64>> {
    let file = NpyFile::new(from).map_err(|e| wrong(place, e))?;
    let (len, fortran) = (file.len(), file.order() == Order::Fortran);
    let shape = file.shape().iter().map(|&n| n as usize).collect::<Vec<_>>();
    let fits = file
        .shape()
        .iter()
        .try_fold(8u64, |all, &n| all.checked_mul(n))
        .is_some_and(|bytes| bytes <= most * 2);
    if !fits {
        return Err(wrong(place, format!("an array of the shape {shape:?}, in at most {most} bytes")));
    }
    let values: Vec<f64> = match file.try_data::<f64>() {
        Ok(values) => values.collect::<std::io::Result<_>>(),
        Err(file) => match file.try_data::<f32>() {
            Ok(values) => values.map(|v| v.map(f64::from)).collect::<std::io::Result<_>>(),
            Err(file) => return Err(wrong(place, format!("numbers of the type {}", file.dtype().descr()))),
        },
    }
    .map_err(|e| wrong(place, e))?;
    if values.len() as u64 != len {
        return Err(wrong(place, format!("{} numbers of {len}", values.len())));
    }
    Ok(Tensor { values: if fortran { row_major(&values, &shape) } else { values }, shape })
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

/// The array of a `.npy` file.
pub(super) fn read_npy(bytes: &[u8], place: &str) -> Result<Tensor<f64>> {
    read_array(bytes, bytes.len() as u64, place)
}

/// The bytes of a `.npy` file.
pub(super) fn npy_bytes(tensor: &Tensor<f64>) -> Result<Vec<u8>> {
    array_bytes(tensor)
        .map_err(|e| Error::invalid("npy file", e, "an array that fits into memory", "save it in parts"))
}

/// The arrays of a `.npz` file by name.
pub(super) fn read_npz(bytes: &[u8], place: &str) -> Result<BTreeMap<String, Tensor<f64>>> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| wrong(place, e))?;
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
        // What is declared need not be what comes.
        let tensor = read_array(file.take(size), size, &place)?;
        if tensors.insert(name, tensor).is_some() {
            return Err(wrong(&place, "a name that is there twice"));
        }
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
