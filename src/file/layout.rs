//! Weights in the layout of another program.

mod axes;

use crate::layer::LayerDescription;
use crate::layer::kinds::Described;
use crate::model::{Network, Tensor, Weights};
use crate::{Error, Result};
use axes::{transposed, unflattened};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How the numbers of weights are arranged and what they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// This crate's, which is Keras': kernels `[window…, inputs, outputs]`, gates side by side, names such as `0.dense.kernel`.
    #[default]
    Keras,
    /// PyTorch's, under the same paths of layers: `0.dense.weight`.
    ///
    /// | layer | names and shapes |
    /// |---|---|
    /// | dense | `weight` `[outputs, inputs]`, `bias` |
    /// | convolution | `weight` `[filters, channels/groups, window…]`, `bias` |
    /// | transposed convolution | `weight` `[channels, filters, window…]`, `bias` |
    /// | depthwise convolution | `weight` `[channels·multiplier, 1, window…]`, `bias`, with `groups` as many as channels |
    /// | separable convolution | `depthwise.weight`, `pointwise.weight`, `pointwise.bias` |
    /// | batch normalisation | `weight`, `bias`, `running_mean`, `running_var` |
    /// | layer normalisation | `weight`, `bias` |
    /// | recurrent | `weight_ih_l0` `[gates·H, inputs]`, `weight_hh_l0` `[gates·H, H]`, `bias_ih_l0`, `bias_hh_l0`; gates i, f, g, o and r, z, n |
    /// | both directions | the same, with `_reverse` behind the names of the second |
    ///
    /// PyTorch has images with the channels first. Where [`Flatten`](crate::Flatten) makes a vector of them, the weights behind it follow
    /// PyTorch's order of its numbers: of three and more dimensions, and of two behind a convolution or pooling over time. PyTorch's
    /// recurrent layers add two biases; where there is one here, the second is written as zeros, and what is read is their sum. λ of a
    /// learnt L stays `lambda`. With weight normalisation, g and v have the names of `torch.nn.utils.parametrizations.weight_norm`:
    /// `parametrizations.weight.original0` `[outputs, 1, …]` (`[1, filters, …]` of a transposed convolution, which wants `dim=1`)
    /// and `original1`; `parametrizations.weight_ih_l0` of a recurrent layer.
    PyTorch,
}

/// A tensor here, and what becomes of it there.
struct Change {
    own: String,
    other: String,
    /// The shape of the tensor here.
    shape: Vec<usize>,
    /// The shape of the other, and where each of its numbers is here.
    others: Vec<usize>,
    places: Vec<usize>,
    /// The name of a second tensor there, which is added.
    added: Option<String>,
}

impl Weights {
    /// The same weights in another layout, to be saved for another program. The names of the layers stay as they are.
    ///
    /// # Errors
    /// Weights without a parameter of the network, or of another; a layer that the other program lacks (a GRU that resets before
    /// the product), or whose place does not tell how its numbers are ordered there.
    pub fn to_layout(&self, layout: Layout, network: &Network) -> Result<Self> {
        if layout == Layout::Keras {
            return Ok(self.clone());
        }
        let mut all = Vec::new();
        for change in changes(network)? {
            let Change { own, other, shape, others, places, added } = change;
            let count: usize = shape.iter().product();
            let found = self.get(&own);
            let fitting = found.filter(|tensor| tensor.shape == shape && tensor.values.len() == count);
            let tensor = fitting.ok_or_else(|| misfit(&own, found, &shape))?;
            let values: Vec<f32> = places.iter().map(|&place| tensor.values[place]).collect();
            if let Some(added) = added {
                all.push((added, Tensor { shape: others.clone(), values: vec![0.0; values.len()] }));
            }
            all.push((other, Tensor { shape: others, values }));
        }
        Ok(Self::from_tensors(all))
    }

    /// Weights of this network that are in another layout, in this crate's: [`Model::set_weights`](crate::Model::set_weights) takes
    /// them.
    ///
    /// # Errors
    /// As [`Weights::to_layout`]; a tensor that the network has no use for.
    pub fn from_layout(tensors: Self, layout: Layout, network: &Network) -> Result<Self> {
        if layout == Layout::Keras {
            return Ok(tensors);
        }
        let mut left: BTreeSet<&str> = tensors.paths().collect();
        let mut all: BTreeMap<String, Tensor> = BTreeMap::new();
        for Change { own, other, shape, others, places, added } in changes(network)? {
            let count = shape.iter().product();
            let tensor = all.entry(own).or_insert_with(|| Tensor { shape, values: vec![0.0; count] });
            for name in [Some(other), added].into_iter().flatten() {
                left.remove(&*name);
                let found = tensors.get(&name);
                let fitting =
                    found.filter(|found| found.shape == others && found.values.len() == places.len());
                let found = fitting.ok_or_else(|| misfit(&name, found, &others))?;
                places.iter().zip(&found.values).for_each(|(&place, &value)| tensor.values[place] += value);
            }
        }
        // PyTorch counts the batches that a normalisation has seen.
        if let Some(name) = left.iter().find(|name| !name.ends_with(".num_batches_tracked")) {
            let remedy = "remove it, or build the network that has it";
            return Err(Error::invalid(name, "a tensor for which the network has no use", "none", remedy));
        }
        Ok(Self::from_tensors(all))
    }
}

fn misfit(name: &str, found: Option<&Tensor>, shape: &[usize]) -> Error {
    let found = found.map_or("no tensor".to_owned(), |tensor| format!("the shape {:?}", tensor.shape));
    Error::invalid(name, found, format!("{shape:?}"), "give the tensors the names and shapes of this layout")
}

/// The order of a vector that was flattened from a grid with the channels last: positions, and channels.
type Flat = Option<(usize, usize)>;

/// What becomes of every parameter.
fn changes(network: &Network) -> Result<Vec<Change>> {
    let shapes: HashMap<&str, &[usize]> =
        network.every_node().into_iter().map(|node| (node.path(), &*node.output().shape)).collect();
    let tree = Described::tree(&network.description().layers);
    let mut walk = Walk { shapes, changes: Vec::new() };
    let input = &network.input().shape;
    walk.chain(tree.iter(), input, &mut Some(input.len() > 2), &mut None)?;
    Ok(walk.changes)
}

struct Walk<'n> {
    /// The shapes of outputs, by path.
    shapes: HashMap<&'n str, &'n [usize]>,
    changes: Vec<Change>,
}

impl<'n> Walk<'n> {
    /// Goes through layers one after another, the first of which has an input of this shape. `first` tells whether its channels are first
    /// in PyTorch, where that is known, `flat` that they were before it was made a vector.
    fn chain<'d>(
        &mut self,
        layers: impl Iterator<Item = &'d Described<'d>>,
        input: &[usize],
        first: &mut Option<bool>,
        flat: &mut Flat,
    ) -> Result<()> {
        let mut shape = input.to_vec();
        for layer in layers {
            self.layer(layer, &shape, first, flat)?;
            shape = self.shapes.get(layer.path()).map_or(shape, |shape| shape.to_vec());
        }
        Ok(())
    }

    fn layer(
        &mut self,
        layer: &Described<'_>,
        input: &[usize],
        first: &mut Option<bool>,
        flat: &mut Flat,
    ) -> Result<()> {
        let description = layer.description();
        let kind = description.kind.as_str();
        let unordered = |what: &str| {
            let expected = "the channels' order before a dense or recurrent layer, or none to keep";
            Err(Error::invalid(layer.path(), what, expected, "put the Flatten right before a Dense"))
        };
        match kind {
            "flatten" => {
                let (channels, grid) =
                    input.split_last().map_or((1, input), |(&channels, grid)| (channels, grid));
                let order = (grid.iter().product(), channels);
                match *first {
                    None => return unordered("a Flatten of what is computed at every step"),
                    Some(true) if order.0 > 1 && order.1 > 1 => *flat = Some(order),
                    Some(_) => {}
                }
                *first = Some(false);
            }
            "residual" => {
                if flat.is_some() {
                    return unordered("a block behind a Flatten");
                }
                let (mut main, mut around) = (Vec::new(), Vec::new());
                for (name, inner) in layer.inner() {
                    if name.starts_with(crate::layer::SHORTCUT) { &mut around } else { &mut main }
                        .push(inner);
                }
                let start = *first;
                self.chain(main.into_iter(), input, first, flat)?;
                let (mut branch, mut other) = (start, None);
                self.chain(around.into_iter(), input, &mut branch, &mut other)?;
                if flat.is_some() || other.is_some() {
                    return unordered("a Flatten at the end of a block");
                }
            }
            "time_distributed" => {
                let sample = input.get(1..).unwrap_or_default();
                // Steps come first in both.
                *first = Some(sample.len() > 2);
                self.chain(layer.inner().map(|(_, inner)| inner), sample, first, flat)?;
                let output = self.shapes.get(layer.path()).map_or(0, |shape| shape.len());
                *first = (output <= 2).then_some(false);
            }
            "bidirectional" => {
                let both: Vec<_> = layer.inner().map(|(_, inner)| inner.description()).collect();
                let shapes = |inner: &&LayerDescription| (inner.kind.clone(), inner.parameters.clone());
                if both.windows(2).any(|pair| shapes(&pair[0]) != shapes(&pair[1])) {
                    let found = "layers of different kinds or sizes in both directions";
                    let (expected, remedy) = ("one kind and size, as PyTorch has them", "use two alike");
                    return Err(Error::invalid(layer.path(), found, expected, remedy));
                }
                for (name, inner) in layer.inner() {
                    let ending = if name == "backward" { "_reverse" } else { "" };
                    self.recurrent(inner.description(), (layer.path(), ending), *flat)?;
                }
                (*first, *flat) = (Some(false), None);
            }
            _ if description.options.contains_key("cell") => {
                self.recurrent(description, (layer.path(), ""), *flat)?;
                (*first, *flat) = (Some(false), None);
            }
            "dense" => {
                self.plain(description, *flat)?;
                *flat = None;
            }
            "prelu" if description.parameters.iter().any(|(_, shape)| is_by_position(shape)) => {
                return Err(Error::invalid(
                    layer.path(),
                    "slopes that differ between positions",
                    "one per channel or one for all, as in PyTorch's PReLU",
                    "share the axes of the positions: PRelu::shared_axes",
                ));
            }
            "embedding" if flat.is_some() => return unordered("an embedding behind a Flatten"),
            "embedding" => {
                self.plain(description, None)?;
                *first = Some(false);
            }
            "group_norm" if flat.is_some() => {
                return unordered("a layer of groups of channels behind a Flatten");
            }
            "batch_norm" | "layer_norm" | "group_norm" | "prelu" => self.plain(description, *flat)?,
            "reshape" | "permute" | "repeat_vector" => return unordered("a layer that reorders its inputs"),
            "gaussian_noise" | "dropout" | "alpha_dropout" | "activate" | "masking" | "softmax" => {}
            _ if kind.starts_with("conv_lstm") => {
                let expected = "a layer that PyTorch has";
                return Err(Error::invalid(
                    layer.path(),
                    kind,
                    expected,
                    "keep the weights in Keras' layout",
                ));
            }
            _ if SPATIAL.iter().any(|part| kind.contains(part)) => {
                if flat.is_some() {
                    return unordered("a layer of grids behind a Flatten");
                }
                self.plain(description, None)?;
                *first = Some(true);
            }
            _ => return unordered("a layer of your own"),
        }
        Ok(())
    }

    /// Adds a tensor: name and shape here, name and shape there, where its numbers are here, and what is added.
    fn add(
        &mut self,
        (own, shape): (String, &[usize]),
        other: String,
        others: Vec<usize>,
        place: impl Fn(usize) -> usize,
        added: Option<String>,
    ) {
        let places = (0..others.iter().product()).map(place).collect();
        self.changes.push(Change { own, other, shape: shape.to_vec(), others, places, added });
    }

    fn plain(&mut self, layer: &LayerDescription, flat: Flat) -> Result<()> {
        let kind = layer.kind.as_str();
        let rank = layer.parameters.iter().map(|(_, shape)| shape.len()).max().unwrap_or(1);
        for (name, shape) in &layer.parameters {
            let own = format!("{}.{name}", layer.path);
            let separable = kind.starts_with("separable");
            let normed = is_normed(layer);
            let other = match name.as_str() {
                "depthwise_kernel" if separable => "depthwise.weight",
                "kernel" | "depthwise_kernel" if normed => "parametrizations.weight.original1",
                "kernel" | "depthwise_kernel" => "weight",
                "pointwise_kernel" if normed => "pointwise.parametrizations.weight.original1",
                "pointwise_kernel" => "pointwise.weight",
                "gain" if separable => "pointwise.parametrizations.weight.original0",
                "gain" => "parametrizations.weight.original0",
                "bias" if separable => "pointwise.bias",
                "gamma" | "embeddings" | "alpha" => "weight",
                "beta" => "bias",
                "moving_mean" => "running_mean",
                "moving_variance" => "running_var",
                name => name,
            };
            let other = format!("{}.{other}", layer.path);
            let window = shape.len().saturating_sub(2);
            if !name.ends_with("kernel") {
                let by_channel = kind.ends_with("_norm") || kind == "prelu";
                let place = |i| if by_channel { unflattened(flat, i) } else { i };
                let mut others = shape.clone();
                if name == "alpha" {
                    others = vec![shape.iter().product()];
                }
                if name == "gain" {
                    others = vec![1; rank];
                    others[usize::from(kind.ends_with("_transpose"))] = shape[0];
                }
                self.add((own, shape), other, others, place, None);
                continue;
            }
            // Here: window, inputs, outputs; of a transposed convolution window, outputs, inputs.
            let taps: Vec<usize> = (0..window).collect();
            let axes = match name.as_str() {
                "depthwise_kernel" => [vec![window, window + 1], taps].concat(),
                _ => [vec![window + 1, window], taps].concat(),
            };
            let moved: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
            let others = match name.as_str() {
                "depthwise_kernel" => [&[moved[0] * moved[1], 1], &moved[2..]].concat(),
                _ => moved.clone(),
            };
            let rows = if kind == "dense" { flat } else { None };
            let place = transposed(shape, &axes);
            let units = shape.last().copied().unwrap_or(1);
            let place = |i: usize| {
                let place = place(i);
                unflattened(rows, place / units) * units + place % units
            };
            self.add((own, shape), other, others, place, None);
        }
        Ok(())
    }

    /// Adds the tensors of a recurrent layer, under the path and with the ending of a name there.
    fn recurrent(
        &mut self,
        layer: &LayerDescription,
        (path, ending): (&str, &str),
        flat: Flat,
    ) -> Result<()> {
        let cell = &layer.options["cell"];
        let gru = cell.get("gru");
        if gru.is_some_and(|gru| gru["reset_after"] != true) {
            let expected = "a GRU that resets after the product, as PyTorch's does";
            return Err(Error::invalid(
                &layer.path,
                "one that resets before it",
                expected,
                "use reset_after(true)",
            ));
        }
        let parameters: BTreeMap<&str, &[usize]> =
            layer.parameters.iter().map(|(name, shape)| (&**name, &**shape)).collect();
        let units = parameters.get("recurrent_kernel").map_or(1, |shape| shape[0]);
        let other = |name: &str| format!("{path}.{name}_l0{ending}");
        let normed = |name: &str| format!("{path}.parametrizations.weight_ih_l0{ending}.{name}");
        // Where the numbers of a gate there are here: z, r, h are r, z, n there.
        let gate = |i: usize| match (gru.is_some(), i / units) {
            (true, 0) => i + units,
            (true, 1) => i - units,
            _ => i,
        };
        for (name, shape) in parameters {
            let own = (format!("{}.{name}", layer.path), shape);
            let all = shape.last().copied().unwrap_or(1);
            match name {
                "kernel" | "recurrent_kernel" => {
                    let (inputs, rows) = (shape[0], if name == "kernel" { flat } else { None });
                    let place = |i: usize| unflattened(rows, i % inputs) * all + gate(i / inputs);
                    let other = match name {
                        "kernel" if is_normed(layer) => normed("original1"),
                        "kernel" => other("weight_ih"),
                        _ => other("weight_hh"),
                    };
                    self.add(own, other, vec![all, inputs], place, None);
                }
                "gain" => self.add(own, normed("original0"), vec![all, 1], gate, None),
                "bias" if shape.len() == 2 => {
                    self.add(own.clone(), other("bias_ih"), vec![all], gate, None);
                    self.add(own, other("bias_hh"), vec![all], |i| all + gate(i), None);
                }
                "bias" => self.add(own, other("bias_ih"), vec![all], gate, Some(other("bias_hh"))),
                name => self.add(own, format!("{}.{name}", layer.path), shape.to_vec(), |i| i, None),
            }
        }
        Ok(())
    }
}

/// Whether a layer has weight normalisation.
fn is_normed(layer: &LayerDescription) -> bool {
    layer.parameters.iter().any(|(name, _)| name == "gain")
}

/// Whether a shape has more than channels.
fn is_by_position(shape: &[usize]) -> bool {
    shape.split_last().is_some_and(|(_, positions)| positions.iter().any(|&size| size > 1))
}

/// Parts of the names of layers that have grids with channels.
const SPATIAL: [&str; 7] = ["conv", "pool", "padding", "cropping", "sampling", "spatial_dropout", "random_"];
