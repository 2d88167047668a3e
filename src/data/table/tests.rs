//! Tests of tables.

use super::*;

fn table() -> Table {
    Table::new(["id", "x"], (0..10).map(|i| [i, i * i])).unwrap()
}

#[test]
fn splits_keep_every_row_once() {
    let table = table();
    let split = table.split(0.3, 1).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (7, 3));
    let mut all = [split.train.fields("id").unwrap(), split.test.fields("id").unwrap()].concat();
    all.sort_unstable();
    assert_eq!(all, table.fields("id").unwrap());
    let ids = |seed| table.split(0.3, seed).unwrap().test.fields("id").unwrap().join(" ");
    assert_eq!(ids(1), split.test.fields("id").unwrap().join(" "));
    assert!((2..9).any(|seed| ids(seed) != ids(1)));
    let last = table.split_last(0.2).unwrap();
    assert_eq!((last.train.len(), last.test.fields("x").unwrap()), (8, vec!["64", "81"]));
    // From a part of a part.
    assert_eq!(last.test.select(&[1, 0]).unwrap().fields("id").unwrap(), ["9", "8"]);
    for share in [0.0, 1.0, f64::NAN, 0.01, 0.99] {
        assert!(table.split(share, 0).unwrap_err().to_string().contains("split"));
        assert!(table.split_last(share).is_err());
    }
    assert!(table.select(&[10]).unwrap_err().to_string().contains("row 10"));
}

#[test]
fn classes_are_split_in_proportion_whatever_their_spelling() {
    let rows =
        (0..40).map(|i| [i.to_string(), ["a", "b", "A ", "c"][if i < 36 { i % 3 } else { 3 }].to_owned()]);
    let split = Table::new(["id", "class"], rows).unwrap().split_classes("class", 0.25, 3).unwrap();
    let count = |part: &Table, class: &str| {
        part.fields("class").unwrap().iter().filter(|name| name.eq_ignore_ascii_case(class)).count()
    };
    assert_eq!(["a", "b", "c"].map(|class| count(&split.test, class)), [6, 3, 1]);
    assert_eq!(["a", "b", "c"].map(|class| count(&split.train, class)), [18, 9, 3]);
    // Row numbers are in two parts.
    let rows = (0..7).chain(std::iter::repeat_n(7, (1 << 20) - 5)).chain([8, 9]).collect();
    let large = Table { rows, ..table() };
    let last = large.split_last(3.0 / large.len() as f64).unwrap().test;
    assert_eq!(last.fields("id").unwrap(), ["7", "8", "9"]);
}

#[test]
fn rows_in_memory_have_a_field_for_every_column() {
    let error = Table::new(["a", "b"], [vec!["1", "2"], vec!["3"]]).unwrap_err().to_string();
    assert!(error.contains("row 1") && error.contains("1 fields"), "{error}");
    let table = Table::new(["a"], [[f64::NAN], [0.1 + 0.2]]).unwrap();
    assert!(table.is_missing(0, 0).unwrap());
    assert_eq!(table.number(1, 0).unwrap(), 0.1 + 0.2);
    let error = table.fields("b").unwrap_err().to_string();
    assert!(error.contains("no column \"b\"") && error.contains("[\"a\"]"), "{error}");
    assert!(Table::new(["a"], Vec::<[f32; 1]>::new()).unwrap().is_empty());
}

#[test]
fn long_whole_numbers_are_known_to_be_rounded() {
    let table = Table::new(["id"], [["9007199254740993"], ["9007199254740992"], ["1e300"], ["12"]]).unwrap();
    let rounded = |row| table.is_rounded(row, 0, table.number(row, 0).unwrap());
    assert_eq!([0, 1, 2, 3].map(rounded), [true, false, false, false]);
}
