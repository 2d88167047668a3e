//! The same numbers in another shape, and in another order.

use super::pool::{PoolKind, PoolNode};
use super::{Layer, Node, Options, Scope, Signal, Trace};
use crate::describe::options;
use crate::kernel::{MOST_DIMENSIONS, PermuteKernel, PermutePorts};
use crate::plan::{Recorder, View};
use crate::{Error, Padding, Result, shape};

/// Gives every sample another shape with the same numbers in row-major order (Keras' `Reshape`). Any input; one of the sizes may be −1: it
/// then follows from the others. Costs nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reshape {
    target_shape: Vec<i64>,
}

impl Reshape {
    /// Samples of this shape.
    pub fn new(target_shape: impl Into<Vec<i64>>) -> Self {
        Self { target_shape: target_shape.into() }
    }

    /// The shape, for samples of `input`.
    pub(crate) fn shape(&self, path: &str, input: &[usize]) -> Result<Vec<usize>> {
        let all = shape::elements(path, input)?;
        let known = self.target_shape.iter().filter(|&&n| n != -1);
        let product =
            known.copied().try_fold(1_usize, |product, n| product.checked_mul(usize::try_from(n).ok()?));
        let open = self.target_shape.iter().filter(|&&n| n == -1).count();
        let size = product
            .filter(|&product| product > 0 && all.is_multiple_of(product))
            .map(|product| all / product);
        match size.filter(|&size| !self.target_shape.is_empty() && (open == 1 || open == 0 && size == 1)) {
            Some(size) => Ok(self.target_shape.iter().map(|&n| usize::try_from(n).unwrap_or(size)).collect()),
            None => Err(Error::invalid(
                path,
                format!("target shape {:?} for inputs of shape {input:?}", self.target_shape),
                format!("a shape of {all} numbers, in which −1 may stand once for what the others leave"),
                "correct the shape",
            )),
        }
    }
}

impl Layer for Reshape {
    fn kind(&self) -> &'static str {
        "reshape"
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let output = input.reshaped(self.shape(scope.path(), &input.shape)?);
        Ok(Box::new(SameNode { path: scope.path().to_owned(), output }))
    }
}

/// A layer whose outputs are its inputs in another shape.
#[derive(Debug)]
pub(super) struct SameNode {
    pub(super) path: String,
    pub(super) output: Signal,
}

impl Node for SameNode {
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

/// Repeats a vector `[C]` n times: `[n, C]` (Keras' `RepeatVector`), for recurrent layers that unfold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RepeatVector {
    n: usize,
}

impl RepeatVector {
    /// n time steps, at least 1.
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Layer for RepeatVector {
    fn kind(&self) -> &'static str {
        "repeat_vector"
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        let &[channels] = input.shape.as_slice() else {
            return Err(Error::invalid(
                path,
                format!("inputs of shape {:?}", input.shape),
                "vectors [channels]",
                "put Flatten before it, or let the recurrent layer return only its last output",
            ));
        };
        if self.n == 0 {
            return Err(Error::invalid(path, "n 0", "at least 1", "give the number of time steps"));
        }
        // A single position, spread over n.
        let sizes = shape::Windows {
            kernel: &[self.n],
            strides: &[self.n],
            dilation: &[1],
            padding: &Padding::Valid,
        };
        let geometry = sizes.spread(&path, &[1], None)?;
        let shape = shape::with_channels(&path, &geometry.input, 1, channels)?;
        let output = input.reshaped(shape);
        Ok(Box::new(PoolNode { path, geometry, channels, kind: PoolKind::Spread, output }))
    }
}

/// Puts the dimensions of every sample in another order (Keras' `Permute`). Input: one to four dimensions.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Permute {
    dims: Vec<usize>,
}

impl Permute {
    /// For every dimension of the output, which of the input it is, counted from 1 as in Keras: `[2, 1]` transposes.
    pub fn new(dims: impl Into<Vec<usize>>) -> Self {
        Self { dims: dims.into() }
    }
}

impl Layer for Permute {
    fn kind(&self) -> &'static str {
        "permute"
    }

    fn moves_values(&self) -> bool {
        true
    }

    fn options(&self) -> Options {
        options(self)
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        shape::elements(&path, &input.shape)?;
        let rank = input.shape.len();
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if rank > MOST_DIMENSIONS || !sorted.iter().copied().eq(1..=rank) {
            return Err(Error::invalid(
                path,
                format!("dimensions {:?} for inputs of shape {:?}", self.dims, input.shape),
                format!("each of 1 to {rank} once, and at most {MOST_DIMENSIONS} dimensions"),
                "correct the dimensions",
            ));
        }
        let output = input.reshaped(self.dims.iter().map(|d| input.shape[d - 1]).collect());
        // Dimensions of size 1 before those that there are.
        let missing = MOST_DIMENSIONS - rank;
        let mut shape = [1; MOST_DIMENSIONS];
        shape[missing..].copy_from_slice(&input.shape);
        let order =
            std::array::from_fn(|k| if k < missing { k } else { self.dims[k - missing] - 1 + missing });
        Ok(Box::new(PermuteNode { path, shape, order, output }))
    }
}

#[derive(Debug)]
struct PermuteNode {
    path: String,
    shape: [usize; MOST_DIMENSIONS],
    order: [usize; MOST_DIMENSIONS],
    output: Signal,
}

impl PermuteNode {
    fn permuted(&self, rec: &mut Recorder<'_>, x: View, kernel: PermuteKernel) -> View {
        let y = rec.scratch(kernel.batch * self.output.len());
        rec.op(kernel, PermutePorts { x, y });
        y
    }
}

impl Node for PermuteNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let kernel = PermuteKernel { batch: rec.batch(), shape: self.shape, order: self.order };
        let y = self.permuted(rec, input, kernel);
        Trace::new(input, y)
    }

    fn backward(&self, rec: &mut Recorder<'_>, _trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        need_d_x.then(|| {
            let mut order = [0; MOST_DIMENSIONS];
            self.order.iter().enumerate().for_each(|(k, &d)| order[d] = k);
            let shape = self.order.map(|d| self.shape[d]);
            self.permuted(rec, d_y, PermuteKernel { batch: rec.batch(), shape, order })
        })
    }
}
