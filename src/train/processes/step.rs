//! A step of several processes: the own micro-batches, the sums over all, and the same update everywhere.

use super::micro::Micro;
use super::share::{MAINTAINED, Share};
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

/// What a step works on.
pub(in crate::train) struct On<'s, 'm> {
    pub(in crate::train) recipe: &'s Recipe,
    pub(in crate::train) model: &'s mut Model,
    pub(in crate::train) feed: &'s Feed,
    pub(in crate::train) rows: &'s mut Rows<'m>,
}

/// Numbers of a micro-batch on their way to the host.
struct Running {
    micro: Micro,
    tallies: Option<Pending<'static, Result<Vec<f64>>>>,
    /// What its gradient is multiplied by, once that is known.
    factor: f64,
    gradient: VecDeque<Pending<'static, Result<Numbers>>>,
    kept: Option<Pending<'static, Result<Numbers>>>,
    /// How many pieces have been summed.
    summed: usize,
}

/// The sums of a step's own micro-batches so far.
struct Sums {
    tallies: Tree,
    gradient: Vec<Tree>,
    kept: Tree,
    /// What this process tells all others with the tallies.
    told: Vec<f64>,
    rows: usize,
    masked: bool,
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
        let (columns, tallies, masked) = (task.columns(), task.tallies(), task.scored.masked);
        let seats = self.seats(on, step)?;
        let mut sums = Sums {
            tallies: Tree::default(),
            gradient: self.pieces.gradient.iter().map(|_| Tree::default()).collect(),
            kept: Tree::default(),
            told: tells.to_vec(),
            rows: step.rows,
            masked,
        };
        // The device works on a micro-batch while the one before is summed.
        let mut before: Option<Running> = None;
        for (i, Seat { micro, words }) in seats.iter().enumerate() {
            if i > 0 {
                self.restore(on.model)?;
            }
            // Whether training has halted stays as it is.
            on.model.executor.write(keys::CLOCK, 0, Values::U32(&words[..clock::HALTED]))?;
            let last = i + 1 == seats.len();
            let mut running = Running::new(*micro);
            match self.programs.get(&micro.rows).cloned().filter(|_| micro.rows > 0) {
                None => self.begin_nothing(columns, &mut running),
                Some(bound) => {
                    let at_once = last && !on.model.device.is_gpu();
                    let mut from = 0;
                    for (piece, &ready) in bound.ready.iter().enumerate() {
                        if last {
                            on.model.executor.run_ops(bound.program, from..ready)?;
                            from = ready;
                        } else if piece == 0 {
                            on.model.executor.run_ops(bound.program, 0..usize::MAX)?;
                        }
                        self.read(on.model, piece, (&tallies, columns), &mut running);
                        if piece == 0
                            && let Some(before) = &mut before
                        {
                            self.absorb(before, &mut sums, false).await?;
                        }
                        if at_once {
                            self.absorb(&mut running, &mut sums, true).await?;
                        }
                    }
                    if last {
                        on.model.executor.run_ops(bound.program, from..usize::MAX)?;
                    }
                    if !self.kept.is_empty() {
                        running.kept = Some(self.read_kept(on.model));
                    }
                    before = None;
                }
            }
            if let Some(mut before) = before.take() {
                self.absorb(&mut before, &mut sums, false).await?;
            }
            if last {
                self.absorb(&mut running, &mut sums, true).await?;
                self.give_kept(&mut sums)?;
            } else {
                before = Some(running);
            }
        }
        self.update(on, (columns, &tallies), rates, &seats, step, masked).await
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

    /// Starts to read a piece of the gradient, and the tallies with the first.
    fn read(
        &self,
        model: &mut Model,
        piece: usize,
        (tallies, columns): (&str, usize),
        running: &mut Running,
    ) {
        if piece == 0 {
            running.tallies = Some(model.executor.read(tallies, 0, columns));
        }
        let range = &self.pieces.gradient[piece];
        running.gradient.push_back(model.executor.read_own(keys::GRADIENTS, range.start, range.len()));
    }

    /// A micro-batch without rows has zeros.
    fn begin_nothing(&self, columns: usize, running: &mut Running) {
        let zeros = |len: usize| -> Pending<'static, Result<Numbers>> {
            Box::pin(std::future::ready(Ok(self.kept.zeros_like(len))))
        };
        running.tallies = Some(Box::pin(std::future::ready(Ok(vec![0.0; columns]))));
        running.gradient = self.pieces.gradient.iter().map(|range| zeros(range.len())).collect();
        running.kept = (!self.kept.is_empty()).then(|| zeros(self.kept.len()));
    }

    /// Waits for what is under way of a micro-batch, and adds it to the sums; those of the last one go to the other processes.
    async fn absorb(&mut self, running: &mut Running, sums: &mut Sums, last: bool) -> Result<()> {
        if let Some(tallies) = running.tallies.take() {
            let tallies = tallies.await?;
            // The gradient is that of a mean over what counts.
            running.factor = match tallies.last() {
                _ if self.dealt.count == 1 => 1.0,
                Some(&counting) if sums.masked => counting,
                _ => running.micro.rows as f64 / sums.rows as f64,
            };
            sums.tallies.push(Numbers::Double(tallies), 1.0);
            if last && let Some(Numbers::Double(mut all)) = sums.tallies.take() {
                all.append(&mut sums.told);
                self.courier.give(Numbers::Double(all))?;
            }
        }
        while let Some(piece) = running.gradient.pop_front() {
            let numbers = piece.await?;
            let tree = &mut sums.gradient[running.summed];
            running.summed += 1;
            tree.push(numbers, running.factor);
            if last && let Some(sum) = tree.take() {
                self.courier.give(sum)?;
            }
        }
        if let Some(kept) = running.kept.take() {
            sums.kept.push(kept.await?, running.micro.rows as f64 / sums.rows as f64);
        }
        Ok(())
    }

    fn give_kept(&mut self, sums: &mut Sums) -> Result<()> {
        sums.kept.take().map_or(Ok(()), |sum| self.courier.give(sum))
    }

    /// Updates the parameters by the sums over all processes.
    async fn update(
        &mut self,
        on: &mut On<'_, '_>,
        (columns, tallies): (usize, &str),
        rates: &[f64],
        seats: &[Seat],
        step: &Step,
        masked: bool,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let Numbers::Double(mut sums) = self.courier.take()? else {
            return Err(strange("tallies of another precision"));
        };
        let told = sums.split_off(columns);
        let counting = sums.last().copied().filter(|&n| masked && n > 0.0 && self.dealt.count > 1);
        for range in &self.pieces.gradient {
            let mut gradient = self.courier.take()?;
            if let Some(counting) = counting {
                gradient.divide(counting);
            }
            on.model.executor.write(keys::GRADIENTS, range.start, gradient.all().into())?;
        }
        if !self.kept.is_empty() {
            self.restore(on.model)?;
            let kept = self.courier.take()?;
            on.model.executor.write(MAINTAINED, 0, kept.all().into())?;
        }
        let executor = &mut *on.model.executor;
        executor.write(tallies, 0, Values::F64(&sums))?;
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

impl Running {
    fn new(micro: Micro) -> Self {
        Self { micro, tallies: None, factor: 1.0, gradient: VecDeque::new(), kept: None, summed: 0 }
    }
}
