//! Single fields, and what is wrong with them.

use crate::data::Table;
use crate::data::scale::Linear;
use crate::data::table::categories::Categories;
use crate::{Error, Result};

/// A scaled number that is finite in single precision too.
pub(super) fn scaled(
    table: &Table,
    row: usize,
    column: usize,
    number: f64,
    scale: Option<Linear>,
) -> Result<f64> {
    let result = scale.map_or(number, |scale| scale.apply(number));
    if (result as f32).is_finite() {
        return Ok(result);
    }
    Err(Error::invalid(
        table.place(row, column),
        format!("{number:e}{}", if scale.is_some() { ", which is out of range after scaling" } else { "" }),
        format!("a number up to {:e}, the range of single precision", f32::MAX),
        "correct the field, declare it missing or scale the column",
    ))
}

pub(super) fn missing_value(table: &Table, row: usize, column: usize) -> Error {
    Error::invalid(
        table.place(row, column),
        "a missing value",
        "a value: training rows without one were dropped",
        "fill it in, leave the row out, or fit the preparation with impute",
    )
}

pub(super) fn unknown(table: &Table, row: usize, column: usize, known: &Categories, remedy: &str) -> Error {
    let found = table.text(row, column).unwrap_or_default();
    let place = table.place(row, column);
    Error::invalid(place, format!("{found:?}"), format!("one of {:?}", known.names()), remedy)
}
