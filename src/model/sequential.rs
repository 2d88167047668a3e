//! Chains of layers to build models from.

use super::{Description, Model, Network};
use crate::data::Observed;
use crate::device::Device;
use crate::layer::{Layer, LayerDescription, Node, Registered, Scope, Signal, chain};
use crate::loss::Outputs;
use crate::rotate::settled;
use crate::{Dataset, Error, Frame, Range, Result, Rule, shape};
use std::sync::Arc;

/// A chain of layers to build a [`Model`] from.
///
/// ```
/// use autorot::{Activation, AutoRotate, Dense, Device, Flatten, Sequential};
///
/// let model = Sequential::new([28, 28])
///     .input_range(0.0, 1.0)
///     .add(Flatten)
///     .add(Dense::new(50).activation(Activation::Tanh).auto_rotate(AutoRotate::new()))
///     .add(Dense::new(10))
///     .build(&Device::cpu(), 7)?;
/// assert_eq!(model.parameter_count(), 784 * 50 + 50 + 50 * 10 + 10);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sequential {
    shape: Vec<usize>,
    range: Option<(f32, f32)>,
    frame: Option<Frame>,
    /// The padding value of the data that it is for.
    padding: Option<f32>,
    classes: Option<Arc<[String]>>,
    /// The observed range, if it is that of data.
    observed: Option<Observed>,
    pub(super) layers: Vec<Arc<dyn Layer>>,
}

/// Built layers and what they have registered.
type Built = (Vec<Box<dyn Node>>, Registered);

impl Sequential {
    /// For inputs of this shape (without the batch). Auto-rotating layers also need the input range: see
    /// [`Sequential::input_range`] and [`Sequential::for_data`].
    pub fn new(shape: impl Into<Vec<usize>>) -> Self {
        Self {
            shape: shape.into(),
            range: None,
            frame: None,
            padding: None,
            classes: None,
            observed: None,
            layers: Vec::new(),
        }
    }

    /// For inputs like these: their shape and their observed range, from which the first x_Q follows. The range is that of all
    /// inputs except padding and the few that lie far beyond the rest: see [`Dataset::observe`]. If a rotated layer takes its x_Q
    /// from it, doubts about the range are shown by [`Network::summary`] and, when the model is built, by `log::warn!`; if all
    /// inputs lie so far below 0 that x_Q = 2·x_max − x_min would lie between them and 0, the layer rejects them. Classic layers
    /// accept any range.
    ///
    /// If the last layer has as many outputs as the data have classes, the model takes their class names: see
    /// [`Model::class_names`].
    ///
    /// If steps are padded, the first layer must be [`Masking`](crate::Masking) with the data's
    /// [`mask_value`](Dataset::mask_value): other models log a warning, and cannot be trained or evaluated on the data.
    pub fn for_data(data: &Dataset) -> Self {
        let observed = data.observe();
        let Range { min, max } = observed.range;
        Self {
            shape: data.shape().to_vec(),
            range: Some((min, max)),
            frame: None,
            padding: data.padded(),
            classes: data.targets().class_names().map(Arc::from),
            observed: Some(observed),
            layers: Vec::new(),
        }
    }

    /// Declares the input range, from which the first x_Q follows. It is used as it is, instead of the observed range; and so are its
    /// middle and the deviation of numbers spread evenly over it, instead of those observed, where critical layers need them and no
    /// frame is declared.
    pub fn input_range(mut self, min: f32, max: f32) -> Self {
        self.range = Some((min, max));
        self.observed = None;
        self
    }

    /// Declares the inputs' centre and deviation, from which critical layers see them, instead of those observed in data or of a
    /// range's middle.
    pub fn input_frame(mut self, frame: Frame) -> Self {
        self.frame = Some(frame);
        self
    }

    /// Appends a layer.
    #[expect(clippy::should_implement_trait, reason = "Keras' word")]
    pub fn add(mut self, layer: impl Layer + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Appends a boxed layer.
    pub fn add_boxed(self, layer: Box<dyn Layer>) -> Self {
        self.add_shared(layer.into())
    }

    pub(crate) fn add_shared(mut self, layer: Arc<dyn Layer>) -> Self {
        self.layers.push(layer);
        self
    }

    /// The network, without a device: shapes, ranges, and initial parameters from the seed. A layer's path is its position and
    /// kind, `2.dense`.
    ///
    /// # Errors
    /// The first layer that does not fit, named by its path.
    pub fn network(&self, seed: u64) -> Result<Network> {
        shape::elements("input", &self.shape)?;
        let range = match self.range {
            Some((min, max)) => Some(Range::new(min, max)?),
            None => None,
        };
        if self.layers.is_empty() {
            return Err(Error::invalid(
                "model",
                "no layers",
                "at least one layer",
                "add a layer before building",
            ));
        }
        let told = self.frame.or(self.observed.as_ref().map(|observed| observed.frame));
        let frame = told.or(range.map(Frame::of)).unwrap_or_default();
        frame.check("frame of the inputs")?;
        let input = Signal { frame, ..Signal::new(self.shape.clone(), range) };
        let (nodes, Registered { arena, layers, masks, indices, states }) = self.nodes(&input, seed)?;
        let mut doubts: Vec<String> = self.observed.iter().flat_map(Observed::doubts).collect();
        // If unknown inputs give the same layers, neither an x_Q nor a frame follows from them.
        let unknown = Signal::new(self.shape.clone(), None);
        if !doubts.is_empty() && self.nodes(&unknown, seed).is_ok_and(|(_, same)| same.layers == layers) {
            doubts.clear();
        }
        let frame = told;
        let description = Arc::new(Description { input: self.shape.clone(), range, frame, seed, layers });
        let nodes = nodes.into();
        let mut network = Network {
            input,
            nodes,
            arena,
            masks,
            indices,
            states,
            classes: None,
            outputs: Outputs::default(),
            conversion: None,
            description,
            doubts,
        };
        network.classes = self.classes.clone().filter(|names| network.suits(names));
        Ok(network)
    }

    /// The layers for inputs like this one.
    fn nodes(&self, input: &Signal, seed: u64) -> Result<Built> {
        let build = |depth| -> Result<Built> {
            let mut registered = Registered::default();
            let mut scope = Scope::outermost(seed, self.observed.is_some(), depth, &mut registered);
            let input = Signal { frame: settled(input.frame, depth), ..input.clone() };
            let nodes = chain::build(&self.layers, "", &mut scope, &input)?;
            Ok((nodes, registered))
        };
        let (nodes, registered) = build(None)?;
        let critical =
            |layer: &&LayerDescription| layer.rotation.as_ref().is_some_and(|r| r.rule == Rule::Critical);
        // What these start with depends on how many there are.
        match registered.layers.iter().filter(critical).count() {
            0 => Ok((nodes, registered)),
            depth => build(Some(depth)),
        }
    }

    /// The model on a device, with initial parameters from the seed: the same seed gives layers of the same path and shape the
    /// same kernels, rotated or not.
    ///
    /// # Errors
    /// As [`Sequential::network`]; device errors.
    pub fn build(&self, device: &Device, seed: u64) -> Result<Model> {
        let network = self.network(seed)?;
        network.doubts.iter().for_each(|doubt| log::warn!("{doubt}"));
        if let Some(Err(error)) = self.padding.map(|value| network.masking(value)) {
            log::warn!("{error}");
        }
        Model::new(network, device)
    }
}
