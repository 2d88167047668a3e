//! Flatten: the same numbers as one vector.

use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::plan::{Recorder, View};
use crate::{Result, shape};

/// Flattens any input to a vector, in row-major order (Keras' `Flatten`). Costs nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Flatten;

impl Layer for Flatten {
    fn kind(&self) -> &'static str {
        "flatten"
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let shape = shape::flatten(scope.path(), &input.shape)?;
        let output = input.reshaped(shape);
        Ok(Box::new(FlattenNode { path: scope.path().to_owned(), output }))
    }
}

#[derive(Debug)]
struct FlattenNode {
    path: String,
    output: Signal,
}

impl Node for FlattenNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, _rec: &mut Recorder<'_>, input: View) -> Trace {
        Trace::new(input, input)
    }

    fn backward(&self, _rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then_some(d_y)
    }
}
