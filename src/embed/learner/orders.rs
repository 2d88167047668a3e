//! The row orders on the device: of the current epoch and of those around it.

use crate::data::Draw;
use crate::device::GpuExecutor;
use crate::embed::slots::UNSUBMITTED;
use crate::train::{Feed, Recipe};
use crate::{Error, Result};

/// The maximum size in bytes of all orders, if there are more than [`FEW`].
const ROOM: u64 = 64 << 20;

/// How many orders may be held whatever their size, if they fit into one binding: enough for six waiting epochs.
const FEW: u64 = 8;

/// Which orders the device holds, in a ring of places, and the one that is being drawn.
#[derive(Debug)]
pub(super) struct Orders {
    rows: usize,
    /// The epoch whose order is in each place, as the model counts them.
    places: Vec<Option<u64>>,
    /// A coming epoch, whose order is only partly drawn and written.
    coming: Option<(u64, Draw)>,
}

impl Orders {
    /// How many orders of `rows` rows the device holds, and how many steps may wait to be submitted so that they still find their orders.
    /// An epoch has `steps` steps; a binding has at most `bytes` bytes.
    pub(super) fn fitting(recipe: &Recipe, rows: usize, steps: usize, bytes: u64) -> Result<(usize, usize)> {
        if !recipe.shuffle {
            // All epochs have the same order.
            return Ok((1, UNSUBMITTED));
        }
        // One per epoch that may wait, the current one, and the next, which is drawn ahead.
        let wanted = UNSUBMITTED.div_ceil(steps) + 2;
        let order = rows as u64 * 4;
        let orders = wanted.min((bytes.min(ROOM.max(FEW * order)) / order) as usize);
        if orders < 3 {
            return Err(Error::invalid(
                "rows to shuffle",
                format!("{rows} rows"),
                "three row orders that fit into one binding",
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

    /// Ensures that the device holds the order of this epoch, which has this number in the timetable.
    pub(super) fn provide(
        &mut self,
        recipe: &Recipe,
        feed: &Feed,
        gpu: &mut GpuExecutor,
        (number, epoch): (u64, u64),
    ) -> Result<()> {
        self.draw(recipe, feed, gpu, (number, epoch), usize::MAX)
    }

    /// Draws the next `rows` rows of this epoch's order, and writes them to the device.
    pub(super) fn draw(
        &mut self,
        recipe: &Recipe,
        feed: &Feed,
        gpu: &mut GpuExecutor,
        (number, epoch): (u64, u64),
        rows: usize,
    ) -> Result<()> {
        let place = (number % self.places.len() as u64) as usize;
        // Without shuffling there is only one order, written at the start.
        if !recipe.shuffle || self.places[place] == Some(epoch) {
            return Ok(());
        }
        self.places[place] = None;
        let begun = self.coming.take().filter(|(begun, _)| *begun == epoch);
        let mut draw = begun.map_or_else(|| recipe.order(self.rows, epoch).draw(), |(_, draw)| draw);
        let (first, drawn) = draw.draw(rows);
        // If this fails, the order is drawn again from the start.
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
        // Sixteen orders of 2²⁰ rows take 64 MiB; of longer ones eight are held, or as many as can be bound.
        assert_eq!(fitting(1 << 20, 1, binding), (16, 14));
        assert_eq!(fitting(1 << 24, 2, binding), (8, 12));
        assert_eq!(fitting(1 << 24, 2, 300 << 20), (4, 4));
        assert!(Orders::fitting(recipe, 1 << 24, 2, 130 << 20).is_err());
        let trainer = trainer.shuffle(false);
        assert_eq!(Orders::fitting(trainer.recipe(), 1 << 24, 2, 130 << 20).unwrap(), (1, 256));
    }
}
