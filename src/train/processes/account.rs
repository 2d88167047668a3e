//! The proof that all processes have the same parameters, and what rank 0 finds of the others.

use super::Team;
use super::share::Share;
use super::wire::strange;
use crate::plan::arena::keys;
use crate::{Error, Model, Result};
use serde::{Deserialize, Serialize};

/// After so many steps all parameters are compared; at the end of every epoch, too.
const STEPS: u64 = 500;

/// What is wrong with a process, as all are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) rank: usize,
    pub(super) host: String,
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// A verdict for all processes.
pub(super) fn verdict(found: Option<Verdict>) -> Result<Vec<u8>> {
    serde_json::to_vec(&found).map_err(strange)
}

impl Team {
    /// Returns the error that a verdict tells of, which all processes return.
    pub(super) fn execute(&self, verdict: &[u8]) -> Result<()> {
        match serde_json::from_slice::<Option<Verdict>>(verdict).map_err(strange)? {
            None => Ok(()),
            Some(Verdict { rank, host, reason, remedy }) => {
                Err(self.all_know(Error::Process { rank, host, reason, remedy }))
            }
        }
    }
}

impl Share {
    /// Counts a step; every so often, checks that all processes have the same parameters.
    pub(in crate::train) async fn count_step(&mut self, model: &mut Model) -> Result<()> {
        self.unchecked += 1;
        if self.unchecked < STEPS { Ok(()) } else { self.check_equal(model).await }
    }

    /// Checks that all processes have the same parameters, to the bit.
    ///
    /// # Errors
    /// The first process whose parameters are not those of most, or of rank 0 where no more have others; the same error on every process.
    pub(in crate::train) async fn check_equal(&mut self, model: &mut Model) -> Result<()> {
        self.unchecked = 0;
        if self.team.size() == 1 {
            return Ok(());
        }
        let len = model.network.arena().len();
        let own = model.executor.read_own(keys::PARAMETERS, 0, len).await?.fingerprint();
        let step = model.steps;
        let told = serde_json::to_vec(&(self.team.host(), own)).map_err(strange)?;
        let judged = self.team.judged(told, |all| {
            let mut prints: Vec<(String, u64)> = Vec::new();
            for one in all {
                prints.push(serde_json::from_slice(one).map_err(strange)?);
            }
            let times = |print: u64| prints.iter().filter(|(_, other)| *other == print).count();
            // The last of the largest is that of the lowest rank.
            let common = (0..prints.len()).rev().max_by_key(|&rank| times(prints[rank].1)).unwrap_or(0);
            let expected = prints[common].1;
            let whose = match 2 * times(expected) > prints.len() {
                true => "most ranks have".to_owned(),
                false => format!("rank {common} on {} has", prints[common].0),
            };
            let other = prints.iter().position(|(_, print)| *print != expected);
            verdict(other.map(|rank| Verdict {
                rank,
                host: prints[rank].0.clone(),
                reason: format!(
                    "after step {step}, found parameters with the checksum {:016x}, expected {expected:016x}, as {whose}",
                    prints[rank].1
                ),
                remedy: "continue from the newest checkpoint; if it happens again, the memory or the device of that host is \
                         faulty, or a callback has changed the model on one rank alone"
                    .to_owned(),
            }))
        })?;
        self.team.execute(&judged)
    }
}
