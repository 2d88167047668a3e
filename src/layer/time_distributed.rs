//! A layer applied to every time step by itself.

use super::{Layer, Node, Scope, Signal, Trace, chain};
use crate::plan::{Recorder, View};
use crate::{Error, Result, shape};
use std::sync::Arc;

/// Applies a layer to every time step of a sequence by itself (Keras' `TimeDistributed`): a convolution to every
/// image of a film, say. Input: `[T, ...]`, output: `[T, ...]` of the layer's outputs. Costs no more than the layer
/// over T times as many samples; [`Dense`](super::Dense) needs no such wrapper. The layer's path is such as
/// `3.time_distributed.0.conv2d`. A mask is passed on.
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
    /// Of this layer.
    pub fn new(layer: impl Layer + 'static) -> Self {
        Self { layer: [Arc::new(layer)] }
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
                "reshape the data to steps of samples",
            ));
        };
        let step = Signal { shape: sample.to_vec(), range: input.range, masked: false };
        let nodes = chain::build(&self.layer, &format!("{path}."), scope, &step)?;
        let inner = chain::output(&nodes, &step);
        let keeps_states = chain::every(&nodes).iter().any(|node| node.facts().states > 0);
        if inner.masked || keeps_states {
            return Err(Error::invalid(
                path,
                if inner.masked {
                    "a mask of its own in every step"
                } else {
                    "a layer that keeps states in every step"
                },
                "a layer that treats a step as a whole, and by itself",
                "return the last output of inner sequences alone, and keep no states",
            ));
        }
        for node in chain::every(&nodes) {
            shape::elements(node.path(), &[steps, node.output().len()])?;
        }
        let shape = [&[steps], inner.shape.as_slice()].concat();
        let output = Signal { shape, range: inner.range, masked: input.masked };
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
        let inner = rec.with_steps(self.steps, |rec| chain::forward(rec, &self.nodes, input));
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
