//! A model's state, copied to the host: enough to continue with it elsewhere.

use super::timetable::{Counters, Timetable};
use super::{Agreement, Description, Model, Tensor, Weights};
use crate::device::Pending;
use crate::kernel::{Element, clock};
use crate::plan::Course;
use crate::plan::arena::{Parameter, keys};
use crate::real::{Numbers, Part};
use crate::{Error, Optimizer, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model's parameters and everything else that continued training needs: the optimisers' moments, the states of stateful
/// layers, the counters, and the description of the network, which [`Model::set_state`] compares. From the same state, the same
/// kind of device continues with the same bits.
///
/// Numbers have the device's precision; states of different precision are equal if their numbers are.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelState {
    /// The network's description.
    description: Arc<Description>,
    /// The parameters' paths, shapes and offsets.
    layout: Vec<(String, Vec<usize>, usize)>,
    /// The buffers by name.
    pub(crate) buffers: BTreeMap<String, Numbers>,
    counts: Counts,
    /// The class names, if known.
    classes: Option<Arc<[String]>>,
}

/// How far a model has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    steps: u64,
    epochs: u64,
    /// Whether the parameters result from an update of the previous ones.
    updated: bool,
    /// Updates by each kind of optimiser.
    updates: BTreeMap<String, u64>,
}

impl ModelState {
    /// How far the model has come.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The parameters by path, and the other buffers by their names behind `prefix`: names, shapes (none for a buffer), values.
    pub(crate) fn tensors(&self, prefix: &str) -> Vec<(String, Option<&[usize]>, Part<'_>)> {
        let parameters = self.parameters().map(|(path, shape, values)| (path.clone(), Some(shape), values));
        let others = self.buffers.iter().filter(|(key, _)| *key != keys::PARAMETERS);
        parameters.chain(others.map(|(key, values)| (format!("{prefix}{key}"), None, values.all()))).collect()
    }

    /// The parameters: paths, shapes, values.
    fn parameters(&self) -> impl Iterator<Item = (&String, &[usize], Part<'_>)> {
        let all = self.buffers.get(keys::PARAMETERS);
        self.layout.iter().filter_map(move |(path, shape, offset)| {
            let len = shape.iter().product::<usize>();
            Some((path, &**shape, all?.part(*offset..offset + len)))
        })
    }

    /// The state of a network such as this model's from what [`ModelState::counts`] and [`ModelState::tensors`] told.
    ///
    /// # Errors
    /// Parameters that are missing, of another shape, or not the network's.
    pub(crate) fn assemble(
        model: &Model,
        description: Description,
        classes: Option<Vec<String>>,
        counts: Counts,
        mut tensors: BTreeMap<String, Tensor<f64>>,
        prefix: &str,
    ) -> Result<Self> {
        let arena = &model.network.arena;
        let mut all = vec![0.0; arena.len()];
        for parameter in arena.parameters() {
            let found = tensors.remove(&parameter.path);
            let told = found.as_ref().map_or("none".to_owned(), |tensor| format!("{:?}", tensor.shape));
            match found.filter(|tensor| tensor.shape == parameter.shape) {
                Some(Tensor { values, .. }) => {
                    model.check_parameter(&parameter.path, &parameter.shape, &values)?;
                    all[parameter.range()].copy_from_slice(&values);
                }
                None => {
                    return Err(Error::invalid(
                        &parameter.path,
                        format!("a tensor of the shape {told}"),
                        format!("{:?}", parameter.shape),
                        "build the model as the one that the checkpoint is of",
                    ));
                }
            }
        }
        let mut buffers = BTreeMap::from([(keys::PARAMETERS.to_owned(), Numbers::Double(all))]);
        for (name, Tensor { values, .. }) in tensors {
            let Some(key) = name.strip_prefix(prefix) else {
                let remedy = "build the model as the one that the checkpoint is of";
                return Err(Error::invalid(name, "a tensor", "parameters that the network has", remedy));
            };
            let system =
                [keys::CLOCK, keys::RATES, keys::DUE, keys::CONTROL, keys::GRADIENTS, keys::PARAMETERS];
            if system.contains(&key) || key.starts_with(keys::TALLIES) {
                let expected = "what a training goes on from";
                return Err(Error::invalid(
                    name,
                    "a buffer of the device's",
                    expected,
                    "use another checkpoint",
                ));
            }
            let arenas = !key.starts_with(keys::STATE);
            if arenas && values.len() != arena.len() {
                let (found, expected) = (format!("{} numbers", values.len()), format!("{}", arena.len()));
                return Err(Error::invalid(name, found, expected, "use the checkpoint as it was written"));
            }
            buffers.insert(key.to_owned(), Numbers::Double(values));
        }
        let classes = classes.map(Into::into);
        let bare = model.bare_state();
        Ok(Self { description: description.into(), buffers, counts, classes, ..bare })
    }

    /// The parameters by path.
    pub fn weights(&self) -> Weights {
        let entry = |(path, shape, values): (&String, &[usize], Part<'_>)| {
            (path.clone(), Tensor { shape: shape.to_vec(), values: values.single() })
        };
        Weights::of(&self.description, self.classes.as_ref(), self.parameters().map(entry))
    }

    /// The description of its network.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The class names of the outputs, if known: see [`Model::class_names`].
    pub fn class_names(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// Training steps since the model was built.
    pub fn steps(&self) -> u64 {
        self.counts.steps
    }

    /// Sets the counters from the clock of the steps that ran; some encoded steps may not have run.
    pub(crate) fn count(&mut self, table: &Timetable, step: u32) {
        let done = table.done(step, self.counts.steps.saturating_sub(table.base.steps));
        let Counters { steps, epochs, updates } = table.at(done);
        (self.counts.steps, self.counts.epochs) = (steps, epochs);
        self.counts.updates.insert(table.optimizer.clone(), updates);
    }

    /// Epochs that were completed since the model was built.
    pub fn epochs(&self) -> u64 {
        self.counts.epochs
    }
}

/// Numbers on their way to the host.
type Coming<T> = Pending<'static, Result<T>>;

/// Buffers on their way to the host, and the clock, if the device counts the steps.
pub(crate) struct Saving {
    buffers: Vec<(String, Coming<Numbers>)>,
    clock: Option<(Arc<Timetable>, Coming<Vec<u32>>)>,
}

fn entry(parameter: &Parameter) -> (String, Vec<usize>, usize) {
    (parameter.path.clone(), parameter.shape.clone(), parameter.offset)
}

impl Model {
    /// Copies the model to the host: see [`ModelState`].
    ///
    /// # Errors
    /// Device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn state(&mut self) -> Result<ModelState> {
        pollster::block_on(self.state_async())
    }

    /// [`Model::state`], for callers that may not block.
    pub async fn state_async(&mut self) -> Result<ModelState> {
        let saving = self.begin_state();
        self.finish_state(saving).await
    }

    /// Makes the model what it was when the state was copied. The layers' states in predictions stay. Training in an
    /// application's submissions ([`embed`](crate::embed)) continues from there, with a new epoch.
    ///
    /// # Errors
    /// A state of another network, compared as by [`Model::set_weights`], or of one with other classes, in which case nothing
    /// changes; device errors.
    pub fn set_state(&mut self, state: &ModelState) -> Result<()> {
        self.check_state(state, Agreement::Weights)?;
        self.check_names("state of a model", state.class_names())?;
        for (key, _) in self.state_keys() {
            if !state.buffers.contains_key(&key) {
                self.executor.clear(&key)?;
            }
        }
        for (key, values) in &state.buffers {
            self.executor.allocate(key, Element::Float, values.len())?;
            self.executor.write(key, 0, values.all().into())?;
            let group = if key.starts_with(keys::STATE) { &mut self.states } else { &mut self.kept };
            group.insert(key.clone(), values.len());
        }
        let Counts { steps, epochs, updated, updates } = state.counts.clone();
        (self.steps, self.epochs, self.updated, self.updates) = (steps, epochs, updated, updates);
        self.begin_anew()?;
        self.take_names(state.class_names());
        Ok(())
    }

    /// Makes the model what it was when the state was copied, without what it has got to keep since.
    pub(crate) fn return_to(&mut self, state: &ModelState) -> Result<()> {
        self.set_state(state)?;
        for (key, _) in self.state_keys() {
            if !state.buffers.contains_key(&key) {
                self.executor.free(&key);
                self.kept.remove(&key);
                self.states.remove(&key);
            }
        }
        Ok(())
    }

    /// Checks that a state is one of this network.
    pub(crate) fn check_state(&self, state: &ModelState, agreement: Agreement) -> Result<()> {
        let own: Vec<_> = self.network.arena.parameters().iter().map(entry).collect();
        if own != state.layout {
            let other = |a: &[(String, Vec<usize>, usize)], b: &[(String, Vec<usize>, usize)]| {
                let first = a.iter().zip(b).find(|(a, b)| a != b).map(|(a, _)| a).or(a.get(b.len()));
                first.map_or("no more parameters".into(), |(path, shape, _)| format!("{path} {shape:?}"))
            };
            return Err(Error::invalid(
                "state of a model",
                other(&state.layout, &own),
                other(&own, &state.layout),
                "build the same model as that of the state",
            ));
        }
        self.network.description.check_state(&state.description, agreement)
    }

    /// Allocates a buffer, as long as the parameters, that training changes and continues from.
    pub(crate) fn keep(&mut self, key: &str) -> Result<()> {
        let len = self.network.arena.len();
        self.executor.allocate(key, Element::Float, len)?;
        self.kept.insert(key.to_owned(), len);
        Ok(())
    }

    /// Allocates what an optimiser keeps: its moments, the parameters before the last update, of which there is none yet, and moving
    /// averages, which begin with the parameters.
    ///
    /// # Errors
    /// Learning rates of layers that the model does not have; device errors.
    pub(crate) fn keep_for(&mut self, optimizer: &Optimizer) -> Result<()> {
        optimizer.check_paths(&self.network.arena)?;
        self.updated = false;
        self.keep(keys::PREVIOUS)?;
        optimizer.kept().iter().try_for_each(|key| self.keep(key))?;
        if optimizer.ema_momentum().is_none() {
            return Ok(());
        }
        self.keep(keys::AVERAGES)?;
        self.begin_averages()
    }

    /// The buffers that training continues from, with their lengths. Accumulated gradients are not among them: a state is copied
    /// only between groups of accumulated steps.
    pub(crate) fn state_keys(&self) -> Vec<(String, usize)> {
        let training = format!("{}{}", keys::STATE, Course::Training);
        let states = self.states.iter().filter(|(key, _)| key.starts_with(&training));
        self.kept.iter().chain(states).map(|(key, &len)| (key.clone(), len)).collect()
    }

    /// Starts copying the model as it is after everything that has run so far; more can run meanwhile.
    pub(crate) fn begin_state(&mut self) -> Saving {
        let keys = self.state_keys();
        let clock = self.timetable().cloned().map(|table| {
            let words = self.executor.read_index(&table.clock, clock::LEN);
            (table, words)
        });
        let buffers =
            keys.into_iter().map(|(key, len)| (key.clone(), self.executor.read_own(&key, 0, len))).collect();
        Saving { buffers, clock }
    }

    /// The state, once the buffers have arrived. The model's counters must still be those of [`Model::begin_state`].
    pub(crate) async fn finish_state(&self, saving: Saving) -> Result<ModelState> {
        let mut buffers = BTreeMap::new();
        for (key, values) in saving.buffers {
            buffers.insert(key, values.await?);
        }
        let mut state = ModelState { buffers, ..self.bare_state() };
        if let Some((table, words)) = saving.clock {
            state.count(&table, words.await?[clock::STEP]);
        }
        Ok(state)
    }

    /// The state without its buffers.
    pub(crate) fn bare_state(&self) -> ModelState {
        ModelState {
            layout: self.network.arena.parameters().iter().map(entry).collect(),
            description: self.network.description.clone(),
            buffers: BTreeMap::new(),
            counts: Counts {
                steps: self.steps,
                epochs: self.epochs,
                updated: self.updated,
                updates: self.updates.clone(),
            },
            classes: self.network.classes.clone(),
        }
    }
}
