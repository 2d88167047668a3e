//! The virtual sample of layers whose windows may be cut off: ρ for every position or for every filter, and back.

use super::neuron::Neurons;
use crate::kernel::{
    Rotate, RotateBackward, RotateSums, Share, TapShares, TapSums, TapTotals, Taps, Zones, chunks,
};
use crate::plan::{Recorder, View};
use crate::{AutoRotate, Rotation, Rule};

/// How the virtual sample goes through a layer's windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualSample {
    /// Which taps have a source where.
    pub(super) taps: Taps,
    /// Whether one ρ a filter serves all positions.
    pub(super) per_filter: bool,
    /// What fills the sample; by the aligned rule, its square.
    pub(super) factor: f32,
}

/// A kernel's sizes: taps, the channels that a filter sees, filters; and whether the filters come first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) taps: usize,
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) turned: bool,
}

impl VirtualSample {
    /// For a layer's outputs through these taps. A window seen from outside covers only every `strides`-th output.
    pub(super) fn new(
        taps: Taps,
        options: Option<AutoRotate>,
        rotation: Option<Rotation>,
        strides: usize,
    ) -> Self {
        let aligned = rotation.is_some_and(|r| r.rule == Rule::Aligned);
        let per_filter =
            rotation.is_none() || aligned || !taps.misses() || options.is_some_and(|o| o.per_filter);
        let x_q = rotation.map_or(0.0, |r| r.x_q);
        let factor = match (aligned, per_filter) {
            (true, _) => x_q * x_q,
            (false, true) => x_q / strides as f32,
            (false, false) => x_q,
        };
        Self { taps, per_filter, factor }
    }

    /// The zones that have a ρ of their own.
    pub(super) fn zones(&self) -> Zones {
        if self.per_filter { Zones::one(self.taps.at) } else { Zones::of(&self.taps) }
    }

    /// The taps as the virtual sample sees them.
    pub(super) fn seen(&self) -> Taps {
        if self.per_filter { Taps::whole(self.taps.kernel) } else { self.taps }
    }

    /// Records the linear map of the sample, without bias: `[zones, filters]`.
    pub(super) fn map(&self, rec: &mut Recorder<'_>, rule: Rule, weights: Weights, w: View) -> View {
        let Weights { taps, channels, filters, turned } = weights;
        let squared = rule == Rule::Aligned;
        let sums = if channels == 1 && !squared {
            w
        } else {
            let (factors, sums) = (rec.unused(), rec.scratch(taps * filters));
            let kernel = TapSums { taps, channels, filters, turned, squared, weighted: false };
            rec.op(kernel, [w, factors, sums]);
            sums
        };
        let totals = rec.scratch(self.zones().count() * filters);
        rec.op(TapTotals { taps: self.seen(), filters, factor: self.factor }, [sums, totals]);
        totals
    }

    /// Records ρ and q from what the linear map made of the sample.
    pub(super) fn rotate(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        rotation: Rotation,
        v: View,
    ) -> View {
        let [b, lambda] = neurons.parameters(rec);
        let stored = rec.scratch(2 * self.zones().count() * neurons.units);
        let kernel = Rotate {
            zones: self.zones().count(),
            filters: neurons.units,
            has_bias: neurons.bias.is_some(),
            rotation,
        };
        rec.op(kernel, [v, b, lambda, stored]);
        stored
    }

    /// Records the way back through σ and ρ, with db and dλ: df, and for a rotated layer the gradient of what the linear map
    /// made of the sample.
    pub(super) fn backward(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        (z, stored): (View, Option<View>),
        d_y: View,
    ) -> (View, Option<View>) {
        let Neurons { units: filters, activation, rotation, bias, .. } = *neurons;
        let (zones, has_bias) = (self.zones(), bias.is_some());
        let rows = rec.batch() * self.taps.positions();
        let [b, _] = neurons.parameters(rec);
        let d_f = rec.scratch(rows * filters);
        let sums = chunks(rows, &zones) * zones.told_apart() * filters;
        let partial =
            |rec: &mut Recorder<'_>, used: bool| if used { rec.scratch(sums) } else { rec.unused() };
        let partial_b = partial(rec, has_bias);
        let partial_s = partial(rec, rotation.is_some());
        let stored = stored.unwrap_or_else(|| rec.unused());
        let (unused_b, unused_share) = (rec.unused(), rec.unused());
        rec.op(
            RotateBackward { rows, units: filters, has_bias, activation, rotation, zones: Some(zones) },
            [d_y, z, stored, unused_b, d_f, partial_b, unused_share, partial_s],
        );
        if !has_bias && rotation.is_none() {
            return (d_f, None);
        }
        let (d_b, s) = (neurons.d_b(rec), neurons.s(rec));
        let d_v = if rotation.is_some() { rec.scratch(zones.count() * filters) } else { rec.unused() };
        let finish = RotateSums { rows, zones, filters, has_bias, rotation };
        rec.op(finish, [partial_s, partial_b, stored, b, d_b, d_v, s]);
        neurons.finish_lambda(rec, s);
        (d_f, rotation.map(|_| d_v))
    }

    /// Records what the kernel receives of the gradient of the map of the sample: how, and the numbers.
    pub(super) fn share(
        &self,
        rec: &mut Recorder<'_>,
        rule: Rule,
        filters: usize,
        d_v: View,
    ) -> (Share, View) {
        match rule {
            Rule::Aligned => (Share::Scale, d_v),
            Rule::Diagonal if self.per_filter => (Share::Shift, d_v),
            Rule::Diagonal => {
                let shares = rec.scratch(self.taps.taps() * filters);
                rec.op(TapShares { taps: self.taps, filters }, [d_v, shares]);
                (Share::ShiftPerTap, shares)
            }
        }
    }
}
