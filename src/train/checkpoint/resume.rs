//! Continuing from the newest checkpoint of a folder.

use super::{Checkpoints, Folder};
use crate::data::Source;
use crate::train::processes::Team;
use crate::train::run::concluded;
use crate::train::snapshot::Snapshot;
use crate::train::{History, Trainer};
use crate::{Error, Model, Result, store};
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Checkpoints {
    /// The newest checkpoint of a folder that can be read, with its path and its bytes.
    fn newest(folder: &Path, model: &Model) -> Result<(Snapshot, PathBuf, Vec<u8>)> {
        let mut first = None;
        for path in Self::list(folder)? {
            let read = store::read(&path)
                .and_then(|bytes| Ok((Snapshot::of_bytes(&bytes, &path, model)?, path, bytes)));
            match read {
                Ok(read) => return Ok(read),
                Err(error) => {
                    log::warn!("{error}");
                    first = first.or(Some(error));
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            Error::invalid(
                folder.display(),
                "no checkpoint",
                "checkpoint-STEP.safetensors",
                "begin with Trainer::checkpoint and Trainer::fit",
            )
        }))
    }
}

impl Trainer<'_> {
    /// Continues the training whose checkpoints are in a folder from the newest one, possibly in the middle of an epoch, and writes further
    /// ones there. `model` must be built as the first one was; data and options must be the same, except for the number of epochs and of
    /// [processes](Trainer::processes), of which rank 0 alone needs the folder. On the same kind of device, weights and history end with
    /// the same bits as without the interruption. A training that has ended returns its history at once, unless it has had all its epochs
    /// and is given more: early stopping and callbacks end it for good.
    ///
    /// # Errors
    /// No checkpoint in the folder; a training that is still running there; those of [`Trainer::resume`].
    pub fn resume_from(
        &mut self,
        folder: impl Into<PathBuf>,
        model: &mut Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<History> {
        let folder = folder.into();
        let checkpoints = match &self.checkpoints {
            Some(checkpoints) => Checkpoints { folder, ..checkpoints.clone() },
            None => Checkpoints::new(folder),
        };
        let team = self.assemble()?;
        let taken = self.take_checkpoint(&checkpoints, model, team.as_deref());
        let taken = match &team {
            Some(team) => concluded(team, taken, |_| false),
            None => taken,
        };
        let snapshot = taken.inspect_err(|_| self.opened = None)?;
        (self.snapshot, self.checkpoints) = (Some(Arc::new(snapshot)), Some(checkpoints));
        let history = self.resume(model, train, validation);
        self.opened = None;
        history
    }

    /// Takes the folder and its newest checkpoint, which all processes have from rank 0.
    fn take_checkpoint(
        &mut self,
        checkpoints: &Checkpoints,
        model: &Model,
        team: Option<&Team>,
    ) -> Result<Snapshot> {
        let Some(team) = team.filter(|team| team.rank() > 0) else {
            // Nobody else may write there between reading and continuing.
            let opened = Folder::lock(checkpoints.clone())?;
            let (snapshot, path, bytes) = Checkpoints::newest(&checkpoints.folder, model)?;
            self.opened = Some(opened);
            if let Some(team) = team {
                team.first_has(path.display().to_string().into_bytes())?;
                team.first_has(bytes)?;
            }
            return Ok(snapshot);
        };
        let path = String::from_utf8_lossy(&team.first_has(Vec::new())?).into_owned();
        Snapshot::of_bytes(&team.first_has(Vec::new())?, Path::new(&path), model)
    }
}
