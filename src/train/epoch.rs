//! An epoch: its steps, the order of its rows, and the numbers that the host computes for every step.

use super::Recipe;
use super::step::Ending;
use crate::Optimizer;
use crate::kernel::rates;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// One step of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Where its rows begin in the epoch's order.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) ending: Ending,
    /// Its share of an accumulated gradient.
    weight: f64,
    /// Whether it begins a group of accumulated steps.
    begins: bool,
}

impl Step {
    /// Whether the optimiser updates the parameters at its end.
    pub(crate) fn updates(&self) -> bool {
        self.ending != Ending::Accumulate
    }
}

/// Splits an epoch of `rows` rows into steps of `batch`, every `accumulate` of which share an update.
pub(crate) fn steps(rows: usize, batch: usize, accumulate: usize) -> Vec<Step> {
    let group_rows = batch.saturating_mul(accumulate);
    let step = |first: usize| {
        let group = first / group_rows * group_rows;
        let in_group = group_rows.min(rows - group);
        let rows = batch.min(rows - first);
        let last = first + rows == group + in_group;
        Step {
            first,
            rows,
            ending: match (accumulate, last) {
                (1, _) => Ending::Update,
                (_, true) => Ending::AccumulateAndUpdate,
                (_, false) => Ending::Accumulate,
            },
            weight: rows as f64 / in_group as f64,
            begins: first == group,
        }
    };
    (0..rows).step_by(batch).map(step).collect()
}

/// The rows of the table of rates for some steps, before the first of which there were so many updates.
pub(crate) fn rates_of(optimizer: &Optimizer, steps: &[Step], updates: &mut u64) -> Vec<f64> {
    let mut table = Vec::with_capacity(steps.len() * rates::LEN);
    for step in steps {
        let [rate, alpha] = optimizer.rates(*updates);
        table.extend([rate, alpha, step.weight, f64::from(u8::from(step.begins))]);
        *updates += u64::from(step.updates());
    }
    table
}

impl Recipe {
    /// The order of an epoch's rows: a function of the seed and the epochs since the model was built.
    pub(crate) fn order(&self, rows: usize, epochs: u64) -> Vec<u32> {
        let mut order: Vec<u32> = (0..rows as u32).collect();
        if self.shuffle {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(epochs + 1);
            order.shuffle(&mut rng);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_cover_every_row_once_and_groups_weigh_one() {
        for (rows, batch, accumulate) in [(10, 3, 1), (10, 3, 2), (12, 3, 2), (7, 8, 3), (100, 7, 4)] {
            let steps = steps(rows, batch, accumulate);
            assert_eq!(steps.iter().map(|s| s.rows).sum::<usize>(), rows);
            assert!(steps.windows(2).all(|w| w[0].first + w[0].rows == w[1].first));
            let mut weight = 0.0;
            for step in &steps {
                weight = if step.begins { step.weight } else { weight + step.weight };
                if step.ending == Ending::AccumulateAndUpdate {
                    assert!((weight - 1.0).abs() < 1e-12, "{weight}");
                }
            }
            assert_ne!(steps.last().map(|s| s.ending), Some(Ending::Accumulate));
        }
    }
}
