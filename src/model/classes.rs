//! What a model's outputs stand for: the names of the classes that it was built for or first trained with.

use super::{Description, Model, Network, Weights};
use crate::data::classes::{check_distinct, check_same};
use crate::{Dataset, Error, Result};
use std::sync::Arc;

/// Where a model's class names come from, in messages.
const MODELS: &str = "those of the model (Model::set_class_names gives it others)";

impl Network {
    /// Whether the outputs, of every time step where there are several, are as many as these classes.
    pub(super) fn suits(&self, names: &[String]) -> bool {
        self.output().shape.last() == Some(&names.len())
    }

    /// Whether these weights have parameters of the last layer that has any, both here and in their own network: it is what gives
    /// classes to the outputs.
    pub(super) fn ends_with(&self, weights: &Weights) -> bool {
        let (own, other) = (self.description.last(), weights.description().and_then(Description::last));
        own.zip(other).is_some_and(|(own, other)| {
            own.path == other.path && own.parameter_paths().any(|path| weights.get(&path).is_some())
        })
    }
}

impl Model {
    /// The names of the classes that the outputs stand for, in this order: those of the data that the model was built for
    /// ([`Sequential::for_data`](crate::Sequential::for_data)) or first trained with. `None` where there are no classes, or none are
    /// known yet.
    pub fn class_names(&self) -> Option<&[String]> {
        self.network.classes.as_deref()
    }

    /// Says what the outputs stand for: before a model that was trained elsewhere is evaluated, or when training goes on with other
    /// classes. Data whose class names, or their order, differ are refused from then on.
    ///
    /// # Errors
    /// No name, a name twice, or a number of names other than the outputs'.
    pub fn set_class_names<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) -> Result<()> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        check_distinct("class names of the model", &names)?;
        if !self.network.suits(&names) {
            return Err(Error::invalid(
                "class names of the model",
                format!("{} names", names.len()),
                format!("one for each output of {:?}", self.network.output().shape),
                "name every class",
            ));
        }
        self.network.classes = Some(names.into());
        Ok(())
    }

    /// Keeps the names of the first classes that the model is trained with.
    pub(crate) fn remember_classes(&mut self, data: &Dataset) {
        self.take_names(data.targets().class_names());
    }

    /// Takes names over where none are known.
    pub(super) fn take_names(&mut self, names: Option<&[String]>) {
        if self.network.classes.is_none() {
            self.network.classes = names.filter(|names| self.network.suits(names)).map(Arc::from);
        }
    }

    /// Whether the data's classes are the model's, where both have names.
    pub(crate) fn check_classes(&self, data: &Dataset) -> Result<()> {
        self.check_names("data set", data.targets().class_names())
    }

    /// Whether these names, of what `place` says, are the model's, where both have names.
    pub(super) fn check_names(&self, place: &str, names: Option<&[String]>) -> Result<()> {
        match (names, self.class_names()) {
            (Some(found), Some(expected)) => check_same(place, found, expected, MODELS),
            _ => Ok(()),
        }
    }
}
