//! Splits of a data set into rows for training and rows that training never sees: at random, by groups or in time; a single split or k
//! folds.

use super::{Dataset, Targets};
use crate::{Error, Result};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;

/// A training part and a part that training never sees: of a data set, or of a [`Table`](super::Table).
#[derive(Clone, Debug, PartialEq)]
pub struct Split<T = Dataset> {
    /// For training, and for fitting scalers and preparations.
    pub train: T,
    /// For validation or testing.
    pub test: T,
}

/// k splits of one data set, one after another: an iterator that copies the rows of each split when it is reached. From
/// [`Dataset::folds`], [`Dataset::group_folds`] and [`Dataset::time_folds`].
///
/// ```
/// use autorot::{Dataset, Split};
///
/// let data = Dataset::values([1], vec![0.0, 0.1, 0.2, 0.3, 0.4], [1], vec![0.0, 1.0, 2.0, 3.0, 4.0])?;
/// let folds = data.folds(5, 0)?;
/// let last = folds.test_rows(4);
/// for (i, Split { train, test }) in folds.enumerate() {
///     assert_eq!((train.len(), test.len()), (4, 1));
///     // Train on one part, evaluate on the other.
/// }
/// assert_eq!(last.len(), 1);
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Folds<'a> {
    data: &'a Dataset,
    /// The fold in which each row is tested; in time folds [`NEVER`] for the rows before the first.
    tested: Vec<usize>,
    count: usize,
    /// Whether a fold is trained only on the rows of earlier folds.
    in_time: bool,
    next: usize,
}

/// In [`Folds::tested`], a row that no fold tests.
const NEVER: usize = usize::MAX;

impl Dataset {
    /// Splits off a share of the rows for testing, at random. The test part has `test_share` of all rows, rounded to a whole number. In a
    /// classification set each class contributes its share, rounded so that the sum is right (by largest remainders, with ties broken at
    /// random), and keeps at least one row for training. The same seed gives the same split. Classes per time step are not considered.
    ///
    /// # Errors
    /// A share outside of 0..1, one that leaves a part without rows, or one with which classes would lose their last training row.
    pub fn split(&self, test_share: f64, seed: u64) -> Result<Split> {
        let wanted = self.test_len(test_share)?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut strata = self.strata();
        strata.iter_mut().for_each(|rows| rows.shuffle(&mut rng));
        // Chance decides the order of equal remainders.
        strata.shuffle(&mut rng);
        let most = self.len() - strata.len();
        if wanted > most {
            return Err(Error::invalid(
                "data set split",
                format!("a share of {test_share}, {wanted} test rows of {}", self.len()),
                format!(
                    "at most {most} rows for testing, so that each of {} classes keeps one",
                    strata.len()
                ),
                "choose a smaller share, or add more rows of rare classes",
            ));
        }
        let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
        let mut test: Vec<usize> = Vec::with_capacity(wanted);
        for (rows, count) in strata.iter().zip(quotas(&sizes, wanted)) {
            test.extend_from_slice(&rows[..count]);
        }
        Ok(self.without(&test))
    }

    /// Splits off whole groups of rows for testing, at random: `groups` names the group of every row (a patient, a speaker, a place), and
    /// no group has rows in both parts (like scikit-learn's `GroupShuffleSplit`, except that the share is one of rows, not of groups).
    /// Groups are drawn one after another and taken if that brings the number of test rows closer to `test_share` of all; each part gets
    /// at least one. The same seed gives the same split.
    ///
    /// Classes are not balanced; a class of the test part that the training part lacks is reported through `log`.
    ///
    /// # Errors
    /// A share outside of 0..1; a number of groups that differs from the number of rows; fewer than two different groups.
    pub fn split_groups<G: Ord>(&self, groups: &[G], test_share: f64, seed: u64) -> Result<Split> {
        check_share(test_share)?;
        let mut members = self.members(groups, 2)?;
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let wanted = self.len() as f64 * test_share;
        let off = |rows: usize| (rows as f64 - wanted).abs();
        let mut test: Vec<usize> = Vec::new();
        for rows in &members {
            let more = test.len() + rows.len();
            if more < self.len() && off(more) < off(test.len()) {
                test.extend_from_slice(rows);
            }
        }
        if test.is_empty() {
            // All are larger than twice the share: the smallest comes closest.
            let smallest = members.iter().min_by_key(|rows| rows.len());
            test.extend(smallest.into_iter().flatten());
        }
        Ok(self.without(&test))
    }

    /// Splits off the last share of the rows for testing. If rows are in the order of time, these came later, as with a model in use. A
    /// class of the test part that the training part lacks is reported through `log`.
    ///
    /// # Errors
    /// A share outside of 0..1, or one that leaves a part without rows.
    pub fn split_last(&self, test_share: f64) -> Result<Split> {
        let wanted = self.test_len(test_share)?;
        let test: Vec<usize> = (self.len() - wanted..self.len()).collect();
        Ok(self.without(&test))
    }

    /// Splits the rows into k folds at random. Each fold is the test part of one split, whose training part is the others (scikit-learn's
    /// `StratifiedKFold` with `shuffle=True`). Every row is tested once; the folds' sizes differ by at most one row, and so do the rows
    /// per class. The same seed gives the same folds.
    ///
    /// A class with a single row is missing from one training part, which is reported through `log`. Classes per time step are not
    /// considered.
    ///
    /// # Errors
    /// Fewer than 2 folds, or more than rows.
    pub fn folds(&self, k: usize, seed: u64) -> Result<Folds<'_>> {
        check_folds(k, self.len())?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut tested = vec![0; self.len()];
        let mut strata = self.strata();
        strata.iter_mut().for_each(|rows| rows.shuffle(&mut rng));
        // Dealt like cards, class after class, so that the folds differ by at most one row.
        for (place, &row) in strata.iter().flatten().enumerate() {
            tested[row] = place % k;
        }
        Ok(Folds { data: self, tested, count: k, in_time: false, next: 0 })
    }

    /// Splits the rows into k folds of whole groups: `groups` names the group of every row, and no group is in both parts of a split
    /// (scikit-learn's `GroupKFold`). Every row is tested once. Large groups are dealt first, each to the fold with the fewest rows so
    /// far, so that the sizes are as equal as the groups allow; the seed decides between equal ones.
    ///
    /// A class of a test part that its training part lacks is reported through `log`.
    ///
    /// # Errors
    /// Fewer than 2 folds; a number of groups that differs from the number of rows; fewer different groups than folds.
    pub fn group_folds<G: Ord>(&self, groups: &[G], k: usize, seed: u64) -> Result<Folds<'_>> {
        check_folds(k, self.len())?;
        let mut members = self.members(groups, k)?;
        members.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
        let mut tested = vec![0; self.len()];
        let mut sizes = vec![0; k];
        for rows in members {
            let fold = (0..k).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
            sizes[fold] += rows.len();
            rows.into_iter().for_each(|row| tested[row] = fold);
        }
        Ok(Folds { data: self, tested, count: k, in_time: false, next: 0 })
    }

    /// Splits rows in the order of time into k folds, each of which is tested after training on all rows before it (scikit-learn's
    /// `TimeSeriesSplit`). Of n rows the last k blocks of n/(k + 1), rounded down, are the test parts, and the rows before the first are
    /// only trained on. A class of a test part that its training part lacks is reported through `log`.
    ///
    /// # Errors
    /// Fewer than 2 folds, or no more rows than folds.
    pub fn time_folds(&self, k: usize) -> Result<Folds<'_>> {
        check_folds(k, self.len() - 1)?;
        let size = self.len() / (k + 1);
        let first = self.len() - k * size;
        let tested = (0..self.len()).map(|row| row.checked_sub(first).map_or(NEVER, |after| after / size));
        Ok(Folds { data: self, tested: tested.collect(), count: k, in_time: true, next: 0 })
    }

    /// The rows of each class that occurs, or all rows if rows do not have one class each.
    fn strata(&self) -> Vec<Vec<usize>> {
        let class = |row: usize| match self.targets() {
            Targets::Classes { labels, steps: 1, .. } => labels[row],
            Targets::Classes { .. } | Targets::Values { .. } => 0,
        };
        gathered((0..self.len()).map(class))
    }

    /// The rows of each group; there must be at least `least` groups.
    fn members<G: Ord>(&self, groups: &[G], least: usize) -> Result<Vec<Vec<usize>>> {
        if groups.len() != self.len() {
            return Err(Error::invalid(
                "data set groups",
                format!("groups of {} rows", groups.len()),
                format!("the group of each of {} rows", self.len()),
                "name one group for every row, in the order of the rows",
            ));
        }
        let members = gathered(groups.iter());
        if members.len() < least {
            return Err(Error::invalid(
                "data set groups",
                format!("{} different groups", members.len()),
                format!("at least {least}, one for every part"),
                "ask for fewer parts, or split by smaller groups",
            ));
        }
        Ok(members)
    }

    /// The number of rows in a share.
    fn test_len(&self, test_share: f64) -> Result<usize> {
        check_share(test_share)?;
        let wanted = (self.len() as f64 * test_share).round() as usize;
        if wanted == 0 || wanted >= self.len() {
            return Err(Error::invalid(
                "data set split",
                format!("{wanted} test rows of {} from a share of {test_share}", self.len()),
                "at least one row in each part",
                "choose another share, or add more rows",
            ));
        }
        Ok(wanted)
    }

    /// The split with these test rows.
    fn without(&self, test: &[usize]) -> Split {
        let mut tested = vec![NEVER; self.len()];
        test.iter().for_each(|&row| tested[row] = 0);
        Folds { data: self, tested, count: 1, in_time: false, next: 0 }.split(0)
    }
}

impl Folds<'_> {
    /// The indices of the rows that a split tests, in ascending order; none past the last fold.
    pub fn test_rows(&self, fold: usize) -> Vec<usize> {
        self.rows(|tested| tested == fold && fold < self.count)
    }

    /// The indices of the rows that a split trains on, in ascending order; none past the last fold.
    pub fn train_rows(&self, fold: usize) -> Vec<usize> {
        let earlier = |tested: usize| tested < fold || tested == NEVER;
        let other = |tested: usize| if self.in_time { earlier(tested) } else { tested != fold };
        self.rows(|tested| fold < self.count && other(tested))
    }

    fn rows(&self, which: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.tested.len()).filter(|&row| which(self.tested[row])).collect()
    }

    fn split(&self, fold: usize) -> Split {
        let [train, test] = [self.train_rows(fold), self.test_rows(fold)].map(|rows| self.data.picked(&rows));
        tell_missing(&train, &test);
        Split { train, test }
    }
}

impl Iterator for Folds<'_> {
    type Item = Split;

    fn next(&mut self) -> Option<Split> {
        let fold = self.next;
        (fold < self.count).then(|| {
            self.next += 1;
            self.split(fold)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count - self.next, Some(self.count - self.next))
    }
}

impl ExactSizeIterator for Folds<'_> {}

/// The places of equal keys, in the order of the keys.
fn gathered<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    for (place, key) in keys.enumerate() {
        places.entry(key).or_default().push(place);
    }
    places.into_values().collect()
}

/// How many rows to take from strata of these sizes, `wanted` in all and in proportion to the sizes: by largest remainder, the earlier of
/// equal ones first. One row of each stays, so there must be enough rows for that.
fn quotas(sizes: &[usize], wanted: usize) -> Vec<usize> {
    let all = sizes.iter().map(|&size| size as u128).sum::<u128>();
    let shares = sizes.iter().map(|&size| size as u128 * wanted as u128);
    // If any row is left for training, a whole share is less than its stratum.
    let mut counts: Vec<usize> = shares.clone().map(|share| (share / all) as usize).collect();
    let remainders: Vec<u128> = shares.map(|share| share % all).collect();
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(remainders[i]));
    let mut missing = wanted.saturating_sub(counts.iter().sum());
    while missing > 0 {
        for &i in &order {
            if missing > 0 && counts[i] + 1 < sizes[i] {
                counts[i] += 1;
                missing -= 1;
            }
        }
    }
    counts
}

/// Warns about classes of the test part that the training part lacks.
fn tell_missing(train: &Dataset, test: &Dataset) {
    let missing = missing(train, test);
    if !missing.is_empty() {
        let names = missing.iter().take(10).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
        let more = if missing.len() > 10 { ", …" } else { "" };
        log::warn!(
            "data set split: no training row of {} of the tested classes: {names}{more}",
            missing.len()
        );
    }
}

/// The classes of a test part that the training part lacks.
fn missing<'a>(train: &Dataset, test: &'a Dataset) -> Vec<&'a str> {
    let (Targets::Classes { labels: trained, .. }, Targets::Classes { labels: tested, names, .. }) =
        (train.targets(), test.targets())
    else {
        return Vec::new();
    };
    let mut lacking = vec![false; names.len()];
    tested.iter().for_each(|&label| lacking[label as usize] = true);
    trained.iter().for_each(|&label| lacking[label as usize] = false);
    names.iter().zip(lacking).filter(|(_, lacking)| *lacking).map(|(name, _)| name.as_str()).collect()
}

pub(super) fn check_share(test_share: f64) -> Result<()> {
    if test_share > 0.0 && test_share < 1.0 {
        return Ok(());
    }
    Err(Error::invalid(
        "data set split",
        format!("a share of {test_share}"),
        "a share above 0 and below 1",
        "0.2 keeps a fifth for testing",
    ))
}

fn check_folds(k: usize, most: usize) -> Result<()> {
    if (2..=most).contains(&k) {
        return Ok(());
    }
    Err(Error::invalid(
        "data set folds",
        format!("{k} folds"),
        format!("at least 2, and at most {most} for these rows"),
        "5 and 10 are usual; for a single part to test on use a split",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_only_the_test_part_has_are_found() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let data = Dataset::classes([1], vec![0.0; 6], vec![0, 0, 1, 0, 1, 2], names).unwrap();
        let lacking = |split: Split| missing(&split.train, &split.test).join(" ");
        assert_eq!(lacking(data.split_last(0.5).unwrap()), "c");
        assert_eq!(lacking(data.split_last(0.75).unwrap()), "b c");
        assert_eq!(lacking(data.split_groups(&data_groups(), 0.3, 0).unwrap()), "");
        // A class with one row is missing from training where it is tested.
        assert_eq!(data.folds(3, 0).unwrap().map(lacking).collect::<String>(), "c");
        let values = Dataset::values([1], vec![0.0; 4], [1], vec![0.0; 4]).unwrap();
        assert_eq!(lacking(values.split_last(0.5).unwrap()), "");
    }

    /// Two rows of the first class, and all others.
    fn data_groups() -> [bool; 6] {
        [true, true, false, false, false, false]
    }

    #[test]
    fn quotas_are_in_proportion_and_leave_a_row_of_each() {
        assert_eq!(quotas(&[10, 1], 6), [6, 0]);
        assert_eq!(quotas(&[5, 3, 2], 5), [3, 1, 1]);
        assert_eq!(quotas(&[1, 1, 1, 7], 6), [0, 0, 0, 6]);
        assert_eq!(quotas(&[2, 2, 2], 2), [1, 1, 0]);
        assert_eq!(quotas(&[3, 3, 90], 93), [2, 2, 89]);
    }
}
