//! An epoch while it runs.

use super::Fit;
use crate::Result;
use crate::data::Order;
use crate::device::Values;
use crate::model::Step;
use crate::plan;
use crate::plan::arena::keys;
use crate::report::Bar;
use crate::train::Evaluation;
use crate::train::pace::clock_words;
use crate::train::rows::Block;
use crate::train::snapshot::Done;
use crate::train::step::Scored;
use web_time::Instant;

/// How far an epoch has come.
pub(super) struct Pass {
    pub(super) number: usize,
    pub(super) progress: Bar,
    /// When it began, or went on.
    pub(super) begin: Instant,
    /// The seconds that it took before.
    pub(super) seconds: f64,
    /// The width of a row of scores, and what is scored.
    pub(super) scored: (usize, Scored),
    /// The steps and rows that are done, and the sums of their scores.
    pub(super) from: usize,
    pub(super) rows: usize,
    pub(super) sums: Vec<f64>,
    /// The host's seconds.
    pub(super) host: f64,
    /// Whether it was asked to stop.
    pub(super) stopping: bool,
}

impl Pass {
    /// An epoch of these steps of which some are done.
    pub(super) fn new(
        (number, progress): (usize, Bar),
        done: Done,
        scored: (usize, Scored),
        steps: &[Step],
    ) -> Self {
        let (from, begin) = (done.steps, Instant::now());
        let Done { mut sums, seconds, host_seconds: host, .. } = done;
        sums.resize(scored.0, 0.0);
        let pass =
            Self { number, progress, begin, seconds, scored, from, rows: 0, sums, host, stopping: false };
        let mut pass = pass;
        let rows = steps[..from].iter().map(|s| s.rows).sum::<usize>();
        if rows > 0 {
            pass.advance(rows);
        }
        pass
    }

    /// Notes rows whose scores are summed.
    pub(super) fn advance(&mut self, rows: usize) {
        self.rows += rows;
        let mean = self.sums[0] / self.scored.1.count(&self.sums, self.rows);
        self.progress.advance(rows as u64, mean);
    }

    /// The same for a snapshot, after so many steps.
    pub(super) fn done(&self, steps: usize) -> Done {
        let seconds = self.seconds + self.begin.elapsed().as_secs_f64();
        Done { steps, sums: self.sums.clone(), seconds, host_seconds: self.host }
    }
}

impl Fit<'_, '_, '_> {
    /// Prepares the device for what is left of an epoch.
    pub(super) fn begin_pass(&mut self, pass: &Pass, order: Order) -> Result<()> {
        if pass.from == 0 {
            self.model.begin_sequences(plan::Course::Training)?;
        }
        let left = self.steps[pass.from..].iter();
        let blocks: Vec<Block> = match &self.share {
            #[cfg(not(target_family = "wasm"))]
            Some(share) => share.dealt().blocks(pass.rows, left.map(|step| (step.first, step.rows))),
            _ => left.map(|step| step.rows.into()).collect(),
        };
        self.train.begin(&self.feed, &mut *self.model.executor, order.from(pass.rows), blocks.into_iter())?;
        self.model.adopt_parameters()?;
        let words = clock_words(self.model.steps, 0);
        self.model.executor.write(keys::CLOCK, 0, Values::U32(&words))
    }

    /// Runs what is left of an epoch's steps.
    pub(super) async fn run_steps(&mut self, pass: &mut Pass) -> Result<()> {
        #[cfg(not(target_family = "wasm"))]
        if let Some(mut share) = self.share.take() {
            let ran = self.steps_together(&mut share, pass).await;
            self.share = Some(share);
            return ran;
        }
        self.steps_alone(pass).await
    }

    /// Evaluates the validation data, if there are any.
    pub(super) async fn validate(&mut self) -> Result<Option<Evaluation>> {
        let Some(data) = &mut self.validation else { return Ok(None) };
        #[cfg(not(target_family = "wasm"))]
        if let Some(evaluator) = &self.shared_evaluator {
            return evaluator.run(self.model, data).await.map(Some);
        }
        match &self.evaluator {
            Some(evaluator) => evaluator.run(self.model, data).await.map(Some),
            None => Ok(None),
        }
    }
}
