//! Checkpoints: snapshots of a training in files, from which another process continues with the same bits.

#[cfg(not(target_family = "wasm"))]
mod resume;

use super::callback::Standing;
use super::monitor::Monitor;
use super::plateau::Stalls;
use super::snapshot::{Done, Position, Snapshot};
use super::{History, Trainer, TrainingDescription};
use crate::file::{Card, Contents, TRAINING, write_file};
use crate::model::{Counts, ModelState, Tensor};
use crate::real::Part;
use crate::{Error, Model, Result, store};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a training's checkpoints go, and how many stay: see [`Trainer::checkpoint`].
///
/// The files are `checkpoint-STEP.safetensors`, of which the newest stay, and `best.safetensors`, the end of the epoch with the lowest
/// validation loss (training loss without validation data), or with the best value of the metric that early stopping watches. Each is also a model file: [`Model::load`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// In this folder, which is made if it does not exist; the newest three stay.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), keep: 3 }
    }

    /// Sets how many of the newest stay, at least 1.
    pub fn keep(mut self, newest: usize) -> Self {
        self.keep = newest.max(1);
        self
    }

    /// The step of a checkpoint, by its name.
    fn step(path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("checkpoint-")?.strip_suffix(".safetensors")?.parse().ok()
    }

    /// The checkpoints of a folder, the newest first, without `best.safetensors`. A folder that does not exist has none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in store::list(folder.as_ref())? {
            found.extend(Self::step(&path).map(|step| (step, path)));
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

impl<P: Into<PathBuf>> From<P> for Checkpoints {
    fn from(folder: P) -> Self {
        Self::new(folder)
    }
}

/// What a checkpoint has beside a model file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Training {
    counts: Counts,
    epoch: usize,
    done: Done,
    ended: bool,
    history: History,
    standing: Option<Standing>,
    #[serde(default)]
    stalls: Option<Stalls>,
    /// The epochs before this training.
    #[serde(default)]
    begun: usize,
    /// The learning rate that a callback has set.
    #[serde(default, with = "store::number")]
    rate: Option<f64>,
    description: TrainingDescription,
    /// The names and lengths of all tensors that only the training needs.
    tensors: BTreeMap<String, usize>,
}

/// The parameters of the best epoch.
const BEST: &str = "best parameters";

/// What a checkpoint has.
fn read(path: &Path) -> Result<(Card, Training, BTreeMap<String, Tensor<f64>>)> {
    read_bytes(&store::read(path)?, path.display().to_string())
}

/// What the bytes of a checkpoint have.
fn read_bytes(bytes: &[u8], place: String) -> Result<(Card, Training, BTreeMap<String, Tensor<f64>>)> {
    let Contents { text, tensors } = Contents::of_bytes(bytes, &place)?;
    let card = text.map(|text| Card::read(&text, &place)).transpose()?;
    let Some((card, training)) = card.and_then(Card::split_training) else {
        let expected = "a checkpoint of a training";
        return Err(Error::invalid(place, "no state of a training", expected, "use Model::load"));
    };
    let training = serde_json::from_value(training).map_err(|e| {
        let remedy = "use the version of autorot that wrote it";
        Error::invalid(&place, e, "a checkpoint of this version", remedy)
    })?;
    Ok((card, training, tensors))
}

impl Snapshot {
    /// What a checkpoint has beside numbers.
    fn text(&self, model: &Model) -> String {
        let Position { terms, begun, epoch, done, history, standing, stalls, rate, ended } = &self.position;
        let training = Training {
            counts: self.model.counts().clone(),
            epoch: *epoch,
            done: done.clone(),
            ended: *ended,
            history: history.clone(),
            standing: standing.clone(),
            stalls: stalls.clone(),
            begun: *begun,
            rate: *rate,
            description: (**terms).clone(),
            tensors: self
                .tensors()
                .into_iter()
                .filter(|(name, _, _)| name.starts_with(TRAINING))
                .map(|(name, _, values)| (name, values.len()))
                .collect(),
        };
        Card::of(model).with_training(&training).to_text(false)
    }

    /// All numbers: names, shapes (none for a buffer), values.
    fn tensors(&self) -> Vec<(String, Option<&[usize]>, Part<'_>)> {
        let mut all = self.model.tensors(TRAINING);
        let best = self.position.standing.as_ref().and_then(|standing| standing.weights.as_ref());
        all.extend(best.map(|best| (format!("{TRAINING}{BEST}"), None, Part::Double(best))));
        all
    }

    /// Writes a checkpoint with this text.
    fn write(&self, path: &Path, text: &str) -> Result<()> {
        let all = self.tensors();
        let lens: Vec<[usize; 1]> = all.iter().map(|(_, _, values)| [values.len()]).collect();
        let named = all.into_iter().zip(&lens);
        let named = named.map(|((name, shape, values), len)| (name, shape.unwrap_or(len), values));
        write_file(path, Some(text), named)
    }

    /// Reads a snapshot of this model's training from a checkpoint.
    ///
    /// # Errors
    /// The file cannot be read, is no checkpoint, or was changed; one of another network.
    pub fn load(path: impl AsRef<Path>, model: &Model) -> Result<Self> {
        Self::of_bytes(&store::read(path.as_ref())?, path.as_ref(), model)
    }

    /// Reads a snapshot from the bytes of a checkpoint.
    fn of_bytes(bytes: &[u8], path: &Path, model: &Model) -> Result<Self> {
        let place = path.display().to_string();
        let (card, training, mut tensors) = read_bytes(bytes, place.clone())?;
        let Training {
            counts,
            epoch,
            done,
            ended,
            history,
            mut standing,
            stalls,
            begun,
            rate,
            description,
            tensors: told,
        } = training;
        let found = tensors.iter().filter(|(name, _)| name.starts_with(TRAINING));
        let found: BTreeMap<String, usize> = found.map(|(name, t)| (name.clone(), t.values.len())).collect();
        if found != told {
            let differs = |a: &BTreeMap<String, usize>, b: &BTreeMap<String, usize>| {
                let only = a.iter().filter(|(name, len)| b.get(*name) != Some(*len));
                only.map(|(name, len)| format!("{name} of {len} numbers")).collect::<Vec<_>>().join(", ")
            };
            let remedy = "use the checkpoint as it was written";
            return Err(Error::invalid(place, differs(&found, &told), differs(&told, &found), remedy));
        }
        let best = tensors.remove(&format!("{TRAINING}{BEST}"));
        if let Some(standing) = &mut standing {
            standing.weights = best.map(|best| best.values);
            let arena = model.network().arena().len();
            if let Some(found) = standing.weights.as_ref().map(Vec::len).filter(|&len| len != arena) {
                let (found, expected) = (format!("{found} parameters of the best epoch"), arena);
                return Err(Error::invalid(place, found, expected, "use the checkpoint as it was written"));
            }
        }
        let model = ModelState::assemble(model, card.network, card.classes, counts, tensors, TRAINING)?;
        let terms = Arc::new(description);
        let position = Position { terms, begun, epoch, done, history, standing, stalls, rate, ended };
        Ok(Self { model, position })
    }
}

/// A folder of checkpoints that one training has to itself.
#[derive(Debug)]
pub(super) struct Folder {
    options: Checkpoints,
    /// Held as long as the training runs.
    _lock: store::Lock,
    /// The checkpoint that is being written while the training goes on, and what went wrong with the last one.
    writing: Writing,
}

#[cfg(not(target_family = "wasm"))]
type Writing = Option<std::thread::JoinHandle<Result<()>>>;
#[cfg(target_family = "wasm")]
type Writing = Option<Result<()>>;

impl Folder {
    /// Takes a folder, which nobody else may have.
    pub(super) fn lock(options: Checkpoints) -> Result<Self> {
        let folder = &options.folder;
        let Some(lock) = store::Lock::take(folder)? else {
            return Err(Error::invalid(
                folder.display(),
                "a training that is running there",
                "a folder that no other training uses",
                "wait for its end, or use another folder",
            ));
        };
        Ok(Self { options, _lock: lock, writing: None })
    }

    /// Prepares the folder for a training that continues from a snapshot, or for a new one. Checkpoints of what is no longer going to happen,
    /// and what killed processes have left half-written, make room.
    pub(super) fn prepare(&self, from: Option<&Snapshot>, monitor: Monitor) -> Result<()> {
        let folder = &self.options.folder;
        let all = Checkpoints::list(folder)?;
        let Some(from) = from else {
            return match all.first() {
                None => Ok(()),
                Some(first) => Err(Error::invalid(
                    folder.display(),
                    format!("the checkpoint {} of an earlier training", first.display()),
                    "a folder without checkpoints for a new training",
                    "continue it with Trainer::resume_from, or use another folder",
                )),
            };
        };
        let mut later = Vec::new();
        for path in all {
            let after = Checkpoints::step(&path).is_some_and(|step| step > from.model.steps());
            match read(&path) {
                Ok((card, training, _)) => {
                    if training.description != *from.position.terms
                        || card.network != *from.model.description()
                    {
                        return Err(Error::invalid(
                            folder.display(),
                            format!("the checkpoint {} of another training", path.display()),
                            "checkpoints of this one",
                            "use another folder",
                        ));
                    }
                    // The process may have been killed just before.
                    let end = training.epoch == from.position.epoch && training.done.steps == 0;
                    if training.counts == *from.model.counts() && end && monitor.is_best(&training.history) {
                        store::link(&path, &folder.join("best.safetensors"))?;
                    }
                }
                Err(error) => log::warn!("{error}"),
            }
            later.extend(after.then_some(path));
        }
        for path in later {
            let step = from.model.steps();
            log::warn!("{} is set aside: the training continues from step {step}", path.display());
            store::rename(&path, &path.with_extension("aside"))?;
        }
        for path in store::list(folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with(".checkpoint-") || name == "best.next" {
                store::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Writes a checkpoint, also as the best if it `is_best`, and removes old ones, while the training goes on. What fails is reported, and
    /// tried again the next time.
    pub(super) fn keep(&mut self, model: &Model, snapshot: &Arc<Snapshot>, is_best: bool) {
        self.report();
        let (options, snapshot, text) = (self.options.clone(), snapshot.clone(), snapshot.text(model));
        let write = move || options.write(&snapshot, &text, is_best);
        #[cfg(not(target_family = "wasm"))]
        match std::thread::Builder::new().name("checkpoint".to_owned()).spawn(write) {
            Ok(writing) => self.writing = Some(writing),
            Err(error) => log::warn!("a checkpoint is missing: {error}"),
        }
        #[cfg(target_family = "wasm")]
        {
            self.writing = Some(write());
        }
    }

    /// Waits for the checkpoint that is being written.
    fn written(&mut self) -> Result<()> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        #[cfg(not(target_family = "wasm"))]
        let writing = writing.join().unwrap_or_else(|_| {
            let (found, remedy) = ("a panic while it was written", "report this as a bug of autorot");
            Err(Error::invalid("checkpoint", found, "a file", remedy))
        });
        writing
    }

    fn report(&mut self) {
        if let Err(error) = self.written() {
            log::warn!("a checkpoint is missing: {error}");
        }
    }

    /// Waits for the last checkpoint; returns what went wrong with it.
    pub(super) fn close(mut self) -> Result<()> {
        self.written()
    }
}

impl Drop for Folder {
    /// Nobody else is to have the folder before the last checkpoint is written.
    fn drop(&mut self) {
        self.report();
    }
}

impl Checkpoints {
    fn write(&self, snapshot: &Snapshot, text: &str, is_best: bool) -> Result<()> {
        let Self { folder, keep } = self;
        let name = format!("checkpoint-{:010}.safetensors", snapshot.model.steps());
        let path = folder.join(name);
        snapshot.write(&path, text)?;
        if is_best {
            store::link(&path, &folder.join("best.safetensors"))?;
        }
        for old in Self::list(folder)?.into_iter().skip(*keep).filter(|old| *old != path) {
            // That one stays is no reason to call the new one missing.
            if let Err(error) = store::remove(&old) {
                log::warn!("an old checkpoint is not removed: {error}");
            }
        }
        Ok(())
    }
}

impl Trainer<'_> {
    /// Writes checkpoints to a folder: at every [snapshot](Trainer::snapshot_every), at the end of every epoch, and when a
    /// [`Control`](super::Control) asks for one. Each is written as a whole or not at all, and [`Trainer::resume_from`] continues from the
    /// newest in another process. A folder holds one training at a time. A checkpoint that cannot be written is reported through `log`
    /// and tried again at the next occasion; if it is the last of a training, its error is returned.
    pub fn checkpoint(mut self, checkpoints: impl Into<Checkpoints>) -> Self {
        self.checkpoints = Some(checkpoints.into());
        self
    }
}
