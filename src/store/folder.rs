//! Folders: their files, and a lock for who has one to itself.

use super::open;
use crate::{Error, Result};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The paths in a folder, in no particular order; none where there is no such folder.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| Error::io(folder, e))?,
    };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|e| Error::io(folder, e))).collect()
}

/// Removes a file, if it is there.
///
/// # Errors
/// The file cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io(path, e)),
        _ => Ok(()),
    }
}

/// Gives a file a second name, which may have been another file's; where the system has no links, a copy. The file must not be changed
/// afterwards, only replaced.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn link(from: &Path, to: &Path) -> Result<()> {
    let next = to.with_extension("next");
    // From a process that was killed.
    let _ = std::fs::remove_file(&next);
    match std::fs::hard_link(from, &next) {
        Ok(()) => rename(&next, to),
        Err(_) => super::write(to, &super::read(from)?),
    }
}

/// Gives a file another name, which may have been another file's.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|e| Error::io(to, e))
}

/// Keeps other processes and threads out of a folder until it is dropped, also by the end of the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _held: File,
}

impl Lock {
    /// Takes a folder, which is made if it does not exist; `None` if somebody else has it.
    ///
    /// # Errors
    /// The folder or its file `lock` cannot be made.
    pub(crate) fn take(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("lock");
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _held: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(Error::io(&path, e)),
        }
    }
}
