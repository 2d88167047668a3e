//! What goes together with several processes, and what does not.

use super::Team;
use super::pieces::Pieces;
use crate::data::Source;
use crate::train::Trainer;
use crate::{Error, Metric, Model, Result};

/// The most micro-batches of a step.
const MOST: usize = 1024;

impl Trainer<'_> {
    /// Checks that steps can be cut into micro-batches, and these be dealt out.
    pub(in crate::train) fn check_shares(
        &self,
        team: &Team,
        model: &Model,
        train: &dyn Source,
    ) -> Result<()> {
        let (count, size) = (self.recipe.cut(), team.size());
        let refused = |place: &str, found: String, expected: String, remedy: String| {
            Err(Error::invalid(place, found, expected, remedy))
        };
        if !count.is_power_of_two() || count > MOST {
            return refused(
                "trainer option micro_batches",
                count.to_string(),
                format!("a power of two up to {MOST}"),
                "use 8".to_owned(),
            );
        }
        if !size.is_power_of_two() || size > count {
            return refused(
                "trainer option processes",
                format!("{size} processes"),
                format!("a power of two that divides the {count} micro-batches"),
                format!(
                    "start {} processes, or set micro_batches to a multiple",
                    1 << size.min(count).ilog2()
                ),
            );
        }
        let batch = self.recipe.batch.min(train.len());
        if batch < count {
            return refused(
                "trainer option micro_batches",
                format!("{count} for a batch of {batch} rows"),
                "at least a row for each".to_owned(),
                format!("use a larger batch, or at most {} micro-batches", 1 << batch.ilog2()),
            );
        }
        if self.recipe.accumulate > 1 {
            return refused(
                "trainer option accumulate",
                format!("{} with micro-batches", self.recipe.accumulate),
                "1".to_owned(),
                "use a larger batch: each process computes its micro-batches one after another, as accumulation would"
                    .to_owned(),
            );
        }
        if model.network().output().masked && self.recipe.metrics.contains(&Metric::R2) {
            return refused(
                "metric r2",
                "masked sequences, and steps that are cut into micro-batches".to_owned(),
                "sequences without masked steps".to_owned(),
                "use MeanSquaredError, or evaluate the trained model".to_owned(),
            );
        }
        if Pieces::of(model.network().arena()).gradient.is_empty() {
            return refused(
                "model to train",
                "no parameters that gradients change, and steps that are cut into micro-batches".to_owned(),
                "a layer that learns".to_owned(),
                "train it without Trainer::processes and Trainer::micro_batches".to_owned(),
            );
        }
        if let Some(path) = model.network().stateful() {
            return refused(
                path,
                "a stateful layer, and steps that are cut into micro-batches".to_owned(),
                "layers that keep nothing from batch to batch".to_owned(),
                "train it without Trainer::processes and Trainer::micro_batches".to_owned(),
            );
        }
        Ok(())
    }
}
