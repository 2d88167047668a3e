//! Weight normalisation (Salimans and Kingma 2016): the kernel that a layer of neurons computes with is g·v/‖v‖ per unit or filter.

use super::neuron::{Neuron, Neurons};
use super::virtual_sample::record_totals;
use super::{Regularizer, Scope, Trace};
use crate::kernel::{
    Merge, MergeMode, MergePorts, TapTotals, TapTotalsPorts, Taps, WeightNormBackward,
    WeightNormBackwardPorts, WeightNormForward, WeightNormForwardPorts,
};
use crate::plan::arena::ParameterId;
use crate::plan::{Recorder, View};
use crate::{Error, Result};

/// The gain g of a layer with weight normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// The parameter, one number per unit or filter.
    pub id: ParameterId,
    /// How many neighbouring numbers of the kernel belong to the same filter: 1, or the channels of a kernel that has these last.
    pub inner: usize,
}

/// The kernel that a layer with weight normalisation computes with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Normed {
    /// g·v/‖v‖.
    w: View,
    /// ‖v‖² of every filter.
    squares: View,
}

impl Neuron {
    /// Registers the gain of a layer with weight normalisation, for a kernel of so many filters; see [`Gain::inner`].
    pub(super) fn gain(
        &self,
        scope: &mut Scope<'_>,
        filters: usize,
        (kernel, inner): (ParameterId, usize),
    ) -> Result<Option<Gain>> {
        if !self.weight_norm {
            return Ok(None);
        }
        if self.auto_rotate.is_some() {
            return Err(Error::invalid(
                scope.path(),
                "weight_norm together with auto_rotate",
                "one of them: each sets the size of a unit's weights by itself",
                "leave one of them out",
            ));
        }
        let id = scope.norms("gain", filters, (kernel, inner))?;
        Ok(Some(Gain { id, inner }))
    }
}

impl Neurons {
    /// The sizes of the kernel of a layer with weight normalisation.
    fn sizes(&self, rec: &Recorder<'_>, gain: Gain) -> WeightNormForward {
        let filters = rec.arena().get(gain.id).len();
        let rest = rec.arena().get(self.kernel).len() / filters;
        match gain.inner {
            1 => WeightNormForward { taps: 1, channels: rest, filters, turned: false },
            channels => WeightNormForward { taps: rest / channels, channels, filters, turned: true },
        }
    }

    /// Records the kernel that the layer computes with, once per forward pass: the parameter or, with weight normalisation, g·v/‖v‖.
    pub(super) fn weights(&self, rec: &mut Recorder<'_>) -> (View, Option<Normed>) {
        let v = rec.parameter(self.kernel);
        let Some(gain) = self.gain else { return (v, None) };
        let sizes = self.sizes(rec, gain);
        let squares = totals(rec, sizes, v, true);
        let (w, gain) = (rec.scratch(v.len), rec.parameter(gain.id));
        rec.op(sizes, WeightNormForwardPorts { v, gain, squares, w });
        (w, Some(Normed { w, squares }))
    }

    /// The kernel that the forward pass of this trace computed with.
    pub(super) fn used_weights(&self, rec: &mut Recorder<'_>, trace: &Trace) -> View {
        trace.normed.map_or_else(|| rec.parameter(self.kernel), |normed| normed.w)
    }

    /// The kernel's regulariser, as far as it is part of the gradient of the weights that the layer computes with.
    pub(super) fn penalty(&self, rec: &Recorder<'_>) -> Regularizer {
        if self.gain.is_some() { Regularizer::default() } else { rec.regularizer(self.kernel) }
    }

    /// Records the gradients of v and g, with weight normalisation, from that of the weights that the layer computes with, in whose
    /// place that of v comes.
    pub(super) fn finish_weights(&self, rec: &mut Recorder<'_>, trace: &Trace) {
        let Some(gain) = self.gain else { return };
        let Some(Normed { squares, .. }) = trace.normed else {
            trace.refuse(rec, &self.path);
            return;
        };
        let sizes = self.sizes(rec, gain);
        let (v, d_v) = (rec.parameter(self.kernel), rec.gradient(self.kernel));
        let products = rec.scratch(v.len);
        let product = Merge { mode: MergeMode::Mul, rows: 1, features: v.len, second: v.len };
        rec.op(product, MergePorts { a: d_v, b: v, y: products });
        let products = totals(rec, sizes, products, false);
        let (g, d_gain) = (rec.parameter(gain.id), rec.gradient(gain.id));
        let Regularizer { l1, l2 } = rec.regularizer(self.kernel);
        rec.op(
            WeightNormBackward { of: sizes, l1, l2 },
            WeightNormBackwardPorts { v, gain: g, squares, products, d_v, d_gain },
        );
    }
}

/// Records the sum of the numbers, or of their squares, of every filter.
fn totals(rec: &mut Recorder<'_>, sizes: WeightNormForward, values: View, squared: bool) -> View {
    let WeightNormForward { taps, channels, filters, turned } = sizes;
    let sums = rec.scratch(filters);
    let kernel = TapTotals {
        taps: Taps::whole([1, 1, taps]),
        channels,
        filters,
        turned,
        squared,
        factor: 1.0,
        has_bias: false,
        rotation: None,
        gates: 1,
        limits: [1.0; 4],
    };
    record_totals(rec, kernel, TapTotalsPorts { w: values, b: None, lambda: None, rotation: sums });
    sums
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use crate::extend::check;
    use crate::*;

    #[test]
    fn gradients_go_through_the_norm() {
        let cpu = Device::cpu();
        let layer = || Dense::new(3).activation(Activation::Tanh).weight_norm(true);
        check::layer(layer(), &[5], &cpu).unwrap();
        check::layer(layer().use_bias(false), &[2, 4], &cpu).unwrap();
        check::layer(Conv1d::new(4, 2).groups(2).weight_norm(true), &[5, 4], &cpu).unwrap();
        check::layer(Conv2dTranspose::new(3, 2).strides(2).weight_norm(true), &[2, 3, 4], &cpu).unwrap();
        check::layer(DepthwiseConv1d::new(2).depth_multiplier(2).weight_norm(true), &[4, 3], &cpu).unwrap();
        check::layer(SeparableConv1d::new(4, 2).weight_norm(true), &[4, 3], &cpu).unwrap();
        check::layer(Lstm::new(3).weight_norm(true), &[4, 2], &cpu).unwrap();
    }
}
