//! What came of the trainings: the best rate of every method for every depth, its scores, and how much depends on the rate.

use super::Record;
use super::methods::Method;
use super::train::Scores;
use crate::run::Statistic;
use serde::Serialize;

/// A method's result at a depth, at its best rate.
#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    pub method: Method,
    pub depth: usize,
    /// The rate with the best mean validation accuracy.
    pub rate: f64,
    /// That accuracy.
    pub validation_accuracy: f64,
    /// Over the seeds. The accuracy of a training that diverged counts as 0.
    pub test_accuracy: Statistic,
    /// Over the seeds whose trainings did not diverge.
    pub test_loss: Statistic,
    pub step_ms: Statistic,
    /// The rates whose mean validation accuracy is at least [`SHARE`] of the best rate's.
    pub good_rates: Vec<f64>,
    /// How many trainings at any rate diverged, of how many.
    pub diverged: usize,
    pub trainings: usize,
}

/// The share of the best rate's validation accuracy with which a rate counts as good.
pub const SHARE: f64 = 0.9;

/// The trainings of a method at a depth.
pub fn of(records: &[Record], method: Method, depth: usize) -> impl Iterator<Item = &Record> + Clone {
    records.iter().filter(move |record| record.key.method == method.name && record.key.depth == depth)
}

/// Those at the chosen rate.
pub fn at_best<'r>(records: &'r [Record], chosen: &Chosen) -> impl Iterator<Item = &'r Record> + Clone {
    let rate = chosen.rate;
    of(records, chosen.method, chosen.depth).filter(move |record| record.key.rate == rate)
}

/// The result of a method at a depth, chosen among these rates, the earlier of equal ones; `None` without trainings.
pub fn choose(records: &[Record], (method, depth): (Method, usize), rates: &[f64]) -> Option<Chosen> {
    let all = of(records, method, depth);
    let at = |rate: f64| all.clone().filter(move |record| record.key.rate == rate);
    let scored = |rate: f64, value: fn(&Scores) -> f64| {
        Statistic::of(at(rate).map(move |record| record.outcome.scores.as_ref().map_or(0.0, value)))
    };
    let validated = rates.iter().map(|&rate| (rate, scored(rate, |scores| scores.validation_accuracy).mean));
    let validated: Vec<(f64, f64)> = validated.filter(|(_, accuracy)| accuracy.is_finite()).collect();
    let &best = validated.iter().reduce(|best, other| if other.1 > best.1 { other } else { best })?;
    let (rate, validation_accuracy) = best;
    let good = |&(rate, accuracy): &(f64, f64)| {
        (accuracy > 0.0 && accuracy >= SHARE * validation_accuracy).then_some(rate)
    };
    Some(Chosen {
        method,
        depth,
        rate,
        validation_accuracy,
        test_accuracy: scored(rate, |scores| scores.test_accuracy),
        test_loss: Statistic::of(at(rate).filter_map(|record| Some(record.outcome.scores?.test_loss))),
        step_ms: Statistic::of(at(rate).filter_map(|record| record.outcome.step_ms)),
        good_rates: validated.iter().filter_map(good).collect(),
        diverged: all.clone().filter(|record| record.outcome.scores.is_none()).count(),
        trainings: all.count(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::super::methods::ALL;
    use super::super::train::Outcome;
    use super::*;

    /// A training of the first method; its validation and test accuracy, if it did not diverge.
    fn record(depth: usize, (rate, seed): (f64, u64), accuracies: Option<(f64, f64)>) -> Record {
        let (method, options) = (ALL[0].name.to_owned(), String::new());
        let scores = accuracies.map(|(validation_accuracy, test_accuracy)| Scores {
            validation_accuracy,
            test_accuracy,
            test_loss: 2.0 * test_accuracy,
        });
        let step_ms = scores.map(|_| rate);
        let outcome = Outcome { scores, step_ms, gradients_before: Vec::new(), gradients_after: Vec::new() };
        Record { key: Key { method, depth, rate, seed, options }, outcome }
    }

    #[test]
    fn the_validation_chooses_the_rate_and_the_test_scores_it() {
        let records = [
            record(5, (0.1, 0), Some((0.6, 0.99))),
            record(5, (0.1, 1), Some((0.8, 0.99))),
            // 0.75 on average: the best.
            record(5, (0.2, 0), Some((0.7, 0.5))),
            record(5, (0.2, 1), Some((0.8, 0.7))),
            // As good: the earlier rate counts.
            record(5, (0.3, 0), Some((0.75, 0.9))),
            record(5, (0.3, 1), Some((0.75, 0.9))),
            // Good once, then diverged.
            record(5, (0.4, 0), Some((0.9, 0.9))),
            record(5, (0.4, 1), None),
            // Another depth.
            record(9, (0.1, 0), Some((1.0, 1.0))),
        ];
        let chosen = choose(&records, (ALL[0], 5), &[0.1, 0.2, 0.3, 0.4]).unwrap();
        assert_eq!(chosen.rate, 0.2);
        assert!((chosen.validation_accuracy - 0.75).abs() < 1e-12);
        assert!((chosen.test_accuracy.mean - 0.6).abs() < 1e-12);
        assert!((chosen.test_accuracy.deviation - 0.02f64.sqrt()).abs() < 1e-12);
        assert!((chosen.test_loss.mean - 1.2).abs() < 1e-12 && chosen.step_ms.mean == 0.2);
        // 0.7 is more than 0.9 · 0.75, the mean of 0.9 and 0 is not.
        assert_eq!(chosen.good_rates, [0.1, 0.2, 0.3]);
        assert_eq!((chosen.diverged, chosen.trainings), (1, 8));
        assert_eq!(at_best(&records, &chosen).count(), 2);
        assert!(choose(&records, (ALL[1], 5), &[0.1]).is_none());
    }

    #[test]
    fn a_method_that_always_diverges_has_a_result() {
        let records = [record(5, (0.1, 0), None), record(5, (0.2, 0), None)];
        let chosen = choose(&records, (ALL[0], 5), &[0.1, 0.2]).unwrap();
        assert_eq!((chosen.rate, chosen.validation_accuracy, chosen.test_accuracy.mean), (0.1, 0.0, 0.0));
        assert!(chosen.test_loss.mean.is_nan() && chosen.good_rates.is_empty());
        assert_eq!((chosen.diverged, chosen.trainings), (2, 2));
    }
}
