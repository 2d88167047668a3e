//! A step of several processes: the own micro-batches, the sums over all, and the same update everywhere.

use super::branch;
use super::micro::Micro;
use super::share::{Bound, MAINTAINED, Share};
use super::tree::Tree;
use super::wire::strange;
use crate::device::{Pending, Values};
use crate::kernel::clock;
use crate::model::Step;
use crate::plan::arena::keys;
use crate::real::Numbers;
use crate::train::Recipe;
use crate::train::feed::Feed;
use crate::train::pace::clock_words;
use crate::train::rows::Rows;
use crate::{Model, Result};
use std::collections::VecDeque;
use std::future::ready;

/// What a step works on.
pub(in crate::train) struct On<'s, 'm> {
    pub(in crate::train) recipe: &'s Recipe,
    pub(in crate::train) model: &'s mut Model,
    pub(in crate::train) feed: &'s Feed,
    pub(in crate::train) rows: &'s mut Rows<'m>,
}

/// Numbers of a micro-batch on their way to the host.
struct Running {
    rows: usize,
    tallies: Option<Pending<'static, Result<Vec<f64>>>>,
    /// Pieces of the sum over all own micro-batches, if this one completes it and it is to be sent.
    gradient: VecDeque<Pending<'static, Result<Numbers>>>,
    kept: Option<Pending<'static, Result<Numbers>>>,
}

/// The host's sums over a step's own micro-batches so far.
struct Sums {
    tallies: Tree,
    kept: Tree,
    /// What this process tells all others with the tallies.
    told: Vec<f64>,
    rows: usize,
}

/// What a step computes for every micro-batch beside gradients.
pub(super) struct Scores {
    pub(super) tallies: String,
    pub(super) columns: usize,
    pub(super) masked: bool,
}

/// A place in the data of a step.
pub(super) struct Seat {
    pub(super) micro: Micro,
    pub(super) words: [u32; clock::LEN],
}

impl Share {
    /// Begins an epoch: notes what layers maintain.
    pub(in crate::train) async fn begin_epoch(&mut self, model: &mut Model) -> Result<()> {
        self.kept = if self.pieces.kept.is_empty() {
            // For its precision.
            model.executor.read_own(keys::PARAMETERS, 0, 1).await?.zeros_like(0)
        } else {
            self.read_kept(model).await?
        };
        Ok(())
    }

    fn read_kept(&self, model: &mut Model) -> Pending<'static, Result<Numbers>> {
        model.executor.read_own(keys::PARAMETERS, self.pieces.kept.start, self.pieces.kept.len())
    }

    /// Sets what layers maintain to what it was before the step, from which every micro-batch goes on.
    pub(super) fn restore(&self, model: &mut Model) -> Result<()> {
        match self.kept.is_empty() {
            true => Ok(()),
            false => model.executor.write(keys::PARAMETERS, self.pieces.kept.start, self.kept.all().into()),
        }
    }

    /// Runs a step with these rates; returns the sums of its scores, and the sums of what every process `tells`.
    pub(in crate::train) async fn step(
        &mut self,
        on: &mut On<'_, '_>,
        step: &Step,
        rates: &[f64],
        tells: &[f64],
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let task = on.recipe.task(&on.model.network, on.feed);
        let scores = Scores { tallies: task.tallies(), columns: task.columns(), masked: task.scored.masked };
        let seats = self.seats(on, step)?;
        self.meet(on, &seats, &scores, step.rows).await?;
        let (tallies, kept) = Default::default();
        let mut sums = Sums { tallies, kept, told: tells.to_vec(), rows: step.rows };
        let mut before: Option<Running> = None;
        for (place, seat) in seats.iter().enumerate() {
            let last = place + 1 == seats.len();
            // A CPU has done all that it was told, and a GPU works meanwhile.
            if let Some(mut before) = before.take_if(|_| !on.model.device.is_gpu()) {
                self.absorb(&mut before, &mut sums).await?;
            }
            let mut running =
                self.run(on, (seat, place), (&scores, step.rows), last.then_some(&mut sums)).await?;
            if let Some(mut before) = before.take() {
                self.absorb(&mut before, &mut sums).await?;
            }
            if last {
                self.hand_over(&mut running, &mut sums).await?;
                self.absorb(&mut running, &mut sums).await?;
                sums.kept.take().map_or(Ok(()), |sum| self.courier.give(sum))?;
            } else {
                before = Some(running);
            }
        }
        self.update(on, &scores, rates, &seats, step).await
    }

    /// Starts a micro-batch, and adds its gradient to those before it. With the last, each piece of the sum is handed over as soon as it is
    /// there.
    async fn run(
        &mut self,
        on: &mut On<'_, '_>,
        (Seat { micro, words }, place): (&Seat, usize),
        (scores, of): (&Scores, usize),
        mut last: Option<&mut Sums>,
    ) -> Result<Running> {
        let gpu = on.model.device.is_gpu();
        if place > 0 {
            self.restore(on.model)?;
        }
        // Whether training has halted stays as it is.
        on.model.executor.write(keys::CLOCK, 0, Values::U32(&words[..clock::HALTED]))?;
        let bound = self.bound(place, micro.rows).cloned();
        let (branch, straight) = self.branch.of(place, gpu);
        let mut running = Running { rows: micro.rows, tallies: None, gradient: VecDeque::new(), kept: None };
        if bound.is_none() {
            // Without rows, all is zero.
            on.model.executor.clear(&self.name(keys::GRADIENTS, place))?;
            running.tallies = Some(Box::pin(ready(Ok(vec![0.0; scores.columns]))));
        }
        let pieces = self.pieces.gradient.len();
        let (mut done, mut summed) = (bound.as_ref().map_or(0, Bound::met), 0);
        // In one go, unless other processes wait for pieces.
        let waited_for = last.is_some() && self.team.size() > 1;
        let first = if waited_for { 0 } else { pieces.saturating_sub(1) };
        for piece in first..pieces {
            if let Some(bound) = &bound {
                on.model.executor.run_ops(bound.program, done..bound.ready[piece])?;
                done = bound.ready[piece];
            }
            if summed == 0 {
                self.score(on.model, (scores, place), (&mut running, straight), of).await?;
            }
            on.model.executor.run_ops(branch.program, summed..branch.ready[piece])?;
            summed = branch.ready[piece];
            let Some(sums) = &mut last else { continue };
            if self.team.size() > 1 {
                let range = &self.pieces.gradient[piece];
                let sum = on.model.executor.read_own(&branch::whole(), range.start, range.len());
                running.gradient.push_back(sum);
            }
            if !gpu {
                self.hand_over(&mut running, sums).await?;
            }
        }
        if let Some(bound) = &bound {
            on.model.executor.run_ops(bound.program, done..usize::MAX)?;
        }
        if !self.kept.is_empty() {
            running.kept = Some(match bound {
                Some(_) => self.read_kept(on.model),
                None => Box::pin(ready(Ok(self.kept.zeros_like(self.kept.len())))),
            });
        }
        Ok(running)
    }

    /// The own micro-batches of a step with the clock's words, once their rows are there.
    fn seats(&self, on: &mut On<'_, '_>, step: &Step) -> Result<Vec<Seat>> {
        let range = self.dealt.range(step.first, step.rows);
        let mut cursor = range.start;
        if !range.is_empty() {
            (cursor, _) = on.rows.stage(on.feed, on.model, range.start, std::iter::once(range.len()))?;
        }
        let steps = on.model.steps.wrapping_mul(self.dealt.count as u64);
        let seat = |micro: Micro| {
            // Random numbers depend on the place in the step, not on who computes it.
            let words =
                clock_words(steps.wrapping_add(micro.place as u64), cursor + micro.first - range.start);
            Seat { micro, words }
        };
        Ok(self.dealt.own(step.first, step.rows).map(seat).collect())
    }

    /// Starts to read a micro-batch's tallies, and says what its gradient counts: the gradient is that of a mean over what counts.
    async fn score(
        &self,
        model: &mut Model,
        (scores, place): (&Scores, usize),
        (running, straight): (&mut Running, bool),
        of: usize,
    ) -> Result<()> {
        let read = running.tallies.take();
        let mut tallies = read
            .unwrap_or_else(|| model.executor.read(&self.name(&scores.tallies, place), 0, scores.columns));
        let mut factor = running.rows as f64 / of as f64;
        if scores.masked {
            let counted = tallies.await?;
            factor = counted.last().copied().unwrap_or_default();
            tallies = Box::pin(ready(Ok(counted)));
        }
        running.tallies = Some(tallies);
        // Without rows the gradient is zero, and on its own a micro-batch is the step.
        let alone = self.dealt.count == 1;
        branch::weigh(model, if alone || running.rows == 0 { 1.0 } else { factor }, straight)
    }

    /// Waits for what a micro-batch has besides its gradient, and adds it to the sums.
    async fn absorb(&mut self, running: &mut Running, sums: &mut Sums) -> Result<()> {
        if let Some(tallies) = running.tallies.take() {
            sums.tallies.push(Numbers::Double(tallies.await?), 1.0);
        }
        if let Some(kept) = running.kept.take() {
            sums.kept.push(kept.await?, running.rows as f64 / sums.rows as f64);
        }
        Ok(())
    }

    /// Hands over what the last micro-batch completes: the sums of the tallies, then the pieces of the gradient that are under way.
    async fn hand_over(&mut self, running: &mut Running, sums: &mut Sums) -> Result<()> {
        if let Some(tallies) = running.tallies.take() {
            sums.tallies.push(Numbers::Double(tallies.await?), 1.0);
            if let Some(Numbers::Double(mut all)) = sums.tallies.take() {
                all.append(&mut sums.told);
                self.courier.give(Numbers::Double(all))?;
            }
        }
        while let Some(piece) = running.gradient.pop_front() {
            self.courier.give(piece.await?)?;
        }
        Ok(())
    }

    /// Updates the parameters by the sums over all processes.
    async fn update(
        &mut self,
        on: &mut On<'_, '_>,
        scores: &Scores,
        rates: &[f64],
        seats: &[Seat],
        step: &Step,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let Numbers::Double(mut sums) = self.courier.take()? else {
            return Err(strange("tallies of another precision"));
        };
        let told = sums.split_off(scores.columns);
        if self.team.size() > 1 {
            for range in &self.pieces.gradient {
                let sum = self.courier.take()?;
                on.model.executor.write(&branch::whole(), range.start, sum.all().into())?;
            }
        }
        if scores.masked {
            let counting = sums.last().copied().filter(|&n| n > 0.0 && self.dealt.count > 1);
            branch::weigh(on.model, counting.map_or(1.0, f64::recip), false)?;
        }
        if !self.kept.is_empty() {
            self.restore(on.model)?;
            let kept = self.courier.take()?;
            on.model.executor.write(MAINTAINED, 0, kept.all().into())?;
        }
        let executor = &mut *on.model.executor;
        executor.write(&scores.tallies, 0, Values::F64(&sums))?;
        executor.write(keys::RATES, 0, Values::F64(rates))?;
        let words = clock_words(on.model.steps, 0);
        executor.write(keys::CLOCK, 0, Values::U32(&words[..clock::HALTED]))?;
        if let Some(update) = self.update {
            executor.run(update, 1)?;
        }
        let now = executor.read_index(keys::CLOCK, clock::LEN);
        let kept = (!self.kept.is_empty()).then(|| self.read_kept(on.model));
        if now.await?[clock::HALTED] != 0 {
            return Err(self.blame(on, seats, step).await?);
        }
        if let Some(kept) = kept {
            self.kept = kept.await?;
        }
        Ok((sums, told))
    }
}
