//! Columns made numbers: imputing, scaling, categories.

use autorot::Result;
use autorot::data::*;

/// Six rows: a number with a gap, a time, a category with a gap, a target, a class.
fn rows() -> Table {
    let rows = [
        ["1", "1700000000", "red", "10", "yes"],
        ["", "1700000010", "Blue", "20", "no"],
        ["4", "1700000020", "", "30", "Yes "],
        ["4", "1700000030", "blue", "40", "no"],
        ["7", "1700000040", "red", "", "no"],
        ["9", "1700000050", "blue", "60", ""],
    ];
    Table::new(["x", "t", "colour", "y", "class"], rows).unwrap()
}

fn regression() -> Columns {
    Columns::new().inputs(["x"]).targets(["y"])
}

fn inputs(table: &Table, columns: &Columns) -> Vec<f32> {
    Preparation::fit(table, columns).unwrap().apply(table).unwrap().inputs().to_vec()
}

fn refused(result: Result<impl std::fmt::Debug>, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn missing_numbers_are_dropped_or_filled_in() {
    let table = rows();
    let with = |impute| inputs(&table, &regression().impute(impute));
    // The fifth row has no target. The present numbers of the others are 1, 4, 4 and 9.
    assert_eq!(with(Impute::Drop), [1.0, 4.0, 4.0, 9.0]);
    assert_eq!(with(Impute::Mean), [1.0, 4.5, 4.0, 4.0, 9.0]);
    assert_eq!(with(Impute::Median), [1.0, 4.0, 4.0, 4.0, 9.0]);
    assert_eq!(with(Impute::MostFrequent), [1.0, 4.0, 4.0, 4.0, 9.0]);
    assert_eq!(with(Impute::constant(-1)), [1.0, -1.0, 4.0, 4.0, 9.0]);
    let flagged = regression().impute(Impute::Mean).indicator(true);
    let preparation = Preparation::fit(&table, &flagged).unwrap();
    assert_eq!(preparation.features(), ["x", "x missing"]);
    assert_eq!(
        preparation.apply(&table).unwrap().inputs(),
        [1.0, 0.0, 4.5, 1.0, 4.0, 0.0, 4.0, 0.0, 9.0, 0.0]
    );
    // Categories have no mean: their rows are dropped, here the third.
    let both = regression().categories(["colour"]).impute(Impute::Mean);
    assert_eq!(Preparation::fit(&table, &both).unwrap().apply_counted(&table).unwrap().1, 2);
    // Nothing is missing in the training rows: no indicator, but new rows are filled in.
    let (train, new) = (table.select(&[0, 2]).unwrap(), table.select(&[1]).unwrap());
    let preparation = Preparation::fit(&train, &flagged).unwrap();
    assert_eq!(preparation.apply_counted(&new).unwrap().0.inputs(), [2.5]);
    // Scaled after filling in: -3.5, 0, -0.5, -0.5 and 4.5 around the mean.
    let scaled = inputs(&table, &regression().impute(Impute::Mean).scale(Scale::Standard));
    assert!((scaled[1], scaled[0]).eq(&(0.0, -3.5 / f32::sqrt((12.25 + 0.5 + 20.25) / 5.0))), "{scaled:?}");
    // The smallest of the equally frequent numbers.
    let ties =
        Table::new(["x", "y"], [["3", "0"], ["2", "0"], ["3", "0"], ["2", "0"], ["9", "0"], ["", "0"]])
            .unwrap();
    assert_eq!(inputs(&ties, &regression().impute(Impute::MostFrequent))[5], 2.0);
    assert_eq!(inputs(&ties, &regression().impute(Impute::Median))[5], 3.0);
}

#[test]
fn categories_are_one_hot_and_kept() {
    let table = rows();
    let columns = Columns::new().categories(["colour"]).targets(["y"]);
    let preparation = Preparation::fit(&table, &columns).unwrap();
    // Two spellings of blue: the more frequent one names it.
    assert_eq!(preparation.features(), ["colour=blue", "colour=red"]);
    let (data, dropped) = preparation.apply_counted(&table).unwrap();
    assert_eq!((data.inputs(), dropped), (&[0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0][..], 2));
    // A part without red still has its column.
    let part = preparation.apply(&table.select(&[3]).unwrap()).unwrap();
    assert_eq!(part.inputs(), [1.0, 0.0]);
    let apart = Preparation::fit(&table, &columns.clone().case_sensitive(true)).unwrap();
    assert_eq!(apart.features(), ["colour=Blue", "colour=blue", "colour=red"]);
    let new = Table::new(["colour"], [["green"], [" BLUE "]]).unwrap();
    refused(
        preparation.inputs(&new),
        &["row 0", "\"colour\"", "\"green\"", "[\"blue\", \"red\"]", "Unknown::Ignore"],
    );
    let ignoring = Preparation::fit(&table, &columns.clone().unknown(Unknown::Ignore)).unwrap();
    assert_eq!(ignoring.inputs(&new).unwrap(), [0.0, 0.0, 1.0, 0.0]);
    // Gaps: the most frequent category, or a separate one.
    let with = |impute| Preparation::fit(&table, &columns.clone().impute(impute)).unwrap();
    assert_eq!(with(Impute::MostFrequent).apply(&table).unwrap().inputs()[4..6], [1.0, 0.0]);
    let own = with(Impute::constant("none"));
    assert_eq!(own.features(), ["colour=blue", "colour=none", "colour=red"]);
    assert_eq!(own.apply(&table).unwrap().inputs()[6..9], [0.0, 1.0, 0.0]);
    let flagged = columns.clone().impute(Impute::MostFrequent).indicator(true);
    let flagged = Preparation::fit(&table, &flagged).unwrap();
    assert_eq!(flagged.features(), ["colour=blue", "colour=red", "colour missing"]);
    assert_eq!(flagged.apply(&table).unwrap().inputs()[3..9], [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]);
    assert_eq!(
        flagged.inputs(&Table::new(["colour"], [["red"], [""]]).unwrap()).unwrap(),
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]
    );
    refused(
        preparation.inputs(&Table::new(["colour"], [[""]]).unwrap()),
        &["row 0", "missing value", "impute"],
    );
}

#[test]
fn classes_are_those_of_the_training_rows() {
    let table = rows();
    let columns = Columns::new().inputs(["t"]).classes("class").scale(Scale::MinMax { low: 0.0, high: 1.0 });
    let preparation = Preparation::fit(&table, &columns).unwrap();
    assert_eq!(preparation.class_names().unwrap(), ["no", "yes"]);
    let part = preparation.apply(&table.select(&[1, 3]).unwrap()).unwrap();
    let Targets::Classes { labels, names, .. } = part.targets() else { panic!("classes") };
    assert_eq!((&labels[..], names.len()), (&[0, 0][..], 2));
    let new = Table::new(["t", "class"], [["1700000000", "maybe"]]).unwrap();
    refused(preparation.apply(&new), &["row 0", "\"class\"", "\"maybe\"", "[\"no\", \"yes\"]"]);
    // Spellings of a number are one class; given names are distinguished by their exact spelling.
    let digits =
        Table::new(["x", "class"], [["1", "0"], ["2", "0.0"], ["3", "1e0"], ["4", "0"], ["5", "01"]])
            .unwrap();
    let columns = Columns::new().inputs(["x"]).classes("class");
    let labels = |columns: &Columns| {
        let data = Preparation::fit(&digits, columns).unwrap().apply(&digits).unwrap();
        let Targets::Classes { labels, names, .. } = data.targets() else { panic!("classes") };
        (labels.clone(), names.join(" "))
    };
    assert_eq!(labels(&columns), (vec![0, 0, 1, 0, 1], "0 1e0".to_owned()));
    assert_eq!(labels(&columns.clone().class_names(["1", "0"])), (vec![1, 1, 0, 1, 0], "1 0".to_owned()));
    let given = labels(&columns.clone().class_names(["0", "0.0", "1"]));
    assert_eq!(given, (vec![0, 1, 2, 0, 2], "0 0.0 1".to_owned()));
    // Exact spelling.
    let exact = columns.clone().case_sensitive(true);
    assert_eq!(labels(&exact), (vec![0, 1, 3, 0, 2], "0 0.0 01 1e0".to_owned()));
    refused(
        Preparation::fit(&digits, &exact.class_names(["0", "1"])).unwrap().apply(&digits),
        &["row 1", "\"0.0\""],
    );
    // Long ids are not merged by rounding.
    let ids = Table::new(["x", "class"], [["1", "9007199254740993"], ["2", "9007199254740992"]]).unwrap();
    assert_eq!(Preparation::fit(&ids, &columns).unwrap().class_names().unwrap().len(), 2);
}

#[test]
fn classes_that_look_like_measurements_are_refused() {
    let table = |classes: usize, rows: usize, name: fn(usize) -> String| {
        Table::new(["x", "c"], (0..rows).map(|i| [i.to_string(), name(i % classes)])).unwrap()
    };
    let number = |i: usize| format!("{}.5", i);
    let columns = Columns::new().inputs(["x"]).classes("c");
    let one_hot = Columns::new().categories(["c"]).targets(["x"]);
    for columns in [&columns, &one_hot] {
        let fit = |table: &Table, columns: &Columns| Preparation::fit(table, columns);
        refused(
            fit(&table(51, 509, number), columns),
            &["column \"c\"", "51 different numbers in 509 rows", "targets", "many_categories"],
        );
        assert!(fit(&table(51, 510, number), columns).is_ok());
        assert!(fit(&table(50, 60, number), columns).is_ok());
        assert!(fit(&table(51, 60, |i| format!("n{i}")), columns).is_ok());
        assert!(fit(&table(51, 60, number), &columns.clone().many_categories(true)).is_ok());
    }
    let names = (0..51).map(number);
    assert!(Preparation::fit(&table(51, 60, number), &columns.class_names(names)).is_ok());
}

#[test]
fn stored_and_read_back_it_does_exactly_the_same() {
    let split = rows().split_last(0.34).unwrap();
    let columns = Columns::new()
        .inputs(["x", "t"])
        .impute(Impute::Mean)
        .indicator(true)
        .scale(Scale::Standard)
        .scale_for(["t"], Scale::MinMax { low: -1.0, high: 1.0 })
        .categories(["colour"])
        .impute_for(["colour"], Impute::MostFrequent)
        .targets(["y"])
        .scale_targets(Scale::Standard);
    let preparation = Preparation::fit(&split.train, &columns).unwrap();
    let stored = serde_json::to_string(&preparation).unwrap();
    let back: Preparation = serde_json::from_str(&stored).unwrap();
    assert_eq!(back, preparation);
    assert_eq!(back.apply(&split.test).unwrap(), preparation.apply(&split.test).unwrap());
    // Columns in another order, more of them, and no targets: the same inputs.
    let new = [["blue", "?", "1700000050", "9"], ["red", "?", "1700000040", "7"]];
    let new = Table::new(["colour", "more", "t", "x"], new).unwrap();
    let prepared = back.inputs(&new).unwrap();
    assert_eq!(prepared[..5], preparation.apply(&split.test).unwrap().inputs()[..5]);
    assert_eq!(back.features(), ["x", "x missing", "t", "colour=Blue", "colour=red", "colour missing"]);
    refused(back.apply(&new), &["no column \"y\""]);
    refused(back.inputs(&Table::new(["x"], [["1"]]).unwrap()), &["no columns \"t\", \"colour\"", "[\"x\"]"]);
    // The training part's targets are 10 to 40.
    let answers = back.invert(&[0.0, 1.0]).unwrap();
    assert!(
        (answers[0] - 25.0).abs() < 1e-6 && (answers[1] - 25.0 - 125f64.sqrt()).abs() < 1e-5,
        "{answers:?}"
    );
    assert!(Preparation::fit(&split.train, &regression()).unwrap().invert(&[1.0]).is_ok_and(|v| v == [1.0]));
}

#[test]
fn times_are_scaled_before_they_are_rounded() {
    let table = rows();
    let columns = Columns::new().inputs(["t"]).targets(["t"]);
    refused(Preparation::fit(&table, &columns), &["column \"t\" twice"]);
    let columns = Columns::new().inputs(["t"]).classes("class");
    let wanted = [0.0, 0.25, 0.5, 0.75, 1.0];
    let scale = Scale::MinMax { low: 0.0, high: 1.0 };
    assert_eq!(inputs(&table, &columns.clone().scale(scale)), wanted);
    // Unscaled, for a scaler.
    let data = Preparation::fit(&table, &columns).unwrap().apply(&table).unwrap();
    let scaler = Scaler::min_max(&data, 0.0, 1.0).unwrap();
    assert_eq!(scaler.apply(&data).unwrap().inputs(), wanted);
    // New rows too.
    let preparation = Preparation::fit(&table, &columns).unwrap();
    let new = Table::new(["t"], [["1700000010"], ["1700000011"]]).unwrap();
    let new = preparation.inputs_f64(&new).unwrap();
    assert_eq!(new, [1_700_000_010.0, 1_700_000_011.0]);
    assert_eq!(scaler.scale(&new).unwrap(), [0.25, 0.275]);
    let targets = Columns::new().inputs(["x"]).impute(Impute::Mean).targets(["t"]).scale_targets(scale);
    let preparation = Preparation::fit(&table, &targets).unwrap();
    let data = preparation.apply(&table).unwrap();
    let Targets::Values { values, .. } = data.targets() else { panic!("values") };
    assert_eq!(values[..], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
    let back = preparation.invert(values).unwrap();
    assert!((back[1] - 1_700_000_010.0).abs() < 1e-5, "{back:?}");
    // What single precision cannot hold can only be scaled.
    let huge = Table::new(["x", "y"], [["1e39", "0"], ["3e39", "1"]]).unwrap();
    refused(
        Preparation::fit(&huge, &regression()).unwrap().apply(&huge),
        &["row 0", "1e39", "scale the column"],
    );
    assert_eq!(inputs(&huge, &regression().scale(scale)), [0.0, 1.0]);
    let wider = Table::new(["x", "y"], [["-1.5e308", "0"], ["1.5e308", "1"], ["", "2"]]).unwrap();
    for columns in [regression().scale(scale), regression().impute(Impute::Mean)] {
        refused(Preparation::fit(&wider, &columns), &["\"x\"", "beyond double precision"]);
    }
}

#[test]
fn columns_that_do_not_go_together_are_named() {
    let table = rows();
    let fit = |columns: Columns| Preparation::fit(&table, &columns);
    refused(fit(regression().impute(Impute::constant("red"))), &["\"x\"", "\"red\""]);
    refused(fit(regression().impute_for(["t"], Impute::Mean)), &["impute_for", "\"t\""]);
    refused(fit(regression().scale_for(["t"], Scale::Standard)), &["scale_for", "\"t\""]);
    refused(fit(regression().scale(Scale::MinMax { low: 1.0, high: 0.0 })), &["1 to 0"]);
    refused(fit(regression().indicator(true)), &["indicator"]);
    refused(
        fit(regression().categories(["colour"]).impute_for(["colour"], Impute::Mean)),
        &["\"colour\"", "MostFrequent"],
    );
    refused(
        fit(Columns::new().inputs(["x"]).classes("class").scale_targets(Scale::Standard)),
        &["scale_targets"],
    );
    refused(fit(Columns::new().inputs(["x"]).classes("class").class_names([""; 0])), &["no class names"]);
    refused(fit(Columns::new().inputs(["x", "p", "q"]).targets(["y"])), &["no columns \"p\", \"q\""]);
    let empty = Table::new(["x", "y"], [["", "1"], ["", "2"]]).unwrap();
    refused(Preparation::fit(&empty, &regression().impute(Impute::Median)), &["\"x\"", "no value"]);
    assert!(Preparation::fit(&empty, &regression().impute(Impute::constant(0.5))).is_ok());
}
