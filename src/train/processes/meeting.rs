//! Where the micro-batches of a step work out numbers together, as synchronised batch normalisation does: each runs up to there, their numbers
//! are summed along the tree of micro-batches, and all go on with what they have in common. Meanwhile each keeps its activations, so it has its
//! own scratch buffers, gradient and tallies.

use super::share::Share;
use super::step::{On, Scores, Seat};
use super::tree::Tree;
use super::wire::strange;
use crate::device::{Pending, Values};
use crate::kernel::{Element, clock};
use crate::plan::arena::keys;
use crate::plan::{Buffer, Home, Meeting, Met, Op, Plan, View};
use crate::real::Numbers;
use crate::{Model, Result};

/// A meeting of a micro-batch.
#[derive(Clone, Debug)]
pub(super) struct Appointment {
    /// Before which op of its program.
    pub(super) op: usize,
    meeting: Meeting,
    own: String,
    common: String,
}

impl Appointment {
    /// Those of a plan, in their order: each before the first op that reads what is in common. Those that nothing reads are left out.
    pub(super) fn of(plan: &Plan) -> Vec<Self> {
        let reads =
            |op: &Op, meeting: &Meeting| op.args.iter().any(|view| view.buffer == meeting.common.buffer);
        let key = |view: View| match &plan.buffers[view.buffer].home {
            Home::Shared(key) => key.clone(),
            Home::Scratch(_) => String::new(),
        };
        let appointment = |&meeting: &Meeting| {
            let op = plan.ops.iter().position(|op| reads(op, &meeting))?;
            Some(Self { op, meeting, own: key(meeting.own), common: key(meeting.common) })
        };
        let mut all: Vec<Self> = plan.meetings.iter().filter_map(appointment).collect();
        all.sort_by_key(|appointment| appointment.op);
        all
    }

    /// What a micro-batch brings: numbers whose sum over all micro-batches, each times its weight, is in common.
    fn brought(&self, mut own: Vec<f64>) -> Vec<f64> {
        if let Met::Moments { .. } = self.meeting.what {
            let (means, variances) = own.split_at_mut(self.meeting.stride());
            variances.iter_mut().zip(means).for_each(|(variance, mean)| *variance += *mean * *mean);
        }
        own
    }

    /// What a micro-batch, whose rows are this share of the step's, receives of the weighted sums. One that counts nothing, since all of its
    /// steps are masked, has no gradient, and so no way back through what others have in common with it.
    fn received(&self, sums: &[f64], share: f64, weight: f64) -> Vec<f64> {
        let stride = self.meeting.stride();
        match self.meeting.what {
            Met::Moments { rows, unbiased } => {
                let (means, squares) = sums.split_at(stride);
                let variance = |(mean, square): (&f64, &f64)| {
                    let variance = square - mean * mean;
                    // Rounding may leave a little less than nothing.
                    if variance < 0.0 { 0.0 } else { variance }
                };
                let variances: Vec<f64> = means.iter().zip(squares).map(variance).collect();
                let count = (rows as f64 / share).round();
                let factor = if unbiased && count > 1.0 { count / (count - 1.0) } else { 1.0 };
                let kept = variances.iter().map(|variance| variance * factor);
                means.iter().chain(&variances).copied().chain(kept).collect()
            }
            // A micro-batch's loss is a mean over its own rows.
            Met::Gradients if weight > 0.0 => sums.iter().map(|sum| sum * (share / weight)).collect(),
            Met::Gradients => vec![0.0; sums.len()],
        }
    }
}

/// The name of what the micro-batch at this place has to itself.
pub(super) fn own_key(name: &str, place: usize) -> String {
    format!("{name}, micro-batch {place}")
}

/// Gives the plan of the micro-batch at this place its own buffers for all that another would overwrite before it is through; returns them.
pub(super) fn set_apart(plan: &mut Plan, place: usize, tallies: &str) -> Vec<(String, Element, usize)> {
    let slots = std::mem::take(&mut plan.scratch);
    let mut apart = Vec::new();
    for Buffer { home, element, len } in &mut plan.buffers {
        match home {
            Home::Scratch(slot) => {
                // Several buffers share a slot, one after another.
                *len = slots[*slot];
                *home = Home::Shared(own_key(&format!("slot {slot}"), place));
            }
            Home::Shared(key)
                if key == keys::GRADIENTS || key == tallies || key.starts_with(keys::MICRO_BATCH) =>
            {
                *key = own_key(key, place);
            }
            Home::Shared(_) => continue,
        }
        if let Home::Shared(key) = home {
            apart.push((key.clone(), *element, *len));
        }
    }
    apart
}

impl Share {
    /// Runs the own micro-batches up to their last meeting.
    pub(super) async fn meet(
        &mut self,
        on: &mut On<'_, '_>,
        seats: &[Seat],
        scores: &Scores,
        of: usize,
    ) -> Result<()> {
        for (number, outline) in self.meetings.clone().iter().enumerate() {
            let mut brought = Vec::new();
            for (place, seat) in seats.iter().enumerate() {
                brought.push(self.advance(on.model, (seat, place), number)?);
            }
            let (mut tree, mut weights) = (Tree::default(), Vec::new());
            for ((place, seat), own) in seats.iter().enumerate().zip(brought) {
                let rows = seat.micro.rows;
                let own = match own {
                    Some(own) => outline.brought(own.await?),
                    None => vec![0.0; 2 * outline.meeting.stride()],
                };
                let mut weight = rows as f64 / of as f64;
                if scores.masked && rows > 0 && outline.meeting.what == Met::Gradients {
                    let key = self.name(&scores.tallies, place);
                    let tallies = on.model.executor.read(&key, 0, scores.columns).await?;
                    weight = tallies.last().copied().unwrap_or_default();
                }
                tree.push(Numbers::Double(own), weight);
                weights.push(weight);
            }
            tree.take().map_or(Ok(()), |sum| self.courier.give(sum))?;
            let Numbers::Double(sums) = self.courier.take()? else {
                return Err(strange("sums of another precision"));
            };
            for ((place, seat), weight) in seats.iter().enumerate().zip(weights) {
                let Some(bound) = self.bound(place, seat.micro.rows) else { continue };
                let (Appointment { common, .. }, share) =
                    (&bound.appointments[number], seat.micro.rows as f64 / of as f64);
                let received = bound.appointments[number].received(&sums, share, weight);
                on.model.executor.write(common, 0, Values::F64(&received))?;
            }
        }
        Ok(())
    }

    /// Runs a micro-batch, if it has rows, from one meeting to the next; starts to read what it brings.
    fn advance(
        &self,
        model: &mut Model,
        (seat, place): (&Seat, usize),
        number: usize,
    ) -> Result<Option<Pending<'static, Result<Vec<f64>>>>> {
        let Some(bound) = self.bound(place, seat.micro.rows) else { return Ok(None) };
        let begin = number.checked_sub(1).map_or(0, |before| bound.appointments[before].op);
        let Appointment { op, meeting, own, .. } = &bound.appointments[number];
        model.executor.write(keys::CLOCK, 0, Values::U32(&seat.words[..clock::HALTED]))?;
        model.executor.run_ops(bound.program, begin..*op)?;
        Ok(Some(model.executor.read(own, 0, 2 * meeting.stride())))
    }
}
