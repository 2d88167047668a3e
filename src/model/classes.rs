//! What a model's outputs stand for: the names of the classes that it was built for or first trained with.

use super::{Model, ModelState, Network};
use crate::data::classes::{check_distinct, check_same};
use crate::{Dataset, Error, Result};

/// Where a model's class names come from, in messages.
const MODELS: &str = "those of the model (Model::set_class_names gives it others)";

impl Network {
    /// Whether the outputs, of every time step where there are several, are as many as these classes.
    pub(super) fn suits(&self, names: &[String]) -> bool {
        self.output().shape.last() == Some(&names.len())
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
        self.network.classes = Some(names);
        Ok(())
    }

    /// Keeps the names of the first classes that the model is trained with.
    pub(crate) fn remember_classes(&mut self, data: &Dataset) {
        if self.network.classes.is_none()
            && let Some(names) = data.targets().class_names().filter(|names| self.network.suits(names))
        {
            self.network.classes = Some(names.to_vec());
        }
    }

    /// Whether the data's classes are the model's, where both have names.
    pub(crate) fn check_classes(&self, data: &Dataset) -> Result<()> {
        match (data.targets().class_names(), self.class_names()) {
            (Some(found), Some(expected)) => check_same("data set", found, expected, MODELS),
            _ => Ok(()),
        }
    }

    /// Whether a state is of a model with the same classes, where both have names.
    pub(super) fn check_state_classes(&self, state: &ModelState) -> Result<()> {
        match (&state.classes, self.class_names()) {
            (Some(found), Some(expected)) => check_same("state of a model", found, expected, MODELS),
            _ => Ok(()),
        }
    }
}
