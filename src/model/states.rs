//! What layers keep from one batch to the next: the states of recurrent layers.

use super::{Model, Network};
use crate::device::{Program, Values};
use crate::kernel::{Element, state_part};
use crate::plan::arena::keys;
use crate::plan::{Course, Plan};
use crate::{Error, Result};

impl Network {
    /// Whether layers keep states from one batch to the next or return them.
    pub fn keeps_states(&self) -> bool {
        !self.states.is_empty()
    }

    /// The path of the first layer whose sequences continue from the previous batch.
    pub(crate) fn stateful(&self) -> Option<&str> {
        self.states.iter().find(|states| states.stateful).map(|states| &*states.layer)
    }
}

impl Model {
    /// Binds a plan, and allocates the states that its layers keep.
    pub(crate) fn bind(&mut self, plan: &Plan) -> Result<Program> {
        for (key, len) in plan.states() {
            self.executor.allocate(key, Element::Float, len)?;
            self.states.insert(key.to_owned(), len);
        }
        self.executor.bind(plan)
    }

    /// The number of states and of their units for the layer at this path, which must keep states or, if `stateful`, start from
    /// them.
    fn layer_with_states(&self, path: &str, stateful: bool) -> Result<(usize, usize)> {
        let keeping = || self.network.states.iter().filter(|states| states.stateful || !stateful);
        match keeping().find(|states| states.layer == path) {
            Some(states) => Ok((states.count, states.units)),
            None => {
                let known = keeping().map(|states| &*states.layer).collect::<Vec<_>>().join(", ");
                Err(Error::invalid(
                    path,
                    if stateful { "no stateful layer" } else { "no layer that keeps states" },
                    if known.is_empty() { "a recurrent layer with stateful(true)".into() } else { known },
                    "make the layer stateful; return_state(true) is enough to read its state",
                ))
            }
        }
    }

    /// The states of the recurrent layer at this path after the last prediction of `rows` rows: h, and c for an LSTM, each
    /// `[rows, units]`. The layer must be stateful or return its state.
    ///
    /// # Errors
    /// No such layer, or no prediction of so many rows yet; device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn states(&mut self, path: &str, rows: usize) -> Result<Vec<Vec<f32>>> {
        pollster::block_on(self.states_async(path, rows))
    }

    /// [`Model::states`], for callers that may not block.
    pub async fn states_async(&mut self, path: &str, rows: usize) -> Result<Vec<Vec<f32>>> {
        let (count, units) = self.layer_with_states(path, false)?;
        let key = keys::state(Course::Prediction, path, rows);
        if !self.states.contains_key(&key) {
            return Err(Error::invalid(
                path,
                format!("no states of {rows} rows"),
                "a prediction of so many rows",
                "predict first, or ask for as many rows as were predicted",
            ));
        }
        let part = state_part(rows, units);
        let all = self.executor.read(&key, 0, count * part).await?;
        let single = |part: &[f64]| part[..rows * units].iter().map(|&v| v as f32).collect();
        Ok(all.chunks_exact(part).map(single).collect())
    }

    /// Sets the states from which the stateful recurrent layer at this path starts the next prediction of as many rows: h, and c
    /// for an LSTM, each `[rows, units]`.
    ///
    /// # Errors
    /// No such layer, another number of states or numbers, non-finite numbers; device errors.
    pub fn set_states(&mut self, path: &str, states: &[Vec<f32>]) -> Result<()> {
        let (count, units) = self.layer_with_states(path, true)?;
        let numbers = states.first().map_or(0, Vec::len);
        if states.len() != count
            || numbers == 0
            || states.iter().any(|s| s.len() != numbers || s.len() % units != 0)
        {
            return Err(Error::invalid(
                path,
                format!("states of {:?} numbers", states.iter().map(Vec::len).collect::<Vec<_>>()),
                format!("{count} of [rows, {units}]"),
                "give h, and c for an LSTM, for every row",
            ));
        }
        if let Some(value) = states.iter().flatten().find(|v| !v.is_finite()) {
            return Err(Error::invalid(path, value, "finite numbers", "correct the states"));
        }
        let rows = numbers / units;
        let (key, part) = (keys::state(Course::Prediction, path, rows), state_part(rows, units));
        self.executor.allocate(&key, Element::Float, count * part)?;
        self.states.insert(key.clone(), count * part);
        for (i, state) in states.iter().enumerate() {
            self.executor.write(&key, i * part, Values::F32(state))?;
        }
        Ok(())
    }

    /// Makes all sequences start from states of 0 again (Keras' `reset_states`).
    ///
    /// # Errors
    /// Device errors.
    pub fn reset_states(&mut self) -> Result<()> {
        self.clear_states(|_| true)
    }

    /// Sets the states of a course to 0.
    pub(crate) fn begin_sequences(&mut self, course: Course) -> Result<()> {
        let prefix = format!("{}{course}", keys::STATE);
        self.clear_states(|key| key.starts_with(&prefix))
    }

    fn clear_states(&mut self, which: impl Fn(&str) -> bool) -> Result<()> {
        self.states.keys().filter(|key| which(key)).try_for_each(|key| self.executor.clear(key))
    }
}
