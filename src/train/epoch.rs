//! An epoch's row order, and the rates that the host computes for each step.

use super::Recipe;
use crate::Optimizer;
use crate::data::Order;
use crate::kernel::rates;
use crate::model::Step;

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

impl Recipe {
    /// An epoch's row order. It depends only on the seed and the number of epochs since the model was built.
    pub(crate) fn order(&self, rows: usize, epochs: u64) -> Order {
        if self.shuffle { Order::shuffled(rows, self.seed, epochs + 1) } else { Order::plain(rows) }
    }
}
