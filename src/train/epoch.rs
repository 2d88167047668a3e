//! An epoch's row order, and the rates that the host computes for each step.

use super::Recipe;
use crate::Optimizer;
use crate::kernel::rates;
use crate::model::Step;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The rows of the table of rates for these steps. `updates` counts the updates before them, and is advanced past them; `used` gives
/// the rate to use for the schedule's.
pub(crate) fn rates_of(
    optimizer: &Optimizer,
    steps: &[Step],
    updates: &mut u64,
    used: impl Fn(f64) -> f64,
) -> Vec<f64> {
    let mut table = Vec::with_capacity(steps.len() * rates::LEN);
    for step in steps {
        let rates = optimizer.rates_from(used(optimizer.learning_rate().rate(*updates)), *updates);
        table.extend(rates::row(rates, step.weight, step.begins));
        *updates += u64::from(step.updates());
    }
    table
}

/// An epoch's row order while it is being drawn (Fisher–Yates).
#[derive(Debug)]
pub(crate) struct Draw {
    order: Vec<u32>,
    /// How many rows are drawn.
    drawn: usize,
    rng: ChaCha8Rng,
}

impl Draw {
    /// Draws the next rows, at most `count`; returns the index of the first in the order, and the rows.
    pub(crate) fn draw(&mut self, count: usize) -> (usize, &[u32]) {
        let (first, rows) = (self.drawn, self.order.len());
        self.drawn = rows.min(first.saturating_add(count));
        for place in first..self.drawn {
            let chosen = self.rng.random_range(place as u32..rows as u32);
            self.order.swap(place, chosen as usize);
        }
        (first, &self.order[first..self.drawn])
    }

    /// How many rows are not drawn yet.
    pub(crate) fn left(&self) -> usize {
        self.order.len() - self.drawn
    }
}

impl Recipe {
    /// An epoch's row order, not drawn yet. It depends only on the seed and the number of epochs since the model was built.
    pub(crate) fn draw(&self, rows: usize, epochs: u64) -> Draw {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(epochs + 1);
        let drawn = if self.shuffle { 0 } else { rows };
        Draw { order: (0..rows as u32).collect(), drawn, rng }
    }

    /// An epoch's row order.
    pub(crate) fn order(&self, rows: usize, epochs: u64) -> Vec<u32> {
        let mut draw = self.draw(rows, epochs);
        draw.draw(rows);
        draw.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, Sgd};

    #[test]
    fn an_order_has_every_row_once_however_it_is_drawn() {
        let (optimizer, loss) = (Sgd::default().into(), Loss::MeanSquaredError);
        let recipe = Recipe {
            optimizer,
            loss,
            metrics: Vec::new(),
            batch: 8,
            shuffle: true,
            seed: 5,
            accumulate: 1,
            label_smoothing: 0.0,
        };
        let whole = recipe.order(1000, 3);
        let mut sorted = whole.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000) && sorted != whole && whole != recipe.order(1000, 4));
        for slice in [1, 7, 999, usize::MAX] {
            let (mut draw, mut found) = (recipe.draw(1000, 3), Vec::new());
            while draw.left() > 0 {
                let (first, rows) = draw.draw(slice);
                assert_eq!(first, found.len());
                found.extend_from_slice(rows);
            }
            assert_eq!(found, whole, "in slices of {slice}");
        }
        // Every row is as likely as any other to come first.
        let mut firsts = [0; 10];
        (0..10_000).for_each(|epoch| firsts[recipe.order(10, epoch)[0] as usize] += 1);
        assert!(firsts.iter().all(|n| (880..1120).contains(n)), "{firsts:?}");
    }
}
