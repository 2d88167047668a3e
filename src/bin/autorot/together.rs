//! The processes that a command is one of, where `mpirun` or `srun` has started it.

use crate::say::Output;
use autorot::train::processes::{Processes, device_for, from_first, together};
use autorot::{Device, Error, Result, Trainer};
use std::process::ExitCode;
use std::sync::Arc;

/// The processes that train together; one that was started by itself is alone.
#[derive(Clone, Debug)]
pub struct Together(Option<Arc<dyn Processes>>);

impl Together {
    /// Does the work of a command, of which rank 0 alone tells anything.
    pub fn run(output: &Output, work: impl FnOnce(&Self, &Output) -> Result<ExitCode>) -> Result<ExitCode> {
        let together = Self(find()?);
        if together.0.is_none() {
            return work(&together, output);
        }
        let output = Output { silent: !together.leads(), ..*output };
        // Told before the others can end the job.
        work(&together, &output).or_else(|error| Ok(output.failed(&error)))
    }

    /// Whether this process tells and writes everything.
    pub fn leads(&self) -> bool {
        self.0.as_ref().is_none_or(|processes| processes.rank() == 0)
    }

    /// Whether there are processes at all.
    pub fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Does what must succeed on every rank.
    pub fn all<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        match &self.0 {
            Some(processes) => together(processes, work),
            None => work(),
        }
    }

    /// What rank 0 has found.
    pub fn found_by_first(&self, found: bool) -> Result<bool> {
        Ok(self.read_by_first(vec![u8::from(found)])? == [1])
    }

    /// What rank 0 has read.
    pub fn read_by_first(&self, bytes: Vec<u8>) -> Result<Vec<u8>> {
        match &self.0 {
            Some(processes) => from_first(processes, bytes),
            None => Ok(bytes),
        }
    }

    /// The device of this name, or the one that is this rank's.
    pub fn device(&self, name: &str) -> Result<Device> {
        match &self.0 {
            Some(processes) => device_for(processes, Some(name)),
            None => crate::settings::device(Some(name)),
        }
    }

    /// A trainer that shares its steps with the others.
    pub fn trainer<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        match &self.0 {
            Some(processes) => trainer.processes(processes.clone()),
            None => trainer,
        }
    }
}

/// The processes of this job.
#[cfg(feature = "mpi")]
fn find() -> Result<Option<Arc<dyn Processes>>> {
    use autorot::train::processes::{Mpi, threads_of};
    if !Mpi::has_started() {
        return Ok(None);
    }
    let own = Mpi::new()?;
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = threads_of(&own, allowed, cores().unwrap_or(allowed));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    pool.map_err(|e| {
        Error::invalid("threads of a rank", e, format!("{threads} new threads"), "free some of the system's")
    })?;
    Ok(Some(Arc::new(own)))
}

/// How many cores the host has, whichever of them this process may use.
#[cfg(feature = "mpi")]
fn cores() -> Option<usize> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").ok()?;
    let ranges = text.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<usize>().ok()? + 1 - first.parse::<usize>().ok()?)
    });
    ranges.sum()
}

/// Several processes that know nothing of each other would write the same files.
#[cfg(not(feature = "mpi"))]
fn find() -> Result<Option<Arc<dyn Processes>>> {
    let size = |name| std::env::var(name).ok().and_then(|size| size.parse::<usize>().ok());
    // A step of Slurm's has tasks; a job's own script is one process, though as many are to come.
    let tasks = std::env::var_os("SLURM_STEP_ID");
    let tasks = tasks.and_then(|_| size("SLURM_STEP_NUM_TASKS").or(size("SLURM_NTASKS")));
    match ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].into_iter().filter_map(size).chain(tasks).max() {
        Some(size @ 2..) => Err(Error::invalid(
            "autorot",
            format!("{size} processes"),
            "a command that was built with the feature mpi",
            "install it with: cargo install --path . --features cli,mpi",
        )),
        _ => Ok(None),
    }
}
