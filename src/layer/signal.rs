//! What is known of the values that flow from layer to layer.

use super::Scope;
use crate::activation::STANDARD_RANGE;
use crate::rotate::settled;
use crate::{Frame, Range};

/// What flows between layers: the shape of one sample and, if known, the range of its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The shape of one sample.
    pub shape: Vec<usize>,
    /// The range of the values, from which x_Q follows.
    pub range: Option<Range>,
    /// How [`Rule::Critical`](crate::Rule::Critical) sees the values: around this centre, divided by this deviation, which is 1 between
    /// its layers. A layer that changes values sets its outputs' own.
    pub frame: Frame,
    /// Whether it is a sequence `[T, ...]` with a mask that selects the steps that count; see [`Masking`](crate::Masking).
    pub masked: bool,
}

impl Signal {
    /// Values of this shape and range around 0, without a mask.
    pub fn new(shape: impl Into<Vec<usize>>, range: Option<Range>) -> Self {
        Self { shape: shape.into(), range, frame: Frame::default(), masked: false }
    }

    /// Values like these in another shape, without a mask.
    pub fn reshaped(&self, shape: Vec<usize>) -> Self {
        Self { shape, masked: false, ..self.clone() }
    }

    /// These values after a normalisation to mean 0 and deviation 1.
    pub(super) fn normalised(&self, scope: &Scope<'_>) -> Self {
        Self { range: Some(STANDARD_RANGE), frame: settled(Frame::default(), scope.depth), ..self.clone() }
    }

    /// The number of values per sample.
    #[expect(clippy::len_without_is_empty, reason = "a signal is never empty")]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}
