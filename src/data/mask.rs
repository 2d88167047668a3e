//! A data set's padding: the value that fills padded steps, and where they are.

use super::Dataset;
use crate::{Error, Result};

/// Which parts of the rows are padding: steps of `step` numbers that all have the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Padding {
    pub(super) value: f32,
    pub(super) step: usize,
}

impl Padding {
    /// Whether these numbers are a padded step.
    pub(super) fn is(self, step: &[f32]) -> bool {
        step.iter().all(|&v| v == self.value)
    }

    /// The first padded step.
    pub(super) fn find(self, values: &[f32]) -> Option<usize> {
        values.chunks_exact(self.step).position(|step| self.is(step))
    }
}

impl Dataset {
    /// In a data set of padded sequences, the value that fills padded steps: see [`PadSequences`](super::PadSequences) and
    /// [`Dataset::with_mask`].
    ///
    /// Training, evaluation and reports refuse data with padded steps unless the network begins with [`Masking`](crate::Masking) of this
    /// value. For networks that should see the padding as numbers, such as convolutions, use [`Dataset::without_mask`].
    pub fn mask_value(&self) -> Option<f32> {
        self.padding.map(|padding| padding.value)
    }

    /// The same rows, sequences `[T, ...]` that were padded elsewhere, with the value that fills padded steps. Ranges, scalers and
    /// networks then leave those steps out, as with [`PadSequences`](super::PadSequences).
    ///
    /// # Errors
    /// Rows of another kind of shape; a value that is not finite; a row that consists entirely of padding.
    pub fn with_mask(mut self, value: f32) -> Result<Self> {
        let place = "data set mask value";
        let &[steps, _, ..] = self.shape() else {
            return Err(Error::invalid(
                place,
                format!("{value} for rows of shape {:?}", self.shape()),
                "sequences of shape [steps, features]",
                "reshape the data to steps of features",
            ));
        };
        if !value.is_finite() {
            return Err(Error::invalid(
                place,
                value,
                "a finite number",
                "give the number that fills padded steps",
            ));
        }
        let padding = Padding { value, step: self.row_len() / steps };
        if let Some(row) = self.inputs().chunks_exact(self.row_len()).position(|row| padding.is(row)) {
            return Err(Error::invalid(
                place,
                format!("{value}, which fills all of row {row}"),
                "at least one step in every row that is not padding",
                "give the value that fills padded steps, and drop sequences without steps",
            ));
        }
        self.padding = Some(padding);
        Ok(self)
    }

    /// The same rows without a mask value: padding then counts as numbers, in ranges, scalers and networks. To scale data without their
    /// padding, scale them first; to keep padding from widening the first x_Q, declare the range with
    /// [`Sequential::input_range`](crate::Sequential::input_range).
    pub fn without_mask(mut self) -> Self {
        self.padding = None;
        self
    }

    /// The mask value, if there is a padded step.
    pub(crate) fn padded(&self) -> Option<f32> {
        self.padding.filter(|padding| padding.find(self.inputs()).is_some()).map(|padding| padding.value)
    }

    /// The first row with a padded step that is not entirely covered by a mask over steps of `features` features.
    pub(crate) fn row_unmasked_by(&self, features: usize) -> Option<usize> {
        let Padding { value, step } = self.padding?;
        let whole = |place: usize| {
            let (first, end) = (place * step / features * features, (place + 1) * step);
            self.inputs()[first..end.next_multiple_of(features)].iter().all(|&v| v == value)
        };
        let steps = self.inputs().chunks_exact(step).enumerate();
        let mut padded = steps.filter(|(_, values)| Padding { value, step }.is(values));
        padded.find(|&(place, _)| !whole(place)).map(|(place, _)| place * step / self.row_len())
    }

    /// Checks that other inputs of these rows have their padding in the same places.
    pub(super) fn check_padding_of(&self, other: &Self) -> Result<()> {
        let Some(padding) = self.padding else { return Ok(()) };
        let steps = |data: &'_ Self| -> Vec<bool> {
            data.inputs().chunks_exact(padding.step).map(|step| padding.is(step)).collect()
        };
        let (before, after) = (steps(self), steps(other));
        let Some(place) = before.iter().zip(&after).position(|(before, after)| before != after) else {
            return Ok(());
        };
        let steps = self.row_len() / padding.step;
        Err(Error::invalid(
            "data set inputs",
            format!(
                "step {} of row {}, which is {}padded",
                place % steps,
                place / steps,
                if before[place] { "no longer " } else { "newly " }
            ),
            format!("the mask value {} where it was, and only there", padding.value),
            "leave padded steps as they are, or drop the mask value first, by Dataset::without_mask",
        ))
    }

    /// The inputs without padded steps, in as many parts as there are such steps.
    pub(super) fn counting(&self) -> impl Iterator<Item = &[f32]> {
        let step = self.padding.map_or(self.inputs().len(), |padding| padding.step);
        let padded = move |step: &[f32]| self.padding.is_some_and(|padding| padding.is(step));
        self.inputs().chunks(step).filter(move |step| !padded(step))
    }

    /// Scaled inputs with the padded steps unchanged.
    pub(super) fn with_padding(&self, mut scaled: Vec<f32>) -> Result<Vec<f32>> {
        let Some(padding) = self.padding else { return Ok(scaled) };
        let steps = self.inputs().chunks_exact(padding.step);
        for (i, (step, scaled)) in steps.zip(scaled.chunks_exact_mut(padding.step)).enumerate() {
            if padding.is(step) {
                scaled.fill(padding.value);
            } else if padding.is(scaled) {
                return Err(Error::invalid(
                    "scaled sequences",
                    format!(
                        "a step of row {} that consists of the mask value, {}",
                        i * padding.step / self.row_len(),
                        padding.value
                    ),
                    "a mask value that fills no unpadded step",
                    "pad with a value outside of the range to which the data are scaled",
                ));
            }
        }
        Ok(scaled)
    }

    /// The same rows with other targets.
    pub(super) fn with_values(&self, shape: &[usize], values: Vec<f32>) -> Result<Self> {
        let mut data = Self::values(self.shape(), self.inputs().to_vec(), shape, values)?;
        data.padding = self.padding;
        data.exact_inputs = self.exact_inputs.clone();
        Ok(data)
    }
}
