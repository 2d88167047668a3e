//! Models: built from layers, on a device.

mod answers;
mod averages;
mod classes;
mod counters;
mod description;
mod drafts;
mod ending;
mod fold;
mod frozen;
mod jacobian;
mod masks;
#[cfg(feature = "ndarray")]
mod ndarray;
pub(crate) mod network;
mod predict;
#[cfg(not(target_family = "wasm"))]
mod predictor;
mod sequential;
mod start;
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
pub use jacobian::LayerJacobian;
pub use network::{Memory, Network};
use predict::INPUT;
#[cfg(not(target_family = "wasm"))]
pub use predictor::Predictor;
pub use sequential::Sequential;
pub use start::Started;
pub use state::ModelState;
pub(crate) use state::{Counts, Saving};
pub(crate) use timetable::{Ending, Step, Timetable, steps};
pub use weights::{Tensor, Weights};
pub(crate) use written::Written;

use crate::device::{Device, Executor, Program, Values};
use crate::kernel::{Element, clock, rates};
use crate::plan::View;
use crate::plan::arena::keys;
use crate::{Error, Result};
use std::collections::{BTreeMap, HashMap};

/// The maximum number of steps per submission.
pub(crate) const STEPS: usize = 32;

/// The rows of the tallies and of the table of rates: one submission runs while the next is prepared.
pub(crate) const SLOTS: usize = 2 * STEPS;

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
        self.network.check_rows(inputs, "inputs to predict")?;
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
