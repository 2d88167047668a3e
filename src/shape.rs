//! Shapes: the only place that computes output sizes.

use crate::{Error, Result};

/// The number of elements of one sample, refused when it is 0 or does not fit.
pub(crate) fn elements(path: &str, shape: &[usize]) -> Result<usize> {
    let product =
        shape.iter().try_fold(1usize, |a, &b| a.checked_mul(b)).filter(|&n| n > 0 && n <= u32::MAX as usize);
    match product {
        Some(n) if !shape.is_empty() => Ok(n),
        _ => Err(Error::invalid(
            path,
            format!("shape {shape:?}"),
            "one to 4,294,967,295 elements a sample",
            "give every dimension at least 1",
        )),
    }
}

/// A dense layer's output: the last dimension becomes `units`. Inputs of more than one dimension are refused, since
/// Keras would apply the layer to the last one alone.
pub(crate) fn dense(path: &str, input: &[usize], units: usize) -> Result<Vec<usize>> {
    if input.len() != 1 {
        return Err(Error::invalid(
            path,
            format!("input of shape {input:?}"),
            "a vector",
            "put a Flatten layer before it",
        ));
    }
    if units == 0 {
        return Err(Error::invalid(
            path,
            "0 units",
            "at least 1 unit",
            "give the layer a positive number of units",
        ));
    }
    elements(path, &[input[0], units])?;
    Ok(vec![units])
}

/// Flatten's output: one dimension.
pub(crate) fn flatten(path: &str, input: &[usize]) -> Result<Vec<usize>> {
    Ok(vec![elements(path, input)?])
}
