//! Layers by name: how a description of a network becomes layers again.

use super::residual::SHORTCUT;
use super::{Bidirectional, Layer, LayerDescription, Residual, TimeDistributed};
use crate::describe::{Options, difference, flat};
use crate::{Error, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A layer of a description, with the layers inside it.
#[derive(Debug)]
pub struct Described<'d> {
    layer: &'d LayerDescription,
    inner: Vec<Self>,
}

/// What a layer has inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inside {
    Nothing,
    /// Layers one after another.
    Layers,
    /// One layer in both directions of time, or one for each.
    Directions,
}

/// A layer that descriptions bring back.
pub(super) trait Stored: Layer + Sized + 'static {
    /// What it has inside.
    const INSIDE: Inside;

    /// The layer that is described.
    fn stored(described: &Described<'_>, kinds: &Kinds) -> Result<Self>;
}

/// Most layers are their options.
impl<L: Layer + serde::de::DeserializeOwned + 'static> Stored for L {
    const INSIDE: Inside = Inside::Nothing;

    fn stored(described: &Described<'_>, _kinds: &Kinds) -> Result<Self> {
        described.read()
    }
}

impl Stored for Residual {
    const INSIDE: Inside = Inside::Layers;

    fn stored(described: &Described<'_>, kinds: &Kinds) -> Result<Self> {
        described.inner().try_fold(Self::new(), |block, (name, inner)| {
            let layer = kinds.layer(inner)?;
            Ok(if name.starts_with(SHORTCUT) {
                block.shortcut_shared(layer)
            } else {
                block.add_shared(layer)
            })
        })
    }
}

impl Stored for TimeDistributed {
    const INSIDE: Inside = Inside::Layers;

    fn stored(described: &Described<'_>, kinds: &Kinds) -> Result<Self> {
        let [inner] = described.inner.as_slice() else { return Err(described.holds("one layer")) };
        Ok(Self::shared(kinds.layer(inner)?))
    }
}

impl Stored for Bidirectional {
    const INSIDE: Inside = Inside::Directions;

    fn stored(described: &Described<'_>, _kinds: &Kinds) -> Result<Self> {
        let merge = described.options().get("merge").cloned().unwrap_or_default();
        let merge = serde_json::from_value(merge).map_err(|e| {
            Error::invalid(described.path(), format!("merge: {e}"), "one of Keras' merge modes", NEWER)
        })?;
        match described.inner.as_slice() {
            [forward, backward] => {
                let both = Self::new(forward.read()?).merge(merge);
                let same = forward.options() == backward.options();
                Ok(if same { both } else { both.backward_layer(backward.read()?) })
            }
            _ => Err(described.holds("two recurrent layers")),
        }
    }
}

/// Makes a layer of its description.
pub(super) type Read = Arc<dyn Fn(&Described<'_>, &Kinds) -> Result<Arc<dyn Layer>> + Send + Sync>;

/// The kinds of layers that descriptions and files may name: those of this crate, and your own.
#[derive(Clone)]
pub struct Kinds(pub(super) BTreeMap<String, Read>);

impl std::fmt::Debug for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Kinds {
    /// Adds a kind of layer of your own, read by `read` from what its [`Layer::options`] told.
    pub fn with<L: Layer + 'static>(
        mut self,
        kind: &str,
        read: impl Fn(&Described<'_>, &Self) -> Result<L> + Send + Sync + 'static,
    ) -> Self {
        let read = move |described: &Described<'_>, kinds: &Self| -> Result<Arc<dyn Layer>> {
            Ok(Arc::new(read(described, kinds)?))
        };
        self.0.insert(kind.to_owned(), Arc::new(read));
        self
    }

    /// Whether a kind is known.
    pub fn has(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    /// The layers of a description.
    ///
    /// # Errors
    /// A kind that is not known, an option that its layer does not have, lacks, or reads as another value; each by the layer's path.
    pub(crate) fn layers(&self, layers: &[LayerDescription]) -> Result<Vec<Arc<dyn Layer>>> {
        let deep =
            |layer: &&LayerDescription| layer.path.bytes().filter(|&byte| byte == b'.').count() > MOST_DEEP;
        if let Some(layer) = layers.iter().find(deep) {
            let path: String = layer.path.chars().take(60).collect();
            return Err(Error::invalid(
                path,
                "layers deep inside each other",
                "fewer levels",
                "use fewer blocks",
            ));
        }
        if layers.len() > MOST_LAYERS {
            let (found, expected) = (format!("{} layers", layers.len()), format!("at most {MOST_LAYERS}"));
            return Err(Error::invalid("description", found, expected, "divide the network"));
        }
        Described::tree(layers).iter().map(|layer| self.layer(layer)).collect()
    }

    /// The layer of a description.
    ///
    /// # Errors
    /// As for [`Model::load`](crate::Model::load).
    pub fn layer(&self, described: &Described<'_>) -> Result<Arc<dyn Layer>> {
        let LayerDescription { path, kind, options, .. } = described.layer;
        let layer = self.read(described)?;
        let named = |options: &Options| flat(&Value::Object(options.clone().into_iter().collect()));
        // What earlier versions did not have yet has its default.
        let told = layer.options().into_iter().filter(|(name, _)| options.contains_key(name)).collect();
        match difference(&named(options), &named(&told)) {
            None if layer.kind() == kind => Ok(layer),
            None => Err(Error::invalid(path, format!("options of a {}", layer.kind()), kind, NEWER)),
            Some((found, expected)) => {
                Err(Error::invalid(path, format!("the options {found}"), expected, NEWER))
            }
        }
    }
}

impl Kinds {
    /// The layer of a description, whose own options may lack those that have defaults.
    pub(super) fn read(&self, described: &Described<'_>) -> Result<Arc<dyn Layer>> {
        let LayerDescription { path, kind, .. } = described.layer;
        let Some(read) = self.0.get(kind) else {
            let known = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let remedy = "update autorot, or add your own layer with Kinds::with";
            return Err(Error::invalid(path, format!("a layer of the kind {kind:?}"), known, remedy));
        };
        read(described, self)
    }
}

/// The most dots in a layer's path, and the most layers of a description: what a file declares must not decide how deep the stack or how
/// long the time is.
const MOST_DEEP: usize = 128;
const MOST_LAYERS: usize = 20_000;

/// What may be the matter with options.
const NEWER: &str = "use the version of autorot that wrote the description, or a newer one";

impl<'d> Described<'d> {
    /// The layers one after another, each with those inside it, which come before it.
    pub(crate) fn tree(layers: &'d [LayerDescription]) -> Vec<Self> {
        let mut open: Vec<Self> = Vec::new();
        for layer in layers {
            let inside = |other: &Self| {
                other.layer.path.strip_prefix(&layer.path).is_some_and(|rest| rest.starts_with('.'))
            };
            let first = open.iter().rposition(|other| !inside(other)).map_or(0, |last| last + 1);
            let inner = open.split_off(first);
            open.push(Self { layer, inner });
        }
        open
    }

    fn holds(&self, expected: &str) -> Error {
        let inner: Vec<&str> = self.inner().map(|(name, _)| name).collect();
        Error::invalid(self.path(), format!("the layers {inner:?} inside it"), expected, NEWER)
    }

    /// What is told of the layer.
    pub fn description(&self) -> &'d LayerDescription {
        self.layer
    }

    /// The layer's path.
    pub fn path(&self) -> &str {
        &self.layer.path
    }

    /// The layer's options.
    pub fn options(&self) -> &Options {
        &self.layer.options
    }

    /// The layers inside, each with the name that [`Scope::inner`](super::Scope::inner) was given.
    pub fn inner(&self) -> impl Iterator<Item = (&str, &Self)> {
        let name = |inner: &'d LayerDescription| &inner.path[self.layer.path.len() + 1..];
        self.inner.iter().map(move |inner| (name(inner.layer), inner))
    }

    /// A layer whose options are its serialised fields.
    ///
    /// # Errors
    /// An option that is missing or has a value that the layer does not know.
    pub fn read<L: serde::de::DeserializeOwned>(&self) -> Result<L> {
        let options = match self.layer.options.is_empty() {
            true => Value::Null,
            false => Value::Object(self.layer.options.clone().into_iter().collect()),
        };
        serde_json::from_value(options)
            .map_err(|e| Error::invalid(self.path(), e, "this layer's options", NEWER))
    }
}
