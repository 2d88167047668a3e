//! Predictions in the data's own terms: units, or classes with probabilities.

use super::{Model, Network};
use crate::data::{Conversion, Rows, conversion};
use crate::loss::Outputs;
use crate::{Error, Result};
use std::sync::Arc;

/// Answers to rows in the units of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    names: Arc<[String]>,
    /// The numbers of a row.
    width: usize,
    values: Vec<f64>,
    outputs: Outputs,
}

impl Predictions {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What the numbers of a prediction stand for: the columns of the values, or the classes, also the two that a single output tells. `0`, `1` and so on where no names are known.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether they are probabilities.
    pub fn are_probabilities(&self) -> bool {
        self.outputs.of_one_class() || self.outputs == Outputs::BinaryLogits
    }

    /// Values in the units of the data, or probabilities, row after row; where every time step has a prediction, step after step.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The numbers of a row.
    pub fn row(&self, row: usize) -> Option<&[f64]> {
        self.values.chunks_exact(self.width).nth(row)
    }

    /// The most probable class of a row, one per time step where every step has a prediction. `None` for values, for answers of yes or
    /// no, and beyond the last row.
    pub fn classes(&self, row: usize) -> Option<Vec<&str>> {
        let steps = self.row(row).filter(|_| self.outputs.of_one_class())?.chunks_exact(self.names.len());
        let most =
            |step: &[f64]| (0..step.len()).fold(0, |best, i| if step[i] > step[best] { i } else { best });
        Some(steps.map(|step| &*self.names[most(step)]).collect())
    }

    /// The most probable class of a row with one prediction.
    pub fn class(&self, row: usize) -> Option<&str> {
        match self.classes(row)?.as_slice() {
            &[class] => Some(class),
            _ => None,
        }
    }
}

impl Model {
    /// What the outputs are; training tells it by its loss, and by whether the network ends with a softmax.
    pub fn outputs(&self) -> Outputs {
        self.network.outputs
    }

    /// Says what the outputs are, for models that were trained elsewhere.
    pub fn set_outputs(&mut self, outputs: Outputs) {
        self.network.outputs = outputs;
    }

    /// What was done to the data before the network saw them.
    pub fn conversion(&self) -> Option<&Conversion> {
        self.network.conversion.as_deref()
    }

    /// Says what was done to the data: a [`Preparation`](crate::data::Preparation), a [`Scaler`](crate::data::Scaler), or
    /// [`Conversion::scalers`] of two. From then on [`Model::predict_rows`] takes raw rows, and [`Model::save`] keeps it with the model.
    ///
    /// # Errors
    /// Another number of inputs or outputs than the network has, other classes than the model has; scales that no data can have given; a
    /// scaling of inputs where the network masks steps, since padding must not be scaled.
    pub fn set_conversion(&mut self, conversion: impl Into<Conversion>) -> Result<()> {
        let conversion = conversion.into();
        conversion.check()?;
        if let (Conversion::Scaled { inputs: Some(_), .. }, Some((path, value))) =
            (&conversion, self.network.masks.first())
        {
            return Err(Error::invalid(
                "conversion of the data",
                format!("scaled inputs for a network that masks steps of {value} ({path})"),
                "padding, which no scale may touch",
                "scale and pad the rows, and use Model::predict",
            ));
        }
        let (inputs, outputs) = conversion.widths();
        let own = (self.network.input().len(), self.network.output().len());
        let differs = |width: Option<usize>, own| width.is_some_and(|width| width != own);
        let told = own.1 == 1 && conversion.class_names().is_some_and(|names| names.len() == 2);
        if differs(inputs, own.0) || (differs(outputs, own.1) && !told) {
            let told =
                |width: Option<usize>| width.map_or("any number of".to_owned(), |width| width.to_string());
            return Err(Error::invalid(
                "conversion of the data",
                format!("{} inputs and {} outputs", told(inputs), told(outputs)),
                format!("{} inputs and {} outputs, as the network has", own.0, own.1),
                "give the model what its own data were prepared with",
            ));
        }
        if let Some(names) = conversion.class_names() {
            self.check_names("conversion of the data", Some(&names))?;
            self.take_names(Some(&names));
        }
        self.network.conversion = Some(Arc::new(conversion));
        Ok(())
    }

    /// Predictions for rows as the data have them: a [`Table`](crate::data::Table) of raw fields, or numbers in the data's units; see
    /// [`Model::set_conversion`]. Values are in the units of the targets, classes have probabilities.
    ///
    /// # Errors
    /// A table that lacks a column or has a field that cannot be converted, numbers where a table is needed or the other way round; as
    /// [`Model::predict`].
    #[cfg(not(target_family = "wasm"))]
    pub fn predict_rows<'r>(&mut self, rows: impl Into<Rows<'r>>) -> Result<Predictions> {
        pollster::block_on(self.predict_rows_async(rows))
    }

    /// [`Model::predict_rows`], for callers that may not block.
    pub async fn predict_rows_async<'r>(&mut self, rows: impl Into<Rows<'r>>) -> Result<Predictions> {
        let inputs = conversion::inputs(self.conversion(), rows.into())?;
        let outputs = self.predict_async(&inputs).await?;
        self.network.answers(&outputs)
    }
}

impl Network {
    /// The network's outputs in the data's own terms.
    pub(super) fn answers(&self, outputs: &[f32]) -> Result<Predictions> {
        let conversion = self.conversion.as_deref();
        let each = self.output().shape.last().copied().unwrap_or(1);
        let classes = self.classes.as_ref().map_or(0, |names| names.len());
        let values = match (self.outputs, conversion) {
            (Outputs::Values, Some(conversion)) => conversion.invert(outputs)?,
            (_, Some(conversion)) if conversion.scales_targets() => {
                return Err(Error::invalid(
                    "conversion of the data",
                    "scaled targets of a model whose outputs are probabilities or rates",
                    "targets as they are",
                    "train with a loss for values, or leave the scaler of the targets away",
                ));
            }
            (kind, _) => {
                let mut values = Vec::with_capacity(outputs.len());
                outputs.chunks_exact(each).for_each(|one| kind.answer_of(one, classes, &mut values));
                values
            }
        };
        let targets = conversion.map(Conversion::target_names).unwrap_or_default();
        let known = self.classes.as_ref().map_or(targets, |names| names.to_vec());
        if self.outputs.tells_two(each, classes) {
            let width = 2 * self.output().len();
            return Ok(Predictions { names: known.into(), width, values, outputs: Outputs::Logits });
        }
        let names = match known.len() {
            len if len == each => known,
            // A value for the second of two classes.
            2 if each == 1 && classes == 2 => known[1..].to_vec(),
            _ => (0..each).map(|i| i.to_string()).collect(),
        };
        Ok(Predictions { names: names.into(), width: self.output().len(), values, outputs: self.outputs })
    }
}
