//! The virtual sample of layers whose windows may be cut off at borders: ρ per zone of positions or per filter, and the backward
//! pass.

use super::neuron::Neurons;
use crate::kernel::{
    RotateBackward, RotateBackwardPorts, RotateSums, RotateSumsPorts, Share, Strided, TapShares,
    TapSharesPorts, TapTotals, TapTotalsPorts, Taps, ZoneSums, ZoneSumsPorts, Zones, chunks,
};
use crate::plan::{Recorder, View, Views};
use crate::{AutoRotate, Rotation, Rule};

/// How the virtual sample passes through a layer's windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct VirtualSample {
    /// Which taps have a source at each position.
    pub(super) taps: Taps,
    /// Whether all positions share one ρ per filter.
    pub(super) per_filter: bool,
    /// The number that fills the sample; for the aligned rule, its square.
    pub(super) factor: f32,
}

/// The sizes of a weight kernel: taps, channels per filter, filters; and whether the filters come before the channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) taps: usize,
    pub(super) channels: usize,
    pub(super) filters: usize,
    pub(super) turned: bool,
}

impl VirtualSample {
    /// The virtual sample of a layer with these taps. Each tap of a transposed convolution reaches only every `strides`-th
    /// output; 1 for other layers.
    pub(super) fn new(
        taps: Taps,
        options: Option<AutoRotate>,
        rotation: Option<Rotation>,
        strides: usize,
    ) -> Self {
        let aligned = rotation.is_some_and(Rotation::aligned);
        let per_filter =
            rotation.is_none() || aligned || !taps.misses() || options.is_some_and(|o| o.per_filter);
        let x_q = rotation.map_or(0.0, |r| r.x_q);
        let factor = match rotation {
            Some(rotation) if !per_filter || aligned => rotation.term(x_q),
            _ => x_q / strides as f32,
        };
        Self { taps, per_filter, factor }
    }

    /// The zones, each with its own ρ.
    pub(super) fn zones(&self) -> Zones {
        if self.per_filter { Zones::one(self.taps.at) } else { Zones::of(&self.taps) }
    }

    /// The taps as the virtual sample sees them.
    pub(super) fn seen(&self) -> Taps {
        if self.per_filter { Taps::whole(self.taps.kernel) } else { self.taps }
    }

    /// The linear map of the sample without bias, `[zones, filters]`.
    pub(super) fn map(&self, rule: Rule, weights: Weights) -> TapTotals {
        let Weights { channels, filters, turned, .. } = weights;
        TapTotals {
            taps: self.seen(),
            channels,
            filters,
            turned,
            squared: rule != Rule::Diagonal,
            factor: self.factor,
            has_bias: false,
            rotation: None,
            gates: 1,
            limits: [1.0; 4],
        }
    }

    /// Records ρ and q for these weights.
    pub(super) fn rotate(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        rotation: Rotation,
        weights: Weights,
    ) -> View {
        let [b, lambda] = neurons.parameters(rec);
        let w = rec.parameter(neurons.kernel);
        let stored = rec.scratch(2 * self.zones().count() * neurons.columns());
        let kernel = TapTotals {
            has_bias: neurons.bias.is_some(),
            rotation: Some(rotation),
            gates: neurons.activations.len(),
            limits: neurons.four_limits(),
            ..self.map(rotation.rule, weights)
        };
        record_totals(rec, kernel, TapTotalsPorts { w, b, lambda, rotation: stored });
        stored
    }

    /// Records the backward pass through σ and ρ, with db and dλ. Returns df and, for a rotated layer, the gradient of the
    /// sample's linear map or, with `to_taps`, what each tap receives of it.
    pub(super) fn backward(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        (z, stored): (View, Option<View>),
        d_y: View,
        to_taps: bool,
    ) -> (View, Option<View>) {
        let (rows, zones) = (rec.batch() * self.taps.positions(), self.zones());
        let taps = to_taps.then_some(self.taps);
        let Neurons { activation, rotation, bias, .. } = *neurons;
        let filters = neurons.columns();
        let has_bias = bias.is_some();
        let [b, _] = neurons.parameters(rec);
        let d_f = rec.scratch(rows * filters);
        let (mut chunks, width) = (chunks(rows, &zones), zones.told_apart() * filters);
        let mut partial = |there: bool| there.then(|| rec.scratch(chunks * width));
        let (mut partial_b, mut partial_s) = (partial(has_bias), partial(rotation.is_some()));
        rec.op(
            RotateBackward { rows, units: filters, has_bias, activation, rotation, zones: Some(zones) },
            RotateBackwardPorts {
                d_y,
                z,
                rotation: stored,
                b: None,
                d_f,
                d_b: partial_b,
                virtual_sample: None,
                s: partial_s,
            },
        );
        if !has_bias && rotation.is_none() {
            return (d_f, None);
        }
        let mut partials: Vec<&mut View> = [&mut partial_b, &mut partial_s].into_iter().flatten().collect();
        if !RotateSums::few_chunks(chunks, &zones) {
            for view in &mut partials {
                let sums = rec.scratch(width);
                rec.sum_rows(**view, chunks, width, sums);
                **view = sums;
            }
            chunks = 1;
        }
        let mut finish = RotateSums { chunks, zones, by_zone: false, taps, filters, has_bias, rotation };
        if !finish.takes() {
            for view in &mut partials {
                if chunks > 1 {
                    let whole = rec.scratch(width);
                    rec.sum_rows(**view, chunks, width, whole);
                    **view = whole;
                }
                let (pieces, width) = (ZoneSums::pieces(&zones), zones.count() * filters);
                let parts = rec.scratch(pieces * width);
                rec.op(ZoneSums { zones, filters }, ZoneSumsPorts { values: **view, sums: parts });
                **view = parts;
                if pieces > 1 {
                    **view = rec.scratch(width);
                    rec.sum_rows(parts, pieces, width, **view);
                }
            }
            finish = RotateSums { chunks: 1, by_zone: true, taps: None, ..finish };
        }
        let (d_b, s) = (neurons.d_b(rec), neurons.s(rec));
        let d_v = rotation.map(|_| rec.scratch(zones.count() * filters));
        let shares = taps.map(|taps| rec.scratch(taps.taps() * filters));
        rec.op(finish, RotateSumsPorts { partial_s, partial_b, rotation: stored, b, d_b, d_v, s, shares });
        // `RotateSums` has not done it.
        if let (None, Some(taps), Some(shares), Some(d_v)) = (finish.taps, taps, shares, d_v) {
            rec.op(TapShares { taps, filters }, TapSharesPorts { d_v, shares });
        }
        neurons.finish_lambda(rec, s);
        (d_f, d_v.map(|d_v| shares.unwrap_or(d_v)))
    }

    /// How the weights receive the gradient of the sample's linear map.
    pub(super) fn share(&self, rotation: Option<Rotation>) -> Share {
        match Share::by(rotation) {
            Share::Shift if !self.per_filter => Share::ShiftPerTap,
            share => share,
        }
    }

    /// Records what each tap receives of `d_v`, if the weights receive it per tap.
    pub(super) fn shared(&self, rec: &mut Recorder<'_>, share: Share, filters: usize, d_v: View) -> View {
        if share != Share::ShiftPerTap {
            return d_v;
        }
        let shares = rec.scratch(self.taps.taps() * filters);
        rec.op(TapShares { taps: self.taps, filters }, TapSharesPorts { d_v, shares });
        shares
    }
}

/// Records the linear map of the virtual sample; for many weights, with sums over the channels first.
pub(super) fn record_totals(rec: &mut Recorder<'_>, kernel: TapTotals, ports: TapTotalsPorts<Views>) {
    if kernel.takes() {
        rec.op(kernel, ports);
        return;
    }
    let w = ports.w;
    let TapTotals { taps, channels, filters, turned, squared, .. } = kernel;
    let taps = taps.taps();
    let sums = rec.scratch(taps * filters);
    if turned {
        let terms = rec.block_sums(w, channels, taps * filters, squared);
        rec.sum(terms.0, terms.1, taps * filters, sums, Strided { first: 0, stride: 1 });
    } else {
        rec.sum_rows_of_each(w, [taps, channels, filters], squared, sums);
    }
    let mut rest = TapTotals { channels: 1, turned: false, squared: false, ..kernel };
    let mut sums = sums;
    if !kernel.taps.misses() {
        // All positions see all taps, so these are summed, too.
        let taps_sums = sums;
        sums = rec.scratch(filters);
        rec.sum_rows(taps_sums, taps, filters, sums);
        rest.taps = Taps::whole([1; 3]);
    }
    rec.op(rest, TapTotalsPorts { w: sums, ..ports });
}
