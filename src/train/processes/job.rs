//! The job that a process was started for.

use super::Processes;
use crate::{Error, Result};
use std::sync::Arc;

/// The processes that `mpirun`, `mpiexec` or `srun` has started together with this one; `None` if it was started by itself. What this returns
/// goes to [`Trainer::processes`](crate::Trainer::processes), so that the same program trains alone and together. Call it first, and once.
///
/// Processes that share a host also share its cores: the CPU's loops then run on as many threads as [`threads_of`](super::threads_of) says.
///
/// ```
/// assert!(autorot::train::processes::of_job()?.is_none(), "cargo starts it by itself");
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// # Errors
/// The program was built without the feature `mpi`, and there are several processes, which would know nothing of each other; MPI does not
/// start; no new threads.
pub fn of_job() -> Result<Option<Arc<dyn Processes>>> {
    find()
}

#[cfg(feature = "mpi")]
fn find() -> Result<Option<Arc<dyn Processes>>> {
    use super::{Mpi, threads_of};
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
    let text = crate::store::read("/sys/devices/system/cpu/online".as_ref()).ok()?;
    let ranges = std::str::from_utf8(&text).ok()?.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<usize>().ok()? + 1 - first.parse::<usize>().ok()?)
    });
    ranges.sum()
}

#[cfg(not(feature = "mpi"))]
fn find() -> Result<Option<Arc<dyn Processes>>> {
    let size = |name| std::env::var(name).ok().and_then(|size| size.parse::<usize>().ok());
    // A step of Slurm's has tasks; a job's own script is one process, though as many are to come.
    let tasks = std::env::var_os("SLURM_STEP_ID");
    let tasks = tasks.and_then(|_| size("SLURM_STEP_NUM_TASKS").or(size("SLURM_NTASKS")));
    match ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"].into_iter().filter_map(size).chain(tasks).max() {
        Some(size @ 2..) => Err(Error::invalid(
            "job",
            format!("{size} processes"),
            "a program that was built with autorot's feature mpi",
            "add the feature mpi where it is built: the command with cargo install --path . --features cli,mpi",
        )),
        _ => Ok(None),
    }
}
