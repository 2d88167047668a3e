//! Models in Keras' files. `archive`, `hdf` and `parts` know the containers, `table` and `form` the layers and their options, `read`, `graph` and
//! `write` the descriptions of models, and this module the numbers and the functions for users.

mod archive;
mod form;
mod graph;
mod hdf;
mod options;
mod parts;
mod read;
mod table;
mod write;

use crate::device::Device;
use crate::layer::kinds::Kinds;
use crate::model::{Network, Tensor};
use crate::{Error, Model, Result, Sequential, store};
use archive::{Archive, Folder, MOST_TEXT};
use form::At;
use hdf::{Hdf, Object};
use read::Item;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use write::Writing;

/// Keras' two formats of a model in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KerasFormat {
    /// `.keras`, the format of Keras 3, which Keras 2.15 has as well.
    #[default]
    Keras,
    /// `.h5`, the older format, an HDF5 file, which both read, too.
    H5,
}

impl KerasFormat {
    /// The format of files with this ending.
    fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("keras") => Ok(Self::Keras),
            Some("h5" | "hdf5") => Ok(Self::H5),
            _ => {
                let expected = "a name that ends in .keras or .h5, which tells the format";
                Err(Error::invalid(path.display(), "another name", expected, "rename the file"))
            }
        }
    }
}

/// The version of Keras whose files these are; Keras 3 reads them as well.
const VERSION: &str = "2.15.0";

impl Model {
    /// Writes a classic model to a file that Keras 2.15 and Keras 3 load without custom objects: in Keras' new format where the name ends in
    /// `.keras`, in the older one where it ends in `.h5`. The file is written as a whole or not at all.
    ///
    /// The model in Keras answers as [`Model::predict_rows`] does: where the outputs are logits, a softmax or a sigmoid follows the last
    /// layer. Residual blocks become a functional model. Padding by explicit numbers and a leaky ReLU become layers of their own.
    /// Layers with weight normalisation are written as plain ones with the weights that they compute with.
    /// [`RandomTranslation`](crate::RandomTranslation) by whole pixels, which does nothing in predictions, is left out with a warning. Class names, the range
    /// of the inputs and the [conversion](Model::set_conversion) of the data have no place in such a file.
    ///
    /// # Errors
    /// By the path of the layer: a rotated layer, of which [`Model::fold`] makes a classic one; a kind of layer, an activation or an option
    /// that Keras lacks, or of which its versions make different things. The file cannot be written; device errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn save_keras(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let format = KerasFormat::of(path.as_ref())?;
        store::write(path, &self.to_keras(format)?)
    }

    /// The bytes of the file that [`Model::save_keras`] writes.
    ///
    /// # Errors
    /// As [`Model::save_keras`], but for files.
    #[cfg(not(target_family = "wasm"))]
    pub fn to_keras(&mut self, format: KerasFormat) -> Result<Vec<u8>> {
        pollster::block_on(self.to_keras_async(format))
    }

    /// [`Model::to_keras`], for callers that may not block.
    pub async fn to_keras_async(&mut self, format: KerasFormat) -> Result<Vec<u8>> {
        let writing = Writing::of(self.network(), self.outputs())?;
        if self.conversion().is_some() {
            log::warn!(
                "Keras' file lacks what was done to the data: its model takes and gives scaled numbers"
            );
        }
        if let Some(path) = writing.half_frozen() {
            log::warn!(
                "Keras' file does not tell that training leaves {path} alone, but not all of its layer"
            );
        }
        let tensors = self.plain_weights_async().await?;
        match format {
            KerasFormat::Keras => keras_bytes(&writing, &tensors),
            KerasFormat::H5 => h5_bytes(&writing, &tensors),
        }
    }

    /// The model in a file of Keras 2.15 or Keras 3, `.keras` or `.h5`, on a device; models with layers of arpkeras come in with their
    /// rotation (x_Q, L, ε and the limits of the input). The content of the file tells its format.
    ///
    /// Sequential models are read, and functional ones that are a chain, with blocks of two branches that are added at their end
    /// ([`Residual`](crate::Residual)); models inside models become part of the chain. A softmax at the end is left out, and the model's
    /// [`outputs`](Model::outputs) are then logits; anywhere else it is a [`Softmax`](crate::Softmax): [`Model::predict`] gives these, [`Model::predict_rows`] the probabilities that
    /// Keras gives. A sigmoid stays. Options that matter to training alone (constraints, penalties on biases) are left out with a
    /// warning.
    ///
    /// # Errors
    /// The file cannot be read, or is no whole file of Keras. By the name of the layer: a class or an option that this crate lacks, with
    /// what it has. A missing, further or misshapen array, a number that is not finite; device errors.
    pub fn load_keras(path: impl AsRef<Path>, device: &Device) -> Result<Self> {
        let path = path.as_ref();
        read(&store::read(path)?, &path.display().to_string(), device)
    }

    /// The model in the bytes of a file: see [`Model::load_keras`].
    ///
    /// # Errors
    /// As [`Model::load_keras`], but for files.
    pub fn from_keras(bytes: &[u8], device: &Device) -> Result<Self> {
        read(bytes, "Keras file", device)
    }
}

/// What to do about a file that is not whole.
const WHOLE: &str = "load the model in Keras, and save it again";

fn read(bytes: &[u8], place: &str, device: &Device) -> Result<Model> {
    if archive::is_zip(bytes) {
        let Archive { config, metadata, weights } = Archive::read(bytes, place)?;
        let metadata = json_of(&metadata, place)?;
        let (file, root) = Hdf::open(&weights, place)?;
        let find = Find { file, root, listed: false };
        return find.model(&config, metadata["keras_version"].as_str(), device, place);
    }
    let (file, root) = Hdf::open(bytes, place)?;
    let text = |name: &str| Ok::<_, Error>(file.texts(&root, name)?.unwrap_or_default().into_iter().next());
    let (config, version) = (text("model_config")?, text("keras_version")?);
    let Some(config) = config.filter(|config| config.len() as u64 <= MOST_TEXT) else {
        let (found, expected) = ("no model_config", "a whole model, as model.save writes it");
        return Err(Error::invalid(place, found, expected, "save the model itself, not its weights alone"));
    };
    Find { file, root, listed: true }.model(&config, version.as_deref(), device, place)
}

fn json_of(text: &str, place: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| Error::invalid(place, e, "Keras' description, as JSON", WHOLE))
}

/// Finds the arrays of layers.
struct Find<'b> {
    file: Hdf<'b>,
    root: Object<'b>,
    /// Whether every outermost layer has one list of all its arrays, as in `.h5` files.
    listed: bool,
}

impl<'b> Find<'b> {
    fn model(&self, config: &str, version: Option<&str>, device: &Device, place: &str) -> Result<Model> {
        let three = version.is_none_or(|version| !version.starts_with(['1', '2']));
        let plan = read::plan(At { place, three }, &json_of(config, place)?)?;
        let layers: Vec<_> = plan.items.iter().map(|item| item.layer.clone()).collect();
        let net = Sequential::new(plan.input.clone());
        let net = Kinds::default().layers(&layers)?.into_iter().fold(net, Sequential::add_shared);
        let network = net.network(0)?;
        check_axes(&network, &plan.items)?;
        // Before anything is allocated: a few bytes may declare any number of parameters.
        let tensors = self.tensors(&network, &plan.items, place)?;
        let mut model = Model::new(network, device)?;
        model.set_outputs(plan.outputs);
        model.set_exact_weights(&tensors)?;
        // Layers without parameters are as trainable as others, in Keras.
        let has_any = |path: &&String| tensors.keys().any(|name| name.starts_with(&format!("{path}.")));
        model.set_frozen(plan.frozen.iter().filter(has_any))?;
        Ok(model)
    }

    /// The arrays of all parameters.
    fn tensors(
        &self,
        network: &Network,
        items: &[Item],
        place: &str,
    ) -> Result<BTreeMap<String, Tensor<f64>>> {
        let mut homes: Vec<Wanted<'_, '_>> = Vec::new();
        for (layer, item) in network.description().layers.iter().zip(items) {
            let Some(home) = &item.home else { continue };
            let shape =
                |name: &str| layer.parameters.iter().find(|(own, _)| own == name).map(|(_, shape)| &**shape);
            let all = write::ordered(layer).into_iter();
            let all = all.filter_map(|name| Some((format!("{}.{name}", layer.path), shape(name)?)));
            homes.push((home, all.collect()));
        }
        let found = if self.listed { self.listed(homes, place)? } else { self.filed(homes, place)? };
        let mut tensors = BTreeMap::new();
        for (path, shape, array, name) in found {
            let found = self.file.shape(&array)?;
            if found != shape {
                let place = format!("{place}: {name}");
                return Err(Error::invalid(
                    place,
                    format!("the shape {found:?}"),
                    format!("{shape:?}"),
                    WHOLE,
                ));
            }
            tensors.insert(path, self.file.tensor(&array)?);
        }
        Ok(tensors)
    }

    /// The arrays of layers that have folders of their own, numbered.
    fn filed<'s>(&self, homes: Vec<Wanted<'_, 's>>, place: &str) -> Result<Vec<Array<'b, 's>>> {
        let mut found = Vec::new();
        for (home, all) in homes {
            let name = |i: usize| format!("{}/{VARIABLES}/{i}", home.folder);
            let count = all.len();
            for (i, (path, shape)) in all.into_iter().enumerate() {
                let array = self.file.path(&self.root, &name(i))?;
                let array = array.ok_or_else(|| missing(place, &name(i)))?;
                found.push((path, shape, array, name(i)));
            }
            if self.file.path(&self.root, &name(count))?.is_some() {
                let found = format!("{}, one array more than the layer has", name(count));
                return Err(Error::invalid(place, found, format!("{count} arrays"), WHOLE));
            }
        }
        Ok(found)
    }

    /// The arrays of layers whose outermost one lists them: those that are trained come first.
    fn listed<'s>(&self, homes: Vec<Wanted<'_, 's>>, place: &str) -> Result<Vec<Array<'b, 's>>> {
        let mut layers: Vec<(&str, Shapes<'s>)> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        for (home, all) in homes {
            let number = *numbers.entry(&home.name).or_insert(layers.len());
            if number == layers.len() {
                layers.push((&home.name, Vec::new()));
            }
            layers[number].1.extend(all);
        }
        let mut found = Vec::new();
        for (name, mut all) in layers {
            let told = format!("model_weights/{name}");
            let group = self.file.path(&self.root, &told)?;
            let group = group.ok_or_else(|| missing(place, &told))?;
            let names = self.names(&group)?;
            if names.len() != all.len() {
                let found = format!("{} arrays of the layer {name:?}", names.len());
                return Err(Error::invalid(place, found, all.len(), WHOLE));
            }
            all.sort_by_key(|(path, _)| path.contains(".moving_"));
            for ((path, shape), name) in all.into_iter().zip(names) {
                let told = format!("{told}/{name}");
                let array = self.file.path(&group, &name)?.ok_or_else(|| missing(place, &told))?;
                found.push((path, shape, array, told));
            }
        }
        Ok(found)
    }

    /// The names of a layer's arrays; long lists are divided.
    fn names(&self, group: &Object<'b>) -> Result<Vec<String>> {
        if let Some(names) = self.file.texts(group, "weight_names")? {
            return Ok(names);
        }
        let mut names = Vec::new();
        while let Some(part) = self.file.texts(group, &format!("weight_names{}", names.len()))? {
            names.push(part);
        }
        Ok(names.concat())
    }
}

/// Parameters by path, with their shapes.
type Shapes<'s> = Vec<(String, &'s [usize])>;

/// A layer's place, and its parameters.
type Wanted<'h, 's> = (&'h read::Home, Shapes<'s>);

/// A parameter with its shape, the array for it, and that one's name.
type Array<'b, 's> = (String, &'s [usize], Object<'b>, String);

fn missing(place: &str, name: &str) -> Error {
    let name: String = name.chars().take(form::MOST_TOLD).collect();
    Error::invalid(place, format!("no array {name:?}"), "an array for every parameter", WHOLE)
}

/// Refuses normalisation of another axis than the last.
fn check_axes(network: &Network, items: &[Item]) -> Result<()> {
    for (node, item) in network.every_node().into_iter().zip(items) {
        let last = node.output().shape.len() as i64;
        if item.layer.kind.ends_with("_norm") && item.axis != -1 && item.axis != last {
            let found = format!("axis {}", item.axis);
            return Err(Error::invalid(
                &item.place,
                found,
                format!("-1 or {last}, the channels"),
                form::READ_REMEDY,
            ));
        }
    }
    Ok(())
}

/// The folder of a layer's own arrays.
const VARIABLES: &str = "vars";

type Tensors = BTreeMap<String, Tensor<f64>>;

fn tensor<'t>(tensors: &'t Tensors, path: &str) -> Result<&'t Tensor<f64>> {
    tensors.get(path).ok_or_else(|| missing("model", path))
}

/// The bytes of a `.keras` file.
fn keras_bytes(writing: &Writing, tensors: &Tensors) -> Result<Vec<u8>> {
    let mut root = Folder::default();
    // Keras 2.15 wants such a folder in every other, also where it is empty.
    root.at(VARIABLES);
    for (layer, name) in writing.layers.iter().zip(writing.names()) {
        let own = root.at(&format!("layers/{name}"));
        own.at(VARIABLES);
        for (inside, paths) in &layer.arrays {
            let mut folder = &mut *own;
            for name in inside.split('/').filter(|name| !name.is_empty()) {
                folder = folder.at(name);
                folder.at(VARIABLES);
            }
            let folder = folder.at(VARIABLES);
            for (i, path) in paths.iter().enumerate() {
                folder.arrays.insert(i.to_string(), tensor(tensors, path)?);
            }
        }
    }
    let metadata = json!({ "keras_version": VERSION, "date_saved": "" }).to_string();
    Archive { config: writing.config().to_string(), metadata, weights: root.bytes()? }.bytes()
}

/// The bytes of a `.h5` file.
fn h5_bytes(writing: &Writing, tensors: &Tensors) -> Result<Vec<u8>> {
    let mut root = Folder::default();
    let about = [("backend", "tensorflow".to_owned()), ("keras_version", VERSION.to_owned())];
    root.texts.extend(about.clone());
    root.texts.insert("model_config", writing.config().to_string());
    let weights = root.at("model_weights");
    weights.texts.extend(about);
    // The layer of the inputs of a Sequential is not among those of the model.
    let names = writing.names();
    weights.lists.insert("layer_names", names.clone());
    for (layer, name) in writing.layers.iter().zip(names) {
        let group = weights.at(&name);
        let mut list = Vec::new();
        for (inside, paths) in &layer.arrays {
            let direction =
                inside.split('/').find_map(|name| name.strip_suffix("_layer")).unwrap_or_default();
            for path in paths {
                let name = path.rsplit('.').next().unwrap_or_default();
                let separator = if direction.is_empty() { "" } else { "_" };
                let name = format!("{direction}{separator}{name}:0");
                group.arrays.insert(name.clone(), tensor(tensors, path)?);
                list.push(name);
            }
        }
        group.lists.insert("weight_names", list);
    }
    root.bytes()
}
