//! The steps of an epoch, and a model's counters as they follow from the number of steps that ran.

use std::sync::Weak;

/// What a step does after its backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ending {
    /// Nothing: evaluation, or reports.
    None,
    /// The optimiser uses the gradients as they are.
    Update,
    /// As `Update`, but apart, once the host has read the tallies.
    UpdateApart,
    /// Nothing either: the gradients are a share of a step's, which are summed elsewhere before an update of its own.
    Share,
    /// The gradients are added to the accumulated ones.
    Accumulate,
    /// As `Accumulate`, then the optimiser uses the sum.
    AccumulateAndUpdate,
}

/// One step of an epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Where its rows begin in the epoch's order.
    pub(crate) first: usize,
    pub(crate) rows: usize,
    pub(crate) ending: Ending,
    /// Its share in an accumulated gradient.
    pub(crate) weight: f64,
    /// Whether it starts a group of accumulated steps.
    pub(crate) begins: bool,
}

impl Step {
    /// Whether the optimiser updates the parameters at its end.
    pub(crate) fn updates(&self) -> bool {
        self.ending != Ending::Accumulate
    }
}

/// Splits an epoch of `rows` rows into steps of `batch` rows, with one update per `accumulate` steps.
pub(crate) fn steps(rows: usize, batch: usize, accumulate: usize) -> Vec<Step> {
    let group_rows = batch.saturating_mul(accumulate);
    let step = |first: usize| {
        let group = first / group_rows * group_rows;
        let in_group = group_rows.min(rows - group);
        let rows = batch.min(rows - first);
        let last = first + rows == group + in_group;
        Step {
            first,
            rows,
            ending: match (accumulate, last) {
                (1, _) => Ending::Update,
                (_, true) => Ending::AccumulateAndUpdate,
                (_, false) => Ending::Accumulate,
            },
            weight: rows as f64 / in_group as f64,
            begins: first == group,
        }
    };
    (0..rows).step_by(batch).map(step).collect()
}

/// A model's training progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) steps: u64,
    pub(crate) epochs: u64,
    /// Updates by the current optimiser.
    pub(crate) updates: u64,
}

/// The steps that train a model in its application's submissions, from where these took over. The host cannot know which encoded
/// steps will run, so everything that it computes for a step follows from the number of steps that ran before.
#[derive(Clone, Debug)]
pub(crate) struct Timetable {
    /// The owner of the steps: gone once it is closed or dropped, and its clock with it.
    pub(crate) owner: Weak<()>,
    /// The name of the clock that counts the steps on the device.
    pub(crate) clock: String,
    /// The name and the length of the table of due steps.
    pub(crate) due: (String, usize),
    /// The kind of the optimiser.
    pub(crate) optimizer: String,
    /// The counters where they start.
    pub(crate) base: Counters,
    /// The steps of an epoch; empty if there are no epochs and every step updates.
    pub(crate) steps: Vec<Step>,
    /// The number of steps per update within an epoch; the end of an epoch also updates.
    pub(crate) accumulate: usize,
}

impl Timetable {
    /// The entry in the table of due steps if none is due.
    pub(crate) const NONE_DUE: u32 = u32::MAX;

    /// Whether its clock still exists.
    pub(crate) fn lives(&self) -> bool {
        self.owner.strong_count() > 0
    }

    /// The same steps from other counters on.
    pub(crate) fn from(&self, base: Counters) -> Self {
        Self { base, ..self.clone() }
    }

    /// The model's counters after `done` of the steps.
    pub(crate) fn at(&self, done: u64) -> Counters {
        let Counters { steps, epochs, updates } = self.base;
        let steps = steps + done;
        if self.steps.is_empty() {
            return Counters { steps, epochs, updates: updates + done };
        }
        let (len, accumulate) = (self.steps.len() as u64, self.accumulate as u64);
        let (whole, rest) = (done / len, done % len);
        let updates = updates + whole * len.div_ceil(accumulate) + rest / accumulate;
        Counters { steps, epochs: epochs + whole, updates }
    }

    /// How many of the steps have run when the clock shows `step`, which counts modulo 2³². `known` is an approximate earlier
    /// count.
    pub(crate) fn done(&self, step: u32, known: u64) -> u64 {
        let beyond = step.wrapping_sub((self.base.steps + known) as u32).cast_signed();
        known.saturating_add_signed(beyond.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare() -> Timetable {
        Timetable {
            owner: Weak::new(),
            clock: String::new(),
            due: (String::new(), 1),
            optimizer: "sgd".into(),
            base: Counters::default(),
            steps: Vec::new(),
            accumulate: 1,
        }
    }

    #[test]
    fn counters_follow_from_the_steps_that_ran() {
        let base = Counters { steps: 100, epochs: 7, updates: 40 };
        for (rows, batch, accumulate) in [(10, 3, 1), (10, 3, 2), (12, 3, 2), (7, 8, 3), (100, 7, 4)] {
            let steps = steps(rows, batch, accumulate);
            let table = Timetable { base, steps, accumulate, ..bare() };
            let mut wanted = base;
            for done in 0..100 {
                assert_eq!(table.at(done), wanted, "{rows} rows by {batch} and {accumulate}, {done} steps");
                let step = &table.steps[done as usize % table.steps.len()];
                wanted.steps += 1;
                wanted.updates += u64::from(step.updates());
                wanted.epochs += u64::from(step.first + step.rows == rows);
            }
        }
    }

    #[test]
    fn a_clock_of_32_bits_is_enough() {
        let base = Counters { steps: (1 << 32) - 5, ..Counters::default() };
        let table = Timetable { base, ..bare() };
        for (word, known, done) in
            [(u32::MAX - 4, 0, 0), (u32::MAX, 0, 4), (3, 2, 8), (u32::MAX, 8, 4), (0, 9, 5)]
        {
            assert_eq!(table.done(word, known), done, "{word} after {known}");
        }
    }

    #[test]
    fn steps_cover_every_row_once_and_groups_weigh_one() {
        for (rows, batch, accumulate) in [(10, 3, 1), (10, 3, 2), (12, 3, 2), (7, 8, 3), (100, 7, 4)] {
            let steps = steps(rows, batch, accumulate);
            assert_eq!(steps.iter().map(|s| s.rows).sum::<usize>(), rows);
            assert!(steps.windows(2).all(|w| w[0].first + w[0].rows == w[1].first));
            let mut weight = 0.0;
            for step in &steps {
                weight = if step.begins { step.weight } else { weight + step.weight };
                if step.ending == Ending::AccumulateAndUpdate {
                    assert!((weight - 1.0).abs() < 1e-12, "{weight}");
                }
            }
            assert_ne!(steps.last().map(|s| s.ending), Some(Ending::Accumulate));
        }
    }
}
