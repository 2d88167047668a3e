//! Recording an update: the guard, the optimiser's rule, and gradient accumulation.

use super::Optimizer;
use crate::describe::Options;
use crate::kernel::{
    Accumulate, AccumulatePorts, Average, AveragePorts, Element, GroupShare, GroupSharePorts, Guard,
    GuardPorts, Kernel, Strided, SumSquares, SumSquaresPorts, Tally, TrustRatio, TrustRatioPorts, Update,
    UpdatePorts, UpdateRule, rates,
};
use crate::plan::arena::{Arena, Parameter, Role, keys, lies_at};
use crate::plan::{FEW, Recorder, View, Views};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::Arc;

/// Parameters updated by one dispatch: WebGPU allows 128 MiB per binding.
const PARAMETERS_PER_DISPATCH: usize = 32 << 20;

/// An update of some parameters, whatever the rule.
pub(crate) type Sizes = Update<()>;

/// A rule of unknown type.
pub(super) trait Rule: std::fmt::Debug + Send + Sync {
    fn name(&self) -> &'static str;
    fn kept(&self) -> &'static [&'static str];
    fn by_tensor(&self) -> bool;
    fn factors(&self, update: u64) -> [f64; 3];
    fn check(&self) -> Result<()>;
    fn options(&self) -> Options;
    /// Records an update of these sizes.
    fn record(&self, rec: &mut Recorder<'_>, sizes: Sizes, ports: UpdatePorts<Views>);
    /// The kernel of an update of these sizes.
    fn kernel(&self, sizes: Sizes) -> Arc<dyn Kernel>;
}

/// A rule of known type.
#[derive(Debug)]
pub(super) struct Held<R>(pub(super) R);

impl<R: UpdateRule> Held<R> {
    fn update(
        &self,
        Sizes { rule: (), count, decayed, slots, weight_decay, clip_value, rate_factor }: Sizes,
    ) -> Update<R> {
        Update { rule: self.0.clone(), count, decayed, slots, weight_decay, clip_value, rate_factor }
    }
}

impl<R: UpdateRule> Rule for Held<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn kept(&self) -> &'static [&'static str] {
        self.0.kept()
    }

    fn by_tensor(&self) -> bool {
        R::BY_TENSOR
    }

    fn factors(&self, update: u64) -> [f64; 3] {
        self.0.factors(update)
    }

    fn check(&self) -> Result<()> {
        self.0.check()?;
        let (kept, numbers) = (self.0.kept().len(), self.0.numbers());
        if kept > 2 || numbers.len() != R::NUMBERS.len() || numbers.iter().any(|n| !n.is_finite()) {
            return Err(Error::invalid(
                format!("optimizer {}", R::NAME),
                format!(
                    "{kept} numbers kept per parameter, and the numbers {numbers:?} for {:?}",
                    R::NUMBERS
                ),
                "at most two kept, and a finite number for every name",
                "correct UpdateRule::kept or UpdateRule::numbers",
            ));
        }
        Ok(())
    }

    fn options(&self) -> Options {
        self.0.options()
    }

    fn record(&self, rec: &mut Recorder<'_>, sizes: Sizes, ports: UpdatePorts<Views>) {
        rec.op(self.update(sizes), ports);
    }

    fn kernel(&self, sizes: Sizes) -> Arc<dyn Kernel> {
        Arc::new(self.update(sizes))
    }
}

impl Optimizer {
    /// Records the guard and the update of all parameters.
    pub fn record(&self, rec: &mut Recorder<'_>, step: UpdateViews, arena: &Arena) {
        let n = arena.len();
        record_guard(rec, step, self.clip.norm.unwrap_or(0.0));
        let kept: Vec<View> = self.kept().iter().map(|key| rec.shared(key, Element::Float, n)).collect();
        let parameters = rec.shared(keys::PARAMETERS, Element::Float, n);
        let previous = rec.shared(keys::PREVIOUS, Element::Float, n);
        let by_tensor = self.rule.by_tensor();
        let updated = if by_tensor { rec.scratch(n) } else { parameters };
        let slots = step.rates.len / rates::LEN;
        for (range, rate_factor) in self.groups(arena) {
            for (first, count) in spans_of(range) {
                let part = |view: View| rec.part(view, first, count);
                let mut kept = kept.iter().map(|&view| part(view));
                let ports = UpdatePorts {
                    gradient: part(step.gradient),
                    rates: step.rates,
                    control: step.control,
                    clock: step.clock,
                    w: part(updated),
                    previous: (!by_tensor).then(|| part(previous)),
                    moment_1: kept.next(),
                    moment_2: kept.next(),
                };
                let decayed = arena.decayed_end().saturating_sub(first).min(count);
                self.rule.record(rec, Update { rate_factor, ..self.sizes((count, decayed), slots) }, ports);
            }
        }
        if by_tensor {
            for parameter in arena.parameters().iter().filter(|p| !p.frozen && p.role != Role::Kept) {
                self.record_tensor(rec, step, parameter, [updated, parameters, previous]);
            }
        }
        if let Some(momentum) = self.ema_momentum {
            let averages = rec.shared(keys::AVERAGES, Element::Float, n);
            for (first, count) in arena.learnt_ranges().into_iter().flat_map(spans_of) {
                let [w, averages] = [parameters, averages].map(|view| rec.part(view, first, count));
                rec.op(Average { count, momentum }, AveragePorts { w, clock: step.clock, averages });
            }
        }
    }

    /// Records how a parameter tensor moves by its change, as far as it is long.
    fn record_tensor(
        &self,
        rec: &mut Recorder<'_>,
        step: UpdateViews,
        parameter: &Parameter,
        [change, w, previous]: [View; 3],
    ) {
        let whole = |rec: &mut Recorder<'_>, view| rec.part(view, parameter.offset, parameter.len());
        let [change_squares, w_squares] = [change, w].map(|view| {
            let view = whole(rec, view);
            let (partials, count) = record_squares(rec, view);
            if count == 1 {
                return partials;
            }
            let total = rec.scratch(1);
            rec.sum(partials, count, 1, total, Strided { first: 0, stride: 1 });
            total
        });
        let weight_decay = if parameter.role == Role::Decayed { self.weight_decay } else { 0.0 };
        let rate_factor = self.rate_factor(&parameter.path);
        let slots = step.rates.len / rates::LEN;
        for (first, count) in spans_of(parameter.range()) {
            let [change, w, previous] = [change, w, previous].map(|view| rec.part(view, first, count));
            let UpdateViews { rates, clock, .. } = step;
            rec.op(
                TrustRatio { count, slots, weight_decay, rate_factor },
                TrustRatioPorts { change, w_squares, change_squares, rates, clock, w, previous },
            );
        }
    }

    /// By what the parameter at this path multiplies the learning rate.
    fn rate_factor(&self, path: &str) -> f32 {
        let fitting = self.rate_factors.iter().filter(|(place, _)| lies_at(path, place));
        fitting.max_by_key(|(place, _)| place.len()).map_or(1.0, |(_, &factor)| factor)
    }

    /// The stretches of an arena that an update changes, each with the factor of its learning rate.
    fn groups(&self, arena: &Arena) -> Vec<(Range<usize>, f32)> {
        let mut starts: Vec<(usize, f32)> = Vec::new();
        if !self.rate_factors.is_empty() {
            starts.extend(arena.parameters().iter().map(|p| (p.offset, self.rate_factor(&p.path))));
            starts.sort_by_key(|&(offset, _)| offset);
        }
        let mut groups = Vec::new();
        for Range { start, end } in arena.trained_ranges() {
            let inside = starts.iter().filter(|(offset, _)| (start..end).contains(offset));
            let (mut first, mut factor) = (start, 1.0);
            for &(offset, next) in inside {
                if next != factor && offset > first {
                    groups.push((first..offset, factor));
                    first = offset;
                }
                factor = next;
            }
            groups.push((first..end, factor));
        }
        groups
    }

    /// Checks that an arena has the layers whose learning rates differ.
    ///
    /// # Errors
    /// A path that it does not have.
    pub(crate) fn check_paths(&self, arena: &Arena) -> Result<()> {
        let unknown = |place: &&String| !arena.parameters().iter().any(|p| lies_at(&p.path, place));
        self.rate_factors.keys().find(unknown).map_or(Ok(()), |place| Err(arena.unknown_layer(place)))
    }

    /// The sizes of an update of `count` parameters, of which the first `decayed` decay.
    fn sizes(&self, (count, decayed): (usize, usize), slots: usize) -> Sizes {
        let (weight_decay, clip_value) = (self.weight_decay, self.clip.value.unwrap_or(0.0));
        Update { rule: (), count, decayed, slots, weight_decay, clip_value, rate_factor: 1.0 }
    }

    /// The kernel of such an update.
    pub(crate) fn kernel(&self, parameters: (usize, usize), slots: usize) -> Arc<dyn Kernel> {
        self.rule.kernel(self.sizes(parameters, slots))
    }
}

/// First element and length of each part of a range that one dispatch takes.
fn spans_of(range: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
    spans(range.len()).map(move |(first, count)| (range.start + first, count))
}

/// First element and length of each stretch of an arena that one dispatch updates.
pub(crate) fn spans(len: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..len)
        .step_by(PARAMETERS_PER_DISPATCH)
        .map(move |first| (first, PARAMETERS_PER_DISPATCH.min(len - first)))
}

/// Records the check that the step's loss and gradient are finite, and the factor that clips the gradient
/// to `clip_norm` (0 for no limit).
pub(crate) fn record_guard(rec: &mut Recorder<'_>, step: UpdateViews, clip_norm: f32) {
    let (partials, count) = record_squares(rec, step.gradient);
    let slots = step.rates.len / rates::LEN;
    let (scores, views) = step.scores.unzip();
    let [scored, penalties] = views.map_or([None; 2], |views| views.map(Some));
    rec.op(
        Guard { partials: count, columns: step.columns, slots, clip_norm, kind: step.kind, scores },
        GuardPorts {
            partials,
            scores: scored,
            penalties,
            tallies: step.tallies,
            clock: step.clock,
            control: step.control,
            due: step.due,
        },
    );
}

/// Records the squares of all values as at most a few partial sums; returns them and their number.
fn record_squares(rec: &mut Recorder<'_>, values: View) -> (View, usize) {
    let partials = rec.scratch(SumSquares::partials(values.len));
    for (first, count) in spans(values.len) {
        let part = rec.part(partials, SumSquares::partials(first), SumSquares::partials(count));
        let values = rec.part(values, first, count);
        rec.op(SumSquares { count }, SumSquaresPorts { values, partials: part });
    }
    rec.condense(partials, partials.len, 1, FEW)
}

/// Records the addition of the step's gradient to `total`: with the weight that the host gives it or, where `masked`, with the share of
/// the rows that a mask lets count.
pub(crate) fn record_accumulation(rec: &mut Recorder<'_>, step: UpdateViews, total: View, masked: bool) {
    let slots = step.rates.len / rates::LEN;
    let UpdateViews { tallies, rates, clock, columns, .. } = step;
    let shares = masked.then(|| {
        let shares = rec.shared(keys::SHARES, Element::Float, 2);
        rec.op(GroupShare { columns, slots }, GroupSharePorts { tallies, rates, clock, shares });
        shares
    });
    for (first, count) in spans(total.len) {
        let (gradient, total) = (rec.part(step.gradient, first, count), rec.part(total, first, count));
        rec.op(
            Accumulate { count, slots, shared: masked },
            AccumulatePorts { gradient, rates: Some(rates), shares, clock, total },
        );
    }
}

/// The views that an update works on, besides the parameters and moments.
#[derive(Clone, Copy, Debug)]
pub struct UpdateViews {
    /// The gradients, or their accumulated sum.
    pub gradient: View,
    /// The table of rates.
    pub rates: View,
    /// The sums of the step's scores.
    pub tallies: View,
    /// How the guard sums them from the scores and the penalties; `None` where they are there.
    pub scores: Option<(Tally, [View; 2])>,
    /// The width of a row of tallies.
    pub columns: usize,
    /// The clock.
    pub clock: View,
    /// Clip factor and norm.
    pub control: View,
    /// Which step is due in every slot: see [`Guard::due`].
    pub due: View,
    /// The step's kind, if another may be due.
    pub kind: Option<u32>,
}
