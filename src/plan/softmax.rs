//! The softmax of rows, for layers and losses.

use super::{Recorder, View};
use crate::kernel::{
    SoftmaxBackward, SoftmaxBackwardPorts, SoftmaxFinish, SoftmaxFinishPorts, SoftmaxKernel, SoftmaxParts,
    SoftmaxPartsPorts, SoftmaxPorts,
};

impl Recorder<'_> {
    /// Records y = softmax(x) for `rows` rows of `classes` numbers.
    pub(crate) fn softmax(&mut self, x: View, rows: usize, classes: usize) -> View {
        let pieces = SoftmaxParts::pieces(classes);
        let parts = self.scratch(SoftmaxParts::len(rows, pieces));
        let kernel = SoftmaxParts { batch: rows, classes, targets: false };
        self.op(kernel, SoftmaxPartsPorts { x, t: None, parts });
        let mut numbers = parts;
        if pieces > 1 {
            numbers = self.scratch(SoftmaxParts::len(rows, 1));
            let kernel = SoftmaxFinish { batch: rows, pieces, columns: None };
            self.op(kernel, SoftmaxFinishPorts { parts, scores: None, rows: numbers });
        }
        let y = self.scratch(rows * classes);
        self.op(SoftmaxKernel { rows, classes }, SoftmaxPorts { x, numbers, y });
        y
    }

    /// Records the gradient with respect to x from that with respect to y = softmax(x).
    pub(crate) fn softmax_backward(&mut self, d_y: View, y: View, rows: usize, classes: usize) -> View {
        let sums = self.scratch(rows);
        self.sum_products(d_y, y, classes, rows, sums);
        let d_x = self.scratch(rows * classes);
        self.op(SoftmaxBackward { rows, classes }, SoftmaxBackwardPorts { d_y, y, sums, d_x });
        d_x
    }
}
