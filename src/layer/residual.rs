//! Residual blocks: layers with a shortcut around them.

use super::{Layer, Node, Scope, Signal, Trace, chain};
use crate::plan::{Recorder, View};
use crate::{Error, Result};
use std::sync::Arc;

/// y = layers(x) + x, or layers(x) + shortcut(x): a residual block (He et al. 2016) with an identity or a projection.
///
/// Any shape, as long as both branches end in the same. Inner layers have paths such as `3.residual.0.conv2d` and
/// `3.residual.shortcut.0.conv2d`. An activation after the sum is a separate layer, [`Activate`](super::Activate). The
/// branches are taken as independent: their centres add, the widths of their ranges and their deviations as squares do.
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

/// How the names of the shortcut's layers begin.
pub(crate) const SHORTCUT: &str = "shortcut.";

impl Residual {
    /// A block without layers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a layer to the main branch.
    #[expect(clippy::should_implement_trait, reason = "Keras' word")]
    pub fn add(self, layer: impl Layer + 'static) -> Self {
        self.add_shared(Arc::new(layer))
    }

    pub(super) fn add_shared(mut self, layer: Arc<dyn Layer>) -> Self {
        self.layers.push(layer);
        self
    }

    /// Appends a layer to the shortcut: a projection, needed if the main branch changes the shape.
    pub fn shortcut(self, layer: impl Layer + 'static) -> Self {
        self.shortcut_shared(Arc::new(layer))
    }

    pub(super) fn shortcut_shared(mut self, layer: Arc<dyn Layer>) -> Self {
        self.shortcut.push(layer);
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
        let mut nodes = chain::build(&self.layers, "", scope, input)?;
        let shortcut = chain::build(&self.shortcut, SHORTCUT, scope, input)?;
        let (main, around) = (chain::output(&nodes, input), chain::output(&shortcut, input));
        if main.shape != around.shape {
            return Err(Error::invalid(
                path,
                format!("{:?} from the layers and {:?} from the shortcut", main.shape, around.shape),
                "the same shape",
                "add a shortcut that projects the input, such as a convolution of size 1 with the same strides",
            ));
        }
        if main.masked != around.masked {
            return Err(Error::invalid(
                path,
                "a mask on only one of the two branches",
                "a mask on both or on none",
                "let recurrent layers return sequences on both branches",
            ));
        }
        let range = main.range.zip(around.range).map(|(a, b)| a.of_sum(b));
        let frame = main.frame.of_sum(around.frame);
        let output = Signal { range, frame, ..main.clone() };
        let main = nodes.len();
        nodes.extend(shortcut);
        Ok(Box::new(ResidualNode { path, nodes, main, output }))
    }
}

#[derive(Debug)]
struct ResidualNode {
    path: String,
    /// The layers of the main branch, then those of the shortcut.
    nodes: Vec<Box<dyn Node>>,
    /// The number of layers in the main branch.
    main: usize,
    output: Signal,
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
                "two branches with different masks",
                "the same mask on both branches",
                "mask before the block, and let no inner layer reverse its sequence",
            ));
        }
        inner.extend(around);
        let y = chain::sum(rec, a, b);
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
        Some(chain::sum(rec, a, b))
    }

    fn inner(&self) -> &[Box<dyn Node>] {
        &self.nodes
    }
}
