//! The parameters of a model: one arena, in which each has a path, a shape and a place.

use super::ALIGNMENT;
use crate::{Error, Initializer, Real, Result};
use std::collections::HashMap;
use std::ops::Range;

/// The names of the buffers that all plans of a model share.
pub mod keys {
    /// All parameters.
    pub const PARAMETERS: &str = "parameters";
    /// The parameters from before the last update.
    pub const PREVIOUS: &str = "previous parameters";
    /// All gradients, laid out like the parameters.
    pub const GRADIENTS: &str = "gradients";
    /// Gradients accumulated over several steps.
    pub const ACCUMULATED: &str = "accumulated";
    /// How many rows of a group of accumulated steps count so far, where a mask tells, and the last step's share.
    pub const SHARES: &str = "shares";
    /// Moving averages of the parameters.
    pub const AVERAGES: &str = "averaged parameters";
    /// The clock; see `kernel::clock`.
    pub const CLOCK: &str = "clock";
    /// The table of rates; see `kernel::rates`.
    pub const RATES: &str = "rates";
    /// Which step is due in every row of the table of rates; see `kernel::Guard::due`.
    pub const DUE: &str = "due";
    /// The sums of every step's scores.
    pub const TALLIES: &str = "tallies";
    /// Clip factor and norm of the gradient.
    pub const CONTROL: &str = "control";
    /// The prefix of the names of what a micro-batch has to itself.
    pub const MICRO_BATCH: &str = "micro-batch";
    /// The prefix of the names of buffers in which layers keep their states between batches.
    pub const STATE: &str = "state in ";

    /// The name of the states of the layer at this path for batches of `rows` rows; each course of batches has its own.
    pub fn state(course: crate::plan::Course, path: &str, rows: usize) -> String {
        format!("{STATE}{course}: {path}, {rows} rows")
    }
}

/// A parameter's number in its arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParameterId(usize);

/// What happens to a parameter in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is trained, and weight decay applies.
    Decayed,
    /// It is trained, without weight decay.
    Trained,
    /// Its layer maintains it: its gradient is 0.
    Kept,
}

/// A penalty on a kernel, added to the loss: l1·Σ|w| + l2·Σw² (Keras' `L1L2`).
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regularizer {
    /// The factor of Σ|w|, at least 0.
    pub l1: f32,
    /// The factor of Σw², at least 0.
    pub l2: f32,
}

impl Regularizer {
    /// Refuses factors that are negative or not finite.
    pub(crate) fn check(&self, path: &str) -> Result<()> {
        let Self { l1, l2 } = *self;
        if l1.is_finite() && l2.is_finite() && l1 >= 0.0 && l2 >= 0.0 {
            return Ok(());
        }
        Err(Error::invalid(
            path,
            format!("kernel regulariser l1 = {l1}, l2 = {l2}"),
            "finite factors >= 0",
            "correct the regulariser",
        ))
    }
}

/// One parameter: its path, shape and place.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Layer path and name: `2.dense.kernel`.
    pub path: String,
    /// The shape, as Keras has it: a dense kernel is `[inputs, units]`.
    pub shape: Vec<usize>,
    /// The first element in the arena.
    pub offset: usize,
    /// What happens to it in training.
    pub role: Role,
    /// Whether training leaves it alone: see [`Model::set_trainable`](crate::Model::set_trainable).
    pub frozen: bool,
    /// What a kernel (a matrix of weights) adds to the loss; `None` for other parameters.
    pub kernel: Option<Regularizer>,
    initial: Initial,
}

/// How a parameter starts. Its numbers are computed on demand, so that a network too large for memory can be described and
/// measured.
#[derive(Clone, Debug)]
pub(crate) struct Initial {
    /// Its initialiser is already checked.
    pub(crate) start: Start,
    pub(crate) seed: u64,
}

/// The initial values of a parameter.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) initializer: Initializer,
    /// The length to which the weights of each unit are then scaled.
    pub(crate) length: Option<Length>,
    /// Stretches with a constant initial value of their own.
    pub(crate) constant: Vec<(Range<usize>, f32)>,
    /// The kernel whose filters' norms these are, instead of numbers of the initialiser, with the [`norms`]' `inner`.
    pub(crate) norms_of: Option<(Box<Parameter>, usize)>,
}

/// ‖v‖ of each filter of a kernel, of which `inner` neighbouring numbers belong to the same filter: 1, or the channels where these come last.
pub(crate) fn norms<T: Real>(kernel: &[T], filters: usize, inner: usize) -> Vec<f64> {
    let mut squares = vec![0.0; filters];
    kernel.iter().enumerate().for_each(|(i, v)| squares[i / inner % filters] += v.wide() * v.wide());
    squares.into_iter().map(f64::sqrt).collect()
}

impl From<Initializer> for Start {
    fn from(initializer: Initializer) -> Self {
        Self { initializer, length: None, constant: Vec::new(), norms_of: None }
    }
}

/// The length of each unit's weights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Length {
    pub(crate) of_unit: f32,
    pub(crate) units: usize,
    /// The gates or groups of the units, each of which starts orthogonal by itself where the initialiser is.
    pub(crate) blocks: usize,
    /// As for [`norms`].
    pub(crate) inner: usize,
}

impl Length {
    fn apply(self, values: &mut [f32]) {
        let Self { of_unit, units, inner, .. } = self;
        let norms = norms(values, units, inner);
        for (i, value) in values.iter_mut().enumerate() {
            let length = norms[i / inner % units];
            if length > 0.0 {
                *value = (f64::from(*value) * f64::from(of_unit) / length) as f32;
            }
        }
    }
}

impl Parameter {
    /// The number of elements.
    #[expect(clippy::len_without_is_empty, reason = "a parameter is never empty")]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Its place in the arena.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.len()
    }

    /// The path of its layer and its name there: `2.dense` and `kernel`.
    pub fn layer_and_name(&self) -> (&str, &str) {
        self.path.rsplit_once('.').unwrap_or(("", &self.path))
    }

    /// Its values at the start of training.
    pub(crate) fn initial(&self) -> Vec<f32> {
        let Initial { start: Start { initializer, length, constant, norms_of }, seed } = &self.initial;
        if let Some((kernel, inner)) = norms_of {
            let norms = norms(&kernel.initial(), self.len(), *inner);
            return norms.into_iter().map(|norm| norm as f32).collect();
        }
        let blocks = length.map_or(1, |length| length.blocks);
        let mut values = initializer.blocks(&self.path, &self.shape, *seed, blocks);
        if let Some(length) = length {
            length.apply(&mut values);
        }
        constant.iter().for_each(|(stretch, value)| values[stretch.clone()].fill(*value));
        values
    }
}

/// Whether a parameter's path is this one, or lies below it.
pub(crate) fn lies_at(parameter: &str, path: &str) -> bool {
    parameter.strip_prefix(path).is_some_and(|end| end.is_empty() || end.starts_with('.'))
}

/// All parameters of a model. Those that weight decay applies to come first.
#[derive(Clone, Debug, Default)]
pub struct Arena {
    parameters: Vec<Parameter>,
    /// Those of each layer, by its path.
    layers: HashMap<String, Vec<ParameterId>>,
    decayed_end: usize,
    len: usize,
}

impl Arena {
    /// Registers a parameter.
    pub(crate) fn add(
        &mut self,
        path: String,
        shape: &[usize],
        initial: Initial,
        role: Role,
        kernel: Option<Regularizer>,
    ) -> ParameterId {
        let id = ParameterId(self.parameters.len());
        let parameter =
            Parameter { path, shape: shape.to_vec(), offset: 0, role, frozen: false, kernel, initial };
        self.layers.entry(parameter.layer_and_name().0.to_owned()).or_default().push(id);
        self.parameters.push(parameter);
        self.lay_out();
        id
    }

    fn lay_out(&mut self) {
        let mut end = 0;
        for role in [Role::Decayed, Role::Trained, Role::Kept] {
            for parameter in self.parameters.iter_mut().filter(|p| p.role == role) {
                parameter.offset = end;
                end = (end + parameter.len()).next_multiple_of(ALIGNMENT);
            }
            if role == Role::Decayed {
                self.decayed_end = end;
            }
        }
        self.len = end.max(ALIGNMENT);
    }

    /// The parameter of this number.
    pub fn get(&self, id: ParameterId) -> &Parameter {
        &self.parameters[id.0]
    }

    /// All parameters in the order of the layers.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameters of the layer at this path, in the order in which it registered them; not those of layers inside of it.
    pub fn of_layer(&self, path: &str) -> impl Iterator<Item = &Parameter> + use<'_> {
        self.layers.get(path).into_iter().flatten().map(|&id| self.get(id))
    }

    /// The kernels whose size is added to the loss.
    pub(crate) fn penalised(&self) -> impl Iterator<Item = (ParameterId, &Parameter, Regularizer)> {
        let all = self.parameters.iter().enumerate();
        all.filter_map(|(i, p)| Some((ParameterId(i), p, p.kernel.filter(|&r| r != Regularizer::default())?)))
    }

    /// The number of the parameter with this path.
    pub fn find(&self, path: &str) -> Option<ParameterId> {
        self.parameters.iter().position(|p| p.path == path).map(ParameterId)
    }

    /// The parameter with this path.
    ///
    /// # Errors
    /// No such parameter; the error lists those that exist.
    pub fn named(&self, path: &str) -> Result<&Parameter> {
        self.parameters.iter().find(|p| p.path == path).ok_or_else(|| {
            let known = self.parameters.iter().map(|p| p.path.as_str()).collect::<Vec<_>>().join(", ");
            Error::invalid(path, "no such parameter", known, "use the model's own paths")
        })
    }

    /// The number of trainable numbers.
    pub fn count(&self) -> usize {
        self.parameters.iter().filter(|p| p.role != Role::Kept && !p.frozen).map(Parameter::len).sum()
    }

    /// Freezes the parameter at this path, or all that lie below it, or frees them; returns whether there are any.
    pub(crate) fn set_trainable(&mut self, path: &str, trainable: bool) -> bool {
        let mut found = false;
        for parameter in self.parameters.iter_mut().filter(|p| lies_at(&p.path, path)) {
            (parameter.frozen, found) = (!trainable, true);
        }
        found
    }

    /// The error for a layer that is not there.
    pub(crate) fn unknown_layer(&self, path: &str) -> Error {
        let mut layers: Vec<&str> = self.parameters.iter().map(|p| p.layer_and_name().0).collect();
        layers.dedup();
        Error::invalid(path, "no layer with parameters", layers.join(", "), "use the model's own paths")
    }

    /// The stretches of the arena that hold frozen parameters, in ascending order.
    pub(crate) fn frozen_ranges(&self) -> Vec<Range<usize>> {
        let mut all: Vec<_> = self.parameters.iter().filter(|p| p.frozen).map(Parameter::range).collect();
        all.sort_by_key(|range| range.start);
        let mut joined: Vec<Range<usize>> = Vec::new();
        for range in all {
            match joined.last_mut() {
                Some(last) if last.end.next_multiple_of(ALIGNMENT) == range.start => last.end = range.end,
                _ => joined.push(range),
            }
        }
        joined
    }

    /// The stretches of the arena that an update changes: all of it but the frozen parameters.
    pub(crate) fn trained_ranges(&self) -> Vec<Range<usize>> {
        let mut first = 0;
        let mut ranges = Vec::new();
        let frozen = self.frozen_ranges();
        for Range { start, end } in frozen.into_iter().chain(std::iter::once(self.len..self.len)) {
            if start > first {
                ranges.push(first..start);
            }
            first = end.next_multiple_of(ALIGNMENT);
        }
        ranges
    }

    /// Those of them that gradients change: without what layers maintain, which comes last.
    pub(crate) fn learnt_ranges(&self) -> Vec<Range<usize>> {
        let kept = self.parameters.iter().filter(|p| p.role == Role::Kept).map(|p| p.offset).min();
        let end = kept.unwrap_or(self.len);
        let learnt = self.trained_ranges().into_iter().map(|range| range.start..range.end.min(end));
        learnt.filter(|range| !range.is_empty()).collect()
    }

    /// The arena's length, with the gaps that alignment leaves.
    #[expect(clippy::len_without_is_empty, reason = "an arena is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where the decayed parameters end.
    pub fn decayed_end(&self) -> usize {
        self.decayed_end
    }

    /// The arena's content at the start of training.
    pub fn initial(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.len];
        for parameter in &self.parameters {
            values[parameter.offset..][..parameter.len()].copy_from_slice(&parameter.initial());
        }
        values
    }
}
