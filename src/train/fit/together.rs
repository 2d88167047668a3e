//! The steps of an epoch that several processes train on, one after another, and what they agree on at its end.

use super::{Agreed, Fit, Pass};
use crate::train::Epoch;
use crate::train::epoch::rates_of;
use crate::train::processes::{On, Share};
use crate::{Result, describe};
use serde_json::Value;
use web_time::Instant;

impl Fit<'_, '_, '_> {
    /// Checks that all processes are about to do the same.
    pub(super) fn agree(&self, resumed: bool) -> Result<()> {
        let Some(share) = &self.share else { return Ok(()) };
        let place = self.trainer.snapshot.as_ref().filter(|_| resumed);
        let place = place.map(|snapshot| (snapshot.place(), snapshot.model.steps()));
        let others: [(&'static str, Value); 2] = [
            ("trainer option epochs", describe::value(&self.trainer.epochs)),
            ("place from which the training continues", describe::value(&place)),
        ];
        share.team().agree(self.model, &self.terms, &others)
    }

    /// Gives every process the numbers of rank 0.
    pub(super) async fn start_alike(&mut self) -> Result<()> {
        match &mut self.share {
            Some(share) => share.start_alike(self.model).await,
            None => Ok(()),
        }
    }

    /// Runs what is left of the epoch's steps.
    pub(super) async fn steps_together(&mut self, share: &mut Share, pass: &mut Pass) -> Result<()> {
        let kind = self.trainer.recipe.optimizer.name();
        let mut updates = self.model.counters(kind).updates;
        let watched = self.watches_batches();
        let watched = share.any(watched)?;
        share.begin_epoch(self.model).await?;
        while pass.from < self.steps.len() && !pass.stopping && !self.ended {
            let begin = Instant::now();
            let step = self.steps[pass.from];
            let table =
                rates_of(&self.trainer.recipe.optimizer, &[step], &mut updates, |rate| self.used(rate));
            let (asked, stops) = (self.trainer.control.is_asked(), self.trainer.control.stops());
            // Snapshots are taken by the clock of rank 0, and for whoever asks.
            let (_, due) = self.due.end(&self.steps, pass.from, pass.from + 1, asked);
            let tells = [due && self.trainer.leads() || asked, stops].map(|told| f64::from(u8::from(told)));
            let (recipe, model) = (&self.trainer.recipe, &mut *self.model);
            let mut on = On { recipe, model, feed: &self.feed, rows: &mut self.train };
            let (sums, told) = share.step(&mut on, &step, &table, &tells).await?;
            let [due, stops] = [0, 1].map(|i| told.get(i).is_some_and(|&ranks| ranks > 0.0));
            self.model.count(kind, 1, 1);
            self.due.note(1, due);
            pass.from += 1;
            pass.sums.iter_mut().zip(&sums).for_each(|(sum, value)| *sum += value);
            pass.advance(step.rows);
            pass.host += begin.elapsed().as_secs_f64();
            share.count_step(self.model).await?;
            if watched {
                let mean = sums[0] / pass.scored.1.count(&sums, step.rows);
                self.tell_batch((pass.number, pass.from), mean)?;
                self.ended = share.any(self.ended)?;
                self.rate = share.rate_of_first(self.rate)?;
            }
            if due {
                self.trainer.control.taken();
                pass.stopping = stops;
                let saving = self.model.begin_state();
                self.keep_snapshot(saving, (pass.number, pass.done(pass.from)), false).await?;
            }
        }
        share.report(pass.from);
        Ok(())
    }

    /// The epoch as all processes note it, once their parameters are found equal.
    pub(super) async fn agreed(&mut self, epoch: Epoch) -> Result<Epoch> {
        match &mut self.share {
            Some(share) => {
                share.check_equal(self.model).await?;
                share.timed_by_first(epoch)
            }
            None => Ok(epoch),
        }
    }

    /// What any of the processes wants after an epoch.
    pub(super) fn agreed_end(&self, own: Agreed) -> Result<Agreed> {
        let Some(share) = &self.share else { return Ok(own) };
        let Agreed { ended, asked, stops } = own;
        Ok(Agreed { ended: share.any(ended)?, asked: share.any(asked)?, stops: share.any(stops)? })
    }
}
