//! The folder of a run: what is in it.

use autorot::{Error, Result};
use std::path::{Path, PathBuf};

/// The folder of a run.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Takes this folder, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn settings(&self) -> PathBuf {
        self.file("run.toml")
    }

    pub fn model(&self) -> PathBuf {
        self.file("model.safetensors")
    }

    pub fn checkpoints(&self) -> PathBuf {
        self.file("checkpoints")
    }

    /// Refuses a folder in which a run has left something.
    pub fn check_free(&self, remedy: &str) -> Result<()> {
        let left = [self.settings(), self.model(), self.checkpoints(), self.file("report.json")];
        match left.iter().find(|path| path.exists()) {
            None => Ok(()),
            Some(path) => Err(Error::invalid(
                self.0.display(),
                format!("{} of an earlier run", path.display()),
                "a folder without a run",
                remedy,
            )),
        }
    }

    /// Removes what a run that has not begun has left: the settings, and folders that are empty without the lock.
    pub fn clear(&self) {
        let files = [self.settings(), self.checkpoints().join("lock")];
        // What cannot be removed stays, and is found by the next run.
        files.iter().for_each(|file| drop(std::fs::remove_file(file)));
        [self.checkpoints(), self.0.clone()].iter().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }

    /// The model of the run.
    pub fn finished(&self) -> Result<PathBuf> {
        let model = self.model();
        if model.is_file() {
            return Ok(model);
        }
        let dir = self.0.display();
        let (found, remedy) = if self.checkpoints().is_dir() {
            let best = self.checkpoints().join("best.safetensors");
            (
                "a training that has not ended",
                format!("continue it with `autorot resume {dir}`, or name a checkpoint: {}", best.display()),
            )
        } else {
            ("no run", "name the folder of a run, as `autorot train` makes it, or a model file".to_owned())
        };
        Err(Error::invalid(dir, found, "a folder with model.safetensors", remedy))
    }
}
