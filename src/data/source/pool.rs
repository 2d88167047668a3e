//! Rows that wait to be drawn.

use super::{Dataset, Targets};

/// Rows in slots, which are used again once their row is taken.
pub(super) struct Pool {
    /// Rows like those in the slots.
    like: Dataset,
    inputs: Slots<f32>,
    labels: Slots<u32>,
    values: Slots<f32>,
    weights: Slots<f32>,
    free: Vec<usize>,
    slots: usize,
}

/// Numbers, so many for each slot.
#[derive(Default)]
struct Slots<T> {
    width: usize,
    values: Vec<T>,
}

impl<T: Copy> Slots<T> {
    fn of(width: usize) -> Self {
        Self { width, values: Vec::new() }
    }

    /// Puts a row into a slot, of which the first after the last is a new one.
    fn put(&mut self, slot: usize, row: &[T]) {
        let first = slot * self.width;
        if first == self.values.len() {
            self.values.extend_from_slice(row);
        } else {
            self.values[first..first + self.width].copy_from_slice(row);
        }
    }

    fn gather(&self, slots: &[usize]) -> Vec<T> {
        let row = |&slot: &usize| &self.values[slot * self.width..(slot + 1) * self.width];
        slots.iter().flat_map(row).copied().collect()
    }
}

impl Pool {
    /// No rows yet; all will be like these.
    pub fn like(like: &Dataset) -> Self {
        let (labels, values) = match like.targets() {
            Targets::Classes { steps, .. } => (*steps, 0),
            Targets::Values { .. } => (0, like.targets().width()),
        };
        Self {
            inputs: Slots::of(like.row_len()),
            labels: Slots::of(labels),
            values: Slots::of(values),
            weights: Slots::of(like.weights_per_row().unwrap_or(0)),
            free: Vec::new(),
            slots: 0,
            like: like.clone(),
        }
    }

    /// Adds rows; returns their slots.
    pub fn push(&mut self, block: &Dataset) -> Vec<usize> {
        let part = |width: usize, row: usize| row * width..(row + 1) * width;
        let mut slots = Vec::with_capacity(block.len());
        for row in 0..block.len() {
            let slot = self.free.pop().unwrap_or_else(|| {
                self.slots += 1;
                self.slots - 1
            });
            self.inputs.put(slot, &block.inputs()[part(self.inputs.width, row)]);
            match block.targets() {
                Targets::Classes { labels, .. } => {
                    self.labels.put(slot, &labels[part(self.labels.width, row)])
                }
                Targets::Values { values, .. } => {
                    self.values.put(slot, &values[part(self.values.width, row)])
                }
            }
            if let Some(weights) = block.weights() {
                self.weights.put(slot, &weights[part(self.weights.width, row)]);
            }
            slots.push(slot);
        }
        slots
    }

    /// Takes the rows of these slots out.
    pub fn take(&mut self, slots: &[usize]) -> Dataset {
        let targets = match self.like.targets() {
            Targets::Classes { steps, names, .. } => {
                Targets::Classes { labels: self.labels.gather(slots), steps: *steps, names: names.clone() }
            }
            Targets::Values { shape, .. } => {
                Targets::Values { shape: shape.clone(), values: self.values.gather(slots) }
            }
        };
        let weights = self.like.weights().map(|_| self.weights.gather(slots));
        self.free.extend(slots.iter().rev());
        self.like.with_rows(self.inputs.gather(slots), targets, weights)
    }
}
