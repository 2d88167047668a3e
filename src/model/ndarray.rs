//! Predictions and weights as arrays of the crate `ndarray`.

use super::{Model, Predictions, Tensor};
use crate::{Error, Result};
use ::ndarray::{ArrayD, ArrayRef, ArrayView2, Dimension};

impl Model {
    /// [`Model::predict`] for an array `[rows, …]` in any layout, whose rows have the shape of the network's input (feature `ndarray`): the
    /// outputs `[rows, …]`.
    ///
    /// ```
    /// use autorot::{Dense, Device, Sequential, ndarray::Array2};
    ///
    /// let mut model = Sequential::new([3]).add(Dense::new(2)).build(&Device::cpu(), 1)?;
    /// let outputs = model.predict_ndarray(&Array2::<f32>::zeros((5, 3)))?;
    /// assert_eq!(outputs.shape(), [5, 2]);
    /// assert_eq!(model.weights()?["0.dense.kernel"].to_ndarray()?.shape(), [3, 2]);
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// An array of another shape; as [`Model::predict`].
    #[cfg(not(target_family = "wasm"))]
    pub fn predict_ndarray<D: Dimension>(&mut self, inputs: &ArrayRef<f32, D>) -> Result<ArrayD<f32>> {
        let expected = &self.network.input.shape;
        let Some((&rows, _)) = inputs.shape().split_first().filter(|(_, shape)| shape == expected) else {
            return Err(Error::invalid(
                "inputs to predict",
                format!("an array of shape {:?}", inputs.shape()),
                format!("rows of shape {expected:?} along the first axis"),
                "add an axis for the rows, or reshape the array",
            ));
        };
        let outputs = self.predict(&inputs.iter().copied().collect::<Vec<f32>>())?;
        array([&[rows], &*self.network.output().shape].concat(), outputs)
    }
}

impl Predictions {
    /// [`Predictions::values`] as an array `[rows, numbers of a row]` (feature `ndarray`), without a copy.
    ///
    /// # Errors
    /// More numbers than an array may have.
    pub fn to_ndarray(&self) -> Result<ArrayView2<'_, f64>> {
        let width = self.values().len() / self.len().max(1);
        ArrayView2::from_shape((self.len(), width), self.values()).map_err(refused)
    }
}

impl<T: Clone> Tensor<T> {
    /// The tensor as an array (feature `ndarray`).
    ///
    /// # Errors
    /// Another number of values than the shape has.
    pub fn to_ndarray(&self) -> Result<ArrayD<T>> {
        array(self.shape.clone(), self.values.clone())
    }

    /// A tensor of an array in any layout (feature `ndarray`).
    pub fn from_ndarray<D: Dimension>(array: &ArrayRef<T, D>) -> Self {
        Self { shape: array.shape().to_vec(), values: array.iter().cloned().collect() }
    }
}

fn array<T>(shape: Vec<usize>, values: Vec<T>) -> Result<ArrayD<T>> {
    ArrayD::from_shape_vec(shape, values).map_err(refused)
}

fn refused(error: ::ndarray::ShapeError) -> Error {
    Error::invalid("array", error, "as many values as the shape has", "correct the shape")
}
