//! Layers and other bags of options in a file of settings, with the places where they stand.

use autorot::model::Draft;
use autorot::{Error, Result};
use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// Options by name, each with the place of its name in the text.
#[derive(Clone, Debug, Default)]
pub struct Bag {
    options: BTreeMap<String, (usize, Value)>,
    /// Where it begins.
    start: usize,
}

impl<'de> Deserialize<'de> for Bag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let bag = Spanned::<BTreeMap<Spanned<String>, Value>>::deserialize(deserializer)?;
        let start = bag.span().start;
        let options = bag.into_inner().into_iter();
        let options = options.map(|(name, value)| {
            let place = name.span().start;
            (name.into_inner(), (place, value))
        });
        Ok(Self { options: options.collect(), start })
    }
}

impl Serialize for Bag {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        entries(serializer, self.options.iter().map(|(name, (_, value))| (name, value)))
    }
}

/// A table that begins with the kind.
fn entries<'e, S: Serializer>(
    serializer: S,
    entries: impl Iterator<Item = (&'e String, &'e Value)>,
) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    let (first, others): (Vec<_>, Vec<_>) = entries.partition(|(name, _)| *name == "kind");
    for (name, value) in first.into_iter().chain(others) {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

impl Bag {
    /// The place of the option that an error names, or where the bag begins.
    pub fn place(&self, error: &Error) -> usize {
        let text = error.to_string();
        let named = |name: &&String| {
            text.contains(&format!("option {name}:")) || text.contains(&format!("option {name:?}"))
        };
        self.options.keys().find(named).map_or(self.start, |name| self.options[name].0)
    }

    /// The text of an option, which is taken out.
    pub fn take_text(&mut self, name: &str) -> Option<String> {
        let (_, value) = self.options.remove(name)?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }

    /// All options as JSON.
    pub fn json(&self) -> autorot::extend::Options {
        self.options.iter().map(|(name, (_, value))| (name.clone(), json(value))).collect()
    }

    /// A bag of these options, without those that are not set.
    pub fn of(options: impl IntoIterator<Item = (String, serde_json::Value)>) -> Self {
        let options = options.into_iter().filter_map(|(name, value)| Some((name, (0, toml_of(&value)?))));
        Self { options: options.collect(), start: 0 }
    }
}

/// A layer of a file of settings.
#[derive(Clone, Debug)]
pub struct Layer {
    pub draft: Draft,
    bag: Bag,
}

impl<'de> Deserialize<'de> for Layer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let bag = Bag::deserialize(deserializer)?;
        let table = bag.options.iter().map(|(name, (_, value))| (name.clone(), value.clone())).collect();
        Ok(Self { draft: draft(table).map_err(D::Error::custom)?, bag })
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        entries(serializer, written(&self.draft).iter())
    }
}

impl Layer {
    /// Where in the text stands what an error is about.
    pub fn place(&self, error: &Error) -> usize {
        self.bag.place(error)
    }

    /// The same layer with all of its options.
    pub fn complete(&self, index: usize) -> Result<Self> {
        let path = format!("{index}.{}", self.draft.kind);
        Ok(Self { draft: self.draft.complete(&path)?, bag: self.bag.clone() })
    }
}

/// The layer that a table describes.
fn draft(mut table: toml::Table) -> std::result::Result<Draft, String> {
    let kind = match table.remove("kind") {
        Some(Value::String(kind)) => kind,
        Some(other) => {
            return Err(format!("the layer kind {other}: a name in quotes is needed, such as \"dense\""));
        }
        None => return Err("a layer without a kind, such as kind = \"dense\"".to_owned()),
    };
    let mut inner = |name: &str| match table.remove(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(layers)) => layers
            .into_iter()
            .map(|layer| match layer {
                Value::Table(table) => draft(table),
                other => Err(format!("{other} among the layers inside a {kind}: tables are needed")),
            })
            .collect(),
        Some(other) => Err(format!("{name} = {other}: a list of layers is needed")),
    };
    let (layers, shortcut) = (inner("layers")?, inner("shortcut")?);
    let options = table.iter().map(|(name, value)| (name.clone(), json(value))).collect();
    Ok(Draft { kind, options, layers, shortcut })
}

/// A layer as it is written.
fn written(draft: &Draft) -> toml::Table {
    let mut table = toml::Table::new();
    table.insert("kind".to_owned(), Value::String(draft.kind.clone()));
    for (name, value) in &draft.options {
        if let Some(value) = toml_of(value) {
            table.insert(name.clone(), value);
        }
    }
    for (name, layers) in [("layers", &draft.layers), ("shortcut", &draft.shortcut)] {
        if !layers.is_empty() {
            let layers = layers.iter().map(|layer| Value::Table(written(layer)));
            table.insert(name.to_owned(), Value::Array(layers.collect()));
        }
    }
    table
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// TOML has no null: what is not set is left out.
fn toml_of(value: &serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Value::Integer(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::String(text.clone()),
        Json::Array(all) => Value::Array(all.iter().filter_map(toml_of).collect()),
        Json::Object(all) => {
            let pairs = all.iter().filter_map(|(name, value)| Some((name.clone(), toml_of(value)?)));
            Value::Table(pairs.collect())
        }
    })
}
