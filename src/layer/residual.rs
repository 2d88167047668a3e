//! Residual blocks: layers around which their input is led.

use super::{Layer, Node, Scope, Signal, Trace, chain};
use crate::kernel::{ActivateKernel, ActivatePorts};
use crate::plan::{Recorder, View};
use crate::{Activation, Error, Range, Result};
use std::sync::Arc;

/// y = layers(x) + x, or layers(x) + shortcut(x): a residual block (He et al. 2016) with an identity or a projection.
///
/// Any shape, as long as both paths lead to the same. A layer inside has a path such as `3.residual.0.conv2d`, or
/// `3.residual.shortcut.0.conv2d`. An activation after the sum is a layer of its own, [`Activate`](super::Activate). The
/// range that it passes on is the sum of both paths' ranges.
///
/// ```
/// use autorot::{Activation, AutoRotate, Conv2d, Padding, Residual};
///
/// let conv = |strides: usize| {
///     let conv = Conv2d::new(32, 3).strides(strides).padding(Padding::Same);
///     conv.activation(Activation::Tanh).auto_rotate(AutoRotate::new())
/// };
/// let block = Residual::new().add(conv(2)).add(conv(1)).shortcut(Conv2d::new(32, 1).strides(2));
/// # let _ = block;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Residual {
    layers: Vec<Arc<dyn Layer>>,
    shortcut: Vec<Arc<dyn Layer>>,
}

impl Residual {
    /// A block without layers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer to those around which the input is led.
    #[expect(clippy::should_implement_trait, reason = "Keras' word")]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Appends a layer to the way around them: a projection, where their output has another shape than their input.
    pub fn shortcut(mut self, layer: impl Layer + 'static) -> Self {
        self.shortcut.push(Arc::new(layer));
        self
    }
}

impl Layer for Residual {
    fn kind(&self) -> &'static str {
        "residual"
    }

    fn takes_masks(&self) -> bool {
        true
    }

    fn mixes_rows(&self) -> bool {
        self.layers.iter().chain(&self.shortcut).any(|layer| layer.mixes_rows())
    }

    fn build(&self, scope: &mut Scope<'_>, input: &Signal) -> Result<Box<dyn Node>> {
        let path = scope.path().to_owned();
        if self.layers.is_empty() {
            return Err(Error::invalid(path, "no layers", "at least one layer", "add a layer to the block"));
        }
        let mut nodes = chain::build(&self.layers, &format!("{path}."), scope, input)?;
        let shortcut = chain::build(&self.shortcut, &format!("{path}.shortcut."), scope, input)?;
        let (main, around) = (chain::output(&nodes, input), chain::output(&shortcut, input));
        if main.shape != around.shape {
            return Err(Error::invalid(
                path,
                format!("{:?} from the layers and {:?} around them", main.shape, around.shape),
                "the same shape",
                "add a shortcut that projects the input, such as a convolution of size 1 with the same strides",
            ));
        }
        if main.masked != around.masked {
            return Err(Error::invalid(
                path,
                "a mask on one of its two ways",
                "a mask on both or on none",
                "let recurrent layers return sequences on both ways",
            ));
        }
        let range = main.range.zip(around.range);
        let range = range.map(|(a, b)| Range { min: a.min + b.min, max: a.max + b.max });
        let output = Signal { range, ..main.clone() };
        let main = nodes.len();
        nodes.extend(shortcut);
        Ok(Box::new(ResidualNode { path, nodes, main, inputs: input.len(), output }))
    }
}

#[derive(Debug)]
struct ResidualNode {
    path: String,
    /// The layers, then those of the way around them.
    nodes: Vec<Box<dyn Node>>,
    /// How many of them are the layers.
    main: usize,
    /// Numbers of a sample of its input.
    inputs: usize,
    output: Signal,
}

impl ResidualNode {
    fn sum(rec: &mut Recorder<'_>, count: usize, a: View, b: View) -> View {
        let y = rec.scratch(count);
        rec.op(
            ActivateKernel { count, sum: true, activation: Activation::Linear },
            ActivatePorts { a, b: Some(b), y },
        );
        y
    }
}

impl Node for ResidualNode {
    fn path(&self) -> &str {
        &self.path
    }

    fn output(&self) -> &Signal {
        &self.output
    }

    fn forward(&self, rec: &mut Recorder<'_>, input: View) -> Trace {
        let (main, shortcut) = self.nodes.split_at(self.main);
        let mask = rec.mask();
        let mut inner = chain::forward(rec, main, input);
        let a = inner.last().map_or(input, |trace| trace.output);
        let left = rec.mask();
        rec.set_mask(mask);
        let around = chain::forward(rec, shortcut, input);
        let b = around.last().map_or(input, |trace| trace.output);
        if self.output.masked && left != rec.mask() {
            rec.refuse(Error::invalid(
                &self.path,
                "two ways with masks of their own",
                "one mask, of both ways' inputs",
                "mask before the block, and let no layer inside turn its sequence round",
            ));
        }
        inner.extend(around);
        let y = Self::sum(rec, rec.batch() * self.output.len(), a, b);
        Trace { inner, mask: left, ..Trace::new(input, y) }
    }

    fn backward(&self, rec: &mut Recorder<'_>, trace: &Trace, d_y: View, need_d_x: bool) -> Option<View> {
        let (main, shortcut) = self.nodes.split_at(self.main);
        let Some((of_main, of_shortcut)) = trace.inner.split_at_checked(self.main) else {
            return trace.refuse(rec, &self.path);
        };
        let a = chain::backward(rec, main, of_main, d_y, need_d_x);
        let b = chain::backward(rec, shortcut, of_shortcut, d_y, need_d_x);
        let (a, b) = a.zip(b)?;
        Some(Self::sum(rec, rec.batch() * self.inputs, a, b))
    }

    fn inner(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }
}
