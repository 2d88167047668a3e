//! Flatten: the same numbers as one vector.

use super::reshape::SameNode;
use super::{Layer, Node, Options, Scope, Signal};
use crate::describe::options;
use crate::{Result, shape};

/// Flattens any input to a vector, in row-major order (Keras' `Flatten`). Costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let shape = shape::flatten(scope.path(), &input.shape)?;
        let output = input.reshaped(shape);
        Ok(Box::new(SameNode { path: scope.path().to_owned(), output }))
    }
}
