//! Splits and folds: of the size that was asked for, every row once, classes in proportion, groups whole, time forwards.

use autorot::{Dataset, Error, Folds, Split, Targets};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::{BTreeMap, BTreeSet};

/// A data set whose input is the number of the row.
fn numbered(labels: Vec<u32>, classes: usize) -> Dataset {
    let inputs = (0..labels.len()).map(|row| row as f32).collect();
    Dataset::classes([1], inputs, labels, (0..classes).map(|c| c.to_string()).collect()).unwrap()
}

fn numbered_values(rows: usize) -> Dataset {
    let inputs = (0..rows).map(|row| row as f32).collect();
    Dataset::values([1], inputs, [1], vec![0.0; rows]).unwrap()
}

fn rows(part: &Dataset) -> Vec<usize> {
    part.inputs().iter().map(|&row| row as usize).collect()
}

fn labels(data: &Dataset) -> &[u32] {
    let Targets::Classes { labels, .. } = data.targets() else { panic!("classes stay classes") };
    labels
}

/// How often each class occurs.
fn counts(data: &Dataset) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    labels(data).iter().for_each(|&label| *counts.entry(label).or_default() += 1);
    counts
}

/// Every row in one of the parts, in its order, with what belongs to it.
fn assert_whole(data: &Dataset, split: &Split) {
    let (train, test) = (rows(&split.train), rows(&split.test));
    for part in [&split.train, &split.test] {
        let rows = rows(part);
        assert!(rows.is_sorted(), "{rows:?}");
        assert_eq!(part, &data.select(&rows).unwrap());
    }
    let all: BTreeSet<usize> = train.iter().chain(&test).copied().collect();
    assert_eq!((all.len(), train.len() + test.len()), (data.len(), data.len()));
}

/// What must hold of all folds that test every row once.
fn assert_partition(data: &Dataset, folds: &Folds<'_>) {
    let mut tested = Vec::new();
    for (i, split) in folds.clone().enumerate() {
        assert_whole(data, &split);
        assert_eq!((rows(&split.train), rows(&split.test)), (folds.train_rows(i), folds.test_rows(i)));
        tested.extend(rows(&split.test));
    }
    tested.sort_unstable();
    assert_eq!(tested, (0..data.len()).collect::<Vec<_>>());
}

#[track_caller]
fn fails<T>(result: Result<T, Error>, parts: &[&str]) {
    let Err(error) = result else { panic!("expected an error naming {parts:?}") };
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{text:?} does not name {part:?}");
    }
}

#[test]
fn a_share_of_many_small_classes_is_that_share() {
    for (classes, each, share, wanted) in [
        (100, 5, 0.1, 50),
        (964, 20, 0.02, 386),
        (964, 20, 0.1, 1928),
        (1000, 3, 0.0005, 2),
        (7, 15, 0.1, 11),
    ] {
        let data = numbered((0..classes * each).map(|row| row % classes).collect(), classes as usize);
        let split = data.split(share, 5).unwrap();
        assert_whole(&data, &split);
        assert_eq!(split.test.len(), wanted, "{classes} classes of {each}, share {share}");
        let (least, most) = (wanted / classes as usize, wanted.div_ceil(classes as usize));
        for class in 0..classes {
            let tested = counts(&split.test).get(&class).copied().unwrap_or(0);
            assert!((least..=most).contains(&tested), "class {class}: {tested}");
        }
        // Chance decides which classes have the odd row.
        let other = counts(&data.split(share, 6).unwrap().test);
        assert_eq!(counts(&split.test) == other, least == most);
    }
}

#[test]
fn over_many_seeds_every_row_is_tested_as_often_and_every_class_in_proportion() {
    // 12, 7 and 6 rows of three classes, mixed; a share of 0.4 tests 10 rows: 4.8, 2.8 and 2.4 of them by proportion, so 5, 3 and
    // 2 by largest remainders, whatever the seed.
    let of = |row: usize| [0, 1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 2, 1][row % 13];
    let all: Vec<u32> = (0..25).map(of).collect();
    let sizes = [0, 1, 2].map(|class| all.iter().filter(|&&c| c == class).count());
    let data = numbered(all.clone(), 3);
    assert_eq!(sizes, [12, 7, 6]);
    let mut tested = vec![0_usize; data.len()];
    let seeds = 2000;
    for seed in 0..seeds {
        let split = data.split(0.4, seed).unwrap();
        assert_eq!(split.test.len(), 10, "seed {seed}");
        assert_eq!(counts(&split.test), BTreeMap::from([(0, 5), (1, 3), (2, 2)]), "seed {seed}");
        rows(&split.test).into_iter().for_each(|row| tested[row] += 1);
        // Folds are dealt from the same strata.
        if seed < 50 {
            for split in data.folds(5, seed).unwrap() {
                let counts = counts(&split.test);
                let of = |class: u32| counts.get(&class).copied().unwrap_or(0) as f64;
                assert!(
                    (0..3).all(|class| (of(class) - sizes[class as usize] as f64 / 5.0).abs() < 1.0),
                    "{counts:?}"
                );
            }
        }
    }
    // Within a class chance takes every row as often, to within five deviations.
    for class in 0..3 {
        let of_class: Vec<usize> = (0..25).filter(|&row| all[row] == class).collect();
        let total: usize = of_class.iter().map(|&row| tested[row]).sum();
        let mean = total as f64 / of_class.len() as f64;
        let share = mean / seeds as f64;
        let deviation = (seeds as f64 * share * (1.0 - share)).sqrt();
        for row in of_class {
            assert!(
                (tested[row] as f64 - mean).abs() < 5.0 * deviation,
                "row {row}: {} of {mean}",
                tested[row]
            );
        }
    }
}

#[test]
fn the_same_seed_splits_alike_and_another_otherwise() {
    let data = numbered((0..100).map(|row| u32::from(row % 10 == 0)).collect(), 2);
    let split = data.split(0.2, 1).unwrap();
    assert_eq!((split.train.len(), labels(&split.test).iter().sum::<u32>()), (80, 2));
    assert_eq!(split, data.split(0.2, 1).unwrap());
    assert_ne!(split, data.split(0.2, 2).unwrap());
    let first = |seed| data.folds(4, seed).unwrap().next().unwrap();
    assert_eq!(first(3), first(3));
    assert_ne!(first(3), first(4));
    let groups: Vec<usize> = (0..100).map(|row| row / 5).collect();
    let grouped = |seed| data.split_groups(&groups, 0.3, seed).unwrap();
    assert_eq!(grouped(3), grouped(3));
    assert_ne!(grouped(3), grouped(4));
    let first = |seed| data.group_folds(&groups, 4, seed).unwrap().next().unwrap();
    assert_eq!(first(3), first(3));
    assert_ne!(first(3), first(4));
}

#[test]
fn every_class_keeps_a_training_row() {
    let data = numbered([vec![0; 10], vec![1]].concat(), 2);
    for (share, wanted) in [(0.5, 6), (0.8, 9)] {
        let split = data.split(share, 0).unwrap();
        assert_eq!((split.test.len(), counts(&split.train)[&1]), (wanted, 1));
    }
    fails(data.split(0.9, 0), &["10 test rows of 11", "at most 9", "2 classes", "smaller share"]);
    let single = numbered((0..5).collect(), 5);
    fails(single.split(0.2, 0), &["at most 0", "5 classes"]);
    // Classes of steps are those of no row.
    let names = vec!["a".into(), "b".into()];
    let steps = Dataset::step_classes([2, 1], vec![0.5; 8], vec![0, 0, 0, 0, 0, 0, 0, 1], names).unwrap();
    assert_eq!(steps.split(0.75, 0).unwrap().train.len(), 1);
}

#[test]
fn the_last_rows_are_split_off_in_their_order() {
    let split = numbered_values(10).split_last(0.3).unwrap();
    assert_eq!(rows(&split.train), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(rows(&split.test), [7, 8, 9]);
    for share in [0.0, 1.0, f64::NAN, 0.01, 0.99] {
        fails(numbered_values(10).split_last(share), &["data set split: found"]);
        fails(numbered_values(10).split(share, 0), &["data set split: found"]);
    }
    assert!(numbered_values(1).split_last(0.5).is_err() && numbered_values(1).split(0.5, 0).is_err());
}

#[test]
fn folds_in_time_train_on_what_came_before() {
    let data = numbered_values(11);
    let folds = data.time_folds(3).unwrap();
    let found: Vec<_> = folds.clone().map(|split| (rows(&split.train), rows(&split.test))).collect();
    // As scikit-learn's TimeSeriesSplit(3).
    let wanted = [(5, 5..7), (7, 7..9), (9, 9..11)];
    assert_eq!(found, wanted.map(|(train, test)| ((0..train).collect(), test.collect())));
    assert_eq!((folds.len(), folds.train_rows(2).len(), folds.test_rows(2)), (3, 9, vec![9, 10]));
    assert!(folds.train_rows(3).is_empty() && folds.test_rows(3).is_empty());
    assert!(folds.test_rows(usize::MAX).is_empty() && folds.train_rows(usize::MAX).is_empty());
    assert_eq!(numbered_values(3).time_folds(2).unwrap().len(), 2);
    fails(numbered_values(3).time_folds(3), &["3 folds", "at most 2"]);
    fails(numbered_values(1).time_folds(1), &["1 folds"]);
}

#[test]
fn groups_stay_whole() {
    let data = numbered_values(12);
    // Of sizes 6, 3, 2 and 1, by name.
    let groups = ["a", "b", "a", "c", "a", "b", "a", "d", "a", "b", "a", "c"];
    for seed in 0..20 {
        let split = data.split_groups(&groups, 0.25, seed).unwrap();
        let inside = |part: &Dataset| rows(part).iter().map(|&row| groups[row]).collect::<BTreeSet<_>>();
        assert!(inside(&split.train).is_disjoint(&inside(&split.test)), "{split:?}");
        assert!((2..=4).contains(&split.test.len()), "{:?}", rows(&split.test));
    }
    // The smallest where all are too large, and never all of them.
    let halves: Vec<bool> = (0..12).map(|row| row < 5).collect();
    assert_eq!(rows(&data.split_groups(&halves, 0.1, 0).unwrap().test), [0, 1, 2, 3, 4]);
    assert!(data.split_groups(&halves, 0.99, 0).unwrap().train.len() >= 5);
    let folds = data.group_folds(&groups, 3, 0).unwrap();
    assert_eq!([0, 1, 2].map(|fold| folds.test_rows(fold).len()), [6, 3, 3]);
    fails(data.group_folds(&groups, 5, 0), &["4 different groups", "at least 5"]);
    fails(data.group_folds(&groups, 1, 0), &["1 folds", "at least 2"]);
    fails(data.group_folds(&groups[1..], 2, 0), &["groups of 11 rows", "12 rows"]);
    fails(data.split_groups(&[7; 12], 0.5, 0), &["1 different groups", "at least 2"]);
    fails(data.split_groups(&groups, 1.0, 0), &["a share of 1"]);
}

#[test]
fn folds_are_counted() {
    let data = numbered_values(5);
    let mut folds = data.folds(5, 0).unwrap();
    assert_eq!(folds.len(), 5);
    assert_eq!((folds.next().unwrap().test.len(), folds.len()), (1, 4));
    assert_eq!((folds.by_ref().count(), folds.next().is_none()), (4, true));
    for k in [0, 1, 6, usize::MAX] {
        fails(data.folds(k, 0), &[&format!("{k} folds"), "at most 5"]);
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 200,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn a_split_has_the_size_and_the_classes_that_were_asked_for(
        labels in prop::collection::vec(0_u32..12, 2..120),
        share in 0.01_f64..0.99,
        seed: u64,
    ) {
        let data = numbered(labels, 12);
        let all = counts(&data);
        let wanted = (data.len() as f64 * share).round() as usize;
        match data.split(share, seed) {
            Ok(split) => {
                assert_whole(&data, &split);
                prop_assert_eq!(split.test.len(), wanted);
                let (train, test) = (counts(&split.train), counts(&split.test));
                let room = all.values().all(|&rows| (rows * wanted).div_ceil(data.len()) < rows);
                for (class, &rows) in &all {
                    prop_assert!(train.contains_key(class), "class {} has no training row", class);
                    let exact = (rows * wanted) as f64 / data.len() as f64;
                    let tested = test.get(class).copied().unwrap_or(0) as f64;
                    // What single rows of other classes cannot give, larger ones do.
                    prop_assert!(tested > exact - 1.0 && (!room || tested < exact + 1.0), "{} {}", tested, exact);
                }
            }
            Err(_) => prop_assert!(wanted == 0 || wanted > data.len() - all.len()),
        }
    }

    #[test]
    fn folds_test_every_row_once_and_every_class_evenly(
        labels in prop::collection::vec(0_u32..8, 2..100),
        k in 2_usize..12,
        seed: u64,
    ) {
        let data = numbered(labels, 8);
        prop_assume!(k <= data.len());
        let folds = data.folds(k, seed).unwrap();
        assert_partition(&data, &folds);
        let sizes: Vec<usize> = (0..k).map(|fold| folds.test_rows(fold).len()).collect();
        prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{:?}", sizes);
        let tested: Vec<BTreeMap<u32, usize>> = folds.map(|split| counts(&split.test)).collect();
        for class in counts(&data).keys() {
            let of_class = || tested.iter().map(|counts| counts.get(class).copied().unwrap_or(0));
            prop_assert!(of_class().max().unwrap() - of_class().min().unwrap() <= 1);
        }
    }

    #[test]
    fn groups_are_on_one_side(
        groups in prop::collection::vec(0_u8..20, 4..100),
        share in 0.05_f64..0.95,
        k in 2_usize..6,
        seed: u64,
    ) {
        let data = numbered_values(groups.len());
        let mut sizes: BTreeMap<u8, usize> = BTreeMap::new();
        groups.iter().for_each(|&group| *sizes.entry(group).or_default() += 1);
        prop_assume!(sizes.len() >= k);
        let apart = |split: &Split| {
            let inside = |part: &Dataset| rows(part).iter().map(|&row| groups[row]).collect::<BTreeSet<_>>();
            inside(&split.train).is_disjoint(&inside(&split.test))
        };
        let split = data.split_groups(&groups, share, seed).unwrap();
        assert_whole(&data, &split);
        prop_assert!(apart(&split));
        let largest = *sizes.values().max().unwrap();
        let off = (split.test.len() as f64 - groups.len() as f64 * share).abs();
        prop_assert!(off <= largest as f64, "{} rows off, the largest group has {}", off, largest);
        let folds = data.group_folds(&groups, k, seed).unwrap();
        assert_partition(&data, &folds);
        prop_assert!(folds.clone().all(|split| apart(&split)));
        let tested: Vec<usize> = (0..k).map(|fold| folds.test_rows(fold).len()).collect();
        prop_assert!(tested.iter().max().unwrap() - tested.iter().min().unwrap() <= largest, "{:?}", tested);
    }

    #[test]
    fn folds_in_time_never_look_ahead(rows_of in 3_usize..200, k in 2_usize..20) {
        prop_assume!(k < rows_of);
        let data = numbered_values(rows_of);
        let mut next = None;
        for split in data.time_folds(k).unwrap() {
            let (train, test) = (rows(&split.train), rows(&split.test));
            prop_assert_eq!(&train, &(0..test[0]).collect::<Vec<_>>());
            prop_assert_eq!(&test, &(test[0]..test[0] + rows_of / (k + 1)).collect::<Vec<_>>());
            prop_assert!(next.is_none_or(|next| next == test[0]));
            next = Some(test[0] + test.len());
        }
        prop_assert_eq!(next, Some(rows_of));
    }
}
