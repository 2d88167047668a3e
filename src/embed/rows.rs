//! The rows that a learner trains on.

use crate::layer::Signal;
use crate::{Dataset, Error, Result, Targets};

/// Rows in the caller's buffers, row by row, with the usage `STORAGE`. They may be rewritten at any time between submissions; a step uses
/// what they hold when it runs.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    /// The number of rows, at least 1.
    pub rows: usize,
    /// The inputs, `[rows, …the model's input shape]`, f32.
    pub inputs: wgpu::BufferBinding<'a>,
    /// The targets.
    pub targets: Target<'a>,
}

/// The targets of [`Rows`].
#[derive(Clone, Debug)]
pub enum Target<'a> {
    /// Numbers to regress, or distributions over classes: `[rows, …the model's output shape]`, f32.
    Values(wgpu::BufferBinding<'a>),
    /// Class indices, u32: one per row, or one per time step if the model's output has time steps. An index outside of the classes stands
    /// for no class.
    Labels(wgpu::BufferBinding<'a>),
}

/// Where a learner's rows come from.
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

/// The kind of a [`Target`], for preparing kernels before its buffer exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// [`Target::Values`].
    Values,
    /// [`Target::Labels`].
    Labels,
}

impl TargetKind {
    /// Targets of this kind for a model with this output, without values.
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
                "give the last layer one unit per class",
            )),
        }
    }
}

impl Target<'_> {
    /// The kind of these targets.
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
