//! What a layer is: its options before it knows its input ([`Layer`]), the built layer that records ([`Node`]), and what they
//! work with.

use super::{LayerDescription, Regularizer};
use crate::describe::Options;
use crate::initializer::stream;
use crate::plan::arena::{Arena, Initial, ParameterId, Role};
use crate::plan::{Recorder, View};
use crate::{Error, Initializer, Range, Result, Rotation, shape};
use std::any::Any;
use std::sync::Arc;

/// What flows between layers: the shape of one sample, and the range of its values where it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// The shape of one sample.
    pub shape: Vec<usize>,
    /// The range of the values, from which x_Q follows.
    pub range: Option<Range>,
    /// Whether it is a sequence `[T, ...]` of which a mask tells what steps count; see [`Masking`](crate::Masking).
    pub masked: bool,
}

impl Signal {
    /// The number of values of one sample.
    #[expect(clippy::len_without_is_empty, reason = "a signal is never empty")]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

/// A layer's options, before it knows its input.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// The layer's kind in paths, files and tables: `dense`.
    fn kind(&self) -> &'static str;

    /// Whether the layer does right by a masked sequence: by heeding the mask, or because it computes every step by itself.
    fn takes_masks(&self) -> bool {
        false
    }

    /// Whether what the layer makes of a row depends on the others, as statistics of a batch do.
    fn mixes_rows(&self) -> bool {
        false
    }

    /// The layer's options by name: what descriptions of networks tell, and what is compared where weights and states come from
    /// another network. Layers inside of it tell their own. A layer without parameters of which nothing is told is taken to
    /// compute nothing that weights depend on, as `Flatten`. Names of options that the layers of this crate have mean what
    /// they mean there: `dropout`, say, is compared where a training goes on, and not where weights are set.
    fn options(&self) -> Options {
        Options::new()
    }

    /// The layer for this input, with its parameters registered.
    ///
    /// # Errors
    /// Options or an input that the layer cannot work with.
    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>>;
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    fn kind(&self) -> &'static str {
        (**self).kind()
    }

    fn takes_masks(&self) -> bool {
        (**self).takes_masks()
    }

    fn mixes_rows(&self) -> bool {
        (**self).mixes_rows()
    }

    fn options(&self) -> Options {
        (**self).options()
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        (**self).build(scope, input)
    }
}

/// Where a layer is being built: its path, and the arena for its parameters.
#[derive(Debug)]
pub struct Scope<'a> {
    pub(crate) path: String,
    pub(crate) seed: u64,
    pub(crate) arena: &'a mut Arena,
    /// Whether the range of the network's inputs is one that data were seen to have, not one that was declared.
    pub(crate) observed: bool,
    /// The layers that were built.
    pub(crate) layers: &'a mut Vec<LayerDescription>,
}

impl Scope<'_> {
    /// The layer's path: `2.dense`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where a layer inside is being built.
    pub(crate) fn inside(&mut self, path: String) -> Scope<'_> {
        let Self { seed, observed, .. } = *self;
        Scope { path, seed, observed, arena: &mut *self.arena, layers: &mut *self.layers }
    }

    /// Notes what is told of a layer that was built.
    pub(crate) fn describe(&mut self, node: &dyn Node, options: Options) {
        self.layers.push(LayerDescription::new(node, options, self.arena));
    }

    /// Registers a parameter of this layer.
    ///
    /// # Errors
    /// What is wrong with the initialiser.
    pub fn parameter(
        &mut self,
        name: &str,
        shape: &[usize],
        initializer: Initializer,
        role: Role,
    ) -> Result<ParameterId> {
        self.parameter_with(name, shape, initializer, role, Vec::new())
    }

    /// Registers a parameter of this layer of which some stretches start at a number of their own.
    pub(crate) fn parameter_with(
        &mut self,
        name: &str,
        shape: &[usize],
        initializer: Initializer,
        role: Role,
        constant: Vec<(std::ops::Range<usize>, f32)>,
    ) -> Result<ParameterId> {
        let path = format!("{}.{name}", self.path);
        shape::elements(&path, shape)?;
        initializer.check(&path)?;
        let initial = Initial { initializer, seed: self.seed, constant };
        Ok(self.arena.add(path, shape, initial, role))
    }

    /// A seed of the layer's own, for random numbers while training.
    pub fn layer_seed(&self) -> u32 {
        let mixed = stream(&self.path) ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 32)) as u32
    }
}

/// What a layer's forward pass leaves for its backward pass and for reports.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The layer's input.
    pub input: View,
    /// The layer's output.
    pub output: View,
    /// z, where it is stored.
    pub pre_activation: Option<View>,
    /// ρ, then q, of a rotated layer.
    pub rotation: Option<View>,
    /// Where a recurrent layer's backward pass leaves the gradients of its pre-activations, `[B, T, ...]`.
    pub d_pre_activation: Option<View>,
    /// Which steps of the output count, where the layer decides it: `[B, T]` of 1 and 0.
    pub mask: Option<View>,
    /// What the layers inside of this one left.
    pub inner: Vec<Trace>,
    /// What else the layer's backward pass needs.
    pub(super) kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl Trace {
    /// Of a layer that leaves no more than its output.
    pub fn new(input: View, output: View) -> Self {
        Self {
            input,
            output,
            pre_activation: None,
            rotation: None,
            d_pre_activation: None,
            mask: None,
            inner: Vec::new(),
            kept: None,
        }
    }

    /// Keeps something of the layer's own for its backward pass.
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept = Some(Arc::new(kept));
        self
    }

    /// What the layer's forward pass kept; `None` where that is nothing of this type.
    pub fn kept<T: Any>(&self) -> Option<&T> {
        self.kept.as_deref().and_then(|kept| (kept as &dyn Any).downcast_ref())
    }

    /// Refuses the backward pass of the layer at `path` from a trace that its own forward pass did not leave.
    pub(crate) fn refuse(&self, rec: &mut Recorder<'_>, path: &str) -> Option<View> {
        rec.refuse(Error::invalid(
            path,
            format!("a trace of another layer's, with {} inner ones", self.inner.len()),
            "the one that the layer's own forward pass left",
            "hand every layer its own trace",
        ));
        None
    }
}

/// A layer in a network: its input is known and its parameters have places.
pub trait Node: std::fmt::Debug + Send + Sync {
    /// The layer's path: `2.dense`.
    fn path(&self) -> &str;

    /// The layer's output.
    fn output(&self) -> &Signal;

    /// Records the forward pass of a batch.
    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace;

    /// Records the backward pass from the output's gradient: the parameters' gradients, and the input's where it is
    /// asked for. A plan in which a layer then returns none is refused.
    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View>;

    /// The layers inside of this one, in the order of [`Trace::inner`].
    fn inner(&self) -> &[Box<dyn Node>] {
        &[]
    }

    /// What reports and summaries tell of the layer itself.
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// What reports and summaries tell of a layer.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The parameters.
    pub parameters: Vec<ParameterId>,
    /// Those of them that are kernels.
    pub kernels: Vec<ParameterId>,
    /// Parameters whose size is added to the loss.
    pub penalties: Vec<(ParameterId, Regularizer)>,
    /// The range of the inputs, known or declared.
    pub input_range: Option<Range>,
    /// The rotation of a rotated layer.
    pub rotation: Option<Rotation>,
    /// λ of a learnt L = exp(λ).
    pub lambda: Option<ParameterId>,
    /// The activations of as many equal parts of the pre-activations of a row: one, or one a gate.
    pub activations: Vec<crate::Activation>,
    /// L of those parts of a rotated layer, or where it starts.
    pub limits: Vec<f32>,
    /// h_Q of a recurrent layer whose whole gates are rotated.
    pub h_q: Option<f32>,
    /// Whether one ρ a filter was asked for, of a rotated layer whose positions may differ in it.
    pub per_filter: Option<bool>,
    /// The value that fills padded steps, of a layer that masks them.
    pub mask_value: Option<f32>,
    /// The time steps of its input, of a recurrent layer.
    pub steps: Option<usize>,
    /// How many states `[B, units]` the layer keeps after a batch.
    pub states: usize,
    /// Whether the next batch begins with them.
    pub stateful: bool,
}
