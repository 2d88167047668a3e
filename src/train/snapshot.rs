//! Snapshots of a training: copies on the host from which it can continue as if uninterrupted.

use super::Trainer;
use super::callback::Standing;
use super::description::TrainingDescription;
use super::history::History;
use super::plateau::Stalls;
use crate::data::Source;
use crate::data::classes::check_same;
use crate::model::{Agreement, ModelState, Step, Weights};
use crate::{Error, Model, Result, store};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use web_time::Instant;

/// How often a snapshot of the training is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interval {
    /// After this number of steps, at least 1; if several steps share an update, at the end of their group.
    Steps(u64),
    /// After this number of seconds, at the end of the current step or group.
    Seconds(f64),
    /// No snapshots.
    Never,
}

impl Default for Interval {
    /// Every 30 seconds.
    fn default() -> Self {
        Self::Seconds(30.0)
    }
}

/// A copy of a running training: the model, its position within the epochs, the history and the state of early stopping. The state of
/// callbacks is not included.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub(super) model: ModelState,
    pub(super) position: Position,
}

impl Snapshot {
    /// The model.
    pub fn model(&self) -> &ModelState {
        &self.model
    }

    /// The model's parameters by path.
    pub fn weights(&self) -> Weights {
        self.model.weights()
    }

    /// The current epoch, as [`Epoch::epoch`](super::Epoch::epoch) counts it, and how many of its steps were done.
    pub fn place(&self) -> (usize, usize) {
        (self.position.epoch, self.position.done.steps)
    }

    /// The training's data and options; the network is described by [`Snapshot::model`].
    pub fn description(&self) -> &TrainingDescription {
        &self.position.terms
    }

    /// The history of the epochs before the current one.
    pub fn history(&self) -> &History {
        &self.position.history
    }
}

/// The position of a training.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    /// The data and options that the position refers to.
    pub(super) terms: Arc<TrainingDescription>,
    /// The epochs of the model before this training.
    pub(super) begun: usize,
    /// The current epoch, counted from 1 since the model was built.
    pub(super) epoch: usize,
    pub(super) done: Done,
    /// The epochs before it.
    pub(super) history: History,
    /// The state of early stopping before it.
    pub(super) standing: Option<Standing>,
    /// How far a learning rate that falls when learning stalls has come.
    pub(super) stalls: Option<Stalls>,
    /// The learning rate that a callback has set.
    pub(super) rate: Option<f64>,
    /// Whether a callback has ended the training.
    pub(super) ended: bool,
}

/// The part of an epoch that is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Done {
    pub(super) steps: usize,
    /// The column sums of the scores.
    #[serde(with = "store::number")]
    pub(super) sums: Vec<f64>,
    #[serde(with = "store::number")]
    pub(super) seconds: f64,
    #[serde(with = "store::number")]
    pub(super) host_seconds: f64,
}

impl Trainer<'_> {
    /// The data and options that determine each step.
    pub(super) fn terms(
        &self,
        model: &Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> TrainingDescription {
        let frozen = model.frozen().into_iter().map(str::to_owned).collect();
        let watched = (self.early_stopping.clone(), self.plateau.clone());
        TrainingDescription::new(&self.recipe, watched, frozen, (train, validation))
    }

    /// Checks that the snapshot fits this model, these data and options.
    pub(super) fn check_snapshot(
        &self,
        model: &Model,
        train: &dyn Source,
        validation: Option<&dyn Source>,
    ) -> Result<()> {
        let Some(snapshot) = &self.snapshot else {
            return Err(Error::invalid(
                "resume",
                "no snapshot",
                "the snapshot of an earlier training",
                "call fit first, with a snapshot interval other than Never",
            ));
        };
        let position = &snapshot.position;
        self.terms(model, train, validation).check(&position.terms)?;
        model.check_state(&snapshot.model, Agreement::Training)?;
        if let (Some(found), Some(expected)) =
            (train.sample().targets().class_names(), snapshot.model.class_names())
        {
            check_same("resume: training data", found, expected, "those of the snapshot")?;
        }
        // The end of the last epoch is the beginning of one more.
        let over = usize::from(position.done.steps == 0);
        let least = position.epoch.saturating_sub(position.begun).saturating_sub(over);
        if self.epochs < least {
            return Err(Error::invalid(
                "resume: trainer option epochs",
                self.epochs,
                format!("at least {least}, the epoch of the snapshot"),
                "set epochs to the total number of epochs",
            ));
        }
        Ok(())
    }
}

impl Interval {
    pub(super) fn check(self) -> Result<()> {
        let found = match self {
            Self::Steps(0) => "0 steps".to_owned(),
            Self::Seconds(s) if !(s.is_finite() && s >= 0.0) => format!("{s} seconds"),
            _ => return Ok(()),
        };
        Err(Error::invalid(
            "trainer option snapshot_every",
            found,
            "at least 1 step, or a finite, non-negative number of seconds",
            "correct the interval, or use Interval::Never",
        ))
    }
}

/// When the next snapshot is due.
#[derive(Debug)]
pub(super) struct Due {
    interval: Interval,
    /// Steps submitted since the last snapshot.
    steps: u64,
    since: Instant,
}

impl Due {
    pub(super) fn new(interval: Interval) -> Self {
        Self { interval, steps: 0, since: Instant::now() }
    }

    /// Whether snapshots are taken at all.
    pub(super) fn ever(&self) -> bool {
        self.interval != Interval::Never
    }

    /// Where a submission of the steps from `from` on must end, `most` at the latest, and whether a snapshot follows: it ends at the first
    /// end of a group at which one is due.
    pub(super) fn end(&self, steps: &[Step], from: usize, most: usize, asked: bool) -> (usize, bool) {
        let seconds = self.since.elapsed().as_secs_f64();
        let due = |end: usize| match self.interval {
            _ if asked => true,
            Interval::Steps(steps) => self.steps + (end - from) as u64 >= steps,
            Interval::Seconds(interval) => seconds >= interval,
            Interval::Never => false,
        };
        let first = (from + 1..=most).find(|&end| steps[end - 1].updates() && due(end));
        first.map_or((most, false), |end| (end, true))
    }

    /// Records that `steps` steps were submitted, and whether a snapshot was taken after them.
    pub(super) fn note(&mut self, steps: usize, taken: bool) {
        self.steps += steps as u64;
        if taken {
            (self.steps, self.since) = (0, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::steps;
    use crate::{Adam, Loss};
    use std::time::Duration;

    #[test]
    fn a_snapshot_is_due_every_30_seconds_unless_said_otherwise() {
        let interval = Trainer::new(Adam::default(), Loss::MeanSquaredError).interval;
        assert_eq!(interval, Interval::Seconds(30.0));
        let steps = steps(10, 2, 1);
        let after = |seconds: f64, interval| {
            let since = Instant::now().checked_sub(Duration::from_secs_f64(seconds)).unwrap();
            Due { interval, steps: 3, since }.end(&steps, 1, 4, false)
        };
        assert_eq!(after(0.0, interval), (4, false));
        assert_eq!(after(29.0, interval), (4, false), "not yet");
        assert_eq!(after(31.0, interval), (2, true), "at the end of the step that is then at work");
        assert_eq!(after(31.0, Interval::Never), (4, false));
        // Three steps are done since the last one: the fifth is the second from here.
        assert_eq!(after(31.0, Interval::Steps(5)), (3, true));
        let mut due = Due::new(interval);
        assert!(due.ever() && !Due::new(Interval::Never).ever());
        due.note(3, false);
        assert_eq!(due.steps, 3);
        due.note(2, true);
        assert_eq!(due.steps, 0);
    }
}
