//! A layer applied to each time step independently.

use super::{Layer, Node, Scope, Signal, Trace, chain};
use crate::plan::{Recorder, View};
use crate::{Error, Result, shape};
use std::sync::Arc;

/// Applies a layer to each time step of a sequence independently (Keras' `TimeDistributed`), for example a convolution to each
/// image of a film. Input: `[T, ...]`; output: `[T, ...]` of the layer's outputs. Costs no more than the layer for T times as
/// many samples; [`Dense`](super::Dense) needs no such wrapper. The inner layer has a path such as `3.time_distributed.0.conv2d`.
/// A mask is passed on.
///
/// ```
/// use autorot::{Conv2d, Flatten, Gru, Sequential, TimeDistributed};
///
/// let film = Sequential::new([10, 16, 16, 3])
///     .add(TimeDistributed::new(Conv2d::new(8, 3)))
///     .add(TimeDistributed::new(Flatten))
///     .add(Gru::new(20));
/// # film.network(0)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TimeDistributed {
    layer: [Arc<dyn Layer>; 1],
}

impl TimeDistributed {
    /// Applies this layer.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Self::shared(Arc::new(layer))
    }

    pub(super) fn shared(layer: Arc<dyn Layer>) -> Self {
        Self { layer: [layer] }
    }
}

impl Layer for TimeDistributed {
    fn kind(&self) -> &'static str {
        "time_distributed"
    }

    fn takes_masks(&self) -> bool {
        !self.layer[0].mixes_rows()
    }

    fn mixes_rows(&self) -> bool {
        self.layer[0].mixes_rows()
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let Some((&steps, sample)) = input.shape.split_first().filter(|(_, sample)| !sample.is_empty())
        else {
            return Err(Error::invalid(
                path,
                format!("input of shape {:?}", input.shape),
                "a sequence [steps, ...]",
                "reshape the data to [steps, ...]",
            ));
        };
        let step = input.reshaped(sample.to_vec());
        let states = scope.states().len();
        let nodes = chain::build(&self.layer, "", scope, &step)?;
        let inner = chain::output(&nodes, &step);
        let keeps_states = scope.states().len() > states;
        if inner.masked || keeps_states {
            return Err(Error::invalid(
                path,
                if inner.masked {
                    "an inner layer that masks parts of a step"
                } else {
                    "an inner layer that keeps states"
                },
                "a layer that treats each step as a whole and independently",
                "return only the last output of inner sequences, and keep no states",
            ));
        }
        for node in chain::every(&nodes) {
            shape::elements(node.path(), &[steps, node.output().len()])?;
        }
        let shape = [&[steps], inner.shape.as_slice()].concat();
        let output = Signal { masked: input.masked, ..inner.reshaped(shape) };
        Ok(Box::new(TimeDistributedNode { path, steps, nodes, output }))
    }
}

#[derive(Debug)]
struct TimeDistributedNode {
    path: String,
    steps: usize,
    nodes: Vec<Box<dyn Node>>,
    output: Signal,
}

impl Node for TimeDistributedNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let mut inner = rec.with_steps(self.steps, |rec| chain::forward(rec, &self.nodes, input));
        inner.iter_mut().for_each(|trace| trace.count(rec.mask()));
        let output = inner.last().map_or(input, |trace| trace.output);
        Trace { inner, ..Trace::new(input, output) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        rec.with_steps(self.steps, |rec| chain::backward(rec, &self.nodes, &trace.inner, d_y, need_d_x))
    }

    fn inner(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }
}
