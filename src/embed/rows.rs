//! What a learner is fed with.

use crate::layer::Signal;
use crate::{Dataset, Error, Result, Targets};

/// Rows in the caller's own buffers: f32, row by row, with the usage `STORAGE`. They may be written anew at any time between
/// submissions; the learner sees what they hold when its steps run.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// How many rows there are, at least 1.
    pub rows: usize,
    /// The inputs, `[rows, …the model's input shape]`.
    pub inputs: wgpu::BufferBinding<'a>,
    /// The targets.
    pub targets: Target<'a>,
}

/// The targets of [`Rows`].
#[derive(Clone, Debug)]
pub enum Target<'a> {
    /// Numbers to regress, or distributions over classes: `[rows, …the model's output shape]`, f32.
    Values(wgpu::BufferBinding<'a>),
    /// Class indices, u32: one a row, or one a time step where the model's output has time steps. One that is not below the number
    /// of classes stands for no class.
    Labels(wgpu::BufferBinding<'a>),
}

/// Where the rows come from.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// A data set in the host's memory, copied to the device once.
    Dataset(&'a Dataset),
    /// The caller's buffers.
    Buffers(Rows<'a>),
}

impl<'a> From<&'a Dataset> for Source<'a> {
    fn from(data: &'a Dataset) -> Self {
        Self::Dataset(data)
    }
}

impl<'a> From<Rows<'a>> for Source<'a> {
    fn from(rows: Rows<'a>) -> Self {
        Self::Buffers(rows)
    }
}

/// The kind of a [`Target`], for what is prepared before its buffer is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// As [`Target::Values`].
    Values,
    /// As [`Target::Labels`].
    Labels,
}

impl TargetKind {
    /// Targets of this kind for a model with such an output, without numbers.
    pub(super) fn shape(self, output: &Signal) -> Result<Targets> {
        if self == Self::Values {
            return Ok(Targets::Values { shape: output.shape.clone(), values: Vec::new() });
        }
        match output.shape.split_last() {
            Some((&classes, steps)) if classes > 0 => Ok(Targets::Classes {
                labels: Vec::new(),
                steps: steps.iter().product(),
                names: vec![String::new(); classes],
            }),
            _ => Err(Error::invalid(
                "labels",
                format!("an output of shape {:?}", output.shape),
                "a last dimension of classes",
                "give the last layer a unit for every class",
            )),
        }
    }
}

impl Target<'_> {
    /// Which kind it is.
    pub fn kind(&self) -> TargetKind {
        match self {
            Self::Values(_) => TargetKind::Values,
            Self::Labels(_) => TargetKind::Labels,
        }
    }

    pub(super) fn binding(&self) -> &wgpu::BufferBinding<'_> {
        match self {
            Self::Values(binding) | Self::Labels(binding) => binding,
        }
    }
}
