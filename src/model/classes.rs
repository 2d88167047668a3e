//! The class names of a model's outputs: those that it was built for or first trained with.

use super::{Description, Model, Network, Weights};
use crate::data::classes::{check_distinct, check_same};
use crate::loss::Outputs;
use crate::{Dataset, Error, Loss, Result};
use std::sync::Arc;

/// How messages refer to a model's class names.
const MODELS: &str = "those of the model (Model::set_class_names changes them)";

impl Network {
    /// Whether there are as many outputs, per time step for sequences, as class names, or one for two of them.
    pub(super) fn suits(&self, names: &[String]) -> bool {
        let outputs = self.output().shape.last().copied();
        outputs == Some(names.len()) || (outputs == Some(1) && names.len() == 2)
    }

    /// Whether these weights have parameters of the last layer with parameters, both here and in their own network: that layer
    /// assigns classes to the outputs.
    pub(super) fn ends_with(&self, weights: &Weights) -> bool {
        let (own, other) = (self.description.last(), weights.description().and_then(Description::last));
        own.zip(other).is_some_and(|(own, other)| {
            own.path == other.path && own.parameter_paths().any(|path| weights.get(&path).is_some())
        })
    }
}

impl Model {
    /// The class names of the outputs, in order: those of the data that the model was built for
    /// ([`Sequential::for_data`](crate::Sequential::for_data)) or first trained with. `None` if there are no classes, or none are
    /// known yet.
    pub fn class_names(&self) -> Option<&[String]> {
        self.network.classes.as_deref()
    }

    /// Sets the class names of the outputs: before evaluating a model that was trained elsewhere, or to continue training with
    /// other classes. A single output stands for the second of two. From then on, data with other class names, or in another order, are rejected.
    ///
    /// # Errors
    /// No name, a repeated name, or a number of names other than that of the outputs.
    pub fn set_class_names<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) -> Result<()> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        check_distinct("class names of the model", &names)?;
        if !self.network.suits(&names) {
            return Err(Error::invalid(
                "class names of the model",
                format!("{} names", names.len()),
                format!("one for each output of {:?}, or two for a single one", self.network.output().shape),
                "name every class",
            ));
        }
        self.network.classes = Some(names.into());
        Ok(())
    }

    /// Keeps what training shows about the outputs: what they are, and the class names of the data that the model is first trained with.
    pub(crate) fn remember_outputs(&mut self, loss: &Loss, data: Option<&Dataset>) {
        self.network.outputs = Outputs::of(loss);
        // One prediction of several dimensions: what its numbers are of, the shape does not tell.
        let whole =
            data.is_some_and(|data| data.targets().steps() == 1) && self.network.output().shape.len() > 1;
        if whole && self.network.outputs == Outputs::Logits {
            self.network.outputs = Outputs::Values;
        }
        let shares = self.network.description.layers.last().is_some_and(|layer| layer.kind == "softmax");
        if shares && self.network.outputs == Outputs::Values {
            self.network.outputs = Outputs::Probabilities;
        }
        self.take_names(data.and_then(|data| data.targets().class_names()));
    }

    /// What is known about the outputs.
    pub(crate) fn outputs_known(&self) -> (Outputs, Option<Arc<[String]>>) {
        (self.network.outputs, self.network.classes.clone())
    }

    /// Sets what is known about the outputs.
    pub(crate) fn set_outputs_known(&mut self, (outputs, classes): (Outputs, Option<Arc<[String]>>)) {
        (self.network.outputs, self.network.classes) = (outputs, classes);
    }

    /// Takes over class names if none are known.
    pub(super) fn take_names(&mut self, names: Option<&[String]>) {
        if self.network.classes.is_none() {
            self.network.classes = names.filter(|names| self.network.suits(names)).map(Arc::from);
        }
    }

    /// Checks that the data's class names are the model's, if both have names.
    pub(crate) fn check_classes(&self, data: &Dataset) -> Result<()> {
        self.check_names("data set", data.targets().class_names())
    }

    /// Checks that the class names of `place` are the model's, if both have names.
    pub(super) fn check_names(&self, place: &str, names: Option<&[String]>) -> Result<()> {
        match (names, self.class_names()) {
            (Some(found), Some(expected)) => check_same(place, found, expected, MODELS),
            _ => Ok(()),
        }
    }
}
