//! Recording one step: gather, forward, loss, metrics, and, when training, backward and update.

use super::feed::{Batch, Feed};
use crate::device::Executor;
use crate::kernel::{
    Advance, AdvancePorts, Centre, CentrePorts, CopyRows, CopyRowsPorts, Element, MaskRows, MaskRowsPorts,
    Strided, Tally, TallyPorts, WeighRows, WeighRowsPorts, clock, rates,
};
use crate::layer::Trace;
use crate::loss::LossViews;
use crate::model::network::Network;
use crate::model::{Ending, SLOTS};
use crate::optimizer::{UpdateViews, record_accumulation, record_guard};
use crate::plan::arena::keys;
use crate::plan::{Course, FEW, Plan, Purpose, Recorder, View};
use crate::{Loss, Metric, Model, Optimizer, Result};

/// The scope of the update at the end of a step.
pub(crate) const OPTIMIZER: &str = "optimizer";

/// So many columns of scores, one after another, take less time than a dispatch.
const FEW_COLUMNS: usize = 8;

/// What a step computes besides the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    pub(crate) loss: &'a Loss,
    pub(crate) label_smoothing: f32,
    pub(crate) metrics: &'a [Metric],
    pub(crate) optimizer: &'a Optimizer,
    pub(crate) scored: Scored,
    pub(crate) desk: Desk<'a>,
    /// The number of the step's kind, if the desk is scheduled.
    pub(crate) kind: Option<u32>,
}

/// The buffers through which the host and the steps on the device communicate: the clock, and tables of rates, due steps and tallies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Desk<'a> {
    /// The prefix of the buffers' names.
    pub(crate) name: &'a str,
    /// The number of rows per table; steps use them in turn.
    pub(crate) slots: usize,
    /// Whether a step only takes effect on the device if it is the one that is due: see [`Guard::due`](crate::kernel::Guard::due).
    pub(crate) scheduled: bool,
}

impl Desk<'_> {
    /// The model's own desk, for callers that wait for their steps before others begin.
    pub(crate) const MODEL: Self = Self { name: "", slots: SLOTS, scheduled: false };

    pub(crate) fn clock(&self) -> String {
        format!("{}{}", self.name, keys::CLOCK)
    }

    pub(crate) fn rates(&self) -> String {
        format!("{}{}", self.name, keys::RATES)
    }

    pub(crate) fn due(&self) -> String {
        format!("{}{}", self.name, keys::DUE)
    }

    /// The names of all buffers except the tallies.
    pub(crate) fn keys(&self) -> [String; 3] {
        [self.clock(), self.rates(), self.due()]
    }

    /// Allocates all buffers except the tallies.
    pub(crate) fn allocate(&self, executor: &mut dyn Executor) -> Result<()> {
        executor.allocate(&self.clock(), Element::Index, clock::LEN)?;
        executor.allocate(&self.due(), Element::Index, self.slots)?;
        executor.allocate(&self.rates(), Element::Float, self.slots * rates::LEN)
    }
}

impl Desk<'_> {
    /// The views that an update works on; `tallies` has rows of `columns` numbers.
    pub(crate) fn update_views(
        &self,
        rec: &mut Recorder<'_>,
        (tallies, columns): (View, usize),
        kind: Option<u32>,
    ) -> UpdateViews {
        let gradients = rec.arena().len();
        UpdateViews {
            gradient: rec.shared(keys::GRADIENTS, Element::Float, gradients),
            rates: rec.shared(&self.rates(), Element::Float, self.slots * rates::LEN),
            tallies,
            scores: None,
            columns,
            clock: rec.clock(),
            control: rec.shared(keys::CONTROL, Element::Float, 2),
            due: rec.shared(&self.due(), Element::Index, self.slots),
            kind,
        }
    }

    /// Records the end of a step: the kernels deferred until after the check for finite numbers, then the clock's advance by `batch` of
    /// `rows`.
    pub(crate) fn finish(&self, rec: &mut Recorder<'_>, batch: usize, rows: usize) {
        rec.record_deferred();
        let clock = rec.clock();
        rec.op(Advance { batch, rows, slots: self.slots }, AdvancePorts { clock });
    }
}

/// What is scored: whole rows, every time step of the rows, or every unmasked one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scored {
    /// Scored time steps per row; 1 if rows are scored as a whole.
    pub(crate) steps: usize,
    /// Numbers per prediction.
    pub(crate) outputs: usize,
    /// Whether a mask says which steps count.
    pub(crate) masked: bool,
}

impl Scored {
    /// How many predictions of `rows` rows count, given the sums of all columns.
    pub(crate) fn count(&self, sums: &[f64], rows: usize) -> f64 {
        match (self.masked, sums.last()) {
            (true, Some(&counting)) => counting,
            _ => (rows * self.steps) as f64,
        }
    }
}

impl Task<'_> {
    /// The width of a row of scores: the loss, the metrics' columns and, with a mask, whether the row counts.
    pub(crate) fn columns(&self) -> usize {
        let metrics = self.metrics.iter().map(|m| m.columns(self.scored.outputs)).sum::<usize>();
        1 + metrics + usize::from(self.scored.masked)
    }

    /// The name of the tallies' buffer; tasks of different widths have different ones.
    pub(crate) fn tallies(&self) -> String {
        format!("{}{} of {}", self.desk.name, keys::TALLIES, self.columns())
    }

    /// Allocates the tallies and the desk's other buffers.
    pub(crate) fn allocate(&self, model: &mut Model) -> Result<()> {
        let Desk { slots, .. } = self.desk;
        self.desk.allocate(&mut *model.executor)?;
        model.executor.allocate(&self.tallies(), Element::Float, slots * self.columns())
    }

    /// Records targets of which a share is spread over all classes.
    fn smoothed(&self, rec: &mut Recorder<'_>, targets: View) -> View {
        let share = self.label_smoothing;
        if share == 0.0 {
            return targets;
        }
        let classes = if self.loss.of_classes() { self.scored.outputs } else { 2 };
        let factor = 1.0 - share;
        let centre = -share / (classes as f32 * factor);
        let y = rec.scratch(targets.len);
        rec.op(Centre { count: targets.len, centre, factor }, CentrePorts { x: targets, y });
        y
    }

    /// Records that the loss and its gradient, for this many rows, count as much as their rows do.
    fn weigh(
        &self,
        rec: &mut Recorder<'_>,
        weights: View,
        rows: usize,
        (scores, d_outputs): (View, Option<View>),
    ) {
        let per = Some(rows / weights.len);
        let mut weigh = |values: View, width: usize, stride: usize| {
            let at = Strided { first: 0, stride };
            let kernel = WeighRows { rows, width, at, per, counted: false };
            rec.op(kernel, WeighRowsPorts { weights: Some(weights), values });
        };
        weigh(scores, 1, self.columns());
        if let Some(d_outputs) = d_outputs {
            weigh(d_outputs, self.scored.outputs, self.scored.outputs);
        }
    }

    /// Records the removal of masked steps from the scores and from the loss's gradient, whose mean is then over the other steps.
    fn leave_out(
        &self,
        rec: &mut Recorder<'_>,
        mask: View,
        rows: usize,
        (scores, d_outputs): (View, Option<View>),
    ) -> (View, Option<View>) {
        let columns = self.columns();
        let kept = rec.scratch(rows * columns);
        rec.op(
            MaskRows { rows, features: columns, mean: false },
            MaskRowsPorts { x: scores, mask, total: None, y: kept },
        );
        let (from, to) = (Strided { first: 0, stride: 1 }, Strided { first: columns - 1, stride: columns });
        rec.op(
            CopyRows { rows, width: 1, from, to, reversed: false },
            CopyRowsPorts { values: mask, out: kept },
        );
        let Some(d_outputs) = d_outputs else { return (kept, None) };
        let (total, features) = (rec.scratch(1), self.scored.outputs);
        rec.sum(mask, rows, 1, total, Strided { first: 0, stride: 1 });
        let d_kept = rec.scratch(rows * features);
        rec.op(
            MaskRows { rows, features, mean: true },
            MaskRowsPorts { x: d_outputs, mask, total: Some(total), y: d_kept },
        );
        (kept, Some(d_kept))
    }

    /// Records a step of `batch` rows; also returns the layers' traces.
    pub(crate) fn record(
        &self,
        network: &Network,
        feed: &Feed,
        batch: usize,
        purpose: Purpose,
        ending: Ending,
    ) -> Result<(Plan, Vec<Trace>)> {
        let arena = network.arena();
        let mut recorder = Recorder::new(purpose, batch, arena);
        let rec = &mut recorder;
        if purpose == Purpose::Infer {
            rec.set_course(Course::Evaluation);
        }
        let Scored { steps, outputs: width, .. } = self.scored;
        let (columns, slots) = (self.columns(), self.desk.slots);
        rec.set_clock(self.desk.clock());
        rec.set_share(ending == Ending::Share);
        let clock = rec.clock();
        let tallies = rec.shared(&self.tallies(), Element::Float, slots * columns);

        let Batch { inputs, targets, weights } = feed.record(rec);
        let traces = network.forward(rec, inputs);
        let outputs = traces.last().map_or(inputs, |t| t.output);
        let mask = rec.mask().filter(|_| self.scored.masked);
        let (d_outputs, scores) = rec.scope("loss", |rec| {
            let (rows, masked) = (batch * steps, mask.is_some());
            let scores = rec.scratch(rows * columns);
            let views = LossViews { outputs, targets, weights, scores, columns };
            let d_outputs = rec.with_steps(steps, |rec| {
                let smoothed = LossViews { targets: self.smoothed(rec, targets), ..views };
                let d_outputs = self.loss.record(rec, smoothed, rec.backward_follows());
                let mut column = 1;
                for metric in self.metrics {
                    metric.record(rec, views, column);
                    column += metric.columns(width);
                }
                d_outputs
            });
            if let Some(weights) = weights {
                self.weigh(rec, weights, rows, (scores, d_outputs));
            }
            let (scores, d_outputs) = match mask {
                Some(mask) => self.leave_out(rec, mask, rows, (scores, d_outputs)),
                None => (scores, d_outputs),
            };
            let (penalties, count) = network.penalties(rec);
            let (penalties, count) = rec.condense(penalties, count, 1, FEW);
            let (scores, few) = rec.condense_rows(scores, rows, columns);
            let tally = Tally { batch: rows, rows: few, columns, penalties: count, slots, weighted: masked };
            // Where the update follows at once, its guard sums few columns itself.
            let at_once = !matches!(ending, Ending::None | Ending::Share | Ending::UpdateApart);
            let scores = if at_once && columns <= FEW_COLUMNS {
                Some((tally, [scores, penalties]))
            } else {
                rec.op(tally, TallyPorts { scores, penalties, clock, tallies });
                None
            };
            (d_outputs, scores)
        });
        if let Some(d_outputs) = d_outputs {
            network.backward(rec, &traces, d_outputs, false);
        }
        if ending == Ending::Share {
            return Ok((recorder.finish(format!("{purpose:?} a share of {batch}"))?, traces));
        }
        rec.scope(OPTIMIZER, |rec| {
            let mut step =
                UpdateViews { scores, ..self.desk.update_views(rec, (tallies, columns), self.kind) };
            if matches!(ending, Ending::Accumulate | Ending::AccumulateAndUpdate) {
                // Guards each step on its own, to find the one that fails.
                record_guard(rec, step, 0.0);
                step.scores = None;
                let total = rec.shared(keys::ACCUMULATED, Element::Float, arena.len());
                record_accumulation(rec, step, total, mask.is_some());
                step.gradient = total;
            }
            if matches!(ending, Ending::Update | Ending::UpdateApart | Ending::AccumulateAndUpdate) {
                self.optimizer.record(rec, step, arena);
            }
            self.desk.finish(rec, batch, feed.order_len());
        });
        Ok((recorder.finish(format!("{purpose:?} {batch}"))?, traces))
    }
}
