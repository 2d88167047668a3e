//! Ranks of several methods over several tasks, and tests of their differences (Demšar 2006).

use serde::Serialize;
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};

/// Tests of the hypothesis that all methods are equal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Friedman {
    /// Friedman's statistic, corrected for ties, and the probability of a larger one: by the χ² distribution with k − 1 degrees of freedom.
    pub chi_square: f64,
    pub p: f64,
    /// Iman and Davenport's statistic, less conservative, by the F distribution with k − 1 and (k − 1)(N − 1) degrees.
    pub f: f64,
    pub f_p: f64,
}

/// The ranks of scores, 1 for the highest; equal ones share the mean of theirs.
pub fn ranks(scores: &[f64]) -> Vec<f64> {
    let rank = |score: &f64| {
        let better = scores.iter().filter(|other| *other > score).count() as f64;
        let equal = scores.iter().filter(|other| *other == score).count() as f64;
        better + (equal + 1.0) / 2.0
    };
    scores.iter().map(rank).collect()
}

/// The mean ranks over tasks, each with a score for every method.
pub fn mean_ranks(scores: &[Vec<f64>]) -> Vec<f64> {
    let all: Vec<Vec<f64>> = scores.iter().map(|scores| ranks(scores)).collect();
    let methods = all.first().map_or(0, Vec::len);
    (0..methods).map(|m| all.iter().map(|ranks| ranks[m]).sum::<f64>() / all.len() as f64).collect()
}

/// Friedman's test; `None` with fewer than two tasks or methods, or if all scores of every task are equal.
pub fn friedman(scores: &[Vec<f64>]) -> Option<Friedman> {
    let (n, k) = (scores.len() as f64, scores.first()?.len() as f64);
    if n < 2.0 || k < 2.0 {
        return None;
    }
    // Σ (t³ − t) over groups of t equal scores is Σ (t² − 1) over the scores.
    let tied = |scores: &Vec<f64>| -> f64 {
        let equal = |score: &f64| scores.iter().filter(|other| *other == score).count() as f64;
        scores.iter().map(|score| equal(score).powi(2) - 1.0).sum()
    };
    let ties = 1.0 - scores.iter().map(tied).sum::<f64>() / (n * k * (k * k - 1.0));
    if ties <= 0.0 {
        return None;
    }
    let squares: f64 = mean_ranks(scores).iter().map(|rank| (rank - (k + 1.0) / 2.0).powi(2)).sum();
    let chi_square = 12.0 * n / (k * (k + 1.0)) * squares / ties;
    let f = (n - 1.0) * chi_square / (n * (k - 1.0) - chi_square).max(0.0);
    let of_f = FisherSnedecor::new(k - 1.0, (k - 1.0) * (n - 1.0)).ok()?;
    Some(Friedman {
        chi_square,
        p: ChiSquared::new(k - 1.0).ok()?.sf(chi_square),
        f,
        // Infinite where all tasks agree.
        f_p: if f.is_finite() { of_f.sf(f) } else { 0.0 },
    })
}

/// Nemenyi's critical values for 2 methods and more at a level of 5 %: quantiles of the studentised range divided by √2. To 10 methods from
/// Demšar 2006, table 5; the others from scipy 1.17.1, `studentized_range.ppf(0.95, k, inf) / sqrt(2)`.
const NEMENYI: [f64; 29] = [
    1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354, 3.391, 3.426,
    3.458, 3.489, 3.517, 3.544, 3.569, 3.593, 3.616, 3.637, 3.658, 3.678, 3.696, 3.714, 3.732, 3.749,
];

/// By how much two mean ranks must differ to count as different at a level of 5 % (Nemenyi): q·√(k(k + 1)/(6N)). `None` for fewer than two
/// methods or more than 30, or fewer than two tasks.
pub fn critical_difference(methods: usize, tasks: usize) -> Option<f64> {
    let q = NEMENYI.get(methods.checked_sub(2)?).filter(|_| tasks > 1)?;
    let (k, n) = (methods as f64, tasks as f64);
    Some(q * (k * (k + 1.0) / (6.0 * n)).sqrt())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[track_caller]
    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-9 * wanted.abs(), "found {found}, wanted {wanted}");
    }

    #[test]
    fn equal_scores_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[0.81, 0.83, 0.83, 0.79]), [3.0, 1.5, 1.5, 4.0]);
        assert_eq!(ranks(&[0.5; 5]), [3.0; 5]);
        assert_eq!(ranks(&[1.0, 3.0, 2.0]), [3.0, 1.0, 2.0]);
        assert_eq!(ranks(&[]), [0.0; 0]);
        assert_eq!(mean_ranks(&[vec![2.0, 1.0], vec![1.0, 1.0]]), [1.25, 1.75]);
    }

    #[test]
    fn friedmans_test_agrees_with_scipy() {
        // scipy 1.17.1: stats.friedmanchisquare(*(columns)), ranks by stats.rankdata(-row), stats.f.sf.
        let scores = [
            [0.81, 0.83, 0.83, 0.79],
            [0.62, 0.70, 0.66, 0.66],
            [0.91, 0.90, 0.95, 0.93],
            [0.55, 0.58, 0.60, 0.55],
            [0.77, 0.80, 0.79, 0.74],
            [0.68, 0.71, 0.74, 0.70],
        ]
        .map(Vec::from);
        for (found, wanted) in
            mean_ranks(&scores).into_iter().zip([41.0 / 12.0, 23.0 / 12.0, 1.5, 19.0 / 6.0])
        {
            close(found, wanted);
        }
        let found = friedman(&scores).unwrap();
        close(found.chi_square, 9.947368421052635);
        close(found.p, 0.019018862212591567);
        close(found.f, 6.1764705882353);
        close(found.f_p, 0.006045526921347533);
        // Without ties.
        let scores = [[1, 2, 3], [1, 3, 2], [1, 2, 3], [2, 1, 3], [1, 2, 3]];
        let found = friedman(&scores.map(|row| row.map(f64::from).to_vec())).unwrap();
        close(found.chi_square, 6.4);
        close(found.p, 0.04076220397836611);
        assert_eq!(friedman(&[vec![1.0, 1.0], vec![2.0, 2.0]]), None);
        assert_eq!(friedman(&[vec![1.0, 2.0]]), None);
        // All agree: nothing could be clearer.
        let found = friedman(&[vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]]).unwrap();
        assert!(found.f_p < 1e-9 && found.p > 0.1, "{found:?}");
    }

    #[test]
    fn nemenyis_critical_difference_is_that_of_demsars_example() {
        // Four classifiers on 14 data sets: 1.25 (Demšar 2006, section 3.2.2).
        assert!((critical_difference(4, 14).unwrap() - 1.25).abs() < 0.005);
        close(critical_difference(2, 6).unwrap(), 1.960 / 6f64.sqrt());
        assert!(critical_difference(30, 10).is_some());
        assert_eq!(
            [critical_difference(31, 10), critical_difference(1, 10), critical_difference(0, 9)],
            [None; 3]
        );
        assert_eq!(critical_difference(3, 1), None);
    }
}
