//! How much targets vary, which R² compares errors with.

use super::Metric;
use crate::data::{Order, Source, checked};
use crate::{Dataset, Result, Targets};

impl Metric {
    /// Σ(t − mean t)² over all targets, for each of `width` outputs: what R² compares errors with.
    pub(crate) fn variation(data: &Dataset, width: usize) -> Vec<f64> {
        let mut variation = Variation::new(width);
        variation.add(data, None);
        variation.totals()
    }

    /// [`Metric::variation`] of the first `rows` rows of an order. What is not in memory is read block by block.
    pub(crate) fn variation_of(
        source: &dyn Source,
        (order, rows): (Order, usize),
        width: usize,
    ) -> Result<Vec<f64>> {
        if let Some(data) = source.in_memory().filter(|data| data.len() == rows) {
            return Ok(Self::variation(data, width));
        }
        let (mut variation, mut left) = (Variation::new(width), rows);
        let mut reader = source.begin(order)?;
        while left > 0 {
            let count = left.min(4096);
            let block = checked(source, reader.next(count)?, rows - left, count)?;
            variation.add(&block, None);
            left -= block.len();
        }
        Ok(variation.totals())
    }
}

/// The variation of the targets of several blocks, joined as Chan, Golub and LeVeque do.
#[derive(Debug)]
pub(crate) struct Variation {
    /// How many targets each output had so far.
    before: f64,
    /// Of every output the mean of its targets, and the sum of their squared distances from it.
    outputs: Vec<(f64, f64)>,
}

impl Variation {
    pub(crate) fn new(width: usize) -> Self {
        Self { before: 0.0, outputs: vec![(0.0, 0.0); width] }
    }

    /// Adds a block's targets; only those whose mask is not 0, if there is one.
    pub(crate) fn add(&mut self, block: &Dataset, mask: Option<&[f64]>) {
        let (targets, width) = (block.targets(), self.outputs.len());
        // One output may tell two classes: its target is 1 for the second.
        let told = width == 1 && matches!(targets, Targets::Classes { names, .. } if names.len() == 2);
        let rows = if told { targets.len() } else { block.len() * targets.width() / width };
        let counts = |row: &usize| mask.is_none_or(|mask| mask[*row] != 0.0);
        let count = (0..rows).filter(counts).count() as f64;
        if count == 0.0 {
            return;
        }
        let before = self.before;
        for (output, (mean, total)) in self.outputs.iter_mut().enumerate() {
            let target = |row: usize| match targets {
                Targets::Classes { labels, .. } => {
                    f64::from(u8::from(labels[row] as usize == output + usize::from(told)))
                }
                Targets::Values { values, .. } => f64::from(values[row * width + output]),
            };
            let of_block = (0..rows).filter(counts).map(target).sum::<f64>() / count;
            let distance = |row| (target(row) - of_block).powi(2);
            let apart = of_block - *mean;
            let inside = (0..rows).filter(counts).map(distance).sum::<f64>();
            *total += inside + apart * apart * before * count / (before + count);
            *mean += apart * count / (before + count);
        }
        self.before += count;
    }

    /// Σ(t − mean t)² of every output.
    pub(crate) fn totals(self) -> Vec<f64> {
        self.outputs.into_iter().map(|(_, total)| total).collect()
    }
}
