//! Products of matrices of any size: what dense, recurrent and convolutional layers share.
//!
//! A dispatch sums over at most [`MAX_DEPTH`] terms. Deeper products are convolutions of one tap, recorded in stretches of their
//! depth, or in parts whose sums are added.

use super::Regularizer;
use crate::kernel::{
    ConvBackwardWeight, ConvBackwardWeightPorts, ConvKernel, ConvPorts, DenseBackwardInput,
    DenseBackwardInputPorts, DenseBackwardWeight, DenseBackwardWeightPorts, DepthwisePorts, Ending,
    MAX_DEPTH, Share, Stretch, Taps, WeightGradient, WeightGradientPorts, splits,
};
use crate::plan::{Recorder, View, Views};

/// Where a linear map with what follows it reads and writes: what convolutions and depthwise ones have in common.
pub(super) type MapPorts = DepthwisePorts<Views>;

/// A linear map that nothing follows.
pub(super) fn map_alone(x: View, w: View, y: View) -> MapPorts {
    MapPorts { x, w, b: None, rotation: None, z: None, y }
}

/// Records a convolution's product, in stretches where its depth is long.
pub(super) fn record_conv(rec: &mut Recorder<'_>, kernel: ConvKernel, ports: MapPorts) {
    let MapPorts { x, w, b, rotation, z, y } = ports;
    let depth = kernel.depth();
    if depth <= MAX_DEPTH {
        rec.op(kernel, ConvPorts { x, w, b, rotation, before: None, z, y });
        return;
    }
    let mut before = None;
    for first in (0..depth).step_by(MAX_DEPTH) {
        let stretch = Stretch { first, len: MAX_DEPTH.min(depth - first) };
        let kernel = ConvKernel { stretch: Some(stretch), ..kernel };
        if first + stretch.len == depth {
            rec.op(kernel, ConvPorts { x, w, b, rotation, before, z, y });
        } else {
            let sums = rec.scratch(y.len);
            rec.op(kernel, ConvPorts { x, w, b: None, rotation: None, before, z: None, y: sums });
            before = Some(sums);
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
    fn conv(&self, ending: Ending) -> ConvKernel {
        let Self { rows, inputs, units } = *self;
        let taps = Taps::pointwise([1; 3]);
        ConvKernel {
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
    pub(super) fn forward(&self, rec: &mut Recorder<'_>, ending: Ending, ports: MapPorts) {
        record_conv(rec, self.conv(ending), ports);
    }

    /// Records dx = df·Wᵀ.
    pub(super) fn backward_input(&self, rec: &mut Recorder<'_>, d_f: View, w: View) -> View {
        let Self { rows, inputs, units } = *self;
        let d_x = rec.scratch(rows * inputs);
        if units <= MAX_DEPTH {
            rec.op(
                DenseBackwardInput { batch: rows, inputs, units },
                DenseBackwardInputPorts { d_f, w, d_x },
            );
        } else {
            let back =
                ConvKernel { channels: units, filters: inputs, turned: true, ..self.conv(Ending::default()) };
            record_conv(rec, back, map_alone(d_f, w, d_x));
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
        if rows <= MAX_DEPTH {
            let kernel = DenseBackwardWeight { batch: rows, inputs, units, share: Share::None, l1, l2 };
            rec.op(kernel, DenseBackwardWeightPorts { x, d_f, w, virtual_sample: None, d_w });
        } else {
            let share = (Share::None, None, 0.0);
            self.backward_weight_in_parts(rec, [x, d_f, w, d_w], share, Regularizer { l1, l2 });
        }
    }

    /// Records dW in parts of the rows, with the share of the virtual sample: how it contributes, its numbers, their factor.
    pub(super) fn backward_weight_in_parts(
        &self,
        rec: &mut Recorder<'_>,
        [x, d_f, w, d_w]: [View; 4],
        (share, numbers, factor): (Share, Option<View>, f32),
        Regularizer { l1, l2 }: Regularizer,
    ) {
        let Self { rows, inputs, units } = *self;
        let splits = splits(rows, inputs * units);
        let partials = rec.scratch(splits * inputs * units);
        let ConvKernel { batch, taps, channels, filters, groups, .. } = self.conv(Ending::default());
        rec.op(
            ConvBackwardWeight { batch, taps, channels, filters, groups },
            ConvBackwardWeightPorts { x, d_f, partials },
        );
        let kernel =
            WeightGradient { splits, taps: 1, channels, filters, turned: false, share, factor, l1, l2 };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample: numbers, channel: None, d_w });
    }
}
