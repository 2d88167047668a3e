//! From the data's own units to a network's inputs, and from its outputs back.

use super::{Preparation, Scaler, Table};
#[cfg(feature = "onnx")]
pub(crate) use super::{
    scale::Linear,
    table::{Answers, Input, Kind},
};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What was done to data before a network saw them, kept with the model so that it takes raw rows and answers in their units: see
/// [`Model::set_conversion`](crate::Model::set_conversion).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Conversion {
    /// A table's columns became numbers.
    Table(Preparation),
    /// Numbers were scaled.
    Scaled {
        /// The scaling of the inputs.
        inputs: Option<Scaler>,
        /// The scaling of the values to regress.
        targets: Option<Scaler>,
    },
}

impl From<Preparation> for Conversion {
    fn from(preparation: Preparation) -> Self {
        Self::Table(preparation)
    }
}

impl From<Scaler> for Conversion {
    /// Of inputs or targets, whichever the scaler was fitted on.
    fn from(scaler: Scaler) -> Self {
        let (inputs, targets) =
            if scaler.is_of_targets() { (None, Some(scaler)) } else { (Some(scaler), None) };
        Self::Scaled { inputs, targets }
    }
}

impl Conversion {
    /// Of a scaling of the inputs, one of the values to regress, or both, in any order.
    ///
    /// # Errors
    /// Two of the inputs or two of the targets: scale once.
    pub fn scalers(scalers: impl IntoIterator<Item = Scaler>) -> Result<Self> {
        let (mut inputs, mut targets) = (None, None);
        for scaler in scalers {
            let part = if scaler.is_of_targets() { &mut targets } else { &mut inputs };
            if part.replace(scaler).is_some() {
                let (found, expected) =
                    ("two scalers of the same part", "one of the inputs and one of the targets");
                return Err(Error::invalid(
                    "conversion of the data",
                    found,
                    expected,
                    "fit one scaler for each",
                ));
            }
        }
        Ok(Self::Scaled { inputs, targets })
    }

    /// Refuses what no fit gives, as a file may hold it.
    pub(crate) fn check(&self) -> Result<()> {
        let sound = match self {
            Self::Table(preparation) => preparation.is_sound(),
            Self::Scaled { inputs, targets } => {
                let of = |scaler: &Option<Scaler>, targets| {
                    scaler
                        .as_ref()
                        .is_none_or(|scaler| scaler.is_of_targets() == targets && scaler.is_sound())
                };
                of(inputs, false) && of(targets, true)
            }
        };
        match sound {
            true => Ok(()),
            false => Err(Error::invalid(
                "conversion of the data",
                "scales that no data can have given",
                "finite scales, none of them 0, one per feature",
                "use the conversion as it was fitted",
            )),
        }
    }

    /// Whether targets were scaled.
    pub(crate) fn scales_targets(&self) -> bool {
        matches!(self, Self::Scaled { targets: Some(_), .. })
    }
}

/// Rows in the units of the data.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'r> {
    /// Rows of a table; columns that are no inputs are ignored.
    Table(&'r Table),
    /// Numbers, row after row.
    Numbers(&'r [f32]),
    /// Numbers in double precision, row after row.
    Exact(&'r [f64]),
}

impl<'r> From<&'r Table> for Rows<'r> {
    fn from(table: &'r Table) -> Self {
        Self::Table(table)
    }
}

impl<'r> From<&'r [f32]> for Rows<'r> {
    fn from(numbers: &'r [f32]) -> Self {
        Self::Numbers(numbers)
    }
}

impl<'r> From<&'r [f64]> for Rows<'r> {
    fn from(numbers: &'r [f64]) -> Self {
        Self::Exact(numbers)
    }
}

/// The inputs of a network for rows in the units of the data.
pub(crate) fn inputs(conversion: Option<&Conversion>, rows: Rows<'_>) -> Result<Vec<f32>> {
    let scaler = match conversion {
        Some(Conversion::Scaled { inputs, .. }) => inputs.as_ref(),
        _ => None,
    };
    match (conversion, rows, scaler) {
        (Some(Conversion::Table(preparation)), Rows::Table(table), _) => preparation.inputs(table),
        (Some(Conversion::Table(preparation)), _, _) => Err(Error::invalid(
            "rows to predict",
            "numbers",
            format!("a table with the columns {}", preparation.input_columns().join(", ")),
            "make a Table of them, or use Model::predict for prepared inputs",
        )),
        (_, Rows::Table(table), _) => Err(Error::invalid(
            "rows to predict",
            format!("the table {}", table.name()),
            "numbers, as the model was trained with",
            "pass the numbers, or give the model its Preparation with Model::set_conversion",
        )),
        (_, Rows::Numbers(numbers), Some(scaler)) => scaler.scale(numbers),
        (_, Rows::Exact(numbers), Some(scaler)) => scaler.scale(numbers),
        (_, Rows::Numbers(numbers), None) => Ok(numbers.to_vec()),
        (_, Rows::Exact(numbers), None) => Ok(numbers.iter().map(|&v| v as f32).collect()),
    }
}

impl Conversion {
    /// How many inputs and outputs a row has, where it is known.
    pub(crate) fn widths(&self) -> (Option<usize>, Option<usize>) {
        match self {
            Self::Table(preparation) => {
                let classes = preparation.class_names().map(|names| names.len());
                (Some(preparation.width()), classes.or(Some(preparation.target_columns().len())))
            }
            Self::Scaled { inputs, targets } => {
                (inputs.as_ref().map(Scaler::row_len), targets.as_ref().map(Scaler::row_len))
            }
        }
    }

    /// The class names that it gives the outputs.
    pub(crate) fn class_names(&self) -> Option<Vec<String>> {
        match self {
            Self::Table(preparation) => preparation.class_names(),
            Self::Scaled { .. } => None,
        }
    }

    /// The names of the values to regress, where they are known.
    pub(crate) fn target_names(&self) -> Vec<String> {
        match self {
            Self::Table(preparation) => preparation.target_columns(),
            Self::Scaled { .. } => Vec::new(),
        }
    }

    /// Outputs that are values in the units of the data.
    pub(crate) fn invert(&self, outputs: &[f32]) -> Result<Vec<f64>> {
        match self {
            Self::Table(preparation) => preparation.invert(outputs),
            Self::Scaled { targets: Some(scaler), .. } => scaler.invert_f64(outputs),
            Self::Scaled { .. } => Ok(outputs.iter().map(|&v| v.into()).collect()),
        }
    }
}
