//! Recording an update: the guard, the optimiser's rule, and gradient accumulation.

use super::Optimizer;
use crate::describe::Options;
use crate::kernel::{
    Accumulate, AccumulatePorts, Element, Guard, GuardPorts, Kernel, SumSquares, SumSquaresPorts, Tally,
    Update, UpdatePorts, UpdateRule, rates,
};
use crate::plan::arena::{Arena, keys};
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
    fn step_size(&self, learning_rate: f64, update: u64) -> f64;
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
        Sizes { rule: (), count, decayed, slots, weight_decay, clip_value }: Sizes,
    ) -> Update<R> {
        Update { rule: self.0.clone(), count, decayed, slots, weight_decay, clip_value }
    }
}

impl<R: UpdateRule> Rule for Held<R> {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn kept(&self) -> &'static [&'static str] {
        self.0.kept()
    }

    fn step_size(&self, learning_rate: f64, update: u64) -> f64 {
        self.0.step_size(learning_rate, update)
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
        let trained = arena.trained_ranges();
        let of_range =
            |range: Range<usize>| spans(range.len()).map(move |(first, count)| (range.start + first, count));
        for (first, count) in trained.into_iter().flat_map(of_range) {
            let part = |view: View| rec.part(view, first, count);
            let mut kept = kept.iter().map(|&view| part(view));
            let ports = UpdatePorts {
                gradient: part(step.gradient),
                rates: step.rates,
                control: step.control,
                clock: step.clock,
                w: part(parameters),
                previous: part(previous),
                moment_1: kept.next(),
                moment_2: kept.next(),
            };
            let decayed = arena.decayed_end().saturating_sub(first).min(count);
            self.rule.record(rec, self.sizes((count, decayed), step.rates.len / rates::LEN), ports);
        }
    }

    /// The sizes of an update of `count` parameters, of which the first `decayed` decay.
    fn sizes(&self, (count, decayed): (usize, usize), slots: usize) -> Sizes {
        let (weight_decay, clip_value) = (self.weight_decay, self.clip.value.unwrap_or(0.0));
        Update { rule: (), count, decayed, slots, weight_decay, clip_value }
    }

    /// The kernel of such an update.
    pub(crate) fn kernel(&self, parameters: (usize, usize), slots: usize) -> Arc<dyn Kernel> {
        self.rule.kernel(self.sizes(parameters, slots))
    }
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
    let partials = rec.scratch(SumSquares::partials(step.gradient.len));
    for (first, count) in spans(step.gradient.len) {
        let gradient = rec.part(step.gradient, first, count);
        let part = rec.part(partials, SumSquares::partials(first), SumSquares::partials(count));
        rec.op(SumSquares { count }, SumSquaresPorts { values: gradient, partials: part });
    }
    let (partials, count) = rec.condense(partials, partials.len, 1, FEW);
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

/// Records the addition of the step's gradient to `total`.
pub(crate) fn record_accumulation(rec: &mut Recorder<'_>, step: UpdateViews, total: View) {
    let slots = step.rates.len / rates::LEN;
    for (first, count) in spans(total.len) {
        let (gradient, total) = (rec.part(step.gradient, first, count), rec.part(total, first, count));
        rec.op(
            Accumulate { count, slots },
            AccumulatePorts { gradient, rates: step.rates, clock: step.clock, total },
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
