//! The processes of a study, where `mpirun` has started several: they share every training, and the first one tells and writes.

use autorot::train::processes::{Processes, device_for, from_first, of_job};
use autorot::{Device, Error, Result, Trainer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tempfile::TempDir;

/// Into how many micro-batches a step is cut that has enough rows.
const MICRO_BATCHES: usize = 8;

/// A job of several processes.
struct Job {
    processes: Arc<dyn Processes>,
    /// Where those that do not lead write what nobody reads.
    aside: Option<TempDir>,
}

static JOB: RwLock<Option<Job>> = RwLock::new(None);

/// What the job says, if there are several processes.
fn of<T>(value: impl FnOnce(&Job) -> T) -> Option<T> {
    JOB.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(value)
}

/// Joins the processes that were started with this one.
pub fn join() -> Result<()> {
    let Some(processes) = of_job()? else { return Ok(()) };
    let follows = processes.rank() > 0;
    let mut joined = JOB.write().unwrap_or_else(PoisonError::into_inner);
    let job = joined.insert(Job { processes, aside: None });
    if follows {
        job.aside = Some(tempfile::tempdir().map_err(|e| Error::io(std::env::temp_dir(), e))?);
    }
    Ok(())
}

/// Leaves them, once all have come so far.
pub fn leave() {
    *JOB.write().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Removes what this process has put aside, before it ends all of them.
pub fn clear() {
    JOB.write().unwrap_or_else(PoisonError::into_inner).as_mut().and_then(|job| job.aside.take());
}

/// Whether this process tells and writes.
pub fn leads() -> bool {
    of(|job| job.processes.rank() == 0).unwrap_or(true)
}

/// This process's folder for what goes to `out`.
pub fn folder(out: &Path) -> PathBuf {
    let aside = of(|job| job.aside.as_ref().map(|aside| aside.path().to_owned()));
    aside.flatten().unwrap_or_else(|| out.to_owned())
}

/// The device of this name, or the one that is this process's.
pub fn device(name: Option<&str>) -> Result<Device> {
    let device = match (of(|job| job.processes.clone()), name) {
        (Some(processes), name) => device_for(&processes, name)?,
        (None, Some(name)) => Device::named(name)?,
        (None, None) => Device::auto()?,
    };
    // Before anybody looks up which trainings this device has done.
    let first = first_has(device.name().into_bytes())?;
    if device.name().as_bytes() != first {
        let expected = format!("{}, as the first process has", String::from_utf8_lossy(&first));
        return Err(Error::invalid(
            "device",
            device.name(),
            expected,
            "name one that all have, with --device",
        ));
    }
    Ok(device)
}

/// A trainer that shares its steps, of so many rows, with the other processes.
pub fn trainer(trainer: Trainer<'_>, rows: usize) -> Trainer<'_> {
    match of(|job| job.processes.clone()) {
        Some(processes) => {
            let most = 1 << rows.max(1).ilog2().min(MICRO_BATCHES.ilog2());
            trainer.micro_batches(processes.size().max(most)).processes(processes)
        }
        None => trainer,
    }
}

/// What the first process has read.
pub fn first_has(bytes: Vec<u8>) -> Result<Vec<u8>> {
    match of(|job| job.processes.clone()) {
        Some(processes) => from_first(&processes, bytes),
        None => Ok(bytes),
    }
}
