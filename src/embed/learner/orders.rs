//! The orders of rows on the device, of the epoch at hand and of those next to it.

use crate::device::GpuExecutor;
use crate::embed::slots::UNSUBMITTED;
use crate::train::{Draw, Feed, Recipe};
use crate::{Error, Result};

/// Bytes above which no more orders are held than [`FEW`].
const ROOM: u64 = 64 << 20;

/// Orders that are held whatever they take, if a binding has room for them: those of six epochs that may wait.
const FEW: u64 = 8;

/// Which orders the device holds, and the one that is being drawn. The orders' places go round.
#[derive(Debug)]
pub(super) struct Orders {
    rows: usize,
    /// The epochs whose orders lie in the places, counted as the model counts them.
    places: Vec<Option<u64>>,
    /// The order of an epoch to come, as far as it is drawn and written.
    coming: Option<(u64, Draw)>,
}

impl Orders {
    /// How many orders of so many rows the device is to hold, and how many steps may then wait for their submission, so that those
    /// find their orders. `bytes` can be bound at once.
    pub(super) fn fitting(recipe: &Recipe, rows: usize, steps: usize, bytes: u64) -> Result<(usize, usize)> {
        if !recipe.shuffle {
            // All are one.
            return Ok((1, UNSUBMITTED));
        }
        // One for every epoch that may wait, the one at hand, and the next, which is drawn ahead.
        let wanted = UNSUBMITTED.div_ceil(steps) + 2;
        let order = rows as u64 * 4;
        let orders = wanted.min((bytes.min(ROOM.max(FEW * order)) / order) as usize);
        if orders < 3 {
            return Err(Error::invalid(
                "rows to shuffle",
                format!("{rows} rows"),
                "three orders of rows that fit into a binding of the device",
                "set shuffle(false), or learn from fewer rows at a time",
            ));
        }
        Ok((orders, UNSUBMITTED.min((orders - 2) * steps)))
    }

    pub(super) fn new(rows: usize, places: usize) -> Self {
        Self { rows, places: vec![None; places], coming: None }
    }

    /// Forgets what is on the device.
    pub(super) fn clear(&mut self) {
        self.places.fill(None);
        self.coming = None;
    }

    /// Sees to it that the device has the order of this epoch, the `number`-th since they began.
    pub(super) fn provide(
        &mut self,
        recipe: &Recipe,
        feed: &Feed,
        gpu: &mut GpuExecutor,
        (number, epoch): (u64, u64),
    ) -> Result<()> {
        self.draw(recipe, feed, gpu, (number, epoch), usize::MAX)
    }

    /// Draws so many rows of the order of this epoch, and writes them to the device.
    pub(super) fn draw(
        &mut self,
        recipe: &Recipe,
        feed: &Feed,
        gpu: &mut GpuExecutor,
        (number, epoch): (u64, u64),
        rows: usize,
    ) -> Result<()> {
        let place = (number % self.places.len() as u64) as usize;
        // Without shuffling all orders are one, which is there from the beginning.
        if !recipe.shuffle || self.places[place] == Some(epoch) {
            return Ok(());
        }
        self.places[place] = None;
        let begun = self.coming.take().filter(|(begun, _)| *begun == epoch);
        let mut draw = begun.map_or_else(|| recipe.draw(self.rows, epoch), |(_, draw)| draw);
        let (first, drawn) = draw.draw(rows);
        // Drawn anew where this fails.
        feed.write_order(gpu, place * self.rows + first, drawn)?;
        if draw.left() == 0 {
            self.places[place] = Some(epoch);
        } else {
            self.coming = Some((epoch, draw));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, Sgd, Trainer};

    #[test]
    fn orders_take_little_memory_and_some_steps_may_always_wait() {
        let trainer = Trainer::new(Sgd::default(), Loss::MeanSquaredError);
        let recipe = trainer.recipe();
        let fitting = |rows, steps, bytes| Orders::fitting(recipe, rows, steps, bytes).unwrap();
        let binding = 2 << 30;
        // 256 steps are 26 epochs of 10 steps, and two more orders.
        assert_eq!(fitting(1000, 10, binding), (28, 256));
        assert_eq!(fitting(1000, 1000, binding), (3, 256));
        // Of 2²⁰ rows sixteen take 64 MiB, of more rows eight are held, as far as they can be bound.
        assert_eq!(fitting(1 << 20, 1, binding), (16, 14));
        assert_eq!(fitting(1 << 24, 2, binding), (8, 12));
        assert_eq!(fitting(1 << 24, 2, 300 << 20), (4, 4));
        assert!(Orders::fitting(recipe, 1 << 24, 2, 130 << 20).is_err());
        let trainer = trainer.shuffle(false);
        assert_eq!(Orders::fitting(trainer.recipe(), 1 << 24, 2, 130 << 20).unwrap(), (1, 256));
    }
}
