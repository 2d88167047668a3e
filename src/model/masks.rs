//! Checks that data fit a network's input, are indices where it takes these, and that it skips their padding.

use super::Network;
use crate::{Dataset, Error, Result};

impl Network {
    /// Checks that a data set's inputs have the network's shape, and masks where it expects them.
    pub(crate) fn check_inputs(&self, data: &Dataset) -> Result<()> {
        if data.shape() != self.input.shape {
            return Err(Error::invalid(
                "data set inputs",
                format!("rows of shape {:?}", data.shape()),
                format!("rows of shape {:?}, the model's input", self.input.shape),
                "build the model with Sequential::for_data, or reshape the data",
            ));
        }
        self.check_padding(data)?;
        self.check_rows(data.inputs(), "data set inputs")
    }

    /// Rejects rows of inputs that are no indices where layers take them as such, and rows that are masked as a whole.
    pub(crate) fn check_rows(&self, inputs: &[f32], place: &str) -> Result<()> {
        self.check_indices(inputs, place)?;
        self.check_masks(inputs, place)
    }

    fn check_indices(&self, inputs: &[f32], place: &str) -> Result<()> {
        let Some((path, count)) = self.indices.iter().min_by_key(|(_, count)| count) else { return Ok(()) };
        let stands = |v: &f32| *v >= 0.0 && f64::from(*v) < *count as f64 && v.fract() == 0.0;
        let Some(i) = inputs.iter().position(|v| !stands(v)) else { return Ok(()) };
        let (row, at) = (i / self.input.len(), i % self.input.len());
        let step = match self.input.shape.as_slice() {
            [_] => format!("step {at}"),
            shape => format!("place {:?}", crate::data::index(at, shape)),
        };
        Err(Error::invalid(
            place,
            format!("{} in row {row}, {step}", inputs[i]),
            format!("whole numbers from 0 to {}, the indices of {path}", count - 1),
            "number what they stand for from 0 on, unscaled, or give the layer a larger input_dim",
        ))
    }

    /// Rejects rows whose steps are all masked, if the network begins with a masking layer, so that the inputs show it. Chunks of
    /// sequences in stateful networks may be masked as a whole.
    fn check_masks(&self, inputs: &[f32], place: &str) -> Result<()> {
        let first = self.nodes.first().map(|node| node.path());
        let masking = self.masks.iter().find(|(path, _)| Some(&**path) == first);
        let Some(&(_, value)) = masking.filter(|_| self.stateful().is_none()) else { return Ok(()) };
        let hidden = |row: &[f32]| row.iter().all(|&v| v == value);
        match inputs.chunks_exact(self.input.len()).position(hidden) {
            None => Ok(()),
            Some(row) => Err(Error::invalid(
                place,
                format!("row {row} with {value}, which masks a step, in all its steps"),
                "at least one step that is not masked",
                "drop the empty sequences",
            )),
        }
    }

    /// Rejects data with padded steps that the network would take for data.
    fn check_padding(&self, data: &Dataset) -> Result<()> {
        let Some(value) = data.padded() else { return Ok(()) };
        let masking = self.masking(value)?;
        let features = self.input.len() / self.input.shape.first().map_or(1, |&steps| steps.max(1));
        match data.row_unmasked_by(features) {
            None => Ok(()),
            Some(row) => Err(Error::invalid(
                "data set inputs",
                format!("row {row} with padding in only a part of a step of {features} numbers"),
                format!("whole steps of {value}, which {masking} masks"),
                "give the rows the shape in which they were padded",
            )),
        }
    }

    /// The layer that masks steps padded with this value. It must be the first, since others change the steps or ignore the mask,
    /// and the only one, since another would replace its mask.
    pub(super) fn masking(&self, value: f32) -> Result<&str> {
        let first = self.nodes.first().map_or("", |node| node.path());
        let embedding = if value == 0.0 { ", or with an Embedding with mask_zero" } else { "" };
        let found = match self.masks.as_slice() {
            [] => "a network without a Masking layer".to_owned(),
            [(path, other), ..] if *other != value => format!("{path} of the value {other}"),
            [(path, _), ..] if path != first => format!("{path}, which is not the first layer"),
            [(path, _)] => return Ok(path),
            [_, (path, other), ..] => format!("a second mask by {path}, of the value {other}"),
        };
        Err(Error::invalid(
            "data set inputs",
            format!("steps padded with {value}, and {found}"),
            format!("a network that begins with Masking::new({value}){embedding}, and masks nothing else"),
            "mask the padding, or treat it as data with Dataset::without_mask",
        ))
    }
}
