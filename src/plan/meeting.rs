//! Numbers that the micro-batches of a step work out together.

use super::arena::keys;
use super::{ALIGNMENT, Recorder, View};
use crate::kernel::Element;

/// What a micro-batch has, and what is made of it and of what the others have, before the first op that reads it. Whoever runs the plan sees
/// to that. Both views lie in shared buffers, rows of [`Meeting::stride`] numbers.
#[derive(Clone, Copy, Debug)]
pub struct Meeting {
    /// What the numbers are.
    pub what: Met,
    /// How many numbers a row has.
    pub len: usize,
    /// Two rows, written by the plan.
    pub own: View,
    /// Three rows of moments, two of gradients, written by whoever brings the micro-batches together.
    pub common: View,
}

/// What micro-batches bring to a meeting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// Means and biased variances of `rows` numbers each. In common are mean, biased variance and, where asked for, the unbiased one, in
    /// place of which there is else the biased one again.
    Moments {
        /// How many numbers each is of.
        rows: usize,
        /// Whether the last row is divided by one less than all.
        unbiased: bool,
    },
    /// Two rows of sums of gradients. In common are Σ share ⋅ sums over all micro-batches, divided by this one's share: of the step's loss, of
    /// which each has a share, and of its own.
    Gradients,
}

impl Meeting {
    /// From the beginning of a row to that of the next.
    pub fn stride(&self) -> usize {
        stride(self.len)
    }
}

/// From the beginning of a row of `len` numbers to that of the next.
fn stride(len: usize) -> usize {
    len.next_multiple_of(ALIGNMENT)
}

/// What a recorder knows of meetings.
#[derive(Debug, Default)]
pub(super) struct Meetings {
    /// Whether what is recorded is one of several micro-batches of a step.
    is_share: bool,
    pub(super) all: Vec<Meeting>,
}

impl Recorder<'_> {
    /// Whether the batch is one of several micro-batches of a step, which can work out numbers together, as with
    /// [`Recorder::meet_moments`].
    pub fn is_share(&self) -> bool {
        self.meetings.is_share
    }

    /// Sets whether the batch is one of several micro-batches of a step.
    pub fn set_share(&mut self, is_share: bool) {
        self.meetings.is_share = is_share;
    }

    /// Records, with `own`, a micro-batch's means and biased variances over `rows` rows, into the views it gets. Returns those over all
    /// micro-batches of the step, and the variance once more, if asked for divided by one less than all rows.
    pub fn meet_moments(
        &mut self,
        rows: usize,
        unbiased: bool,
        len: usize,
        own: impl FnOnce(&mut Self, [View; 2]),
    ) -> [View; 3] {
        self.meet(Met::Moments { rows, unbiased }, len, own)
    }

    /// Records, with `own`, two sums of gradients over a micro-batch's rows, into the views it gets. Returns Σ share ⋅ sums over all
    /// micro-batches of the step, each with its share of the step's loss, divided by the own share.
    pub fn meet_gradients(&mut self, len: usize, own: impl FnOnce(&mut Self, [View; 2])) -> [View; 2] {
        self.meet(Met::Gradients, len, own)
    }

    fn meet<const ROWS: usize>(
        &mut self,
        what: Met,
        len: usize,
        record: impl FnOnce(&mut Self, [View; 2]),
    ) -> [View; ROWS] {
        let (number, stride) = (self.meetings.all.len(), stride(len));
        let mut buffer = |side: &str, rows: usize| {
            let key = format!("{} in meeting {number}, {side}", keys::MICRO_BATCH);
            self.shared(&key, Element::Float, rows * stride)
        };
        let (own, common) = (buffer("own", 2), buffer("common", ROWS));
        let row = |of: View| move |row: usize| View { offset: row * stride, len, ..of };
        record(self, [0, 1].map(row(own)));
        self.meetings.all.push(Meeting { what, len, own, common });
        std::array::from_fn(row(common))
    }
}
