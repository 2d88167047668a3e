//! Products of matrices of any size: what dense, recurrent and convolutional layers share.
//!
//! A dispatch sums over at most [`MAX_DEPTH`] terms. Deeper products are convolutions of one tap, recorded in stretches of their
//! depth, or in parts whose sums are added.

use super::Regularizer;
use crate::kernel::{
    Conv, ConvBackwardWeight, DenseBackwardInput, DenseBackwardWeight, Ending, MAX_DEPTH, Share, Stretch,
    Taps, WeightGradient, splits,
};
use crate::plan::{Recorder, View};

/// Records a convolution's product, in stretches where its depth is long.
pub(super) fn record_conv(rec: &mut Recorder<'_>, kernel: Conv, [x, w, b, rotation, z, y]: [View; 6]) {
    let unused = rec.unused();
    let depth = kernel.depth();
    if depth <= MAX_DEPTH {
        rec.op(kernel, [x, w, b, rotation, unused, z, y]);
        return;
    }
    let unused_z = rec.unused();
    let mut before = unused;
    for first in (0..depth).step_by(MAX_DEPTH) {
        let stretch = Stretch { first, len: MAX_DEPTH.min(depth - first) };
        let last = first + stretch.len == depth;
        let kernel = Conv { stretch: Some(stretch), ..kernel };
        if last {
            rec.op(kernel, [x, w, b, rotation, before, z, y]);
        } else {
            let sums = rec.scratch(y.len);
            rec.op(kernel, [x, w, unused, unused, before, unused_z, sums]);
            before = sums;
        }
    }
}

/// The product of a matrix `[rows, inputs]` with one of `[inputs, units]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Product {
    pub(super) rows: usize,
    pub(super) inputs: usize,
    pub(super) units: usize,
}

impl Product {
    /// As a convolution of one tap over as many samples.
    fn conv(&self, ending: Ending) -> Conv {
        let Self { rows, inputs, units } = *self;
        let taps = Taps::pointwise([1; 3]);
        Conv {
            batch: rows,
            taps,
            channels: inputs,
            filters: units,
            groups: 1,
            turned: false,
            ending,
            stretch: None,
        }
    }

    /// Records y = σ(ρ ⊙ (x·W + b)) with a ρ that is known.
    pub(super) fn forward(&self, rec: &mut Recorder<'_>, ending: Ending, args: [View; 6]) {
        record_conv(rec, self.conv(ending), args);
    }

    /// Records dx = df·Wᵀ.
    pub(super) fn backward_input(&self, rec: &mut Recorder<'_>, d_f: View, w: View) -> View {
        let Self { rows, inputs, units } = *self;
        let d_x = rec.scratch(rows * inputs);
        if units <= MAX_DEPTH {
            rec.op(DenseBackwardInput { batch: rows, inputs, units }, [d_f, w, d_x]);
        } else {
            let back =
                Conv { channels: units, filters: inputs, turned: true, ..self.conv(Ending::default()) };
            let (unused, unused_z) = (rec.unused(), rec.unused());
            record_conv(rec, back, [d_f, w, unused, unused, unused_z, d_x]);
        }
        d_x
    }

    /// Records dW = xᵀ·df without a virtual sample.
    pub(super) fn backward_weight(
        &self,
        rec: &mut Recorder<'_>,
        [x, d_f, w, d_w]: [View; 4],
        Regularizer { l1, l2 }: Regularizer,
    ) {
        let Self { rows, inputs, units } = *self;
        let unused = rec.unused();
        if rows <= MAX_DEPTH {
            let kernel = DenseBackwardWeight { batch: rows, inputs, units, rule: None, l1, l2 };
            rec.op(kernel, [x, d_f, w, unused, d_w]);
        } else {
            let share = (Share::None, unused, 0.0);
            self.backward_weight_in_parts(rec, [x, d_f, w, d_w], share, Regularizer { l1, l2 });
        }
    }

    /// Records dW in parts of the rows, with the share of the virtual sample: how it contributes, its numbers, their factor.
    pub(super) fn backward_weight_in_parts(
        &self,
        rec: &mut Recorder<'_>,
        [x, d_f, w, d_w]: [View; 4],
        (share, numbers, factor): (Share, View, f32),
        Regularizer { l1, l2 }: Regularizer,
    ) {
        let Self { rows, inputs, units } = *self;
        let splits = splits(rows, inputs * units);
        let partials = rec.scratch(splits * inputs * units);
        let Conv { batch, taps, channels, filters, groups, .. } = self.conv(Ending::default());
        rec.op(ConvBackwardWeight { batch, taps, channels, filters, groups }, [x, d_f, partials]);
        let kernel =
            WeightGradient { splits, taps: 1, channels, filters, turned: false, share, factor, l1, l2 };
        let unused = rec.unused();
        rec.op(kernel, [partials, w, numbers, unused, d_w]);
    }
}
