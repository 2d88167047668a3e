//! Options in Keras' words and in this crate's, both ways.

use crate::{Activation, Error, Result};
use serde_json::{Map, Value, json};

/// The options of a layer in Keras' words.
pub(super) type Config = Map<String, Value>;

/// Where an option stands, for errors and for what depends on its version.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    /// The file and the layer.
    pub(super) place: &'a str,
    /// Whether Keras 3 wrote the file, or may read it.
    pub(super) three: bool,
}

impl At<'_> {
    pub(super) fn wrong(
        self,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
        remedy: &str,
    ) -> Error {
        // What a file says may be long.
        let found: String = found.to_string().chars().take(MOST_TOLD).collect();
        Error::invalid(self.place, found, expected, remedy)
    }
}

/// The most characters of what a file says that an error repeats.
pub(super) const MOST_TOLD: usize = 200;

/// What to do about a layer that cannot be read.
pub(super) const READ_REMEDY: &str = "change the layer in Keras and save the model again, or build the network here and set its weights: \
                           Weights::from_tensors";

/// What to do about a layer that cannot be written.
pub(super) const WRITE_REMEDY: &str =
    "build the network with another option or layer, or save it by Model::save";

/// How an option is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// A whole number, with what Keras takes where there is none.
    Count(Option<u64>),
    /// A whole number, perhaps a negative one, with Keras' default.
    Whole(i64),
    Flag(bool),
    Number(f64),
    Activation(&'static str),
    Initializer(&'static str),
    Regularizer,
    /// A number per spatial dimension, or one for all; those of another option where there are none.
    Extent(Option<&'static str>),
    /// As [`Form::Extent`], or null.
    Extra,
    Padding,
    /// Numbers of zeros before and after each dimension.
    Margins,
    /// Whole numbers.
    List,
    /// Whole numbers, or null for none.
    Axes,
    /// `nearest` or `bilinear`.
    Interpolation,
    /// `horizontal`, `vertical` or both.
    Mirror,
    /// A number, or a lower and an upper limit; whether it may be missing.
    Factor(bool),
    /// A lower and an upper limit, with a default.
    Limits([f64; 2]),
    /// One of the words that are the same here, with a default.
    Word(&'static str),
    /// Whether a GRU resets after the product.
    Reset,
    /// The rotation of a layer of arpkeras.
    Rotation,
    /// An option that only this crate has, with the value that such layers of Keras have, as JSON.
    Own(&'static str),
    /// An option that only Keras has, and what it may be, as JSON.
    Only(&'static str),
}

/// Keras' and this crate's names of initialisers.
const INITIALIZERS: [(&str, &str); 13] = [
    ("GlorotUniform", "glorot_uniform"),
    ("GlorotNormal", "glorot_normal"),
    ("HeUniform", "he_uniform"),
    ("HeNormal", "he_normal"),
    ("LecunUniform", "lecun_uniform"),
    ("LecunNormal", "lecun_normal"),
    ("Zeros", "zeros"),
    ("Ones", "ones"),
    ("Constant", "constant"),
    ("RandomUniform", "random_uniform"),
    ("RandomNormal", "random_normal"),
    ("TruncatedNormal", "truncated_normal"),
    ("Orthogonal", "orthogonal"),
];

/// The class and options of an object of Keras: `{"class_name": …, "config": …}`, or a name alone.
fn object(value: &Value) -> (&str, Config) {
    let class = value.get("class_name").or(Some(value)).and_then(Value::as_str).unwrap_or_default();
    (class, value.get("config").and_then(Value::as_object).cloned().unwrap_or_default())
}

/// A number as the nearest single one, with that one's digits.
fn single(value: f64) -> Value {
    crate::describe::value(&(value as f32))
}

fn written(class: &str, module: &str, config: Value) -> Value {
    json!({ "module": module, "class_name": class, "config": config, "registered_name": null })
}

impl Form {
    /// The option in this crate's words, from the option of this name in Keras'. `dimensions` are those of the layer.
    pub(super) fn read(self, at: At<'_>, config: &Config, name: &str, dimensions: usize) -> Result<Value> {
        let found = config.get(name).filter(|value| !value.is_null());
        let told = || format!("{name} {}", found.unwrap_or(&Value::Null));
        let wrong = |expected: &str| at.wrong(told(), expected, READ_REMEDY);
        Ok(match (self, found) {
            (Self::Count(None) | Self::Extent(None), None) => return Err(wrong("a number")),
            (Self::Count(Some(number)), None) => json!(number),
            (Self::Count(_), Some(value)) => json!(value.as_u64().ok_or_else(|| wrong("a whole number"))?),
            (Self::Whole(number), None) => json!(number),
            (Self::Whole(_), Some(value)) => json!(value.as_i64().ok_or_else(|| wrong("a whole number"))?),
            (Self::Flag(flag), None) => json!(flag),
            (Self::Flag(_), Some(value)) => json!(value.as_bool().ok_or_else(|| wrong("true or false"))?),
            (Self::Number(number), None) => single(number),
            (Self::Number(_), Some(value)) => single(value.as_f64().ok_or_else(|| wrong("a number"))?),
            (Self::Activation(name), None) => json!(name),
            (Self::Activation(_), Some(value)) => json!(activation(at, value)?.name()),
            (Self::Initializer(own), found) => found.and_then(initializer).unwrap_or_else(|| {
                if found.is_some() {
                    log::warn!("{}: {}, which only a new start would need, becomes {own}", at.place, told());
                }
                initializer(&json!(own)).unwrap_or_default()
            }),
            (Self::Regularizer, None) => json!({ "l1": 0.0, "l2": 0.0 }),
            (Self::Regularizer, Some(value)) => {
                regularizer(value).ok_or_else(|| wrong("null, L1, L2 or L1L2"))?
            }
            (Self::Extent(Some("")), None) => json!(vec![1; dimensions]),
            (Self::Extent(Some(other)), None) => {
                return Self::Extent(None).read(at, config, other, dimensions);
            }
            (Self::Extra, None) => Value::Null,
            (Self::Extent(_) | Self::Extra, Some(value)) => {
                json!(extent(value, dimensions).ok_or_else(|| wrong("whole numbers, one per dimension"))?)
            }
            (Self::Padding, None) => json!("valid"),
            (Self::Padding, Some(value)) => match value.as_str() {
                Some("valid" | "same" | "causal") => value.clone(),
                _ => return Err(wrong("valid, same, or causal over time")),
            },
            (Self::Margins, found) => {
                let found = found.unwrap_or(&Value::Null);
                margins(found, dimensions).ok_or_else(|| wrong("numbers of zeros before and after"))?
            }
            (Self::List, found) => {
                let whole =
                    |list: &&Value| list.as_array().is_some_and(|list| list.iter().all(Value::is_i64));
                found.filter(whole).cloned().ok_or_else(|| wrong("whole numbers"))?
            }
            (Self::Interpolation, None) => json!("nearest"),
            (Self::Interpolation, Some(value)) => match value.as_str() {
                Some("nearest" | "bilinear") => value.clone(),
                _ => return Err(wrong("nearest or bilinear")),
            },
            (Self::Axes, None) => json!([]),
            (Self::Axes, Some(_)) => Self::List.read(at, config, name, dimensions)?,
            (Self::Mirror, found) => match found.and_then(Value::as_str) {
                None | Some("horizontal_and_vertical") => json!([true, true]),
                Some("horizontal") => json!([false, true]),
                Some("vertical") => json!([true, false]),
                _ => return Err(wrong("horizontal, vertical or horizontal_and_vertical")),
            },
            (Self::Factor(true), None) => Value::Null,
            (Self::Factor(_), found) => {
                let limits = || found?.as_array()?.iter().map(Value::as_f64).collect::<Option<Vec<_>>>();
                match (found.and_then(Value::as_f64), limits().as_deref()) {
                    (Some(number), _) => single(number),
                    (_, Some(&[lower, upper])) => json!([single(lower), single(upper)]),
                    _ => return Err(wrong("a number, or two")),
                }
            }
            (Self::Limits(default), None) => json!(default.map(single)),
            (Self::Limits(_), Some(_)) => Self::Factor(false).read(at, config, name, dimensions)?,
            (Self::Word(word), None) => json!(word),
            (Self::Word(_), Some(value)) => json!(value.as_str().ok_or_else(|| wrong("a word"))?),
            (Self::Reset, found) => {
                json!({ "gru": { "reset_after": found.is_none_or(|value| *value != json!(false)) } })
            }
            (Self::Rotation, _) => rotation(at, config)?,
            (Self::Own(value), _) => serde_json::from_str(value).unwrap_or_default(),
            (Self::Only(value), found) => {
                let expected: Value = serde_json::from_str(value).unwrap_or_default();
                match found {
                    Some(found) if *found != expected => return Err(wrong(value)),
                    _ => Value::Null,
                }
            }
        })
    }

    /// The option in Keras' words.
    pub(super) fn write(self, at: At<'_>, name: &str, value: &Value, dimensions: usize) -> Result<Value> {
        let wrong = |expected: &str| at.wrong(format!("{name} {value}"), expected, WRITE_REMEDY);
        Ok(match self {
            Self::Activation(_) => json!(keras_name(at, value)?),
            Self::Initializer(default) => {
                let (own, config) = match value {
                    Value::Object(fields) => {
                        fields.iter().next().map_or(("", value), |(name, of)| (name, of))
                    }
                    _ => (value.as_str().unwrap_or_default(), value),
                };
                let class = INITIALIZERS.iter().find(|(_, known)| *known == own).map_or_else(
                    || {
                        log::warn!(
                            "{}: {name} {value}, which only a new start would need, becomes {default}",
                            at.place
                        );
                        default
                    },
                    |(class, _)| class,
                );
                let config = match own {
                    "constant" => json!({ "value": config }),
                    "random_uniform" => json!({ "minval": config["min"], "maxval": config["max"] }),
                    "random_normal" | "truncated_normal" => {
                        json!({ "mean": config["mean"], "stddev": config["deviation"] })
                    }
                    "orthogonal" => json!({ "gain": config["gain"] }),
                    _ => json!({}),
                };
                written(class, "keras.initializers", config)
            }
            Self::Regularizer => {
                let penalty = |name: &str| value[name].as_f64().unwrap_or_default();
                match (penalty("l1"), penalty("l2")) {
                    (0.0, 0.0) => Value::Null,
                    (l1, l2) => written("L1L2", "keras.regularizers", json!({ "l1": l1, "l2": l2 })),
                }
            }
            Self::Margins if dimensions == 1 => value[0].clone(),
            Self::Extent(_) if dimensions == 1 && name == "size" => value[0].clone(),
            Self::Padding => match value.as_str() {
                Some(_) => value.clone(),
                None => return Err(wrong("valid, same or causal, which Keras knows")),
            },
            Self::Axes if value.as_array().is_some_and(Vec::is_empty) => Value::Null,
            Self::Mirror => json!(match (value[0].as_bool(), value[1].as_bool()) {
                (Some(true), Some(true)) => "horizontal_and_vertical",
                (Some(true), _) => "vertical",
                _ => "horizontal",
            }),
            Self::Reset => json!(value["gru"]["reset_after"] == true),
            _ => value.clone(),
        })
    }
}

/// One number per dimension.
fn extent(value: &Value, dimensions: usize) -> Option<Vec<u64>> {
    if let Some(one) = value.as_u64() {
        return Some(vec![one; dimensions]);
    }
    let all = value.as_array().filter(|all| all.len() == dimensions)?;
    all.iter().map(Value::as_u64).collect()
}

fn margins(value: &Value, dimensions: usize) -> Option<Value> {
    // One number, one pair for the only dimension, or a number or pair for each.
    if dimensions == 1 && value.is_array() {
        return Some(json!([extent(value, 2)?]));
    }
    let each = match value.as_array() {
        Some(each) => each.clone(),
        None => vec![value.clone(); dimensions],
    };
    let pairs: Option<Vec<_>> = each.iter().map(|pair| extent(pair, 2)).collect();
    pairs.filter(|pairs| pairs.len() == dimensions).map(|pairs| json!(pairs))
}

fn initializer(value: &Value) -> Option<Value> {
    let (class, config) = object(value);
    let (_, own) = INITIALIZERS.iter().find(|(known, own)| *known == class || *own == class)?;
    let number = |name: &str, default: f64| {
        let found = config.get(name).filter(|value| !value.is_null());
        found.map_or(Some(single(default)), |value| value.as_f64().map(single))
    };
    Some(match *own {
        "constant" => json!({ "constant": number("value", 0.0)? }),
        "random_uniform" => {
            json!({ "random_uniform": { "min": number("minval", -0.05)?, "max": number("maxval", 0.05)? } })
        }
        "orthogonal" => json!({ "orthogonal": { "gain": number("gain", 1.0)? } }),
        normal @ ("random_normal" | "truncated_normal") => {
            json!({ normal: { "mean": number("mean", 0.0)?, "deviation": number("stddev", 0.05)? } })
        }
        own => json!(own),
    })
}

fn regularizer(value: &Value) -> Option<Value> {
    let (class, config) = object(value);
    let of = |name: &str, default: f64| match config.get(name) {
        None => Some(default),
        Some(value) => value.as_f64(),
    };
    let (l1, l2) = match class.to_ascii_lowercase().as_str() {
        "l1" => (of("l1", 0.01)?, 0.0),
        "l2" => (0.0, of("l2", 0.01)?),
        "l1l2" | "l1_l2" => (of("l1", 0.0)?, of("l2", 0.0)?),
        _ => return None,
    };
    Some(json!({ "l1": single(l1), "l2": single(l2) }))
}

/// The activation that a value in a layer's options stands for: a name, a function's name, or a layer of its own.
pub(super) fn activation(at: At<'_>, value: &Value) -> Result<Activation> {
    if let (class, config) = object(value)
        && let Some(found) = activation_layer(at, class, &config)
    {
        return found;
    }
    let name = match value.get("class_name").and_then(Value::as_str) {
        Some("function") => value["config"].as_str(),
        _ => value.as_str(),
    };
    let wrong = |expected: &str| at.wrong(format!("the activation {value}"), expected, READ_REMEDY);
    match name {
        Some("hard_sigmoid") if at.three => {
            Err(wrong("another: Keras 3 has x/6 + 1/2, this crate x/5 + 1/2"))
        }
        Some("leaky_relu") => Err(wrong("a layer LeakyReLU with a slope of 0.3: this function has 0.2")),
        Some(name) if !name.starts_with("own:") => {
            Activation::from_name(name).map_err(|_| wrong("an activation of this crate"))
        }
        _ => Err(wrong("an activation of this crate")),
    }
}

/// The activation that a layer applies; `None` if it is another layer.
pub(super) fn activation_layer(at: At<'_>, class: &str, config: &Config) -> Option<Result<Activation>> {
    let is = |name: &str, default: f64, expected: f64| {
        let found = config.get(name).filter(|value| !value.is_null());
        found.map_or(Some(default), Value::as_f64).is_some_and(|value| (value - expected).abs() < 1e-7)
    };
    let slope = if config.contains_key("alpha") { "alpha" } else { "negative_slope" };
    let free = |name: &str| config.get(name).is_none_or(Value::is_null);
    let bent = |slope: f64| is("threshold", 0.0, 0.0) && is("negative_slope", 0.0, slope);
    let found = match class {
        "ReLU" if free("max_value") && bent(0.0) => Activation::Relu,
        "ReLU" if free("max_value") && bent(0.3) => Activation::LeakyRelu,
        "ReLU" if is("max_value", 0.0, 6.0) && bent(0.0) => Activation::Relu6,
        "LeakyReLU" if is(slope, 0.3, 0.3) => Activation::LeakyRelu,
        "ELU" if is("alpha", 1.0, 1.0) => Activation::Elu,
        "ReLU" | "LeakyReLU" | "ELU" => {
            let found = format!("{class} {}", Value::Object(config.clone()));
            let expected = "a slope of 0 or 0.3 below 0, and no other bend but one at 6 with a slope of 0; or an ELU with an alpha of 1";
            return Some(Err(at.wrong(found, expected, READ_REMEDY)));
        }
        _ => return None,
    };
    Some(Ok(found))
}

/// Keras' name of an activation, which Keras 2.15 and Keras 3 take for the same.
fn keras_name(at: At<'_>, value: &Value) -> Result<&'static str> {
    match Activation::from_name(value.as_str().unwrap_or_default()) {
        Ok(Activation::Silu) => Ok("swish"),
        Ok(
            activation @ (Activation::Linear
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Relu
            | Activation::Elu
            | Activation::Selu
            | Activation::Exponential
            | Activation::Mish
            | Activation::Softplus
            | Activation::Gelu
            | Activation::Softsign),
        ) => Ok(activation.name()),
        _ => {
            let expected = "an activation that Keras 2.15 and Keras 3 both have and take for the same";
            Err(at.wrong(format!("the activation {value}"), expected, WRITE_REMEDY))
        }
    }
}

/// The rotation of a layer of arpkeras.
fn rotation(at: At<'_>, config: &Config) -> Result<Value> {
    if config.get("AutoRot") == Some(&json!(false)) {
        return Ok(Value::Null);
    }
    let number = |name: &str| {
        let value = config.get(name).and_then(Value::as_f64);
        value.ok_or_else(|| {
            let found = format!("{name} {}", config.get(name).unwrap_or(&Value::Null));
            at.wrong(found, "a number", "save the layer with numbers for xQ_scalar, L and eps")
        })
    };
    let rotate = crate::AutoRotate::new();
    let rotate =
        rotate.x_q(number("xQ_scalar")? as f32).l(number("L")? as f32).epsilon(number("eps")? as f32);
    // The layer's range, which x_Q no longer needs, may be anything there.
    let rotate = match (number("xmin_lim"), number("xmax_lim")) {
        (Ok(min), Ok(max)) if min <= max => rotate.limits(min as f32, max as f32),
        _ => rotate,
    };
    Ok(crate::describe::value(&rotate))
}
