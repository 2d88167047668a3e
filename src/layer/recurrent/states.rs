//! Where sequences begin and end: initial states, states kept from batch to batch, the last output.

use super::node::{Kept, RecurrentNode};
use crate::kernel::{
    CopyRows, CopyRowsPorts, DropoutKernel, DropoutPorts, DropoutValues, Element, RunningAverage,
    RunningAveragePorts, Strided, state_part,
};
use crate::plan::arena::keys;
use crate::plan::{Purpose, Recorder, View};

impl RecurrentNode {
    /// The buffer that keeps the states from one batch to the next.
    fn kept_states(&self, rec: &mut Recorder<'_>) -> View {
        let key = keys::state(rec.course(), &self.neurons.path, rec.batch());
        let part = state_part(rec.batch(), self.neurons.units);
        rec.shared(&key, Element::Float, self.cell.states() * part)
    }

    /// Records the initial states and the factors of recurrent dropout, if there are any.
    pub(super) fn state(&self, rec: &mut Recorder<'_>) -> Option<View> {
        let (continues, drops) = (self.continues(rec), self.drops_states(rec));
        if !continues && !drops {
            return None;
        }
        let part = state_part(rec.batch(), self.neurons.units);
        let state = rec.scratch(3 * part);
        if continues {
            let kept = self.kept_states(rec);
            let width = self.cell.states() * part;
            let all = Strided { first: 0, stride: width };
            rec.op(
                CopyRows { rows: 1, width, from: all, to: all, reversed: false },
                CopyRowsPorts { values: kept, out: state },
            );
        }
        if drops {
            let count = rec.batch() * self.neurons.units;
            let clock = rec.clock();
            let to = rec.part(state, 2 * part, part);
            // A different draw from that of the inputs.
            let seed = self.seed ^ 0x5bd1_e995;
            let rate = self.recurrent_dropout;
            rec.op(
                DropoutKernel {
                    count,
                    shared: [1; 2],
                    of_ones: true,
                    rate,
                    values: DropoutValues::scaled(rate),
                    seed,
                },
                DropoutPorts { x: None, clock, y: to },
            );
        }
        Some(state)
    }

    /// Records the copy that keeps the final states, once they are known to be finite.
    pub(super) fn keep_states(&self, rec: &mut Recorder<'_>, kept: &Kept) {
        let keeps = match rec.purpose() {
            Purpose::Train => self.stateful,
            Purpose::Infer => self.stateful || self.return_state,
            Purpose::Inspect | Purpose::Diagnose => false,
        };
        if !keeps {
            return;
        }
        let to = self.kept_states(rec);
        let part = state_part(rec.batch(), self.neurons.units);
        let states = [Some(kept.y), kept.memory].into_iter().flatten();
        for (i, from) in states.take(self.cell.states()).enumerate() {
            let (count, clock) = (rec.batch() * self.neurons.units, rec.clock());
            let last = self.last(rec, from);
            let to = rec.part(to, i * part, part);
            rec.defer(
                RunningAverage { count, momentum: 0.0, factor: 1.0 },
                RunningAveragePorts { value: last, clock, average: to },
            );
        }
    }

    /// The last step of a buffer of states.
    pub(super) fn last(&self, rec: &mut Recorder<'_>, states: View) -> View {
        let (rows, width) = (rec.batch(), self.neurons.units);
        let out = rec.scratch(rows * width);
        let (_, last) = self.place(self.steps - 1);
        let from = Strided { first: last * width, stride: self.steps * width };
        let to = Strided { first: 0, stride: width };
        rec.op(CopyRows { rows, width, from, to, reversed: false }, CopyRowsPorts { values: states, out });
        out
    }
}
