//! The layer interface: [`Layer`], the options before the input is known; [`Node`], the built layer that records its passes; and
//! the types that they use.

use super::chain::unmasked;
use super::weight_norm::{Gain, Normed};
use super::{LayerDescription, Signal};
use crate::describe::{Options, fingerprint};
use crate::kernel::Zones;
use crate::plan::arena::{Arena, Initial, ParameterId, Regularizer, Role, Start};
use crate::plan::{Recorder, View};
use crate::{Error, Frame, Initializer, Range, Result, Rotation, shape};
use std::any::Any;
use std::sync::Arc;

/// A layer's options, before its input is known.
pub trait Layer: std::fmt::Debug + Send + Sync {
    /// The layer's kind in paths, files and tables: `dense`.
    fn kind(&self) -> &'static str;

    /// Whether the layer handles masked sequences correctly: it uses the mask, or computes each step independently.
    fn takes_masks(&self) -> bool {
        false
    }

    /// Whether the output of a row depends on the other rows of the batch, as with batch statistics.
    fn mixes_rows(&self) -> bool {
        false
    }

    /// Whether every output is one of the inputs, and every input among the outputs: then a layer behind may take inputs of the network as
    /// indices; see [`Scope::takes_indices`].
    fn moves_values(&self) -> bool {
        false
    }

    /// The layer's options by name. They are part of the network's description, and are compared when weights or states come from
    /// another network. Inner layers report their own. A layer without parameters and options is assumed not to affect what
    /// weights mean, like `Flatten`. Options named as in this crate's layers are treated alike: `dropout`, for example, is
    /// compared when training continues, but not when weights are set.
    fn options(&self) -> Options {
        Options::new()
    }

    /// Builds the layer for this input and registers its parameters.
    ///
    /// # Errors
    /// Options or an input that are invalid for the layer.
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

    fn moves_values(&self) -> bool {
        (**self).moves_values()
    }

    fn options(&self) -> Options {
        (**self).options()
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        (**self).build(scope, input)
    }
}

/// Where a layer is being built: its path, and the registry of its parameters and of everything else that training needs to know.
#[derive(Debug)]
pub struct Scope<'a> {
    path: String,
    seed: u64,
    /// Whether the network's input range was observed in data rather than declared.
    pub(crate) observed: bool,
    /// The number of critical layers in the network, once it is known.
    pub(crate) depth: Option<usize>,
    /// Whether the layer's input is the network's, if in another shape or order.
    pub(super) given: bool,
    registered: &'a mut Registered,
}

/// What a network's layers have registered.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    pub(crate) arena: Arena,
    /// The layers that were built.
    pub(crate) layers: Vec<LayerDescription>,
    /// The paths of the layers that mask steps of their input, with the value of these steps.
    pub(crate) masks: Vec<(String, f32)>,
    /// The paths of the layers that take the network's inputs as indices, with the number below which these must be.
    pub(crate) indices: Vec<(String, usize)>,
    pub(crate) states: Vec<KeptStates>,
}

/// The states that a layer keeps after a batch.
#[derive(Clone, Debug)]
pub(crate) struct KeptStates {
    pub(crate) layer: String,
    /// The number of states `[B, units]`.
    pub(crate) count: usize,
    pub(crate) units: usize,
    /// Whether the next batch starts from them.
    pub(crate) stateful: bool,
}

impl<'a> Scope<'a> {
    /// The scope around all layers of a network.
    pub(crate) fn outermost(
        seed: u64,
        observed: bool,
        depth: Option<usize>,
        registered: &'a mut Registered,
    ) -> Self {
        Self { path: String::new(), seed, observed, depth, given: true, registered }
    }

    /// The layer's path: `2.dense`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Builds an inner layer, at the path of this one followed by `name`.
    ///
    /// # Errors
    /// Options or an input that are invalid for the inner layer; a node at another path.
    pub fn inner(&mut self, name: &str, layer: &dyn Layer, input: &Signal) -> Result<Box<dyn Node>> {
        self.inner_by(name, layer, input, |scope| layer.build(scope, input))
    }

    /// [`Scope::inner`] with its own way to build the layer.
    pub(crate) fn inner_by(
        &mut self,
        name: &str,
        layer: &dyn Layer,
        input: &Signal,
        build: impl FnOnce(&mut Scope<'_>) -> Result<Box<dyn Node>>,
    ) -> Result<Box<dyn Node>> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        unmasked(layer, &path, input)?;
        let Self { seed, observed, depth, given, .. } = *self;
        let mut scope = Scope { path, seed, observed, depth, given, registered: &mut *self.registered };
        let node = build(&mut scope)?;
        let path = scope.path;
        let is_inside = |inner: &str| inner.strip_prefix(&*path).is_some_and(|rest| rest.starts_with('.'));
        let mut inner = node.inner().iter().map(|node| node.path());
        let stray =
            if node.path() == path { inner.find(|inner| !is_inside(inner)) } else { Some(node.path()) };
        if let Some(stray) = stray {
            let found = format!("a node at the path {stray:?}");
            return Err(Error::invalid(
                path,
                found,
                "a node at Scope::path, with its inner nodes below that path: parameters are found by their layer's path",
                "return Scope::path from Node::path, and build inner layers with Scope::inner",
            ));
        }
        let told = LayerDescription::new(layer, &*node, &self.registered.arena);
        self.registered.layers.push(told);
        Ok(node)
    }

    /// Registers a parameter of this layer.
    ///
    /// # Errors
    /// An empty name or one with a dot, a shape with too many elements, an invalid initialiser.
    pub fn parameter(
        &mut self,
        name: &str,
        shape: &[usize],
        initializer: Initializer,
        role: Role,
    ) -> Result<ParameterId> {
        self.register((name, shape), Start::from(initializer), role, None)
    }

    /// Registers a kernel (weights) of this layer, with the penalty that it adds to the loss. Weight decay applies to it, and
    /// reports include its gradient.
    ///
    /// # Errors
    /// As [`Scope::parameter`]; regulariser factors that are negative or not finite.
    pub fn kernel(
        &mut self,
        name: &str,
        shape: &[usize],
        initializer: Initializer,
        regularizer: Regularizer,
    ) -> Result<ParameterId> {
        self.kernel_with(name, shape, Start::from(initializer), regularizer, Role::Decayed)
    }

    /// [`Scope::kernel`] with another start or role.
    pub(super) fn kernel_with(
        &mut self,
        name: &str,
        shape: &[usize],
        start: Start,
        regularizer: Regularizer,
        role: Role,
    ) -> Result<ParameterId> {
        regularizer.check(&self.path)?;
        self.register((name, shape), start, role, Some(regularizer))
    }

    /// Registers a parameter.
    pub(super) fn register(
        &mut self,
        (name, shape): (&str, &[usize]),
        start: Start,
        role: Role,
        kernel: Option<Regularizer>,
    ) -> Result<ParameterId> {
        let path = format!("{}.{name}", self.path);
        if name.is_empty() || name.contains('.') {
            let expected = "a non-empty name without dots, which separate the names in a path";
            return Err(Error::invalid(path, format!("a parameter called {name:?}"), expected, "rename it"));
        }
        if self.registered.arena.of_layer(&self.path).any(|known| known.path == path) {
            let expected = "a name of its own for every parameter of a layer";
            return Err(Error::invalid(
                path,
                "a second parameter of this name",
                expected,
                "rename one of them",
            ));
        }
        shape::elements(&path, shape)?;
        start.initializer.check(&path)?;
        let initial = Initial { start, seed: self.seed };
        Ok(self.registered.arena.add(path, shape, initial, role, kernel))
    }

    /// Registers a parameter that starts at the norms of a kernel's filters, of which `inner` neighbouring numbers belong to the same.
    pub(super) fn norms(
        &mut self,
        name: &str,
        filters: usize,
        (kernel, inner): (ParameterId, usize),
    ) -> Result<ParameterId> {
        let kernel = Box::new(self.registered.arena.get(kernel).clone());
        let start = Start { norms_of: Some((kernel, inner)), ..Initializer::Zeros.into() };
        self.register((name, &[filters]), start, Role::Trained, None)
    }

    /// Registers that this layer masks the input steps whose features all equal `value`; see [`Signal::masked`].
    pub fn masks(&mut self, value: f32) {
        self.registered.masks.push((self.path.clone(), value));
    }

    /// Registers that this layer takes its inputs as indices below `count`. Data that hold anything else are refused.
    ///
    /// # Errors
    /// Inputs that are not the network's own: a layer before this one may have changed them.
    pub fn takes_indices(&mut self, count: usize) -> Result<()> {
        if !self.given {
            return Err(Error::invalid(
                &self.path,
                "outputs of a layer that computes",
                "indices: the network's inputs, behind no layer but Flatten, Reshape, Permute and RepeatVector",
                "make it the first layer",
            ));
        }
        self.registered.indices.push((self.path.clone(), count));
        Ok(())
    }

    /// Registers that this layer keeps `count` states `[B, units]` after a batch; if `stateful`, the next batch starts from them.
    pub(crate) fn keeps_states(&mut self, count: usize, units: usize, stateful: bool) {
        let layer = self.path.clone();
        self.registered.states.push(KeptStates { layer, count, units, stateful });
    }

    /// The states that layers have registered so far.
    pub(super) fn states(&self) -> &[KeptStates] {
        &self.registered.states
    }

    /// The layer's own seed, for random numbers during training.
    pub fn layer_seed(&self) -> u32 {
        let mixed = fingerprint(&self.path) ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 32)) as u32
    }
}

/// What a layer's forward pass leaves for its backward pass and for reports.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The layer's input; with critical auto-rotation, as its neurons see it, around 0.
    pub input: View,
    /// The layer's output.
    pub output: View,
    /// z, if it is stored.
    pub pre_activation: Option<View>,
    /// ρ, then q, for a rotated layer.
    pub rotation: Option<View>,
    /// Where a recurrent layer's backward pass stores the gradients of its pre-activations, `[B, T, ...]`.
    pub d_pre_activation: Option<View>,
    /// Which output steps count, if the layer decides this: `[B, T]` of 1 and 0.
    pub mask: Option<View>,
    /// The traces of the inner layers.
    pub inner: Vec<Trace>,
    /// What a layer with weight normalisation has made of its kernel.
    pub(super) normed: Option<Normed>,
    /// x·W + b of a recurrent layer, where every buffer is kept.
    pub(crate) linear: Option<View>,
    /// Which of the layer's rows count, where a mask tells: 1 and 0 for as many rows each.
    pub(crate) counted: Option<View>,
    /// What else the layer's backward pass needs.
    pub(super) kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl Trace {
    /// A trace with only the input and the output.
    pub fn new(input: View, output: View) -> Self {
        Self {
            input,
            output,
            pre_activation: None,
            rotation: None,
            d_pre_activation: None,
            mask: None,
            inner: Vec::new(),
            normed: None,
            linear: None,
            counted: None,
            kept: None,
        }
    }

    /// Adds data of the layer's own for its backward pass.
    pub fn keeping(mut self, kept: impl Any + Send + Sync) -> Self {
        self.kept = Some(Arc::new(kept));
        self
    }

    /// What the layer's forward pass added with [`Trace::keeping`]; `None` if it is not of this type.
    pub fn kept<T: Any>(&self) -> Option<&T> {
        self.kept.as_deref().and_then(|kept| (kept as &dyn Any).downcast_ref())
    }

    /// Rejects the backward pass of the layer at `path`, because this trace is not from its own forward pass.
    pub(crate) fn refuse(&self, rec: &mut Recorder<'_>, path: &str) -> Option<View> {
        rec.refuse(Error::invalid(
            path,
            format!("the trace of another layer, with {} inner traces", self.inner.len()),
            "the trace of the layer's own forward pass",
            "pass each layer its own trace",
        ));
        None
    }
}

/// A built layer: its input is known and its parameters are registered.
pub trait Node: std::fmt::Debug + Send + Sync {
    /// The layer's path: `2.dense`.
    fn path(&self) -> &str;

    /// The layer's output.
    fn output(&self) -> &Signal;

    /// Records the forward pass of a batch.
    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace;

    /// Records the backward pass from the gradient of the output: the gradients of the parameters and, if `need_d_x`, that of the
    /// input, which is returned. A plan in which a needed one is missing is rejected.
    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View>;

    /// The inner layers, in the order of [`Trace::inner`].
    fn inner(&self) -> &[Box<dyn Node>] {
        &[]
    }

    /// What reports and summaries show about the layer itself.
    fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// What reports and summaries show about a layer.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The range of the inputs, known or declared.
    pub input_range: Option<Range>,
    /// The rotation of a rotated layer.
    pub rotation: Option<Rotation>,
    /// The frame in which the layer sees its inputs, with [`Rule::Critical`](crate::Rule::Critical).
    pub frame: Option<Frame>,
    /// λ of a learnt L = exp(λ).
    pub lambda: Option<ParameterId>,
    /// The activations of the equal parts of a row's pre-activations: one, or one per gate.
    pub activations: Vec<crate::Activation>,
    /// L of each of these parts of a rotated layer, or its initial value if it is learnt.
    pub limits: Vec<f32>,
    /// h_Q of a recurrent layer with [`RotatedPart::Gate`](crate::RotatedPart::Gate).
    pub h_q: Option<f32>,
    /// Whether one ρ per filter was requested, for a layer in which ρ may differ between positions.
    pub per_filter: Option<bool>,
    /// Where ρ differs, for a layer in which it may differ between positions.
    pub zones: Option<Zones>,
    /// The number of input time steps of a recurrent layer.
    pub steps: Option<usize>,
    /// The kernel of a layer of neurons that multiplies its inputs.
    pub kernel: Option<ParameterId>,
    /// The bias of a layer of neurons.
    pub bias: Option<ParameterId>,
    /// The gain of a layer with weight normalisation.
    pub gain: Option<Gain>,
}
