//! The one order of sums: a binary tree over the places of the micro-batches, of which each process sums the part below its own and all
//! together the rest.
//! Gradients are summed so on the device (`branch.rs`), what is small here.

use crate::real::Numbers;

/// The part of the tree below some neighbouring places, whose number is a power of two: pairs of neighbours are summed, then pairs of these
/// sums, each as soon as both are there.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The sum that waits at each height for its right neighbour.
    waiting: Vec<Option<Numbers>>,
}

impl Tree {
    /// Adds the numbers of the next place, multiplied by a factor.
    pub(super) fn push(&mut self, numbers: Numbers, factor: f64) {
        let (mut sum, mut factor) = (numbers, factor);
        for left in &mut self.waiting {
            match left.take() {
                Some(mut left) => {
                    left.add(&sum, factor);
                    (sum, factor) = (left, 1.0);
                }
                None => {
                    sum.scale(factor);
                    *left = Some(sum);
                    return;
                }
            }
        }
        sum.scale(factor);
        self.waiting.push(Some(sum));
    }

    /// The sum over all places.
    pub(super) fn take(&mut self) -> Option<Numbers> {
        self.waiting.drain(..).next_back().flatten()
    }
}

impl Numbers {
    /// As many zeros of the same precision.
    pub(super) fn zeros_like(&self, len: usize) -> Self {
        match self {
            Self::Single(_) => Self::Single(vec![0.0; len]),
            Self::Double(_) => Self::Double(vec![0.0; len]),
        }
    }

    /// Adds as many others, multiplied by a factor: one rounding for the product, as by [`Numbers::scale`], and one for the sum.
    fn add(&mut self, others: &Self, factor: f64) {
        match (self, others) {
            (Self::Single(own), Self::Single(others)) => {
                let factor = factor as f32;
                own.iter_mut().zip(others).for_each(|(own, other)| *own += other * factor);
            }
            (Self::Double(own), Self::Double(others)) => {
                own.iter_mut().zip(others).for_each(|(own, other)| *own += other * factor);
            }
            // A device has one precision.
            (Self::Single(_), Self::Double(_)) | (Self::Double(_), Self::Single(_)) => {}
        }
    }

    /// Multiplies all.
    fn scale(&mut self, factor: f64) {
        if factor == 1.0 {
            return;
        }
        match self {
            Self::Single(v) => v.iter_mut().for_each(|v| *v *= factor as f32),
            Self::Double(v) => v.iter_mut().for_each(|v| *v *= factor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_summed_first() {
        // 2²⁴ swallows a 1 that comes alone, but not two that come together.
        let values = [1.0, 1.0, 16_777_216.0, 1.0, 1.0, 16_777_216.0, -16_777_216.0, 1.0_f32];
        let wanted = ((values[0] + values[1]) + (values[2] + values[3]))
            + ((values[4] + values[5]) + (values[6] + values[7]));
        for apart in [1, 2, 4, 8] {
            let parts = values.chunks(values.len() / apart).map(|part| {
                let mut tree = Tree::default();
                part.iter().for_each(|&value| tree.push(Numbers::Single(vec![value]), 1.0));
                tree.take().unwrap()
            });
            let mut whole = Tree::default();
            parts.for_each(|part| whole.push(part, 1.0));
            assert_eq!(whole.take(), Some(Numbers::Single(vec![wanted])), "{apart} processes");
        }
    }
}
