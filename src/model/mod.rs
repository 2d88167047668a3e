//! Models: built from layers, on a device.

mod answers;
mod classes;
mod counters;
mod description;
mod drafts;
mod fold;
mod masks;
pub(crate) mod network;
mod predict;
#[cfg(not(target_family = "wasm"))]
mod predictor;
mod state;
mod states;
mod summary;
mod timetable;
mod weights;
mod written;

pub use crate::layer::description::{LayerDescription, RotationDescription};
pub use crate::layer::draft::Draft;
pub use crate::layer::kinds::{Described, Kinds};
pub use crate::loss::Outputs;
pub use answers::Predictions;
pub(crate) use counters::Author;
pub(crate) use description::Agreement;
pub use description::Description;
#[cfg(feature = "keras")]
pub(crate) use fold::is_padded_with_centre;
#[cfg(feature = "onnx")]
pub(crate) use fold::{Rho, multiply_rho};
pub use network::{Memory, Network};
use predict::INPUT;
#[cfg(not(target_family = "wasm"))]
pub use predictor::Predictor;
pub(crate) use state::Counts;
pub use state::ModelState;
pub(crate) use state::Saving;
pub(crate) use timetable::{Ending, Step, Timetable, steps};
pub use weights::{Tensor, Weights};
pub(crate) use written::Written;

use crate::data::Observed;
use crate::device::{Device, Executor, Program, Values};
use crate::kernel::{Element, clock, rates};
use crate::layer::{Layer, Node, Registered, Scope, Signal, chain};
use crate::plan::View;
use crate::plan::arena::keys;
use crate::{Dataset, Error, Frame, Range, Result, Rule, shape};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The maximum number of steps per submission.
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
    frame: Option<Frame>,
    /// The padding value of the data that it is for.
    padding: Option<f32>,
    classes: Option<Arc<[String]>>,
    /// The observed range, if it is that of data.
    observed: Option<Observed>,
    layers: Vec<Arc<dyn Layer>>,
}

/// Built layers and what they have registered.
type Built = (Vec<Box<dyn Node>>, Registered);

impl Sequential {
    /// For inputs of this shape (without the batch). Auto-rotating layers also need the input range: see
    /// [`Sequential::input_range`] and [`Sequential::for_data`].
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self {
            shape: shape.into(),
            range: None,
            frame: None,
            padding: None,
            classes: None,
            observed: None,
            layers: Vec::new(),
        }
    }

    /// For inputs like these: their shape and their observed range, from which the first x_Q follows. The range is that of all
    /// inputs except padding and the few that lie far beyond the rest: see [`Dataset::observe`]. If a rotated layer takes its x_Q
    /// from it, doubts about the range are shown by [`Network::summary`] and, when the model is built, by `log::warn!`; if all
    /// inputs lie so far below 0 that x_Q = 2·x_max − x_min would lie between them and 0, the layer rejects them. Classic layers
    /// accept any range.
    ///
    /// If the last layer has as many outputs as the data have classes, the model takes their class names: see
    /// [`Model::class_names`].
    ///
    /// If steps are padded, the first layer must be [`Masking`](crate::Masking) with the data's
    /// [`mask_value`](Dataset::mask_value): other models log a warning, and cannot be trained or evaluated on the data.
    pub fn for_data(data: &Dataset) -> Self {
        let observed = data.observe();
        let Range { min, max } = observed.range;
        Self {
            shape: data.shape().to_vec(),
            range: Some((min, max)),
            frame: None,
            padding: data.padded(),
            classes: data.targets().class_names().map(Arc::from),
            observed: Some(observed),
            layers: Vec::new(),
        }
    }

    /// Declares the input range, from which the first x_Q follows. It is used as it is, instead of the observed range; and so are its
    /// middle and the deviation of numbers spread evenly over it, instead of those observed, where critical layers need them and no
    /// frame is declared.
    pub fn input_range(mut self, min: f32, max: f32) -> Self {
        self.range = Some((min, max));
        self.observed = None;
        self
    }

    /// Declares the inputs' centre and deviation, from which critical layers see them, instead of those observed in data or of a
    /// range's middle.
    pub fn input_frame(mut self, frame: Frame) -> Self {
        self.frame = Some(frame);
        self
    }

    /// Appends a layer.
    #[expect(clippy::should_implement_trait, reason = "Keras' word")]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Appends a boxed layer.
    pub fn add_boxed(self, layer: Box<dyn Layer>) -> Self {
        self.add_shared(layer.into())
    }

    pub(crate) fn add_shared(mut self, layer: Arc<dyn Layer>) -> Self {
        self.layers.push(layer);
        self
    }

    /// The network, without a device: shapes, ranges, and initial parameters from the seed. A layer's path is its position and
    /// kind, `2.dense`.
    ///
    /// # Errors
    /// The first layer that does not fit, named by its path.
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
        let told = self.frame.or(self.observed.as_ref().map(|observed| observed.frame));
        let frame = told.or(range.map(Frame::of)).unwrap_or_default();
        frame.check("frame of the inputs")?;
        let input = Signal { frame, ..Signal::new(self.shape.clone(), range) };
        let (nodes, Registered { arena, layers, masks, states }) = self.nodes(&input, seed)?;
        let mut doubts: Vec<String> = self.observed.iter().flat_map(Observed::doubts).collect();
        // If an unknown input range gives the same layers, no x_Q follows from the range.
        let unknown = Signal { range: None, ..input.clone() };
        if !doubts.is_empty() && self.nodes(&unknown, seed).is_ok_and(|(_, same)| same.layers == layers) {
            doubts.clear();
        }
        let frame = told;
        let description = Arc::new(Description { input: self.shape.clone(), range, frame, seed, layers });
        let nodes = nodes.into();
        let mut network = Network {
            input,
            nodes,
            arena,
            masks,
            states,
            classes: None,
            outputs: Outputs::default(),
            conversion: None,
            description,
            doubts,
        };
        network.classes = self.classes.clone().filter(|names| network.suits(names));
        Ok(network)
    }

    /// The layers for inputs like this one.
    fn nodes(&self, input: &Signal, seed: u64) -> Result<Built> {
        let build = |depth| -> Result<Built> {
            let mut registered = Registered::default();
            let mut scope = Scope::outermost(seed, self.observed.is_some(), depth, &mut registered);
            let nodes = chain::build(&self.layers, "", &mut scope, input)?;
            Ok((nodes, registered))
        };
        let (nodes, registered) = build(None)?;
        let critical =
            |layer: &&LayerDescription| layer.rotation.as_ref().is_some_and(|r| r.rule == Rule::Critical);
        // What these start with depends on how many there are.
        match registered.layers.iter().filter(critical).count() {
            0 => Ok((nodes, registered)),
            depth => build(Some(depth)),
        }
    }

    /// The model on a device, with initial parameters from the seed: the same seed gives layers of the same path and shape the
    /// same kernels, rotated or not.
    ///
    /// # Errors
    /// As [`Sequential::network`]; device errors.
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
    /// Whether the parameters result from an update of the previous ones.
    pub(crate) updated: bool,
    /// Updates by each kind of optimiser.
    pub(crate) updates: BTreeMap<String, u64>,
    /// Who counts them.
    pub(crate) author: Author,
    /// Detects which parameters others have written, once others can.
    pub(crate) written: Option<Written>,
    /// The number of names given out by [`Model::own_name`].
    named: u64,
    predictors: HashMap<usize, (Program, View)>,
    /// The buffers in which layers keep states, with their lengths.
    states: BTreeMap<String, usize>,
    /// The other buffers that training continues from: the parameters, and what optimisers keep.
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
    pub(crate) fn new(network: Network, device: &Device) -> Result<Self> {
        let executor = prepared(&network, device)?;
        Ok(Self::around(network, executor, device))
    }

    /// A model whose parameters are on an executor.
    fn around(network: Network, executor: Box<dyn Executor>, device: &Device) -> Self {
        let kept = BTreeMap::from([(keys::PARAMETERS.to_owned(), network.arena.len())]);
        Self {
            network,
            executor,
            device: device.clone(),
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
        }
    }

    /// Rebuilds the model on a device: the same network with its initial parameters. Its state on the previous device is
    /// discarded, and that device need not exist any more; [`Model::set_state`] and [`Model::set_weights`] bring back what was
    /// saved, and [`Trainer::resume`](crate::Trainer::resume) does so by itself.
    ///
    /// # Errors
    /// Device errors, in which case the model stays where it is.
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

    /// A second model on the same device, in the same state: parameters, optimiser moments, states of stateful layers, counters.
    /// States of predictions start from 0.
    ///
    /// # Errors
    /// Device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn try_clone(&mut self) -> Result<Self> {
        pollster::block_on(self.try_clone_async())
    }

    /// [`Model::try_clone`], for callers that may not block.
    pub async fn try_clone_async(&mut self) -> Result<Self> {
        let state = self.state_async().await?;
        let mut copy = Self::new(self.network.clone(), &self.device)?;
        copy.set_state(&state)?;
        Ok(copy)
    }

    /// The network: layers, shapes, parameter offsets.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The model's device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The number of trained values.
    pub fn parameter_count(&self) -> usize {
        self.network.arena.count()
    }

    /// A name that is unique on this model: trainings may be nested in callbacks.
    pub(crate) fn own_name(&mut self, name: &str) -> String {
        self.named += 1;
        format!("{name} {}", self.named)
    }

    /// A table of the layers: outputs, parameters, ranges, x_Q and L; and the memory that training takes. [`Network::summary`]
    /// shows the same before anything is allocated.
    pub fn summary(&self) -> String {
        self.network.summary()
    }

    /// Bytes of all buffers that the model has on the device: parameters, gradients and moments, current data sets, values
    /// between layers, and read-back buffers, without the caller's buffers. Shaders and the driver's own memory come on top: see
    /// [`Device::allocated_bytes`]. On a CPU, those of its arrays.
    pub fn device_bytes(&self) -> u64 {
        self.executor.bytes()
    }

    /// The last layer's outputs for rows of inputs, row by row.
    ///
    /// # Errors
    /// A length that is not a multiple of the row length, NaN or infinite inputs; device errors.
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
            // A failed training is over: states are kept again.
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
