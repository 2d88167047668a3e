//! The virtual sample of layers whose windows may be cut off: ρ for every zone of positions or for every filter, and back.

use super::neuron::Neurons;
use crate::kernel::{RotateBackward, RotateSums, Share, TapShares, TapTotals, Taps, Zones, chunks};
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

    /// The linear map of the sample without bias, `[zones, filters]`.
    pub(super) fn map(&self, rule: Rule, weights: Weights) -> TapTotals {
        let Weights { channels, filters, turned, .. } = weights;
        TapTotals {
            taps: self.seen(),
            channels,
            filters,
            turned,
            squared: rule == Rule::Aligned,
            factor: self.factor,
            has_bias: false,
            rotation: None,
        }
    }

    /// Records ρ and q of these weights.
    pub(super) fn rotate(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        rotation: Rotation,
        weights: Weights,
    ) -> View {
        let [b, lambda] = neurons.parameters(rec);
        let w = rec.parameter(neurons.kernel);
        let stored = rec.scratch(2 * self.zones().count() * neurons.units);
        let kernel = TapTotals {
            has_bias: neurons.bias.is_some(),
            rotation: Some(rotation),
            ..self.map(rotation.rule, weights)
        };
        rec.op(kernel, [w, b, lambda, stored]);
        stored
    }

    /// Records the way back through σ and ρ, with db and dλ: df, and for a rotated layer the gradient of what the linear map
    /// made of the sample, or what its taps receive of it.
    pub(super) fn backward(
        &self,
        rec: &mut Recorder<'_>,
        neurons: &Neurons,
        (z, stored): (View, Option<View>),
        d_y: View,
        to_taps: bool,
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
        let taps = to_taps.then_some(self.taps);
        let shares = taps.map(|taps| rec.scratch(taps.taps() * filters));
        let unused = rec.unused();
        let finish = RotateSums { rows, zones, taps, filters, has_bias, rotation };
        rec.op(finish, [partial_s, partial_b, stored, b, d_b, d_v, s, shares.unwrap_or(unused)]);
        neurons.finish_lambda(rec, s);
        (d_f, rotation.map(|_| shares.unwrap_or(d_v)))
    }

    /// How the kernel receives the gradient of the map of the sample.
    pub(super) fn share(&self, rule: Rule) -> Share {
        match rule {
            Rule::Aligned => Share::Scale,
            Rule::Diagonal if self.per_filter => Share::Shift,
            Rule::Diagonal => Share::ShiftPerTap,
        }
    }

    /// Records what its taps receive, where it is they.
    pub(super) fn shared(&self, rec: &mut Recorder<'_>, share: Share, filters: usize, d_v: View) -> View {
        if share != Share::ShiftPerTap {
            return d_v;
        }
        let shares = rec.scratch(self.taps.taps() * filters);
        rec.op(TapShares { taps: self.taps, filters }, [d_v, shares]);
        shares
    }
}
