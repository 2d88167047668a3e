//! Matrix products of any size, shared by dense, recurrent and convolutional layers.
//!
//! A dispatch sums over at most [`MAX_DEPTH`] terms. Deeper products are recorded as convolutions with one tap, in stretches of
//! their depth, or in parts whose sums are added.

use super::Regularizer;
use crate::Frame;
use crate::kernel::{
    ConvBackwardWeight, ConvBackwardWeightPorts, ConvKernel, ConvPorts, DenseBackwardInput,
    DenseBackwardInputPorts, DenseBackwardWeight, DenseBackwardWeightPorts, DepthwisePorts, Epilogue,
    MAX_DEPTH, Share, Taps, Terms, WeightGradient, WeightGradientPorts, splits,
};
use crate::plan::{Recorder, View, Views};

/// The ports of a linear map and what follows it, shared by convolutions and depthwise convolutions.
pub(super) type MapPorts = DepthwisePorts<Views>;

/// The ports of a linear map alone.
pub(super) fn map_alone(x: View, w: View, y: View) -> MapPorts {
    MapPorts { x, w, b: None, rotation: None, z: None, y }
}

/// Records a convolution's product, in stretches if it is too deep for one dispatch.
pub(super) fn record_conv(rec: &mut Recorder<'_>, kernel: ConvKernel, ports: MapPorts) {
    let MapPorts { x, w, b, rotation, z, y } = ports;
    let depth = kernel.depth();
    if depth <= MAX_DEPTH {
        rec.op(kernel, ConvPorts { x, w, b, rotation, before: None, z, y });
        return;
    }
    let mut before = None;
    for first in (0..depth).step_by(MAX_DEPTH) {
        let terms = Terms { first, len: MAX_DEPTH.min(depth - first) };
        let kernel = ConvKernel { terms: Some(terms), ..kernel };
        if first + terms.len == depth {
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
    /// The product as a convolution with one tap over `rows` samples.
    fn conv(&self, epilogue: Epilogue) -> ConvKernel {
        let Self { rows, inputs, units } = *self;
        let taps = Taps::pointwise([1; 3]);
        ConvKernel {
            batch: rows,
            taps,
            channels: inputs,
            filters: units,
            groups: 1,
            turned: false,
            epilogue,
            terms: None,
        }
    }

    /// Records y = σ(ρ ⊙ (x·W + b)) for a given ρ.
    pub(super) fn forward(&self, rec: &mut Recorder<'_>, epilogue: Epilogue, ports: MapPorts) {
        record_conv(rec, self.conv(epilogue), ports);
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
            let back = ConvKernel {
                channels: units,
                filters: inputs,
                turned: true,
                ..self.conv(Epilogue::default())
            };
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
            let (share, frame) = (Share::None, Frame::default());
            let kernel =
                DenseBackwardWeight { batch: rows, inputs, units, frame, share, l1, l2, bias: false };
            rec.op(kernel, DenseBackwardWeightPorts { x, d_f, w, virtual_sample: None, d_w, d_b: None });
        } else {
            let share = (Share::None, None, 0.0);
            self.backward_weight_in_parts(rec, [x, d_f, w, d_w], share, Regularizer { l1, l2 });
        }
    }

    /// Records dW in parts of the rows, with the share of the virtual sample: its kind, its numbers and their factor.
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
        let ConvKernel { batch, taps, channels, filters, groups, .. } = self.conv(Epilogue::default());
        rec.op(
            ConvBackwardWeight { batch, taps, channels, filters, groups },
            ConvBackwardWeightPorts { x, d_f, partials },
        );
        let kernel =
            WeightGradient { splits, taps: 1, channels, filters, turned: false, share, factor, l1, l2 };
        rec.op(kernel, WeightGradientPorts { partials, w, virtual_sample: numbers, channel: None, d_w });
    }
}
