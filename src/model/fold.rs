//! Folding: the classic twin of a network, with ρ, gains and batch normalisation in its kernels.

use super::{Model, Network, Tensor, prepared};
use crate::describe::value;
use crate::device::{Device, Values};
use crate::kernel::Element;
use crate::layer::kinds::{Described, Kinds};
use crate::layer::weight_norm::Gain;
use crate::layer::{LayerDescription, SHORTCUT};
use crate::plan::arena::{keys, norms};
use crate::plan::{Purpose, Recorder};
use crate::{Frame, Result, Sequential};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Parameters by path.
type Tensors = BTreeMap<String, Tensor<f64>>;

/// What becomes of a layer.
#[derive(Debug, Default)]
struct Change {
    /// By what its numbers are multiplied, one factor per unit, filter, or unit of a gate.
    factors: Option<Vec<f64>>,
    /// By what the kernels are divided besides, and what is added to the bias then, for a layer that saw its inputs in a frame.
    frame: Option<(f64, Vec<f64>)>,
    /// The batch normalisation that follows.
    norm: Option<Norm>,
}

/// y = scale·x + shift.
#[derive(Debug)]
struct Norm {
    scale: Vec<f64>,
    shift: Vec<f64>,
}

impl Model {
    /// A classic model on the same device that computes the same: ρ is multiplied into kernels and biases, weights that are normalised
    /// become plain ones, and batch normalisation that follows a layer without an activation goes into that layer. It predicts
    /// faster, and needs nothing of auto-rotation: for other programs. Its outputs differ by rounding. Its layers are numbered anew where batch normalisation is gone.
    ///
    /// Layers whose ρ differs between positions, as that of a convolution near padded borders, stay as they are, and so do critical ones
    /// that pad with a centre other than 0.
    ///
    /// # Errors
    /// Layers of your own ([`Model::fold_with`] takes their kinds); device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn fold(&mut self) -> Result<Self> {
        self.fold_with(&Kinds::default())
    }

    /// [`Model::fold`] of a model with layers of your own.
    ///
    /// # Errors
    /// A kind of layer that is not given; device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn fold_with(&mut self, kinds: &Kinds) -> Result<Self> {
        pollster::block_on(self.fold_async(kinds))
    }

    /// [`Model::fold_with`], for callers that may not block.
    pub async fn fold_async(&mut self, kinds: &Kinds) -> Result<Self> {
        let all = self.read_arena(keys::PARAMETERS).await?;
        let exact = self.exact_weights_async().await?;
        let plain = plain(&self.network, exact.clone());
        let mut changes: HashMap<String, Change> = HashMap::new();
        let own = Kinds::default();
        for (path, rho) in every_rho(&self.network, &all).await? {
            // What a layer of the user's does with its kernel is not known.
            let known = self.network.description.layer(&path).is_some_and(|layer| own.has(&layer.kind));
            if known && rho.positions == 1 {
                let layer = self.network.description.layer(&path);
                let Some(frame) = layer.and_then(|layer| unframed(layer, &plain, &rho.values)) else {
                    continue;
                };
                let change = changes.entry(path).or_default();
                (change.factors, change.frame) = (Some(rho.values), frame);
            }
        }
        let layers = &self.network.description.layers;
        let mut gone = HashSet::new();
        let tree = Described::tree(layers);
        let list: Vec<_> = tree.iter().map(|layer| (layer.path(), layer)).collect();
        absorb(&list, &plain, &mut changes, &mut gone);
        let kept = layers.iter().filter(|layer| !gone.contains(&layer.path));
        let kept: Vec<LayerDescription> =
            kept.map(|layer| altered(layer, changes.get(&layer.path))).collect();

        let outline = self.network.description.outline();
        let net = kinds.layers(&kept)?.into_iter().fold(outline, Sequential::add_shared);
        let mut network = net.network(self.network.description.seed)?;
        network.classes.clone_from(&self.network.classes);
        network.conversion.clone_from(&self.network.conversion);
        network.outputs = self.network.outputs;
        let mut tensors = Tensors::new();
        for (new, layer) in network.description.layers.iter().zip(&kept) {
            // A layer inside one of the user's keeps its gain where that one has the options.
            let old = if new.parameters == layer.parameters { &exact } else { &plain };
            for (name, shape) in &new.parameters {
                let tensor = old.get(&format!("{}.{name}", layer.path)).cloned();
                let values = tensor.map_or_else(|| vec![0.0; shape.iter().product()], |tensor| tensor.values);
                let mut tensor = Tensor { shape: shape.clone(), values };
                if let Some(change) = changes.get(&layer.path) {
                    change.apply(layer, name, &mut tensor);
                }
                tensors.insert(format!("{}.{name}", new.path), tensor);
            }
        }
        let mut folded = Self::new(network, &self.device)?;
        folded.set_exact_weights(&tensors)?;
        Ok(folded)
    }
}

#[cfg(any(feature = "onnx", feature = "keras"))]
impl Model {
    /// All parameters by path in full precision, where kernels with weight normalisation are g·v/‖v‖ and their g is left out.
    pub(crate) async fn plain_weights_async(&mut self) -> Result<Tensors> {
        let exact = self.exact_weights_async().await?;
        Ok(plain(&self.network, exact))
    }
}

/// Parameters of a network, with g·v/‖v‖ for kernels with weight normalisation and without g.
fn plain(network: &Network, mut tensors: Tensors) -> Tensors {
    for node in network.every_node() {
        let facts = node.facts();
        let (Some(kernel), Some(Gain { id, inner })) = (facts.kernel, facts.gain) else { continue };
        let [kernel, gain] = [kernel, id].map(|id| &network.arena.get(id).path);
        let (Some(gain), Some(kernel)) = (tensors.remove(gain), tensors.get_mut(kernel)) else { continue };
        let norms = norms(&kernel.values, gain.values.len(), inner);
        let scale = |(&gain, &norm): (&f64, &f64)| if norm > 0.0 { gain / norm } else { 0.0 };
        let scales: Vec<f64> = gain.values.iter().zip(&norms).map(scale).collect();
        let values = kernel.values.iter_mut().enumerate();
        values.for_each(|(i, v)| *v *= scales[i / inner % scales.len()]);
    }
    tensors
}

/// ρ of a rotated layer: one per unit, filter, or unit of a gate, at each of so many positions.
#[derive(Debug)]
pub(crate) struct Rho {
    pub(crate) positions: usize,
    pub(crate) values: Vec<f64>,
}

/// Multiplies a parameter of a layer by ρ, one factor per unit, filter, or unit of a gate, as far as ρ concerns it.
#[cfg(feature = "onnx")]
pub(crate) fn multiply_rho(layer: &LayerDescription, name: &str, tensor: &mut Tensor<f64>, rho: &[f64]) {
    Change { factors: Some(rho.to_vec()), ..Change::default() }.apply(layer, name, tensor);
}

#[cfg(feature = "onnx")]
impl Model {
    /// ρ of every rotated layer by path.
    pub(crate) async fn rho_async(&mut self) -> Result<HashMap<String, Rho>> {
        let all = self.read_arena(keys::PARAMETERS).await?;
        every_rho(&self.network, &all).await
    }
}

/// ρ of every rotated layer by path, in double precision, from the parameters of the network.
pub(crate) async fn every_rho(network: &Network, parameters: &[f64]) -> Result<HashMap<String, Rho>> {
    const INPUT: &str = "input of a fold";
    let mut executor = prepared(network, &Device::cpu_f64())?;
    executor.write(keys::PARAMETERS, 0, Values::F64(parameters))?;
    executor.allocate(INPUT, Element::Float, network.input().len())?;
    let mut rec = Recorder::new(Purpose::Inspect, 1, network.arena());
    let x = rec.shared(INPUT, Element::Float, network.input().len());
    let traces = network.forward(&mut rec, x);
    let program = executor.bind(&rec.finish("fold")?)?;
    executor.run(program, 1)?;
    let mut all = HashMap::new();
    for (node, trace) in network.every_trace(&traces) {
        let Some(view) = trace.rotation else { continue };
        let both = executor.read_view(program, view).await?;
        let rho = &both[..both.len() / 2];
        let (positions, values) = match node.facts().zones.filter(|zones| zones.count() > 1) {
            Some(zones) => {
                let values = zones.spread(rho);
                (values.len() * zones.count() / rho.len(), values)
            }
            None => (1, rho.to_vec()),
        };
        all.insert(node.path().to_owned(), Rho { positions, values });
    }
    Ok(all)
}

/// Layers of this crate that are a linear map, to which something linear may follow.
fn is_linear_map(layer: &LayerDescription) -> bool {
    let linear = layer.options.get("activation").and_then(Value::as_str) == Some("linear");
    let conv = layer.kind.strip_suffix("_transpose").unwrap_or(&layer.kind);
    let conv = ["1d", "2d", "3d"].iter().find_map(|dimensions| conv.strip_suffix(dimensions));
    linear
        && (layer.kind == "dense"
            || conv.is_some_and(|conv| ["conv", "depthwise_conv", "separable_conv"].contains(&conv)))
}

/// Finds batch normalisations, in layers one after another and inside these, that the layer before each takes up.
fn absorb(
    list: &[(&str, &Described<'_>)],
    weights: &Tensors,
    changes: &mut HashMap<String, Change>,
    gone: &mut HashSet<String>,
) {
    // In other layers those inside need not follow each other.
    for (_, layer) in list.iter().filter(|(_, layer)| layer.description().kind == "residual") {
        absorb(&layer.inner().collect::<Vec<_>>(), weights, changes, gone);
    }
    for pair in list.windows(2) {
        let &[(first, map), (second, norm)] = pair else { continue };
        let (map, norm) = (map.description(), norm.description());
        // The two branches of a residual block stand one after the other.
        let together = first.starts_with(SHORTCUT) == second.starts_with(SHORTCUT);
        let classic = map.rotation.is_none() || changes.contains_key(&map.path);
        if !(norm.kind == "batch_norm" && together && is_linear_map(map) && classic) {
            continue;
        }
        let of = |name: &str| weights.get(&format!("{}.{name}", norm.path)).map(|tensor| &*tensor.values);
        let (Some(mean), Some(variance)) = (of("moving_mean"), of("moving_variance")) else { continue };
        let epsilon = norm.options.get("epsilon").and_then(Value::as_f64).unwrap_or_default();
        // As the layer has it, in single precision.
        let epsilon = f64::from(epsilon as f32);
        let gamma = |i: usize| of("gamma").map_or(1.0, |gamma| gamma[i]);
        let beta = |i: usize| of("beta").map_or(0.0, |beta| beta[i]);
        let scale: Vec<f64> = (0..mean.len()).map(|i| gamma(i) / (variance[i] + epsilon).sqrt()).collect();
        let shift = (0..mean.len()).map(|i| beta(i) - mean[i] * scale[i]).collect();
        changes.entry(map.path.clone()).or_default().norm = Some(Norm { scale, shift });
        gone.insert(norm.path.clone());
    }
}

/// Whether windows of the layer see different shares of a centre other than 0: padding is padding with the centre.
pub(crate) fn is_padded_with_centre(layer: &LayerDescription) -> bool {
    let option = |name: &str| layer.options.get(name);
    let single = option("kernel_size").is_some_and(|sizes| {
        sizes.as_array().is_some_and(|sizes| sizes.iter().all(|size| *size == json!(1)))
    });
    let padded = option("padding")
        .is_some_and(|padding| *padding != json!("valid") && !(single && padding.is_string()));
    let frame = layer.rotation.as_ref().and_then(|rotation| rotation.frame);
    frame.is_some_and(|frame| frame.centre != 0.0) && (padded || layer.kind.ends_with("_transpose"))
}

/// What leaving out the frame of a rotated layer with this ρ changes in its kernels and its bias; `None` if it cannot be left out.
#[expect(clippy::option_option, reason = "no frame, and no way without it")]
fn unframed(layer: &LayerDescription, weights: &Tensors, rho: &[f64]) -> Option<Option<(f64, Vec<f64>)>> {
    let frame = layer.rotation.as_ref().and_then(|rotation| rotation.frame);
    let Some(frame) = frame.filter(|&frame| frame != Frame::default()) else { return Some(None) };
    let deviation = 1.0 / f64::from(frame.factor());
    if frame.centre == 0.0 {
        return Some(Some((deviation, vec![0.0; rho.len()])));
    }
    if is_padded_with_centre(layer) {
        return None;
    }
    let of = |name: &str| weights.get(&format!("{}.{name}", layer.path)).map(|tensor| &*tensor.values);
    // The sums of each unit's weights.
    let columns = |values: &[f64], count: usize| {
        let mut sums = vec![0.0; count];
        values.iter().enumerate().for_each(|(i, value)| sums[i % count] += value);
        sums
    };
    let sums = match (of("kernel"), of("depthwise_kernel"), of("pointwise_kernel")) {
        (Some(kernel), _, _) | (None, Some(kernel), None) => columns(kernel, rho.len()),
        (None, Some(depthwise), Some(pointwise)) => {
            let between = columns(depthwise, pointwise.len() / rho.len());
            let weighted = pointwise.iter().enumerate().map(|(i, weight)| weight * between[i / rho.len()]);
            columns(&weighted.collect::<Vec<_>>(), rho.len())
        }
        _ => return None,
    };
    let share = f64::from(frame.centre) / deviation;
    let shift = sums.iter().zip(rho).map(|(sum, rho)| -rho * share * sum).collect();
    Some(Some((deviation, shift)))
}

/// The layer's description after a change. A layer that stays rotated keeps its x_Q, its frame and where L
/// starts, whatever is before it.
fn altered(layer: &LayerDescription, change: Option<&Change>) -> LayerDescription {
    let mut layer = layer.clone();
    let folded = change.is_some_and(|change| change.factors.is_some());
    if let Some(weight_norm) = layer.options.get_mut("weight_norm") {
        *weight_norm = json!(false);
    }
    if let Some(rotate) = layer.options.get_mut("auto_rotate") {
        match (&layer.rotation, rotate.as_object_mut()) {
            _ if folded => *rotate = Value::Null,
            (Some(rotation), Some(options)) => {
                options.insert("x_q".to_owned(), value(&rotation.x_q));
                if let ([l], Some(frame)) = (&*rotation.l, rotation.frame) {
                    options.insert("l".to_owned(), value(l));
                    options.insert("frame".to_owned(), value(&frame));
                }
            }
            _ => {}
        }
    }
    let shifts = |(_, shift): &(f64, Vec<f64>)| shift.iter().any(|&shift| shift != 0.0);
    if change.is_some_and(|change| change.norm.is_some() || change.frame.as_ref().is_some_and(shifts)) {
        layer.options.insert("use_bias".to_owned(), json!(true));
    }
    layer
}

impl Change {
    /// Changes a parameter of a layer.
    fn apply(&self, layer: &LayerDescription, name: &str, tensor: &mut Tensor<f64>) {
        // The whole gates of a recurrent layer are rotated, or what they make of the inputs.
        let whole = layer.rotation.as_ref().is_some_and(|rotation| rotation.h_q.is_some());
        let touched = match name {
            "depthwise_kernel" => layer.kind.starts_with("depthwise"),
            "recurrent_kernel" => whole,
            "kernel" | "pointwise_kernel" | "bias" => true,
            _ => false,
        };
        if !touched {
            return;
        }
        // Kernels of transposed convolutions have the channels last, all others the filters.
        let inner = match (name, layer.kind.ends_with("_transpose")) {
            ("kernel", true) => tensor.shape.last().copied().unwrap_or(1),
            _ => 1,
        };
        // Of a bias with two lines, the second is that of the recurrent product.
        let lines = if name == "bias" && tensor.shape.len() == 2 && !whole { 2 } else { 1 };
        let part = tensor.values.len() / lines;
        let multiply = |values: &mut [f64], factors: &[f64]| {
            values.iter_mut().enumerate().for_each(|(i, value)| *value *= factors[i / inner % factors.len()]);
        };
        if let Some(factors) = &self.factors {
            multiply(&mut tensor.values[..part], factors);
        }
        match &self.frame {
            Some((_, shift)) if name == "bias" => {
                tensor.values[..part].iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
            }
            Some((deviation, _)) => tensor.values.iter_mut().for_each(|value| *value /= deviation),
            None => {}
        }
        if let Some(Norm { scale, shift }) = &self.norm {
            multiply(&mut tensor.values, scale);
            if name == "bias" {
                tensor.values.iter_mut().zip(shift).for_each(|(value, shift)| *value += shift);
            }
        }
    }
}
