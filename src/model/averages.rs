//! Moving averages of the parameters.

use super::Model;
use crate::plan::arena::keys;
use crate::{Error, Optimizer, Result};

impl Model {
    /// Replaces the trained parameters by their moving averages, which an optimiser keeps that was given a momentum for them
    /// ([`Optimizer::with_ema`](crate::Optimizer::with_ema)). [`Trainer::fit`](crate::Trainer::fit) does so when it ends. What layers
    /// maintain, such as batch normalisation's running statistics, and frozen parameters stay.
    ///
    /// # Errors
    /// No averages; device errors.
    pub fn take_averages(&mut self) -> Result<()> {
        if !self.kept.contains_key(keys::AVERAGES) {
            return Err(Error::invalid(
                "Model::take_averages",
                "no averages",
                "those of a training",
                "train with Optimizer::with_ema first",
            ));
        }
        let learnt = self.network.arena.learnt_ranges();
        self.copy_arena([keys::AVERAGES, keys::PARAMETERS], &learnt)?;
        // The average is not the result of an update, so none is undone.
        self.updated = false;
        if self.kept.contains_key(keys::PREVIOUS) {
            self.copy_arena([keys::AVERAGES, keys::PREVIOUS], &learnt)?;
        }
        Ok(())
    }

    /// Reads the parameters as a training that ended now would leave them: averaged, where the optimiser keeps averages.
    pub(crate) async fn read_result(&mut self, optimizer: &Optimizer) -> Result<Vec<f64>> {
        let mut parameters = self.read_arena(keys::PARAMETERS).await?;
        if optimizer.ema_momentum().is_some() {
            let averages = self.read_arena(keys::AVERAGES).await?;
            for range in self.network.arena.learnt_ranges() {
                parameters[range.clone()].copy_from_slice(&averages[range]);
            }
        }
        Ok(parameters)
    }

    /// Begins the averages, if there are any, with the parameters as they are.
    pub(super) fn begin_averages(&mut self) -> Result<()> {
        if !self.kept.contains_key(keys::AVERAGES) {
            return Ok(());
        }
        let whole = 0..self.network.arena.len();
        self.copy_arena([keys::PARAMETERS, keys::AVERAGES], &[whole])
    }
}
