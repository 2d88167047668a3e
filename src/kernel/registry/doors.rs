//! Kernels that a formula completes: updates by an optimiser's rule, pointwise losses.

use super::Entry;
use crate::Optimizer;
use crate::kernel::{Kernel, PointwiseLoss};
use crate::loss::{Formula, pointwise};
use std::sync::Arc;

pub(super) fn entries() -> Vec<Entry> {
    let mut all = vec![losses()];
    for optimizers in Optimizer::built_in() {
        let examples: Vec<_> = optimizers.iter().flat_map(updates).collect();
        let Some(name) = examples.first().map(|kernel| kernel.name()) else { continue };
        match all.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => entry.examples.extend(examples),
            None => all.push(Entry { name, examples, options: Vec::new(), long: Vec::new() }),
        }
    }
    all
}

/// Updates by one optimiser, without and with a limit on the gradient.
fn updates(optimizer: &Optimizer) -> Vec<Arc<dyn Kernel>> {
    let clipped = |value| crate::optimizer::Clip { value, norm: None };
    [(777, 500, None), (780, 502, Some(0.01)), (40_000, 30_002, Some(0.02))]
        .map(|(count, decayed, limit)| {
            optimizer.clone().with_clip(clipped(limit)).kernel((count, decayed), 3)
        })
        .into()
}

fn losses() -> Entry {
    let kernel = |formula: &dyn Formula, (batch, outputs, gradient)| {
        let summed = batch == 5;
        formula.kernel(PointwiseLoss { formula: (), batch, outputs, columns: 5, column: 1, gradient, summed })
    };
    let sizes = [(1, 1, true), (33, 70, true), (5, 3, false), (3, 9001, true)];
    let formulas = pointwise::all();
    let examples = formulas.iter().flat_map(|formula| sizes.map(|sizes| kernel(&**formula, sizes)));
    let long = PointwiseLoss {
        formula: (),
        batch: 1,
        outputs: 300_000,
        columns: 80,
        column: 1,
        gradient: true,
        summed: false,
    };
    Entry {
        name: "pointwise_loss",
        examples: examples.collect(),
        options: Vec::new(),
        long: vec![pointwise::AbsoluteError.kernel(long)],
    }
}
