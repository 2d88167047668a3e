//! Keras' description of a model, read as descriptions of layers.

use super::form::{At, Config, MOST_TOLD, READ_REMEDY, activation_layer};
use super::graph::{MOST_DEEP, Step, chain, class, name};
use super::table::Class;
use crate::layer::{LayerDescription, SHORTCUT};
use crate::loss::Outputs;
use crate::{Error, Result};
use serde_json::{Value, json};

/// A model as Keras describes it.
#[derive(Debug)]
pub(super) struct Plan {
    /// The shape of one sample.
    pub(super) input: Vec<usize>,
    /// The layers, each after those inside it.
    pub(super) items: Vec<Item>,
    pub(super) outputs: Outputs,
    /// The paths of the layers that training leaves alone.
    pub(super) frozen: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) layer: LayerDescription,
    /// What errors name.
    pub(super) place: String,
    /// Where the numbers are, of layers that may have any.
    pub(super) home: Option<Home>,
    /// The axis that is normalised, counted with that of the batch; the last one unless told.
    pub(super) axis: i64,
}

/// Where a layer's numbers are.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// The name of the outermost layer that it is in, which is a group in `.h5` files.
    pub(super) name: String,
    /// The group in `.keras` files.
    pub(super) folder: String,
}

/// Options that mean nothing here, or that are read elsewhere.
const ASIDE: &[&str] = &[
    "name",
    "trainable",
    "dtype",
    "batch_input_shape",
    "seed",
    "implementation",
    "input_length",
    "unroll",
    "zero_output_for_mask",
    "autocast",
    "axis",
    "kernel_initializer",
    "gamma_initializer",
    "beta_initializer",
    "moving_mean_initializer",
    "moving_variance_initializer",
    "renorm_clipping",
    "renorm_momentum",
    "xmin_lim",
    "xmax_lim",
    "xQ_scalar",
    "eps",
    "AutoRot",
    "L",
    "layer",
    "backward_layer",
    "merge_mode",
];

/// Options that matter to training alone, and that this crate lacks, besides constraints.
const TRAINING: &[&str] =
    &["bias_regularizer", "activity_regularizer", "gamma_regularizer", "beta_regularizer", "noise_shape"];

/// Reads the description of a model.
pub(super) fn plan(at: At<'_>, model: &Value) -> Result<Plan> {
    let (input, steps) = chain(at, model, "")?;
    let mut reader = Reader { at, items: Vec::new(), softmax: None, masked: false, frozen: Vec::new() };
    let mut place = Place::default();
    reader.steps(&steps, &mut place)?;
    if reader.items.is_empty() {
        // There is nothing whose outputs would be logits.
        reader.follow_softmax(&mut place);
    }
    let outputs = if reader.softmax.is_some() { Outputs::Logits } else { Outputs::Values };
    let Reader { items, frozen, .. } = reader;
    Ok(Plan { input: input_shape(at, model, input)?, items, outputs, frozen })
}

/// The shape of one sample.
fn input_shape(at: At<'_>, model: &Value, input: Option<&Value>) -> Result<Vec<usize>> {
    let of = |layer: &Value| {
        let config = &layer["config"];
        [&config["batch_input_shape"], &config["batch_shape"]]
            .into_iter()
            .find(|shape| shape.is_array())
            .cloned()
    };
    let first = &model["config"]["layers"][0];
    let shape = input.or(Some(first)).and_then(of);
    let built = [&model["config"]["build_input_shape"], &model["build_config"]["input_shape"]];
    let shape =
        shape.or_else(|| built.into_iter().find(|shape| shape.is_array()).cloned()).unwrap_or_default();
    let sizes = shape.as_array().and_then(|sizes| sizes.split_first()).map(|(_batch, sizes)| sizes);
    let sizes =
        sizes.and_then(|sizes| sizes.iter().map(|size| usize::try_from(size.as_u64()?).ok()).collect());
    sizes.ok_or_else(|| {
        let expected = "the size of every dimension";
        at.wrong(format!("inputs of the shape {shape}"), expected, "build the model for inputs of one shape")
    })
}

/// Where in the network layers are read to.
#[derive(Default)]
struct Place {
    /// What paths begin with.
    prefix: String,
    /// The number of the next layer.
    next: usize,
    deep: usize,
    /// The outermost layer of Keras that they are in.
    outer: Option<String>,
}

impl Place {
    fn path(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{}{}.{kind}", self.prefix, self.next - 1)
    }

    fn inside(&self, prefix: String, outer: Option<String>) -> Self {
        Self { prefix, next: 0, deep: self.deep + 1, outer: outer.or_else(|| self.outer.clone()) }
    }
}

struct Reader<'a> {
    at: At<'a>,
    items: Vec<Item>,
    /// The place of a softmax that is left out where nothing follows it, of the layer that was read last.
    softmax: Option<String>,
    /// Whether sequences are masked.
    masked: bool,
    /// The paths of the layers that are not trainable.
    frozen: Vec<String>,
}

/// Whether a layer is not trainable.
fn is_frozen(config: &Config) -> bool {
    config.get("trainable") == Some(&json!(false))
}

fn description(path: String, kind: &str, options: crate::layer::Options) -> LayerDescription {
    LayerDescription { path, kind: kind.to_owned(), options, rotation: None, parameters: Vec::new() }
}

/// Whether an option's value is a softmax, as a name, a function or a layer.
fn is_softmax(value: &Value) -> bool {
    let name = match value.get("class_name").and_then(Value::as_str) {
        Some("function") => value["config"].as_str(),
        class => class.or(value.as_str()),
    };
    name.is_some_and(|name| name.eq_ignore_ascii_case("softmax"))
}

impl Reader<'_> {
    fn steps(&mut self, steps: &[Step<'_>], place: &mut Place) -> Result<()> {
        if place.deep > MOST_DEEP {
            return Err(self.at.wrong("models deep inside each other", "fewer levels", READ_REMEDY));
        }
        for step in steps {
            match step {
                Step::Layer { layer, folder } => self.layer(layer, folder, place)?,
                Step::Block { main, shortcut } => {
                    self.follow_softmax(place);
                    let path = place.path("residual");
                    let masked = self.masked;
                    for (steps, prefix) in [(main, ""), (shortcut, SHORTCUT)] {
                        self.masked = masked;
                        let mut inner = place.inside(format!("{path}.{prefix}"), None);
                        self.steps(steps, &mut inner)?;
                        self.follow_softmax(&mut inner);
                    }
                    let layer = description(path, "residual", Default::default());
                    self.items.push(Item { layer, place: self.at.place.to_owned(), home: None, axis: -1 });
                }
            }
        }
        Ok(())
    }

    /// A softmax that something follows becomes a layer.
    fn follow_softmax(&mut self, place: &mut Place) {
        if let Some(told) = self.softmax.take() {
            let options = [("axis".to_owned(), json!(-1))].into();
            self.push(
                At { place: &told, ..self.at },
                description(place.path("softmax"), "softmax", options),
                None,
            );
        }
    }

    /// Reads a layer, with those inside it.
    fn layer(&mut self, layer: &Value, folder: &str, place: &mut Place) -> Result<()> {
        let named: String = name(layer).chars().take(MOST_TOLD).collect();
        let told = format!("{}: {named}", self.at.place);
        let at = At { place: &told, ..self.at };
        self.follow_softmax(place);
        let none = Config::new();
        let config = layer["config"].as_object().unwrap_or(&none);
        let outer = place.outer.clone().unwrap_or_else(|| name(layer).to_owned());
        let home = |folder: String| Some(Home { name: outer.clone(), folder });
        match class(layer) {
            "Sequential" | "Functional" | "Model" => {
                let (_, steps) = chain(at, layer, &format!("{folder}/"))?;
                let mut inner = place.inside(place.prefix.clone(), Some(outer));
                inner.next = place.next;
                self.steps(&steps, &mut inner)?;
                place.next = inner.next;
                return Ok(());
            }
            // It is taken of every step anyway.
            "TimeDistributed" if class(&config["layer"]) == "Softmax" => {
                return self.layer(&config["layer"], folder, place);
            }
            "TimeDistributed" => {
                check_further(at, config, None)?;
                let path = place.path("time_distributed");
                let mut inner = place.inside(format!("{path}."), Some(outer));
                let masked = std::mem::take(&mut self.masked);
                self.layer(&config["layer"], &format!("{folder}/layer"), &mut inner)?;
                self.masked = masked;
                if inner.next != 1 {
                    return Err(at.wrong("a model or a softmax at every step", "one layer", READ_REMEDY));
                }
                self.push(at, description(path, "time_distributed", Default::default()), None);
            }
            "Bidirectional" => {
                check_further(at, config, None)?;
                self.both(at, config, folder, place, outer)?;
            }
            "Softmax" => {
                options(at, "Softmax", config)?;
                self.softmax = Some(told.clone());
            }
            other => {
                if let Some(activation) = activation_layer(at, other, config) {
                    let path = place.path("activate");
                    let options = [("activation".to_owned(), json!(activation?.name()))].into();
                    self.push(at, description(path, "activate", options), None);
                    return Ok(());
                }
                let mut config = config.clone();
                let gated = ["SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D"].contains(&other);
                if !gated && config.get("activation").is_some_and(is_softmax) {
                    self.softmax = Some(told.clone());
                    config.insert("activation".to_owned(), json!("linear"));
                    if other == "Activation" {
                        return Ok(());
                    }
                }
                let (class, options) = options(at, other, &config)?;
                let recurrent = options.contains_key("recurrent_activation");
                if recurrent {
                    self.check_mask(at, &config)?;
                }
                self.masked |= class == "masking" || options.get("mask_zero") == Some(&json!(true));
                let folder = if recurrent { format!("{folder}/cell") } else { folder.to_owned() };
                let axis = match config.get("axis") {
                    Some(Value::Array(axes)) if axes.len() == 1 => axes[0].as_i64(),
                    Some(axis) => axis.as_i64(),
                    None => Some(-1),
                };
                let axis =
                    axis.ok_or_else(|| at.wrong(format!("axis {}", config["axis"]), "-1", READ_REMEDY))?;
                let layer = description(place.path(&class), &class, options);
                self.frozen.extend(is_frozen(&config).then(|| layer.path.clone()));
                self.items.push(Item { layer, place: at.place.to_owned(), home: home(folder), axis });
            }
        }
        Ok(())
    }

    fn push(&mut self, at: At<'_>, layer: LayerDescription, home: Option<Home>) {
        self.items.push(Item { layer, place: at.place.to_owned(), home, axis: -1 });
    }

    /// Reads a layer that runs in both directions of time.
    fn both(
        &mut self,
        at: At<'_>,
        config: &Config,
        folder: &str,
        place: &mut Place,
        name: String,
    ) -> Result<()> {
        let merge = config.get("merge_mode").cloned().unwrap_or(json!("concat"));
        if merge.is_null() {
            return Err(at.wrong("merge_mode null, two outputs", "concat, sum, mul or ave", READ_REMEDY));
        }
        let path = place.path("bidirectional");
        let read = |layer: &Value, backwards: bool| {
            let none = Config::new();
            let inner = layer["config"].as_object().unwrap_or(&none);
            let (kind, mut options) = options(at, class(layer), inner)?;
            if !options.contains_key("cell") || options["go_backwards"] != json!(backwards) {
                let found = format!(
                    "a layer {:?} with go_backwards {}",
                    class(layer),
                    inner.get("go_backwards").unwrap_or(&Value::Null)
                );
                return Err(at.wrong(found, "a recurrent layer in each direction", READ_REMEDY));
            }
            options.insert("go_backwards".to_owned(), json!(false));
            Ok((kind, options))
        };
        let forward = read(&config["layer"], false)?;
        let own = config.get("backward_layer").filter(|layer| !layer.is_null());
        let mut backward = own.map_or_else(|| Ok(forward.clone()), |layer| read(layer, true))?;
        if backward != forward {
            backward.1.insert("go_backwards".to_owned(), json!(true));
        }
        self.masked &= forward.1["return_sequences"] == json!(true);
        let described =
            [("forward", forward, &config["layer"]), ("backward", backward, own.unwrap_or(&config["layer"]))];
        for (direction, (kind, options), told) in described {
            let layer = description(format!("{path}.{direction}"), &kind, options);
            let frozen = told["config"].as_object().is_some_and(is_frozen);
            self.frozen.extend(frozen.then(|| layer.path.clone()));
            let folder = format!("{folder}/{direction}_layer/cell");
            self.push(at, layer, Some(Home { name: name.clone(), folder }));
        }
        let merge = [("merge".to_owned(), merge)].into();
        self.push(at, description(path, "bidirectional", merge), None);
        Ok(())
    }

    /// Refuses what Keras makes of masked sequences otherwise than this crate.
    fn check_mask(&mut self, at: At<'_>, config: &Config) -> Result<()> {
        let is = |name: &str| config.get(name) == Some(&json!(true));
        let sequences = is("return_sequences");
        for (option, why) in [
            ("go_backwards", "whose mask Keras does not reverse with them"),
            ("zero_output_for_mask", "which are zero at masked steps"),
        ] {
            if self.masked && sequences && is(option) {
                let found = format!("{option} with masked sequences, {why}");
                return Err(at.wrong(found, "a layer without it", READ_REMEDY));
            }
        }
        self.masked &= sequences;
        Ok(())
    }
}

/// The kind and the options of a layer.
fn options(at: At<'_>, name: &str, config: &Config) -> Result<(String, crate::layer::Options)> {
    let Some((class, dimensions)) = Class::of_keras(name) else {
        let known =
            format!("one of {}, TimeDistributed, Bidirectional, Add, ReLU, LeakyReLU, ELU", Class::names());
        return Err(at.wrong(format!("a layer of the class {name:?}"), known, READ_REMEDY));
    };
    if name == "AutoRotConv1D" && config.get("eps").and_then(Value::as_f64) != Some(0.0) {
        let found = "an AutoRotConv1D, which arpkeras 1.0.0 computes as ρ = L/|q| + ε";
        return Err(at.wrong(found, "ρ = L/(|q| + ε), or ε = 0", "set eps to 0, and save the model again"));
    }
    check_further(at, config, Some(class))?;
    let mut options = crate::layer::Options::new();
    for (keras, own, form) in class.entries() {
        let value = form.read(at, config, keras, dimensions)?;
        if !own.is_empty() {
            options.insert((*own).to_owned(), value);
        }
    }
    Ok((class.kind.replace('#', &dimensions.to_string()), options))
}

/// Refuses options that are not known, and warns of those that training would miss.
fn check_further(at: At<'_>, config: &Config, class: Option<&Class>) -> Result<()> {
    let dtype = config.get("dtype").map(|dtype| dtype.get("config").map_or(dtype, |policy| &policy["name"]));
    if let Some(dtype) = dtype
        && !(dtype.is_null() || dtype == "float32" || dtype == "float64")
    {
        return Err(at.wrong(format!("dtype {dtype}"), "float32 or float64", READ_REMEDY));
    }
    let known = |name: &str| class.is_some_and(|class| class.entries().any(|(keras, ..)| *keras == name));
    for (name, value) in config {
        if value.is_null() || *value == json!(false) || known(name) || ASIDE.contains(&name.as_str()) {
            continue;
        }
        if !TRAINING.contains(&name.as_str()) && !name.ends_with("_constraint") {
            return Err(unknown(at, name, value));
        }
        log::warn!("{}: {name}, which only training would need, is left out", at.place);
    }
    Ok(())
}

fn unknown(at: At<'_>, name: &str, value: &Value) -> Error {
    at.wrong(format!("the option {name} {value}"), "options that this crate knows", READ_REMEDY)
}
