//! A step with a number that is not finite: where it first appears, on whichever process.

use super::share::Share;
use super::step::{On, Seat};
use super::wire::strange;
use crate::model::Step;
use crate::train::inspect::{Finding, look, undo};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a process has found in its own micro-batches.
#[derive(Serialize, Deserialize)]
struct Found {
    place: usize,
    finding: Finding,
}

impl Share {
    /// Repeats the step, and undoes the last update on every process if it is to blame on one; returns the same error everywhere.
    pub(super) async fn blame(&mut self, on: &mut On<'_, '_>, seats: &[Seat], step: &Step) -> Result<Error> {
        let number = on.model.steps + 1;
        let mut own: Option<Found> = None;
        for Seat { micro, words } in seats.iter().filter(|seat| seat.micro.rows > 0) {
            let found = look(on.recipe, on.model, on.feed, micro.rows, *words).await;
            self.restore(on.model)?;
            let Some((layer, what, forward)) = found else { continue };
            if let Some(own) = &mut own {
                // Any may be to blame, whoever computes it.
                own.finding.2 |= forward;
                continue;
            }
            let part = match self.dealt.count {
                1 => String::new(),
                count => format!(
                    ", micro-batch {} of {count} ({} rows of {}), rank {} on {}",
                    micro.place + 1,
                    micro.rows,
                    step.rows,
                    self.team.rank(),
                    self.team.host()
                ),
            };
            own = Some(Found { place: micro.place, finding: (format!("{layer}{part}"), what, forward) });
        }
        let text = |found: &Option<Found>| serde_json::to_vec(found).map_err(strange);
        let judged = self.team.judged(text(&own)?, |all| {
            let mut found: Option<Found> = None;
            for one in all {
                let one: Option<Found> = serde_json::from_slice(one).map_err(strange)?;
                let forward = one.iter().chain(&found).any(|found| found.finding.2);
                found = match (found, one) {
                    (Some(a), Some(b)) => Some(if a.place <= b.place { a } else { b }),
                    (a, b) => a.or(b),
                };
                found.iter_mut().for_each(|found| found.finding.2 = forward);
            }
            text(&found)
        })?;
        let found: Option<Found> = serde_json::from_slice(&judged).map_err(strange)?;
        let error = undo(on.model, found.map(|found| found.finding), number).await?;
        Ok(self.team.all_know(error))
    }
}
