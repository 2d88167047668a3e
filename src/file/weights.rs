//! Weights in files of their own, with or without a description of their network.

use super::tensors::named;
use super::{Card, Contents, TRAINING, arrays, write_file};
use crate::model::{Tensor, Weights};
use crate::{Error, Model, Result, store};
use std::path::Path;

/// What [`Model::set_matching`] did with weights, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Parameters that were set.
    pub set: Vec<String>,
    /// Parameters of the model that the weights lack, which stay as they were.
    pub missing: Vec<String>,
    /// Parameters of another shape than the model's, which stay as they were: path, the shape of the weights, that of the model.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// Weights for which the model has no parameter.
    pub unused: Vec<String>,
}

impl Model {
    /// Sets the parameters whose path and shape the weights have, whatever network these are of, and reports what matched: for a network
    /// that shares some layers with another. [`Model::set_weights`] is for networks that are alike, and refuses everything else.
    ///
    /// # Errors
    /// A number that is not finite, in which case nothing changes; device errors.
    pub fn set_matching(&mut self, weights: &Weights) -> Result<Matched> {
        let mut matched = Matched::default();
        let mut fitting = Vec::new();
        for parameter in self.network().arena().parameters() {
            let path = parameter.path.clone();
            match weights.get(&path) {
                None => matched.missing.push(path),
                Some(Tensor { shape, .. }) if *shape != parameter.shape => {
                    matched.misshapen.push((path, shape.clone(), parameter.shape.clone()));
                }
                Some(tensor) => {
                    matched.set.push(path.clone());
                    fitting.push((path, tensor.clone()));
                }
            }
        }
        let unused = weights.paths().filter(|path| self.network().arena().find(path).is_none());
        matched.unused = unused.map(str::to_owned).collect();
        self.set_weights(&Weights::from_tensors(fitting))?;
        Ok(matched)
    }
}

impl Weights {
    /// The tensors of a file, in single precision: of a safetensors file, with the description of their network where a model was saved,
    /// or of a `.npz` file.
    ///
    /// # Errors
    /// The file cannot be read, is neither, or has arrays of other types than single and double precision; a description of a newer format.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let (path, place) = (path.as_ref(), path.as_ref().display().to_string());
        let bytes = store::read(path)?;
        let single = |(path, Tensor { shape, values }): (String, Tensor<f64>)| {
            (path, Tensor { shape, values: values.into_iter().map(|v| v as f32).collect() })
        };
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
            return Ok(Self::from_tensors(arrays::read_npz(&bytes, &place)?.into_iter().map(single)));
        }
        let Contents { text, tensors } = Contents::of_bytes(&bytes, &place)?;
        let tensors =
            tensors.into_iter().filter(|(name, _)| text.is_none() || !name.starts_with(TRAINING)).map(single);
        let Some(text) = &text else { return Ok(Self::from_tensors(tensors)) };
        let Card { network, classes, .. } = Card::read(text, &place)?;
        Ok(Self::of(&network.into(), classes.map(Into::into).as_ref(), tensors))
    }

    /// Writes the tensors to a file, without a description: a `.npz` file where the path ends so, else a safetensors file. Written as a
    /// whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let exact = |(path, Tensor { shape, values }): (&String, &Tensor)| {
            (
                path.clone(),
                Tensor { shape: shape.clone(), values: values.iter().map(|&v| v.into()).collect() },
            )
        };
        let tensors = self.iter().map(exact).collect();
        let npz = path.as_ref().extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"));
        match npz {
            true => store::write(path, &arrays::npz_bytes(&tensors)?),
            false => write_file(path.as_ref(), None, named(&tensors)),
        }
    }
}

impl Tensor<f64> {
    /// The array in a `.npy` file.
    ///
    /// # Errors
    /// The file cannot be read, or is no array of numbers.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        arrays::read_npy(&store::read(path.as_ref())?, &path.as_ref().display().to_string())
    }

    /// Writes the array to a `.npy` file, in single precision where that holds every number; as a whole or not at all.
    ///
    /// # Errors
    /// A number of values that does not fit the shape; the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let expected = self.shape.iter().try_fold(1usize, |all, &n| all.checked_mul(n));
        let found = self.values.len();
        if expected != Some(found) {
            let place = path.as_ref().display();
            return Err(Error::invalid(
                place,
                format!("{found} values"),
                format!("as many as the shape {:?} has", self.shape),
                "give every element a value",
            ));
        }
        store::write(path, &arrays::npy_bytes(self)?)
    }
}
