//! A training from its checks to its end, alone or together with other processes.

use super::Trainer;
use super::fit::Fit;
use super::history::History;
#[cfg(not(target_family = "wasm"))]
use super::processes::Team;
use super::rows::Rows;
#[cfg(not(target_family = "wasm"))]
use crate::Error;
use crate::{Model, Result};
#[cfg(not(target_family = "wasm"))]
use std::sync::Arc;

impl Trainer<'_> {
    /// Trains from the beginning, or from the snapshot.
    pub(super) async fn run(
        &mut self,
        model: &mut Model,
        (train, validation): (Rows<'_>, Option<Rows<'_>>),
        resumed: bool,
    ) -> Result<History> {
        #[cfg(not(target_family = "wasm"))]
        if let Some(team) = self.assemble()? {
            let result = self.run_with(model, (train, validation), resumed, Some(team.clone())).await;
            // All processes come to these errors together.
            let together =
                |error: &Error| matches!(error, Error::NonFinite { .. } | Error::Interrupted { .. });
            return concluded(&team, result, together);
        }
        self.run_with(
            model,
            (train, validation),
            resumed,
            #[cfg(not(target_family = "wasm"))]
            None,
        )
        .await
    }

    async fn run_with(
        &mut self,
        model: &mut Model,
        (train, validation): (Rows<'_>, Option<Rows<'_>>),
        resumed: bool,
        #[cfg(not(target_family = "wasm"))] team: Option<Arc<Team>>,
    ) -> Result<History> {
        let (data, validating) = (train.source(), validation.as_ref().map(Rows::source));
        self.check_all(model, data, validating)?;
        #[cfg(not(target_family = "wasm"))]
        team.as_ref().map_or(Ok(()), |team| self.check_shares(team, model, data))?;
        if resumed {
            self.check_snapshot(model, data, validating)?;
        }
        let fit = Fit::new(
            self,
            model,
            train,
            validation,
            #[cfg(not(target_family = "wasm"))]
            team,
        )?;
        fit.run(resumed).await
    }

    /// Whether progress is shown: by one of several processes.
    pub(super) fn shows(&self) -> bool {
        self.progress && self.leads()
    }

    /// Whether this process shows progress and writes files: rank 0, or the only one.
    pub(super) fn leads(&self) -> bool {
        #[cfg(not(target_family = "wasm"))]
        if let Some(processes) = &self.processes {
            return processes.rank() == 0;
        }
        true
    }
}

/// What a process returns once all others know how it has ended; `together` says to which errors all come.
#[cfg(not(target_family = "wasm"))]
pub(super) fn concluded<T>(team: &Team, result: Result<T>, together: impl Fn(&Error) -> bool) -> Result<T> {
    if let Some(error) = result.as_ref().err().filter(|error| !together(error)) {
        team.part(error);
        return result;
    }
    let Err(error) = team.meet() else { return result };
    team.part(&error);
    // That another rank's last checkpoint is missing is more to tell than that this one was asked to stop.
    if matches!(result, Err(Error::NonFinite { .. })) { result } else { Err(error) }
}
