//! A search for a learning rate.

use super::Trainer;
use crate::{Dataset, Error, Model, Result, Schedule};

/// What stays of the smoothed loss with every update.
const SMOOTHING: f64 = 0.98;

/// How a search for a learning rate goes: see [`Trainer::find_rate`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateFinder {
    /// The first rate, above 0; default 10⁻⁷.
    pub from: f64,
    /// The last rate, above the first; default 10.
    pub to: f64,
    /// The number of updates, at least 2; default 100.
    pub updates: usize,
}

impl Default for RateFinder {
    fn default() -> Self {
        Self { from: 1e-7, to: 10.0, updates: 100 }
    }
}

impl RateFinder {
    fn check(self) -> Result<()> {
        let Self { from, to, updates } = self;
        let rates = [from, to].map(|rate| Schedule::Constant(rate).check());
        rates.into_iter().collect::<Result<()>>()?;
        if from > 0.0 && from < to && updates >= 2 {
            return Ok(());
        }
        Err(Error::invalid(
            "search for a learning rate",
            format!("{updates} updates from {from} to {to}"),
            "at least 2 updates, from a rate above 0 to a higher one",
            "correct the options",
        ))
    }

    /// The rate of an update, counted from 0: the same factor lies between any two.
    fn rate(self, update: usize) -> f64 {
        let share = update as f64 / (self.updates - 1) as f64;
        (self.from.ln() + share * (self.to.ln() - self.from.ln())).exp()
    }
}

/// What a search for a learning rate has found: see [`Trainer::find_rate`].
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FoundRates {
    /// The rates that were tried, in ascending order.
    pub rates: Vec<f64>,
    /// The smoothed loss before the update with each rate.
    pub losses: Vec<f64>,
    /// The rate at which the loss falls most steeply, over the logarithm of the rate and before its minimum: by the difference between a
    /// tenth of the rates before it and a tenth after it. `None` if it never falls.
    pub suggestion: Option<f64>,
}

impl FoundRates {
    /// Adds the loss before an update; returns whether it has exploded: fallen and risen again by three times its minimum.
    fn add(&mut self, rate: f64, loss: f64, mean: &mut f64) -> bool {
        *mean = SMOOTHING * *mean + (1.0 - SMOOTHING) * loss;
        let count = i32::try_from(self.rates.len() + 1).unwrap_or(i32::MAX);
        let smoothed = *mean / (1.0 - SMOOTHING.powi(count));
        self.rates.push(rate);
        self.losses.push(smoothed);
        let least = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        smoothed - least > 3.0 * least.abs()
    }

    /// The rate at which the loss falls most steeply.
    fn steepest(&self) -> Option<f64> {
        let least = (0..self.losses.len()).min_by(|&a, &b| self.losses[a].total_cmp(&self.losses[b]))?;
        // The rates are evenly spaced on the logarithmic axis. The first few losses are not smooth yet.
        let reach = (self.losses.len() / 10).max(1);
        let fall = |i: usize| self.losses[i + reach] - self.losses[i - reach];
        let inside = (2 * reach..self.losses.len().saturating_sub(reach)).filter(|&i| i <= least);
        let steepest = inside.min_by(|&a, &b| fall(a).total_cmp(&fall(b)))?;
        (fall(steepest) < 0.0).then(|| self.rates[steepest])
    }

    /// Plots the loss over the rates, which have a logarithmic axis, with a dot at the suggestion, as `.png` or `.svg`.
    ///
    /// # Errors
    /// No rates; another file extension; I/O errors.
    #[cfg(feature = "plot")]
    pub fn plot(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        use crate::report::plot::{Curve, CurvePanel, curves};
        let points: Vec<(f64, f64)> = self.rates.iter().copied().zip(self.losses.iter().copied()).collect();
        let chosen = points.iter().filter(|(rate, _)| Some(*rate) == self.suggestion).copied().collect();
        let curve = |label: &str, points| Curve { label: label.to_owned(), points, spread: None };
        let both: [Curve; 2] = [curve("loss", points), curve("suggestion", chosen)];
        let panel = CurvePanel {
            title: String::new(),
            x_label: "learning rate".into(),
            y_label: "smoothed loss".into(),
            curves: both.into_iter().filter(|curve| !curve.points.is_empty()).collect(),
            log_x: true,
            log_y: false,
        };
        curves(path, &[panel])
    }
}

impl Trainer<'_> {
    /// Searches for a learning rate (Smith 2017; fastai's `lr_find`): trains with rates that grow exponentially from batch to batch, one
    /// update each whatever [`Trainer::accumulate`] says, until the smoothed loss explodes, then makes the model what it was, to the bit.
    /// Uses the trainer's optimiser, loss, batch, shuffling and seed; no schedule, metrics or callbacks. The rows go round as often as
    /// needed. Without shuffling or with few rows the loss also shows the order of the batches.
    ///
    /// ```
    /// use autorot::{Adam, Dense, Device, Flatten, Loss, Sequential, Trainer, data::Glyphs, train::RateFinder};
    ///
    /// let data = Glyphs { train: 256, test: 64, seed: 1 }.load()?.train;
    /// let mut model =
    ///     Sequential::for_data(&data).add(Flatten).add(Dense::new(Glyphs::names().len())).build(&Device::cpu(), 1)?;
    /// let trainer = Trainer::new(Adam::default(), Loss::SoftmaxCrossEntropy).batch(32);
    /// let found = trainer.find_rate(&mut model, &data, RateFinder::default())?;
    /// assert!(found.suggestion.is_some_and(|rate| rate > 1e-6 && rate < 1.0));
    /// # Ok::<(), autorot::Error>(())
    /// ```
    ///
    /// # Errors
    /// Options that are out of range; those of [`Trainer::begin`]; the device's errors.
    #[cfg(not(target_family = "wasm"))]
    pub fn find_rate(&self, model: &mut Model, data: &Dataset, options: RateFinder) -> Result<FoundRates> {
        pollster::block_on(self.find_rate_async(model, data, options))
    }

    /// [`Trainer::find_rate`], for callers that may not block.
    pub async fn find_rate_async(
        &self,
        model: &mut Model,
        data: &Dataset,
        options: RateFinder,
    ) -> Result<FoundRates> {
        self.recipe.check_uncut("Trainer::find_rate")?;
        options.check()?;
        let mut trainer = Trainer::new(self.recipe.optimizer.clone(), self.recipe.loss.clone());
        trainer.recipe =
            super::Recipe { metrics: Vec::new(), accumulate: 1, micro_batches: None, ..self.recipe.clone() };
        trainer.resident_bytes = self.resident_bytes;
        let (state, outputs) = (model.state_async().await?, model.outputs_known());
        let found = trainer.try_rates(model, data, options).await;
        let returned = model.return_to(&state);
        model.set_outputs_known(outputs);
        let found = found?;
        returned?;
        Ok(found)
    }

    /// Trains with rates that grow.
    async fn try_rates(&self, model: &mut Model, data: &Dataset, options: RateFinder) -> Result<FoundRates> {
        let mut training = self.begin(model, data)?;
        let (mut found, mut mean) = (FoundRates::default(), 0.0);
        let mut batches = Vec::new().into_iter();
        for update in 0..options.updates {
            let rate = options.rate(update);
            let rows = match batches.next() {
                Some(rows) => rows,
                None => {
                    batches = training.epoch().into_iter();
                    batches.next().unwrap_or_default()
                }
            };
            training.set_learning_rate(rate)?;
            match training.step_async(&rows).await {
                Ok(evaluation) if found.add(rate, evaluation.loss, &mut mean) => break,
                Ok(_) => {}
                // The last word of an explosion.
                Err(Error::NonFinite { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        found.suggestion = found.steepest();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suggestion_is_where_the_loss_falls_most_steeply() {
        let rates: Vec<f64> = (0..8).map(|i| 10_f64.powi(i - 6)).collect();
        let found =
            |losses: [f64; 8]| FoundRates { rates: rates.clone(), losses: losses.into(), suggestion: None };
        // The fall of 1.5 around the fourth; that of 6 comes after the minimum.
        let losses = [2.0, 2.0, 1.9, 1.2, 0.4, 0.3, 9.0, 3.0];
        assert_eq!(found(losses).steepest(), Some(rates[3]));
        assert_eq!(found([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).steepest(), None);
        assert_eq!(FoundRates::default().steepest(), None);
    }

    #[test]
    fn losses_are_smoothed_and_end_when_they_explode() {
        let (mut found, mut mean) = (FoundRates::default(), 0.0);
        let ended: Vec<bool> = [1.0, 1.0, 2.0, 300.0].map(|loss| found.add(0.1, loss, &mut mean)).into();
        assert_eq!(ended, [false, false, false, true]);
        // Weights of .98², .98 and 1, by hand.
        let third = (0.98 * 0.98 + 0.98 + 2.0) / (0.98 * 0.98 + 0.98 + 1.0);
        assert!((found.losses[2] - third).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn rates_grow_by_the_same_factor() {
        let finder = RateFinder { from: 1e-4, to: 1.0, updates: 5 };
        for (i, wanted) in [1e-4, 1e-3, 1e-2, 1e-1, 1.0].into_iter().enumerate() {
            assert!((finder.rate(i) / wanted - 1.0).abs() < 1e-12);
        }
        let wrong = [
            RateFinder { from: 0.0, ..finder },
            RateFinder { to: 1e-4, ..finder },
            RateFinder { to: f64::NAN, ..finder },
            RateFinder { updates: 1, ..finder },
        ];
        assert!(wrong.into_iter().all(|finder| finder.check().is_err()) && finder.check().is_ok());
    }
}
