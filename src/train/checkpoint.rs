//! Checkpoints: snapshots of a training in files, from which another process continues with the same bits.

use super::callback::Standing;
use super::snapshot::{Done, Position, Snapshot};
use super::{History, Trainer, TrainingDescription};
use crate::file::{Card, Contents, TRAINING};
use crate::model::{Counts, ModelState, Tensor};
use crate::{Dataset, Error, Model, Result, store};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a training's checkpoints go, and how many stay: see [`Trainer::checkpoint`].
///
/// The files are `checkpoint-STEP.safetensors`, of which the newest stay, and `best.safetensors`, the end of the epoch with the lowest
/// validation loss (training loss without validation data). Each is also a model file: [`Model::load`] reads it.
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

    /// The checkpoints of a folder, the newest first, without `best.safetensors`. A folder that does not exist has none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for path in store::list(folder.as_ref())? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let step = name.strip_prefix("checkpoint-").and_then(|rest| rest.strip_suffix(".safetensors"));
            if let Some(step) = step.and_then(|step| step.parse::<u64>().ok()) {
                found.push((step, path));
            }
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
    description: TrainingDescription,
}

/// The parameters of the best epoch.
const BEST: &str = "best parameters";

impl Snapshot {
    /// Writes the snapshot of a model's training to a file, whole or not at all.
    fn bytes(&self, model: &Model) -> Result<Vec<u8>> {
        let Position { terms, epoch, done, history, standing, ended } = &self.position;
        let training = Training {
            counts: self.model.counts(),
            epoch: *epoch,
            done: done.clone(),
            ended: *ended,
            history: history.clone(),
            standing: standing.clone(),
            description: (**terms).clone(),
        };
        let mut tensors = self.model.tensors(TRAINING);
        if let Some(best) = standing.as_ref().and_then(|standing| standing.weights.as_ref()) {
            let best = Tensor { shape: vec![best.len()], values: best.clone() };
            tensors.insert(format!("{TRAINING}{BEST}"), best);
        }
        let text = Card::of(model).with_training(&training).to_text(false);
        Contents { text: Some(text), tensors }.to_bytes()
    }

    /// Reads a snapshot of this model's training from a checkpoint.
    ///
    /// # Errors
    /// The file cannot be read, is no checkpoint, or was changed; one of another network.
    pub fn load(path: impl AsRef<Path>, model: &Model) -> Result<Self> {
        let (path, place) = (path.as_ref(), path.as_ref().display().to_string());
        let Contents { text, mut tensors } = Contents::of_bytes(&store::read(path)?, &place)?;
        let card = text.map(|text| Card::read(&text, &place)).transpose()?;
        let Some((card, training)) = card.and_then(Card::split_training) else {
            let expected = "a checkpoint of a training";
            return Err(Error::invalid(place, "no state of a training", expected, "use Model::load"));
        };
        let training: Training = serde_json::from_value(training).map_err(|e| {
            Error::invalid(
                &place,
                e,
                "a checkpoint of this version",
                "use the version of autorot that wrote it",
            )
        })?;
        let Training { counts, epoch, done, ended, history, mut standing, description } = training;
        let best = tensors.remove(&format!("{TRAINING}{BEST}"));
        if let Some(standing) = &mut standing {
            standing.weights = best.map(|best| best.values);
        }
        let model = ModelState::assemble(model, card.network, card.classes, counts, tensors, TRAINING)?;
        let terms = Arc::new(description);
        Ok(Self { model, position: Position { terms, epoch, done, history, standing, ended } })
    }
}

/// A folder of checkpoints that one training has to itself.
#[derive(Debug)]
pub(super) struct Folder {
    options: Checkpoints,
    /// Held as long as the training runs.
    _lock: store::Lock,
    /// What went wrong with the last checkpoint.
    failure: Option<Error>,
}

impl Folder {
    /// Takes a folder over, for a training that continues there or, without `resumed`, for a new one.
    pub(super) fn open(options: Checkpoints, resumed: bool) -> Result<Self> {
        let folder = &options.folder;
        let Some(lock) = store::Lock::take(folder)? else {
            return Err(Error::invalid(
                folder.display(),
                "a training that is running there",
                "a folder that no other training uses",
                "wait for its end, or use another folder",
            ));
        };
        if let Some(first) = Checkpoints::list(folder)?.first().filter(|_| !resumed) {
            return Err(Error::invalid(
                folder.display(),
                format!("the checkpoint {} of an earlier training", first.display()),
                "a folder without checkpoints for a new training",
                "continue it with Trainer::resume_from, or use another folder",
            ));
        }
        Ok(Self { options, _lock: lock, failure: None })
    }

    /// Writes a checkpoint, also as the best if it `is_best`, and removes old ones. What fails is reported and tried again the next time.
    pub(super) fn keep(&mut self, model: &Model, snapshot: &Snapshot, is_best: bool) {
        self.failure = self.write(model, snapshot, is_best).err();
        if let Some(error) = &self.failure {
            log::warn!("no checkpoint at step {}: {error}", snapshot.model.steps());
        }
    }

    fn write(&self, model: &Model, snapshot: &Snapshot, is_best: bool) -> Result<()> {
        let Checkpoints { folder, keep } = &self.options;
        let bytes = snapshot.bytes(model)?;
        let name = format!("checkpoint-{:010}.safetensors", snapshot.model.steps());
        store::write(folder.join(name), &bytes)?;
        if is_best {
            store::write(folder.join("best.safetensors"), &bytes)?;
        }
        for old in Checkpoints::list(folder)?.into_iter().skip(*keep) {
            store::remove(&old)?;
        }
        Ok(())
    }

    /// What went wrong with the last checkpoint, at the end of a training.
    pub(super) fn close(self) -> Result<()> {
        self.failure.map_or(Ok(()), Err)
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

    /// Continues the training whose checkpoints are in a folder from the newest one, possibly in the middle of an epoch, and writes further
    /// ones there. `model` must be built as the first one was; data and options must be the same, except for the number of epochs. On the
    /// same kind of device, weights and history end with the same bits as without the interruption. A training that has ended, and is not
    /// given more epochs, returns its history at once.
    ///
    /// # Errors
    /// No checkpoint in the folder; a training that is still running there; those of [`Trainer::resume`].
    #[cfg(not(target_family = "wasm"))]
    pub fn resume_from(
        &mut self,
        folder: impl Into<PathBuf>,
        model: &mut Model,
        train: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<History> {
        let folder = folder.into();
        let Some(newest) = Checkpoints::list(&folder)?.into_iter().next() else {
            return Err(Error::invalid(
                folder.display(),
                "no checkpoint",
                "checkpoint-STEP.safetensors",
                "begin with Trainer::checkpoint and Trainer::fit",
            ));
        };
        self.snapshot = Some(Arc::new(Snapshot::load(newest, model)?));
        match &mut self.checkpoints {
            Some(checkpoints) => checkpoints.folder = folder,
            None => self.checkpoints = Some(Checkpoints::new(folder)),
        }
        self.resume(model, train, validation)
    }
}
