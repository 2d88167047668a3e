//! A network's description, written as Keras' description of a model.

use super::form::{At, Config, WRITE_REMEDY};
use super::graph::{Names, snake};
use super::table::Class;
use crate::layer::kinds::Described;
use crate::layer::{LayerDescription, SHORTCUT};
use crate::loss::Outputs;
use crate::model::{Network, is_padded_with_centre};
use crate::{Error, Result};
use serde_json::{Value, json};

/// A layer of Keras.
#[derive(Debug)]
pub(super) struct Written {
    class: String,
    config: Config,
    /// The paths of its parameters, by the folder inside the layer's own.
    pub(super) arrays: Vec<(String, Vec<String>)>,
    inputs: Vec<usize>,
}

/// The layers of a model in Keras' order; the first is that of the inputs.
#[derive(Debug, Default)]
pub(super) struct Writing {
    pub(super) layers: Vec<Written>,
    /// Whether sequences are masked.
    masked: bool,
    /// The frozen parameters of which no layer tells yet.
    frozen: Vec<String>,
}

/// Keras' order of the parameters of any layer.
const ORDER: [&str; 11] = [
    "embeddings",
    "alpha",
    "kernel",
    "depthwise_kernel",
    "pointwise_kernel",
    "recurrent_kernel",
    "bias",
    "gamma",
    "beta",
    "moving_mean",
    "moving_variance",
];

/// The names of a layer's parameters in Keras' order.
pub(super) fn ordered(layer: &LayerDescription) -> Vec<&str> {
    ORDER.into_iter().filter(|name| layer.parameters.iter().any(|(own, _)| own == name)).collect()
}

fn refused(layer: &LayerDescription, found: impl ToString, expected: &str) -> Error {
    Error::invalid(&layer.path, found, expected, WRITE_REMEDY)
}

fn written(class: impl Into<String>, config: Value) -> Written {
    let config = config.as_object().cloned().unwrap_or_default();
    Written { class: class.into(), config, arrays: Vec::new(), inputs: Vec::new() }
}

/// The layer of Keras for an activation of which its versions have no function in common.
fn layer_of(activation: &str) -> Option<(&'static str, Value)> {
    match activation {
        // Keras 3 has another name for the slope, and takes this one, too.
        "leaky_relu" => Some(("LeakyReLU", json!({ "alpha": 0.3 }))),
        "relu6" => Some(("ReLU", json!({ "max_value": 6.0 }))),
        _ => None,
    }
}

impl Written {
    /// The layer as an option of another.
    fn inner(&self) -> Value {
        let mut config = self.config.clone();
        config.insert("name".to_owned(), json!(snake(&self.class)));
        json!({ "module": "keras.layers", "class_name": self.class, "config": config, "registered_name": null })
    }
}

impl Writing {
    /// The layers of a network with these outputs.
    pub(super) fn of(network: &Network, outputs: Outputs) -> Result<Self> {
        let description = network.description();
        let mut shape = vec![Value::Null];
        shape.extend(description.input.iter().map(|&n| json!(n)));
        let frozen = network.arena().parameters().iter().filter(|parameter| parameter.frozen);
        let mut writing =
            Self { frozen: frozen.map(|parameter| parameter.path.clone()).collect(), ..Self::default() };
        writing.layers.push(written("InputLayer", json!({ "batch_input_shape": shape })));
        let tree = Described::tree(&description.layers);
        let last = writing.chain(&tree.iter().collect::<Vec<_>>(), 0)?;
        if let (1, Some(first)) = (writing.layers.len(), description.layers.first()) {
            return Err(refused(first, "a network without any layer that Keras has", "at least one"));
        }
        // What a model answers is the same as here.
        let answer = match outputs {
            Outputs::Values | Outputs::Probabilities => None,
            Outputs::Logits => Some("softmax"),
            Outputs::BinaryLogits => Some("sigmoid"),
            Outputs::LogRates => Some("exponential"),
        };
        if let Some(answer) = answer {
            writing.push(written("Activation", json!({ "activation": answer })), vec![last]);
        }
        writing.sort();
        Ok(writing)
    }

    /// A frozen parameter that is not told of, since its layer is not frozen as a whole.
    pub(super) fn half_frozen(&self) -> Option<&str> {
        self.frozen.first().map(String::as_str)
    }

    fn push(&mut self, layer: Written, inputs: Vec<usize>) -> usize {
        self.layers.push(Written { inputs, ..layer });
        self.layers.len() - 1
    }

    /// Appends layers, the first of which takes the output of `from`; returns the last.
    fn chain(&mut self, layers: &[&Described<'_>], from: usize) -> Result<usize> {
        let mut last = from;
        for layer in layers {
            let description = layer.description();
            if description.kind == "residual" {
                let (shortcut, main): (Vec<_>, Vec<_>) =
                    layer.inner().partition(|(name, _)| name.starts_with(SHORTCUT));
                let [main, shortcut] =
                    [main, shortcut].map(|all| all.into_iter().map(|(_, layer)| layer).collect::<Vec<_>>());
                let branches = vec![self.chain(&main, last)?, self.chain(&shortcut, last)?];
                last = self.push(written("Add", json!({})), branches);
                continue;
            }
            for layer in self.layer(layer)? {
                last = self.push(layer, vec![last]);
            }
        }
        Ok(last)
    }

    /// The layers of Keras that do what one here does.
    fn layer(&mut self, layer: &Described<'_>) -> Result<Vec<Written>> {
        let description = layer.description();
        match description.kind.as_str() {
            "time_distributed" => {
                let mut all = Vec::new();
                for (_, inner) in layer.inner() {
                    let inner = match inner.description().kind.as_str() {
                        "residual" => {
                            return Err(refused(inner.description(), "a block at every step", "one layer"));
                        }
                        _ => self.layer(inner)?,
                    };
                    all.extend(inner.into_iter().map(|inner| {
                        let mut outer = written("TimeDistributed", json!({ "layer": inner.inner() }));
                        let inside = |folder: String| match folder.is_empty() {
                            true => "layer".to_owned(),
                            false => format!("layer/{folder}"),
                        };
                        outer.arrays =
                            inner.arrays.into_iter().map(|(folder, paths)| (inside(folder), paths)).collect();
                        outer
                    }));
                }
                Ok(all)
            }
            "bidirectional" => {
                let mut both = Vec::new();
                let masked = self.masked;
                for (_, inner) in layer.inner() {
                    self.masked = masked;
                    let mut forwards = inner.description().clone();
                    forwards.options.insert("go_backwards".to_owned(), json!(false));
                    both.extend(self.plain(&forwards)?);
                }
                let [forward, backward] = both.as_mut_slice() else {
                    return Err(refused(description, format!("{} layers", both.len()), "two"));
                };
                let config =
                    json!({ "layer": forward.inner(), "merge_mode": description.options.get("merge") });
                let mut outer = written("Bidirectional", config);
                if backward.inner() != forward.inner() {
                    backward.config.insert("go_backwards".to_owned(), json!(true));
                    outer.config.insert("backward_layer".to_owned(), backward.inner());
                }
                for (direction, layer) in [("forward", forward), ("backward", backward)] {
                    let inside = |(folder, paths): &(String, Vec<String>)| {
                        (format!("{direction}_layer/{folder}"), paths.clone())
                    };
                    outer.arrays.extend(layer.arrays.iter().map(inside));
                }
                Ok(vec![outer])
            }
            // Predictions do not need it.
            "random_translation" if description.options.get("pixels") != Some(&Value::Null) => {
                log::warn!(
                    "{}: Keras' file has no shifts in whole pixels, and lacks this layer",
                    description.path
                );
                Ok(Vec::new())
            }
            // Keras 2.15 knows no other range, and Keras 3 takes one number for an upper limit alone.
            "random_contrast" => {
                let mut written = self.plain(description)?;
                for config in written.iter_mut().map(|layer| &mut layer.config) {
                    let range = config.remove("value_range").unwrap_or_default();
                    if range != json!([0.0, 255.0]) {
                        let path = &description.path;
                        log::warn!("{path}: training in Keras keeps to 0..255 instead of {range}");
                    }
                    if let Some(factor) = config.get_mut("factor").filter(|factor| factor.is_number()) {
                        *factor = json!([factor, factor]);
                    }
                }
                Ok(written)
            }
            _ => self.plain(description),
        }
    }

    fn plain(&mut self, layer: &LayerDescription) -> Result<Vec<Written>> {
        check_rotation(layer)?;
        let at = At { place: &layer.path, three: true };
        let Some((class, dimensions)) = Class::of_kind(&layer.kind) else {
            let expected = format!("a layer that Keras has: {}", Class::names());
            return Err(refused(layer, format!("a layer of the kind {}", layer.kind), &expected));
        };
        self.check(layer)?;
        let masks = layer.options.get("mask_zero") == Some(&json!(true));
        self.masked |= layer.kind == "masking" || masks;
        let mut options = layer.options.clone();
        let recurrent = options.contains_key("recurrent_activation");
        let (mut before, mut behind) = (None, None);
        if layer.kind.starts_with("separable") && options.get("padding") == Some(&json!("causal")) {
            // Keras 3 has causal padding in Conv1D alone.
            let first = |name: &str| options.get(name).and_then(|all| all[0].as_u64()).unwrap_or(1);
            let zeros = first("kernel_size").saturating_sub(1).saturating_mul(first("dilation"));
            options.insert("padding".to_owned(), json!({ "explicit": [[zeros, 0]] }));
        }
        if let Some(padding) = options.get("padding").and_then(|padding| padding.get("explicit"))
            && layer.kind.contains("conv")
            && !recurrent
            && !layer.kind.ends_with("_transpose")
        {
            let zeros = super::form::Form::Margins.write(at, "padding", padding, dimensions)?;
            before = Some(written(format!("ZeroPadding{dimensions}D"), json!({ "padding": zeros })));
            options.insert("padding".to_owned(), json!("valid"));
        }
        let activation = options.get("activation").and_then(Value::as_str);
        if let (Some((class, config)), false) = (activation.and_then(layer_of), recurrent) {
            behind = Some(written(class, config));
            options.insert("activation".to_owned(), json!("linear"));
        }
        let mut own = written(class.keras.replace('#', &dimensions.to_string()), json!({}));
        for (keras, name, form) in
            class.entries().filter(|(keras, name, _)| !keras.is_empty() && !name.is_empty())
        {
            let value = form.write(at, keras, options.get(*name).unwrap_or(&Value::Null), dimensions)?;
            own.config.insert((*keras).to_owned(), value);
        }
        let paths: Vec<String> =
            ordered(layer).into_iter().map(|name| format!("{}.{name}", layer.path)).collect();
        if !paths.is_empty() && paths.iter().all(|path| self.frozen.contains(path)) {
            own.config.insert("trainable".to_owned(), json!(false));
            self.frozen.retain(|path| !paths.contains(path));
        }
        if !paths.is_empty() {
            own.arrays.push((if recurrent { "cell" } else { "" }.to_owned(), paths));
        }
        let own = (layer.kind != "activate" || behind.is_none()).then_some(own);
        Ok([before, own, behind].into_iter().flatten().collect())
    }

    /// Refuses options with which Keras computes something else, or nothing.
    fn check(&mut self, layer: &LayerDescription) -> Result<()> {
        let sizes = |name: &str| -> Vec<u64> {
            let sizes = layer.options.get(name).and_then(Value::as_array);
            sizes.into_iter().flatten().filter_map(Value::as_u64).collect()
        };
        let is = |name: &str| layer.options.get(name) == Some(&json!(true));
        let (strides, dilation) = (sizes("strides"), sizes("dilation"));
        let wide = |sizes: &[u64]| sizes.iter().any(|&size| size > 1);
        let found = format!("strides {strides:?} with dilation {dilation:?}");
        if wide(&dilation) && (wide(&strides) || layer.kind == "conv3d_transpose") {
            return Err(refused(
                layer,
                found,
                "one of both alone, and none of it in Conv3DTranspose, as in Keras",
            ));
        }
        let channelwise = layer.kind.starts_with("depthwise") || layer.kind.starts_with("separable");
        if channelwise && strides.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(refused(layer, found, "the same stride in all directions, as in Keras"));
        }
        if is("stateful") {
            let expected = "states that start anew: Keras would fix the rows of a batch";
            return Err(refused(layer, "stateful", expected));
        }
        if layer.options.contains_key("cell") {
            if self.masked && is("go_backwards") && is("return_sequences") {
                let found = "go_backwards with masked sequences, whose mask Keras does not reverse with them";
                return Err(refused(layer, found, "a layer without it"));
            }
            self.masked &= is("return_sequences");
        }
        Ok(())
    }

    /// Brings the layers into the order in which Keras has them, which tells whose numbers are whose: by the number of layers up to the
    /// output, then by the way back from it.
    fn sort(&mut self) {
        let count = self.layers.len();
        let (mut depth, mut seen) = (vec![0usize; count], vec![usize::MAX; count]);
        for i in (0..count).rev() {
            for &input in &self.layers[i].inputs {
                depth[input] = depth[input].max(depth[i] + 1);
            }
        }
        let (mut open, mut next) = (vec![count - 1], 0);
        while let Some(layer) = open.pop() {
            if seen[layer] == usize::MAX {
                seen[layer] = next;
                next += 1;
                open.extend(self.layers[layer].inputs.iter().rev());
            }
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(depth[i]), seen[i]));
        let mut place = vec![0; count];
        order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
        let mut layers: Vec<(usize, Written)> =
            std::mem::take(&mut self.layers).into_iter().enumerate().collect();
        layers.sort_by_key(|(old, _)| place[*old]);
        self.layers = layers.into_iter().map(|(_, layer)| layer).collect();
        self.layers.iter_mut().flat_map(|layer| &mut layer.inputs).for_each(|input| *input = place[*input]);
    }

    /// Names of the layers, by which their numbers are found, too.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = Names::default();
        self.layers.iter().map(|layer| names.next(&layer.class)).collect()
    }

    /// Keras' description of the model.
    pub(super) fn config(&self) -> Value {
        let names = self.names();
        let graph = self.layers.iter().any(|layer| layer.inputs.len() > 1);
        let entry = |(layer, name): (&Written, &String)| {
            let mut config = layer.config.clone();
            config.insert("name".to_owned(), json!(name));
            let mut entry = json!({
                "module": "keras.layers", "class_name": layer.class, "config": config, "registered_name": null,
            });
            if graph {
                let calls: Vec<Value> =
                    layer.inputs.iter().map(|&input| json!([names[input], 0, 0, {}])).collect();
                entry["name"] = json!(name);
                entry["inbound_nodes"] = if calls.is_empty() { json!([]) } else { json!([calls]) };
            }
            entry
        };
        let layers: Vec<Value> = self.layers.iter().zip(&names).map(entry).collect();
        let (class, mut config) = match graph {
            false => ("Sequential", json!({ "name": "sequential", "layers": layers })),
            true => ("Model", json!({ "name": "model", "trainable": true, "layers": layers })),
        };
        if let (true, Some(first), Some(last)) = (graph, names.first(), names.last()) {
            config["input_layers"] = json!([[first, 0, 0]]);
            config["output_layers"] = json!([[last, 0, 0]]);
        }
        json!({ "module": "keras", "class_name": class, "config": config, "registered_name": null })
    }
}

/// Refuses rotated layers.
fn check_rotation(layer: &LayerDescription) -> Result<()> {
    let Some(rotation) = &layer.rotation else { return Ok(()) };
    let (found, expected) = ("an auto-rotating layer", "a classic one, which Keras has");
    let remedy = match rotation.per_filter {
        _ if is_padded_with_centre(layer) => {
            "write an ONNX file, or before training give the layer a frame around 0 (AutoRotate::frame) or Padding::Valid (unless \
             it is transposed): at its borders windows see less of the centre than elsewhere, which no bias of Keras makes up for"
        }
        Some(false) => {
            "write the model that Model::fold returns; where ρ differs between positions, near padded borders, give the layer \
             AutoRotate::per_filter(true) or Rule::Aligned before training, or write an ONNX file"
        }
        _ => "write the model that Model::fold returns",
    };
    Err(Error::invalid(&layer.path, found, expected, remedy))
}
