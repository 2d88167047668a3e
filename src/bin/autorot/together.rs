//! The processes that a command is one of, where `mpirun` or `srun` has started it.

use crate::say::Output;
use autorot::train::processes::{Processes, device_for, from_first, of_job, together};
use autorot::{Device, Result, Trainer};
use std::process::ExitCode;
use std::sync::Arc;

/// The processes that train together; one that was started by itself is alone.
#[derive(Clone, Debug)]
pub struct Together(Option<Arc<dyn Processes>>);

impl Together {
    /// Does the work of a command, of which rank 0 alone tells anything.
    pub fn run(output: &Output, work: impl FnOnce(&Self, &Output) -> Result<ExitCode>) -> Result<ExitCode> {
        let together = Self(of_job()?);
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
