//! Reading and setting a model's weights.

use super::Author;
use super::{Description, Model};
use crate::device::Values;
use crate::plan::arena::{Parameter, keys};
use crate::{Error, Real, Result};
use std::collections::{BTreeMap, btree_map};
use std::sync::Arc;

/// The values of a parameter or of its gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<T = f32> {
    /// The shape, as in Keras: a dense kernel is `[inputs, units]`.
    pub shape: Vec<usize>,
    /// The values in row-major order.
    pub values: Vec<T>,
}

/// Parameters by path (`2.dense.kernel`), with the description of their network.
///
/// The meaning of weights depends on activations, strides and the like, and in an auto-rotating network also on x_Q, L, ε and the
/// rule of each layer. Weights from a model therefore carry the [`Description`] of its network and its class names, and
/// [`Model::set_weights`] rejects them if the model's own network computes something else from them, or if its outputs stand for
/// other classes. Tensors from elsewhere have neither ([`Weights::from_tensors`]), and fit wherever their shapes do. So do
/// weights from which both were removed on purpose, for example as common initial weights of classic and rotated networks:
///
/// ```
/// use autorot::{Activation, AutoRotate, Dense, Device, Sequential};
///
/// let net = |rotated: bool| {
///     let hidden = Dense::new(8).activation(Activation::Tanh).auto_rotate(rotated.then(AutoRotate::new));
///     Sequential::new([2]).input_range(0.0, 1.0).add(hidden).add(Dense::new(1)).build(&Device::cpu(), 1)
/// };
/// let (mut classic, mut rotated) = (net(false)?, net(true)?);
/// let weights = classic.weights()?;
/// assert_eq!(weights["0.dense.kernel"].shape, [2, 8]);
/// let error = rotated.set_weights(&weights).unwrap_err().to_string();
/// assert!(error.contains("0.dense") && error.contains("x_q 2"), "{error}");
/// // From the same numbers on purpose:
/// rotated.set_weights(&weights.without_description())?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    tensors: BTreeMap<String, Tensor>,
    description: Option<Arc<Description>>,
    /// The class names of the network's outputs, if known.
    classes: Option<Arc<[String]>>,
}

impl Weights {
    /// Tensors by path without a description of their network, such as Keras weights under the paths of this crate: only shapes
    /// are compared.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, Tensor)>) -> Self {
        Self { tensors: tensors.into_iter().collect(), description: None, classes: None }
    }

    /// The same tensors without description and class names, as from [`Weights::from_tensors`]: only shapes are compared.
    pub fn without_description(self) -> Self {
        Self::from_tensors(self.tensors)
    }

    /// The description of their network, if known.
    pub fn description(&self) -> Option<&Description> {
        self.description.as_deref()
    }

    /// The class names of the network's outputs, if known: see [`Model::class_names`].
    pub fn class_names(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// The parameter at this path.
    pub fn get(&self, path: &str) -> Option<&Tensor> {
        self.tensors.get(path)
    }

    /// The parameter at this path, mutable.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Tensor> {
        self.tensors.get_mut(path)
    }

    /// Sets the parameter at this path; returns the previous one. A layer of the description that has this path is still
    /// compared.
    pub fn insert(&mut self, path: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.tensors.insert(path.into(), tensor)
    }

    /// Removes the parameter at this path; [`Model::set_weights`] then leaves the model's as it is.
    pub fn remove(&mut self, path: &str) -> Option<Tensor> {
        self.tensors.remove(path)
    }

    /// Keeps only the parameters for which `keep` returns true, such as those of the first layers.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &mut Tensor) -> bool) {
        self.tensors.retain(|path, tensor| keep(path, tensor));
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Paths and parameters, ordered by path.
    pub fn iter(&self) -> btree_map::Iter<'_, String, Tensor> {
        self.tensors.iter()
    }

    /// The paths in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The parameters in the order of their paths.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.values()
    }

    pub(crate) fn of(
        description: &Arc<Description>,
        classes: Option<&Arc<[String]>>,
        tensors: impl IntoIterator<Item = (String, Tensor)>,
    ) -> Self {
        let (description, classes) = (Some(description.clone()), classes.cloned());
        Self { description, classes, ..Self::from_tensors(tensors) }
    }
}

impl std::ops::Index<&str> for Weights {
    type Output = Tensor;

    /// The parameter at this path.
    ///
    /// # Panics
    /// If there is none, as with maps of the standard library; [`Weights::get`] does not panic.
    fn index(&self, path: &str) -> &Tensor {
        &self.tensors[path]
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self::from_tensors(tensors)
    }
}

impl IntoIterator for Weights {
    type Item = (String, Tensor);
    type IntoIter = btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.tensors.into_iter()
    }
}

impl<'w> IntoIterator for &'w Weights {
    type Item = (&'w String, &'w Tensor);
    type IntoIter = btree_map::Iter<'w, String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Model {
    /// All parameters, with the description of the network and its class names.
    ///
    /// # Errors
    /// Device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn weights(&mut self) -> Result<Weights> {
        pollster::block_on(self.weights_async())
    }

    /// [`Model::weights`], for callers that may not block.
    pub async fn weights_async(&mut self) -> Result<Weights> {
        let single = |Tensor { shape, values }: Tensor<f64>| Tensor {
            shape,
            values: values.into_iter().map(|v| v as f32).collect(),
        };
        let tensors =
            self.exact_weights_async().await?.into_iter().map(|(path, exact)| (path, single(exact)));
        Ok(Weights::of(&self.network.description, self.network.classes.as_ref(), tensors))
    }

    /// All parameters by path in full precision: on the device `cpu-f64`, more than [`Weights`] holds.
    ///
    /// # Errors
    /// Device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn exact_weights(&mut self) -> Result<BTreeMap<String, Tensor<f64>>> {
        pollster::block_on(self.exact_weights_async())
    }

    /// [`Model::exact_weights`], for callers that may not block.
    pub async fn exact_weights_async(&mut self) -> Result<BTreeMap<String, Tensor<f64>>> {
        let all = self.read_arena(keys::PARAMETERS).await?;
        let entry = |p: &Parameter| {
            let values = all[p.offset..p.offset + p.len()].to_vec();
            (p.path.clone(), Tensor { shape: p.shape.clone(), values })
        };
        Ok(self.network.arena.parameters().iter().map(entry).collect())
    }

    /// Replaces the parameters that `weights` contains; the others stay. On an error, nothing changes.
    ///
    /// # Errors
    /// A path that the model does not have, another shape, a non-finite value; weights of a network that computes something else
    /// from them, for example by another x_Q, L, ε, rule, activation or window: see [`Weights`]. If the weights contain all
    /// parameters of their network, every layer is compared, otherwise only the layers that they belong to. Initialisers and
    /// regularisers may differ, and so may dropout, except before a rotated layer whose x_Q follows from its input range, which
    /// dropout widens ([`AutoRotate::x_q`](crate::AutoRotate::x_q) sets it).
    ///
    /// Weights with parameters of the last layer are also rejected if both they and the model have class names and these differ;
    /// a model without class names takes over theirs.
    pub fn set_weights(&mut self, weights: &Weights) -> Result<()> {
        let mut places = Vec::with_capacity(weights.len());
        for (path, Tensor { shape, values }) in weights {
            places.push((self.check_parameter(path, shape, values)?, values));
        }
        if let Some(other) = weights.description() {
            self.network.description.check_weights(other, |path| weights.get(path).is_some())?;
        }
        let names = weights.class_names().filter(|_| self.network.ends_with(weights));
        self.check_names("weights", names)?;
        for (offset, values) in places {
            self.set_parameters(offset, Values::F32(values))?;
        }
        self.take_names(names);
        Ok(())
    }

    /// Replaces parameters, so that taking back the last update does not undo it.
    pub(super) fn set_parameters(&mut self, offset: usize, values: Values<'_>) -> Result<()> {
        let previous = self.kept.contains_key(keys::PREVIOUS).then_some(keys::PREVIOUS);
        let mut keys = [keys::PARAMETERS].into_iter().chain(previous);
        keys.try_for_each(|key| self.executor.write(key, offset, values))
    }

    /// Sets all parameters that the model has in `tensors`, in full precision.
    pub(crate) fn set_exact_weights(&mut self, tensors: &BTreeMap<String, Tensor<f64>>) -> Result<()> {
        for (path, Tensor { shape, values }) in tensors {
            self.check_parameter(path, shape, values)?;
        }
        for (path, Tensor { values, .. }) in tensors {
            let offset = self.network.arena.named(path)?.offset;
            self.executor.write(keys::PARAMETERS, offset, Values::F64(values))?;
        }
        Ok(())
    }

    /// Whether a parameter takes these numbers; returns where it lies.
    pub(super) fn check_parameter<T: Real + std::fmt::Display>(
        &self,
        path: &str,
        shape: &[usize],
        values: &[T],
    ) -> Result<usize> {
        let parameter = self.network.arena.named(path)?;
        if *shape != parameter.shape || values.len() != parameter.len() {
            return Err(Error::invalid(
                path,
                format!("shape {shape:?} with {} values", values.len()),
                format!("shape {:?}", parameter.shape),
                "build the same model as that of the weights",
            ));
        }
        // Also in single precision.
        if let Some(value) = values.iter().find(|v| !(v.wide() as f32).is_finite()) {
            return Err(Error::invalid(
                path,
                value,
                "finite numbers",
                "take weights from before the divergence",
            ));
        }
        Ok(parameter.offset)
    }

    /// Reads a whole arena: parameters or gradients.
    pub(crate) async fn read_arena(&mut self, key: &str) -> Result<Vec<f64>> {
        self.executor.read(key, 0, self.network.arena.len()).await
    }

    /// Takes back the last update, if there was one; a restored state is not an update.
    pub(crate) async fn take_back_update(&mut self) -> Result<()> {
        if self.updated && !matches!(self.author, Author::Nobody) {
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
