//! Lists what trainings, predictions and passes will compile, to compile it ahead of time.

use super::rows::TargetKind;
use super::slots::{Slots, UNSUBMITTED};
use super::{backward, forward, texture};
use crate::device::Prepare;
use crate::model::{Network, steps};
use crate::train::{Desk, Feed};
use crate::{Optimizer, Result, Targets, Trainer};

impl Prepare {
    /// Adds what [`Learner::new`](super::Learner::new) will compile for this network, trainer and number of rows.
    ///
    /// # Errors
    /// Options, rows and network that do not fit together.
    pub fn learner(
        self,
        network: &Network,
        trainer: &Trainer<'_>,
        rows: usize,
        targets: TargetKind,
    ) -> Result<Self> {
        let slots = Slots::new("prepared ".to_owned(), UNSUBMITTED);
        self.training(network, trainer, rows, &targets.shape(network.output())?, slots.desk())
    }

    /// Adds what [`Trainer::fit`](crate::Trainer::fit) will compile for this many rows, and this many validation rows.
    ///
    /// # Errors
    /// Options, rows and network that do not fit together.
    pub fn fit(
        self,
        network: &Network,
        trainer: &Trainer<'_>,
        rows: usize,
        validation: Option<usize>,
        targets: TargetKind,
    ) -> Result<Self> {
        let shape = targets.shape(network.output())?;
        let prepare = self.training(network, trainer, rows, &shape, Desk::MODEL)?;
        let Some(rows) = validation else { return Ok(prepare) };
        let recipe = trainer.recipe();
        recipe.check_rows(network, rows, &shape, None)?;
        let plans = recipe.evaluation_plans(network, &feed(network, rows, &shape), rows)?;
        Ok(plans.iter().fold(prepare, |prepare, (_, _, plan)| prepare.plan(plan)))
    }

    fn training(
        self,
        network: &Network,
        trainer: &Trainer<'_>,
        rows: usize,
        targets: &Targets,
        desk: Desk<'_>,
    ) -> Result<Self> {
        let recipe = trainer.recipe();
        recipe.check_rows(network, rows, targets, None)?;
        recipe.check_updates(network)?;
        let steps = steps(rows, recipe.batch.min(rows), recipe.accumulate);
        let plans = recipe.plans(network, &feed(network, rows, targets), desk, &steps)?;
        Ok(plans.iter().fold(self, |prepare, (_, plan)| prepare.plan(plan)))
    }

    /// Adds what [`Forward::new`](super::Forward::new) will compile for this many rows.
    ///
    /// # Errors
    /// No rows, or too many.
    pub fn forward(self, network: &Network, rows: usize) -> Result<Self> {
        network.check_batch(rows)?;
        let (plan, _) = forward::plan(network, rows, &forward::keys("prepared"))?;
        Ok(self.plan(&plan))
    }

    /// Adds what [`Backward::new`](super::Backward::new) will compile for this many rows.
    ///
    /// # Errors
    /// No rows, or too many; an optimiser option out of range.
    pub fn backward(self, network: &Network, rows: usize, optimizer: impl Into<Optimizer>) -> Result<Self> {
        let optimizer = optimizer.into();
        optimizer.check()?;
        network.check_batch(rows)?;
        let (slots, keys) =
            (Slots::new("prepared ".to_owned(), UNSUBMITTED), backward::Keys::named("prepared"));
        let (plan, _) = backward::plan(network, rows, &optimizer, slots.desk(), &keys)?;
        Ok(self.plan(&plan))
    }

    /// Adds what [`TextureRows::new`](super::TextureRows::new) will compile for rows of this many channels, 1 to 4.
    ///
    /// # Errors
    /// Another number of channels.
    pub fn texture_rows(self, channels: usize) -> Result<Self> {
        texture::check_channels(channels)?;
        Ok(self.shader(texture::shader(channels)))
    }

    /// Adds what [`Model::predict`](crate::Model::predict) will compile for this many rows.
    ///
    /// # Errors
    /// No rows, or too many.
    pub fn predict(self, network: &Network, rows: usize) -> Result<Self> {
        network.check_batch(rows)?;
        let batches = network.prediction_batches(rows)?;
        batches
            .into_iter()
            .try_fold(self, |prepare, batch| Ok(prepare.plan(&network.prediction_plan(batch)?.0)))
    }
}

/// A feed for rows that do not exist yet.
fn feed(network: &Network, rows: usize, targets: &Targets) -> Feed {
    Feed::of_rows("prepared".to_owned(), rows, 1, network.input().len(), targets)
        .for_outputs(network.output().len())
}
