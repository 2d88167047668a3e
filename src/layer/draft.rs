//! Layers as people write them: a kind, and the options that differ from their defaults.

use super::description::LayerDescription;
use super::kinds::{Described, Inside, Kinds};
use super::registry::{self, Entry};
use super::{Layer, SHORTCUT};
use crate::describe::Options;
use crate::{Error, Result};
use serde_json::Value;
use std::sync::Arc;

/// A layer by its kind and the options that differ from their defaults, as a file of settings has it: see
/// [`Sequential::add_drafts`](crate::Sequential::add_drafts).
///
/// The options are those of [`Layer::options`](crate::extend::Layer::options), by the same names. A single number stands for one number
/// per dimension, and `auto_rotate` may be `true` or `false`.
///
/// ```
/// use autorot::model::Draft;
/// use autorot::{Device, Sequential};
///
/// let hidden = Draft::new("dense").option("units", 8).option("activation", "tanh").option("auto_rotate", true);
/// let net = Sequential::new([3]).input_range(-1.0, 1.0);
/// let model = net.add_drafts(&[hidden, Draft::new("dense").option("units", 1)])?.build(&Device::cpu(), 0)?;
/// assert_eq!(model.parameter_count(), 3 * 8 + 8 + 8 + 1);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// The layer's kind: `dense`.
    pub kind: String,
    /// Options by name.
    pub options: Options,
    /// The layers inside it, for `residual`, `time_distributed` and `bidirectional`: there one for both directions of time, or one for
    /// each, the second with `go_backwards`.
    pub layers: Vec<Self>,
    /// The layers of a residual block's shortcut.
    pub shortcut: Vec<Self>,
}

/// What to do about options.
const REMEDY: &str = "correct the option, or leave it out for its default";

impl Draft {
    /// A layer of this kind with its default options.
    pub fn new(kind: impl Into<String>) -> Self {
        Self { kind: kind.into(), ..Self::default() }
    }

    /// Sets an option.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.insert(name.into(), value.into());
        self
    }

    /// The same layer with all of its options, and those of the layers inside it. `path` names it in errors.
    ///
    /// # Errors
    /// An unknown kind; an option that the layer does not have, that is missing, or that has a value which the layer does not take; layers
    /// inside a layer that holds none.
    pub fn complete(&self, path: &str) -> Result<Self> {
        Drafts::default().complete(self, path)
    }

    /// The layers inside, by their paths.
    fn inner<'d>(&'d self, path: &str) -> impl Iterator<Item = (String, &'d Self)> {
        let branch = move |before: &'static str, layers: &'d [Self]| {
            let path = path.to_owned();
            layers
                .iter()
                .enumerate()
                .map(move |(i, layer)| (format!("{path}.{before}{i}.{}", layer.kind), layer))
        };
        branch("", &self.layers).chain(branch(SHORTCUT, &self.shortcut))
    }
}

/// What drafts are read with.
pub(crate) struct Drafts {
    entries: Vec<Entry>,
    kinds: Kinds,
}

impl Default for Drafts {
    fn default() -> Self {
        Self { entries: registry::all(), kinds: Kinds::default() }
    }
}

impl Drafts {
    /// The layer of a draft.
    pub(crate) fn layer(&self, draft: &Draft, path: &str) -> Result<Arc<dyn Layer>> {
        self.read(&self.complete(draft, path)?, path)
    }

    fn entry(&self, draft: &Draft, path: &str) -> Result<&Entry> {
        self.entries.iter().find(|entry| entry.kind == draft.kind).ok_or_else(|| {
            let mut known: Vec<&str> = self.entries.iter().map(|entry| entry.kind).collect();
            known.sort_unstable();
            known.dedup();
            let found = format!("a layer of the kind {:?}", draft.kind);
            Error::invalid(path, found, known.join(", "), "use one of these kinds")
        })
    }

    fn complete(&self, draft: &Draft, path: &str) -> Result<Draft> {
        let entry = self.entry(draft, path)?;
        check_inside(draft, entry.inside, path)?;
        let mut whole = Draft { options: entry.plain.options(), ..draft.clone() };
        for (i, layer) in whole.layers.iter_mut().enumerate() {
            *layer = self.complete(layer, &format!("{path}.{i}.{}", layer.kind))?;
        }
        for (i, layer) in whole.shortcut.iter_mut().enumerate() {
            *layer = self.complete(layer, &format!("{path}.{SHORTCUT}{i}.{}", layer.kind))?;
        }
        let known = || {
            let names: Vec<String> = entry.plain.options().into_keys().collect();
            if names.is_empty() { "no option, as this kind has none".to_owned() } else { names.join(", ") }
        };
        if let Some(name) = entry.required.iter().find(|name| !draft.options.contains_key(**name)) {
            let found = format!("a {} without the option {name}", draft.kind);
            return Err(Error::invalid(
                path,
                found,
                "a value for it, as it has no default",
                "set the option",
            ));
        }
        for (name, given) in &draft.options {
            let Some(usual) = whole.options.get(name) else {
                return Err(Error::invalid(path, format!("the option {name:?}"), known(), REMEDY));
            };
            whole.options.insert(name.clone(), adapted(usual, given));
            whole.options = self.read(&whole, path).map_err(|error| refused(error, path, name))?.options();
            let follower = entry.follows.filter(|(_, leader)| leader == name).map(|(follower, _)| follower);
            if let Some((follower, value)) = follower.zip(whole.options.get(name).cloned()) {
                whole.options.insert(follower.to_owned(), value);
            }
        }
        self.read(&whole, path)?;
        Ok(whole)
    }

    /// The layer of a complete draft.
    fn read(&self, draft: &Draft, path: &str) -> Result<Arc<dyn Layer>> {
        let mut told = Vec::new();
        self.describe(draft, path.to_owned(), &mut told)?;
        match &*Described::tree(&told) {
            [described] => self.kinds.read(described),
            _ => Err(Error::invalid(path, "several layers", "one", REMEDY)),
        }
    }

    /// The draft's description, after those of the layers inside it.
    fn describe(&self, draft: &Draft, path: String, told: &mut Vec<LayerDescription>) -> Result<()> {
        match (self.entry(draft, &path)?.inside, &*draft.layers) {
            (Inside::Directions, [layer]) => {
                self.describe(layer, format!("{path}.forward"), told)?;
                self.describe(layer, format!("{path}.backward"), told)?;
            }
            (Inside::Directions, [forward, backward]) => {
                self.describe(forward, format!("{path}.forward"), told)?;
                self.describe(backward, format!("{path}.backward"), told)?;
            }
            _ => draft.inner(&path).try_for_each(|(path, layer)| self.describe(layer, path, told))?,
        }
        let (kind, options) = (draft.kind.clone(), draft.options.clone());
        told.push(LayerDescription { path, kind, options, rotation: None, parameters: Vec::new() });
        Ok(())
    }
}

fn check_inside(draft: &Draft, inside: Inside, path: &str) -> Result<()> {
    let count = draft.layers.len() + draft.shortcut.len();
    let (expected, remedy) = match inside {
        Inside::Nothing if count > 0 => ("no layers: this kind holds none", "put them after it"),
        Inside::Directions if !matches!((draft.layers.len(), draft.shortcut.len()), (1 | 2, 0)) => {
            ("one recurrent layer, or one for each direction of time", "give it one or two")
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(path, format!("{count} layers inside it"), expected, remedy))
}

/// A value as the layer reads it: one number for each dimension, and the default rotation or none.
fn adapted(usual: &Value, given: &Value) -> Value {
    match (usual, given) {
        (Value::Array(all), Value::Number(_)) => all.iter().map(|one| adapted(one, given)).collect(),
        (Value::Null, Value::Bool(true)) => Value::Object(serde_json::Map::new()),
        (Value::Null, Value::Bool(false)) => Value::Null,
        _ => given.clone(),
    }
}

/// What an option's value is refused with.
fn refused(error: Error, path: &str, name: &str) -> Error {
    match error {
        Error::Invalid { found, .. } => {
            Error::invalid(format!("{path}, option {name}"), found, "a value that the layer takes", REMEDY)
        }
        other => other,
    }
}
