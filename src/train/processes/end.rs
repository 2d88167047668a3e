//! What processes agree on between steps and at the end of an epoch.

use super::share::Share;
use super::wire::strange;
use crate::{Result, train::Epoch};

impl Share {
    /// Whether any process has ended the training.
    pub(in crate::train) fn any(&self, ended: bool) -> Result<bool> {
        Ok(self.team.sum_of(&[f64::from(u8::from(ended))])?.iter().any(|&ranks| ranks > 0.0))
    }

    /// A learning rate as rank 0 has it.
    pub(in crate::train) fn rate_of_first(&self, rate: Option<f64>) -> Result<Option<f64>> {
        let bytes = self.team.first_has(rate.map_or_else(Vec::new, |rate| rate.to_ne_bytes().to_vec()))?;
        match bytes.len() {
            0 => Ok(None),
            _ => Ok(Some(f64::from_ne_bytes(
                bytes.try_into().map_err(|_| strange("a rate of another length"))?,
            ))),
        }
    }

    /// The epoch with the times that rank 0 has measured.
    pub(in crate::train) fn timed_by_first(&self, epoch: Epoch) -> Result<Epoch> {
        let times = [epoch.seconds, epoch.host_seconds, epoch.samples_per_second];
        let bytes = self.team.first_has(bytemuck::cast_slice(&times).to_vec())?;
        let (words, []) = bytes.as_chunks::<8>() else { return Err(strange("times of another length")) };
        let &[seconds, host_seconds, samples_per_second] = words else {
            return Err(strange(format!("{} times", words.len())));
        };
        let [seconds, host_seconds, samples_per_second] =
            [seconds, host_seconds, samples_per_second].map(f64::from_ne_bytes);
        Ok(Epoch { seconds, host_seconds, samples_per_second, ..epoch })
    }

    /// Tells what an epoch's communication came to.
    pub(in crate::train) fn report(&mut self, steps: usize) {
        if self.team.size() == 1 || steps == 0 {
            return;
        }
        let (all, waited) = (self.courier.seconds, self.courier.waited);
        let (each, hidden) = (1e3 * all / steps as f64, (1.0 - waited / all.max(1e-9)).max(0.0));
        log::info!(
            "rank {}: sums over {} processes took {each:.3} ms a step, {:.0} % of them while the device worked; {} bytes sent so far",
            self.team.rank(),
            self.team.size(),
            1e2 * hidden,
            self.team.sent()
        );
        (self.courier.seconds, self.courier.waited) = (0.0, 0.0);
    }
}
