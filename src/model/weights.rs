//! Weights out of and into a model.

use super::Model;
use crate::device::Values;
use crate::plan::arena::{Parameter, keys};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Parameters by path (`2.dense.kernel`), each with its shape and values.
pub type Weights = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

impl Model {
    /// All parameters.
    ///
    /// # Errors
    /// The device's.
    #[cfg(not(target_family = "wasm"))]
    pub fn weights(&mut self) -> Result<Weights> {
        pollster::block_on(self.weights_async())
    }

    /// [`Model::weights`], for callers that may not block.
    pub async fn weights_async(&mut self) -> Result<Weights> {
        let all = self.read_arena(keys::PARAMETERS).await?;
        let entry = |p: &Parameter| {
            let values = all[p.offset..p.offset + p.len()].iter().map(|&v| v as f32).collect();
            (p.path.clone(), (p.shape.clone(), values))
        };
        Ok(self.network.arena.parameters().iter().map(entry).collect())
    }

    /// Replaces the parameters that `weights` names; the others stay. Nothing changes when it fails.
    ///
    /// # Errors
    /// A path that the model does not have, another shape, a value that is not finite.
    pub fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let mut places = Vec::with_capacity(weights.len());
        for (path, (shape, values)) in weights {
            let arena = &self.network.arena;
            let known = || arena.parameters().iter().map(|p| p.path.as_str()).collect::<Vec<_>>().join(", ");
            let Some(id) = arena.find(path) else {
                return Err(Error::invalid(path, "no such parameter", known(), "use the model's own paths"));
            };
            let parameter = arena.get(id);
            if *shape != parameter.shape || values.len() != parameter.len() {
                return Err(Error::invalid(
                    path,
                    format!("shape {shape:?} with {} values", values.len()),
                    format!("shape {:?}", parameter.shape),
                    "build the model as the weights were made",
                ));
            }
            if let Some(value) = values.iter().find(|v| !v.is_finite()) {
                return Err(Error::invalid(
                    path,
                    value,
                    "finite numbers",
                    "take weights from before the divergence",
                ));
            }
            places.push((parameter.offset, values));
        }
        self.updated = false;
        for (offset, values) in places {
            self.executor.write(keys::PARAMETERS, offset, Values::F32(values))?;
        }
        Ok(())
    }

    /// A whole arena: parameters or gradients.
    pub(crate) async fn read_arena(&mut self, key: &str) -> Result<Vec<f64>> {
        self.executor.read(key, 0, self.network.arena.len()).await
    }

    /// Goes back to the parameters from before the last update, if there was one.
    pub(crate) async fn take_back_update(&mut self) -> Result<()> {
        if self.updated {
            let previous = self.read_arena(keys::PREVIOUS).await?;
            self.write_parameters(&previous)?;
        }
        Ok(())
    }

    /// Overwrites all parameters with an arena that was read before.
    pub(crate) fn write_parameters(&mut self, arena: &[f64]) -> Result<()> {
        self.updated = false;
        self.executor.write(keys::PARAMETERS, 0, Values::F64(arena))
    }
}
