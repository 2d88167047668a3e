//! Models: built from layers, living on a device.

mod classes;
mod counters;
mod description;
mod masks;
pub(crate) mod network;
mod predict;
mod state;
mod states;
mod summary;
mod timetable;
mod weights;
mod written;

pub use crate::layer::description::{LayerDescription, RotationDescription};
pub(crate) use counters::Author;
pub(crate) use description::Agreement;
pub use description::Description;
pub use network::{Memory, Network};
use predict::INPUT;
pub use state::ModelState;
pub(crate) use state::Saving;
pub(crate) use timetable::{Ending, Step, Timetable, steps};
pub use weights::{Tensor, Weights};
pub(crate) use written::Written;

use crate::data::Observed;
use crate::device::{Device, Executor, Program, Values};
use crate::kernel::{Element, clock, rates};
use crate::layer::{Layer, Node, Scope, Signal, chain};
use crate::plan::View;
use crate::plan::arena::{Arena, keys};
use crate::{Dataset, Error, Range, Result, shape};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The most steps of one submission.
pub(crate) const STEPS: usize = 32;

/// The rows of the tallies and of the table of rates: one submission runs while the next is prepared.
pub(crate) const SLOTS: usize = 2 * STEPS;

/// A chain of layers to build a [`Model`] from.
///
/// ```
/// use autorot::{Activation, AutoRotate, Dense, Device, Flatten, Sequential};
///
/// let model = Sequential::new([28, 28])
///     .input_range(0.0, 1.0)
///     .add(Flatten)
///     .add(Dense::new(50).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
///     .add(Dense::new(10))
///     .build(&Device::cpu(), 7)?;
/// assert_eq!(model.parameter_count(), 784 * 50 + 50 + 50 * 10 + 10);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential {
    shape: Vec<usize>,
    range: Option<(f32, f32)>,
    /// With what the data are padded that it is for.
    padding: Option<f32>,
    classes: Option<Arc<[String]>>,
    /// Where the range is that of data.
    observed: Option<Observed>,
    layers: Vec<Arc<dyn Layer>>,
}

/// Layers for one kind of input, their parameters, and what is told of them.
type Built = (Vec<Box<dyn Node>>, Arena, Vec<LayerDescription>);

impl Sequential {
    /// For inputs of this shape (without the batch). Auto-rotating layers also need the inputs' range:
    /// see [`Sequential::input_range`] and [`Sequential::for_data`].
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self {
            shape: shape.into(),
            range: None,
            padding: None,
            classes: None,
            observed: None,
            layers: Vec::new(),
        }
    }

    /// For inputs like these: their shape and their observed range, from which the first x_Q follows. The range is that of
    /// all inputs, padding left out, but those few that lie far beyond the rest: see [`Dataset::observe`]. Where a rotated
    /// layer takes its x_Q from it, what is doubtful about it is told in [`Network::summary`], and through `log::warn!` when the
    /// model is built; where all inputs lie so far below 0 that x_Q = 2·x_max − x_min would come to lie between them and 0, it
    /// refuses them. Classic layers take any range.
    ///
    /// Where the last layer has as many outputs as the data have classes, the model knows the classes' names: see
    /// [`Model::class_names`].
    ///
    /// Where steps are padded the first layer is to be [`Masking`](crate::Masking) of the data's
    /// [`mask_value`](Dataset::mask_value): another model is told of through `log`, and refuses to be trained or evaluated
    /// on the data.
    pub fn for_data(data: &Dataset) -> Self {
        let observed = data.observe();
        let Range { min, max } = observed.range;
        Self {
            shape: data.shape().to_vec(),
            range: Some((min, max)),
            padding: data.padded(),
            classes: data.targets().class_names().map(Arc::from),
            observed: Some(observed),
            layers: Vec::new(),
        }
    }

    /// Declares the range of the inputs, from which the first x_Q follows. It is taken as it is, instead of the range of data.
    pub fn input_range(mut self, min: f32, max: f32) -> Self {
        self.range = Some((min, max));
        self.observed = None;
        self
    }

    /// Appends a layer.
    #[expect(clippy::should_implement_trait, reason = "Keras' word")]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Appends a layer made elsewhere.
    pub fn add_boxed(mut self, layer: Box<dyn Layer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// The network, without a device: shapes, ranges, and parameters started from the seed. A layer's path
    /// is its place and kind, `2.dense`.
    ///
    /// # Errors
    /// The first layer that does not fit, by its path.
    pub fn network(&self, seed: u64) -> Result<Network> {
        shape::elements("input", &self.shape)?;
        let range = match self.range {
            Some((min, max)) => Some(Range::new(min, max)?),
            None => None,
        };
        if self.layers.is_empty() {
            return Err(Error::invalid(
                "model",
                "no layers",
                "at least one layer",
                "add a layer before building",
            ));
        }
        let input = Signal { shape: self.shape.clone(), range, masked: false };
        let (nodes, arena, layers) = self.nodes(&input, seed)?;
        let mut doubts: Vec<String> = self.observed.iter().flat_map(Observed::doubts).collect();
        // Where the same layers come of inputs of unknown range, no x_Q follows from it.
        let unknown = Signal { range: None, ..input.clone() };
        if !doubts.is_empty() && self.nodes(&unknown, seed).is_ok_and(|(_, _, same)| same == layers) {
            doubts.clear();
        }
        let description = Arc::new(Description { input: self.shape.clone(), seed, layers });
        let nodes = nodes.into();
        let mut network = Network { input, nodes, arena, classes: None, description, doubts };
        network.classes = self.classes.clone().filter(|names| network.suits(names));
        Ok(network)
    }

    /// The layers for inputs like this one.
    fn nodes(&self, input: &Signal, seed: u64) -> Result<Built> {
        let (mut arena, mut layers) = (Arena::default(), Vec::new());
        let observed = self.observed.is_some();
        let mut scope = Scope { path: String::new(), seed, observed, arena: &mut arena, layers: &mut layers };
        let nodes = chain::build(&self.layers, "", &mut scope, input)?;
        Ok((nodes, arena, layers))
    }

    /// The model on a device, its parameters started from the seed: the same seed gives layers of the same path and
    /// shape the same kernels, rotated or not.
    ///
    /// # Errors
    /// As [`Sequential::network`], and the device's.
    pub fn build(&self, device: &Device, seed: u64) -> Result<Model> {
        let network = self.network(seed)?;
        network.doubts.iter().for_each(|doubt| log::warn!("{doubt}"));
        if let Some(Err(error)) = self.padding.map(|value| network.masking(value)) {
            log::warn!("{error}");
        }
        Model::new(network, device)
    }
}

/// A network with its weights on a device.
pub struct Model {
    pub(crate) network: Network,
    pub(crate) executor: Box<dyn Executor>,
    pub(crate) device: Device,
    /// Steps and epochs since the model was built.
    pub(crate) steps: u64,
    pub(crate) epochs: u64,
    /// Whether the parameters are those that an update made of the previous ones.
    pub(crate) updated: bool,
    /// Updates by the rule of each optimiser.
    pub(crate) updates: BTreeMap<String, u64>,
    /// Who counts them.
    pub(crate) author: Author,
    /// What finds out which parameters others have written, once others can.
    pub(crate) written: Option<Written>,
    /// Names given so far to what has buffers of its own.
    named: u64,
    predictors: HashMap<usize, (Program, View)>,
    /// The buffers in which layers keep states, with their lengths.
    states: BTreeMap<String, usize>,
    /// The other buffers that training goes on from: the parameters, and what optimisers keep.
    kept: BTreeMap<String, usize>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("network", &self.network)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

/// An executor with a network's buffers.
fn prepared(network: &Network, device: &Device) -> Result<Box<dyn Executor>> {
    let mut executor = device.executor();
    let len = network.arena.len();
    executor.allocate(keys::PARAMETERS, Element::Float, len)?;
    executor.allocate(keys::GRADIENTS, Element::Float, len)?;
    executor.allocate(keys::CLOCK, Element::Index, clock::LEN)?;
    executor.allocate(keys::RATES, Element::Float, SLOTS * rates::LEN)?;
    executor.allocate(keys::DUE, Element::Index, SLOTS)?;
    executor.allocate(keys::CONTROL, Element::Float, 2)?;
    executor.write(keys::PARAMETERS, 0, Values::F32(&network.arena.initial()))?;
    Ok(executor)
}

impl Model {
    fn new(network: Network, device: &Device) -> Result<Self> {
        let executor = prepared(&network, device)?;
        let kept = BTreeMap::from([(keys::PARAMETERS.to_owned(), network.arena.len())]);
        let device = device.clone();
        Ok(Self {
            network,
            executor,
            device,
            steps: 0,
            epochs: 0,
            updated: false,
            updates: BTreeMap::new(),
            author: Author::Nobody,
            written: None,
            named: 0,
            predictors: HashMap::new(),
            states: BTreeMap::new(),
            kept,
        })
    }

    /// Builds the model anew on a device: the same network, with the parameters that it had at first. What it was on the device
    /// before is forgotten, and need not be there any more; [`Model::restore`] and [`Model::set_weights`] bring it back, and
    /// [`Trainer::resume`](crate::Trainer::resume) does so by itself.
    ///
    /// # Errors
    /// The device's, in which case the model stays where it is.
    pub fn rebuild(&mut self, device: &Device) -> Result<()> {
        self.executor = prepared(&self.network, device)?;
        self.device = device.clone();
        (self.steps, self.epochs, self.updated) = (0, 0, false);
        (self.author, self.written) = (Author::Nobody, None);
        self.updates.clear();
        self.predictors.clear();
        self.states.clear();
        self.kept.retain(|key, _| key == keys::PARAMETERS);
        Ok(())
    }

    /// A second model on the same device, which goes on from where this one stands: parameters, what optimisers keep, states of
    /// stateful layers, counters. States of predictions begin anew.
    ///
    /// # Errors
    /// The device's.
    #[cfg(not(target_family = "wasm"))]
    pub fn try_clone(&mut self) -> Result<Self> {
        pollster::block_on(self.try_clone_async())
    }

    /// [`Model::try_clone`], for callers that may not block.
    pub async fn try_clone_async(&mut self) -> Result<Self> {
        let state = self.save_async().await?;
        let mut copy = Self::new(self.network.clone(), &self.device)?;
        copy.restore(&state)?;
        Ok(copy)
    }

    /// The network: layers, shapes, parameters' places.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Where the model lives.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        self.network.arena.count()
    }

    /// A name that nothing else on this model has: trainings may be nested in callbacks.
    pub(crate) fn own_name(&mut self, name: &str) -> String {
        self.named += 1;
        format!("{name} {}", self.named)
    }

    /// A table of the layers: outputs, parameters, ranges, x_Q and L; and what training takes. Before anything is allocated
    /// [`Sequential::network`] has the same.
    pub fn summary(&self) -> String {
        self.network.summary()
    }

    /// Bytes of all buffers that the model has on the device: parameters, gradients and moments, data sets at hand, everything between
    /// layers, and those through which it is read back; without buffers of the caller's. Shaders and what the driver keeps to
    /// itself come on top: [`Device::allocated_bytes`]. On a CPU those of its arrays.
    pub fn device_bytes(&self) -> u64 {
        self.executor.bytes()
    }

    /// The last layer's outputs for rows of inputs, one after another.
    ///
    /// # Errors
    /// A length that is not a multiple of a row's, NaN or infinite inputs, the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn predict(&mut self, inputs: &[f32]) -> Result<Vec<f32>> {
        pollster::block_on(self.predict_async(inputs))
    }

    /// [`Model::predict`], for callers that may not block.
    pub async fn predict_async(&mut self, inputs: &[f32]) -> Result<Vec<f32>> {
        let width = self.network.input.len();
        if inputs.is_empty() || !inputs.len().is_multiple_of(width) {
            return Err(Error::invalid(
                "inputs to predict",
                format!("{} values", inputs.len()),
                format!("rows of shape {:?}, {width} values each", self.network.input.shape),
                "pass whole rows",
            ));
        }
        if let Some(i) = inputs.iter().position(|v| !v.is_finite()) {
            return Err(Error::invalid(
                "inputs to predict",
                format!("{} in row {}", inputs[i], i / width),
                "finite numbers",
                "fill in or drop missing values",
            ));
        }
        self.network.check_masks(inputs, "inputs to predict")?;
        if self.network.keeps_states() {
            // A training that failed is over: states are kept again.
            self.executor.write(keys::CLOCK, 0, Values::U32(&[0; clock::LEN]))?;
        }
        let mut outputs = Vec::with_capacity(inputs.len() / width * self.network.output().len());
        for rows in inputs.chunks(self.network.rows_at_once(inputs.len() / width)? * width) {
            let batch = self.network.rows_bound(rows.len() / width);
            let (program, view) = self.predictor(batch)?;
            self.executor.write(INPUT, 0, Values::F32(rows))?;
            self.executor.run(program, 1)?;
            let wanted = View { len: rows.len() / width * self.network.output().len(), ..view };
            outputs.extend(self.executor.read_view(program, wanted).await?.into_iter().map(|v| v as f32));
        }
        Ok(outputs)
    }

    fn predictor(&mut self, batch: usize) -> Result<(Program, View)> {
        if let Some(&made) = self.predictors.get(&batch) {
            return Ok(made);
        }
        let (plan, view) = self.network.prediction_plan(batch)?;
        self.executor.allocate(INPUT, Element::Float, self.network.prediction_len())?;
        let program = self.bind(&plan)?;
        self.predictors.insert(batch, (program, view));
        Ok((program, view))
    }
}
