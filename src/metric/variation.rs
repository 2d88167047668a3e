//! How much targets vary, which R² compares errors with.

use super::Metric;
use crate::data::{Order, Source, checked};
use crate::{Dataset, Result, Targets};

impl Metric {
    /// Σ(t − mean t)² over all targets, for each of `width` outputs: what R² compares errors with.
    pub(crate) fn variation(data: &Dataset, width: usize) -> Vec<f64> {
        (0..width).map(|output| spread(data.targets(), data.len(), (output, width)).1).collect()
    }

    /// [`Metric::variation`] of the first `rows` rows of an order. What is not in memory is read block by block, and joined as Chan, Golub
    /// and LeVeque do.
    pub(crate) fn variation_of(
        source: &dyn Source,
        (order, rows): (Order, usize),
        width: usize,
    ) -> Result<Vec<f64>> {
        if let Some(data) = source.in_memory().filter(|data| data.len() == rows) {
            return Ok(Self::variation(data, width));
        }
        let (mut outputs, mut before, mut left) = (vec![(0.0, 0.0); width], 0.0, rows);
        let mut reader = source.begin(order)?;
        while left > 0 {
            let count = left.min(4096);
            let block = checked(source, reader.next(count)?, rows - left, count)?;
            let count = block.len() as f64;
            for (output, (mean, total)) in outputs.iter_mut().enumerate() {
                let of_block = spread(block.targets(), block.len(), (output, width));
                let apart = of_block.0 - *mean;
                *total += of_block.1 + apart * apart * before * count / (before + count);
                *mean += apart * count / (before + count);
            }
            before += count;
            left -= block.len();
        }
        Ok(outputs.into_iter().map(|(_, total)| total).collect())
    }
}

/// The mean of an output's targets, and the sum of their squared distances from it.
fn spread(targets: &Targets, rows: usize, (output, width): (usize, usize)) -> (f64, f64) {
    // One output may tell two classes: its target is 1 for the second.
    let told = width == 1 && matches!(targets, Targets::Classes { names, .. } if names.len() == 2);
    let rows = if told { targets.len() } else { rows * targets.width() / width };
    let target = |row: usize| match targets {
        Targets::Classes { labels, .. } => {
            f64::from(u8::from(labels[row] as usize == output + usize::from(told)))
        }
        Targets::Values { values, .. } => f64::from(values[row * width + output]),
    };
    let mean = (0..rows).map(target).sum::<f64>() / rows as f64;
    (mean, (0..rows).map(|row| (target(row) - mean).powi(2)).sum())
}
