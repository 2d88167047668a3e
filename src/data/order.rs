//! The order of an epoch's rows.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// In which order an epoch takes a number of rows, and from which on: what a [`Source`](super::Source) is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    rows: usize,
    seed: Option<u64>,
    epoch: u64,
    first: usize,
}

impl Order {
    /// All rows as they come.
    pub fn plain(rows: usize) -> Self {
        Self { rows, seed: None, epoch: 0, first: 0 }
    }

    /// All rows in an order drawn for this epoch, counted from 1.
    pub fn shuffled(rows: usize, seed: u64, epoch: u64) -> Self {
        Self { rows, seed: Some(seed), epoch, first: 0 }
    }

    /// The same order without its first `first` rows.
    pub fn from(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// The number of rows of the epoch, with those that are left out.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows of the epoch are left out, since a training that continues has already had them.
    pub fn first(&self) -> usize {
        self.first
    }

    /// The epoch since the model was built, counted from 1; 0 where the rows come as they are.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The seed for shuffling; `None` for rows as they come.
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The indices of all rows of the epoch in this order, those that are left out among them: a Fisher–Yates shuffle, drawn from the first
    /// place to the last with ChaCha8, of which the seed is [`Order::seed`] and the stream [`Order::epoch`].
    pub fn indices(&self) -> Vec<u32> {
        let mut draw = self.draw();
        draw.draw(self.rows);
        draw.order
    }

    /// The order, not drawn yet.
    pub(crate) fn draw(&self) -> Draw {
        let drawn = if self.seed.is_some() { 0 } else { self.rows };
        Draw { order: (0..self.rows as u32).collect(), drawn, rng: self.random() }
    }

    /// The epoch's random numbers.
    pub(super) fn random(&self) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed.unwrap_or(0));
        rng.set_stream(self.epoch);
        rng
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_has_every_row_once_however_it_is_drawn() {
        let order = |rows, epoch| Order::shuffled(rows, 5, epoch);
        let whole = order(1000, 4).indices();
        let mut sorted = whole.clone();
        sorted.sort_unstable();
        assert!(sorted.iter().copied().eq(0..1000) && sorted != whole && whole != order(1000, 5).indices());
        for slice in [1, 7, 999, usize::MAX] {
            let (mut draw, mut found) = (order(1000, 4).draw(), Vec::new());
            while draw.left() > 0 {
                let (first, rows) = draw.draw(slice);
                assert_eq!(first, found.len());
                found.extend_from_slice(rows);
            }
            assert_eq!(found, whole, "in slices of {slice}");
        }
        assert!(Order::plain(9).indices().into_iter().eq(0..9));
        // Every row is as likely as any other to come first.
        let mut firsts = [0; 10];
        (1..=10_000).for_each(|epoch| firsts[order(10, epoch).indices()[0] as usize] += 1);
        assert!(firsts.iter().all(|n| (880..1120).contains(n)), "{firsts:?}");
    }
}
