//! What came of the trainings: the best rate of every arm for every task, and its scores.

use super::nets::Net;
use super::options::Scaling;
use super::records::Record;
use crate::given;
use crate::run::{Statistic, median};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What arms are compared on: a net for a data set, with scaled inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    pub data: String,
    pub net: Net,
    pub scaling: Scaling,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.data, self.net, given::word(self.scaling))
    }
}

/// An arm's result on a task, at its best rate.
#[derive(Clone, Debug, Serialize)]
pub struct Scored {
    #[serde(flatten)]
    pub task: Task,
    pub arm: String,
    pub rate: f64,
    /// The mean over the seeds, which chose the rate.
    pub validation: f64,
    pub test: Statistic,
    /// The median over the seeds of the epochs until the validation score reaches [`SHARE`] of the best arm's, over the seeds that do.
    pub epochs: Option<f64>,
    /// How many seeds do, of how many.
    pub reached: usize,
    pub seeds: usize,
}

/// The share of the best arm's validation score that counts as learnt.
pub const SHARE: f64 = 0.9;

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    Statistic::of(values).mean
}

/// An arm's trainings on a task at a rate, on this share of the training rows.
pub fn trainings<'r>(
    records: &'r [Record],
    (task, arm): (&Task, &str),
    (rate, share): (f64, f64),
) -> Vec<&'r Record> {
    let wanted = |record: &&Record| {
        let key = &record.key;
        key.task == *task && key.arm == arm && key.rate == rate && key.share == share
    };
    records.iter().filter(wanted).collect()
}

/// The rate with the best mean validation score on all rows, and that score; the earlier one of equals.
pub fn best_rate(records: &[Record], task: &Task, arm: &str, rates: &[f64]) -> Option<(f64, f64)> {
    let score = |&rate: &f64| {
        let all = trainings(records, (task, arm), (rate, 1.0));
        (rate, mean(all.iter().map(|record| record.outcome.validation)))
    };
    let scored = rates.iter().map(score).filter(|(_, score)| score.is_finite());
    scored.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

/// The tasks in the order of their trainings.
pub fn tasks(records: &[Record]) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for record in records {
        if !tasks.contains(&record.key.task) {
            tasks.push(record.key.task.clone());
        }
    }
    tasks
}

/// The results of these arms on every task that they were trained on.
pub fn scored(records: &[Record], arms: &[&str], rates: &[f64]) -> Vec<Scored> {
    let mut results = Vec::new();
    for task in tasks(records) {
        let chosen = arms.iter().filter_map(|&arm| {
            let (rate, validation) = best_rate(records, &task, arm, rates)?;
            Some((arm, rate, validation))
        });
        let chosen: Vec<_> = chosen.collect();
        let best = chosen.iter().map(|(.., validation)| *validation).fold(0.0, f64::max);
        for (arm, rate, validation) in chosen {
            let all = trainings(records, (&task, arm), (rate, 1.0));
            let reach = |record: &&Record| {
                let reached = record.outcome.curve.iter().position(|&score| score >= SHARE * best);
                reached.map(|epoch| (epoch + 1) as f64)
            };
            let epochs: Vec<f64> = all.iter().filter_map(reach).collect();
            results.push(Scored {
                task: task.clone(),
                arm: arm.to_owned(),
                rate,
                validation,
                test: Statistic::of(all.iter().map(|record| record.outcome.test)),
                reached: epochs.len(),
                seeds: all.len(),
                epochs: (!epochs.is_empty()).then(|| median(epochs)),
            });
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::super::records::{Key, Outcome};
    use super::*;

    fn record(arm: &str, rate: f64, seed: u64, validation: f64, test: f64, curve: &[f64]) -> Record {
        let task = Task { data: "iris".into(), net: Net::Dense, scaling: Scaling::Unit };
        let key = Key { task, arm: arm.into(), rate, seed, share: 1.0, options: String::new() };
        Record { key, outcome: Outcome { validation, test, curve: curve.to_vec(), seconds: 1.0 } }
    }

    #[test]
    fn the_validation_chooses_the_rate_and_the_test_scores_it() {
        let mut records = vec![
            record("a", 0.1, 0, 0.6, 0.99, &[0.6]),
            record("a", 0.1, 1, 0.8, 0.99, &[0.8]),
            // 0.75 on average: the best of a.
            record("a", 0.2, 0, 0.7, 0.5, &[0.1, 0.75, 0.7]),
            record("a", 0.2, 1, 0.8, 0.7, &[0.2, 0.3, 0.8]),
            // As good: the earlier rate counts.
            record("a", 0.3, 0, 0.75, 0.9, &[0.75]),
            record("b", 0.1, 0, 0.2, 0.1, &[0.2]),
        ];
        // Trained on a share of the rows: counts for no rate.
        let part = record("a", 0.3, 0, 1.0, 1.0, &[1.0]);
        records.push(Record { key: Key { share: 0.5, ..part.key }, ..part });
        let results = scored(&records, &["a", "b", "c"], &[0.1, 0.2, 0.3]);
        assert_eq!(results.len(), 2);
        let [a, b] = &results[..] else { panic!("not two results") };
        assert_eq!((a.rate, a.seeds, a.reached), (0.2, 2, 2));
        assert!((a.test.mean - 0.6).abs() < 1e-12);
        // 0.9 of 0.75 is reached after the second epoch and after the third.
        assert_eq!((a.epochs, b.epochs, b.reached), (Some(2.5), None, 0));
    }
}
