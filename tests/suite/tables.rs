//! Odd tables, as programs and people write them, each with what it gives.

use crate::logs::{listen, warnings};
use autorot::data::{Columns, Csv, Impute, Preparation, Scale, Scaler, Unknown};
use autorot::{Dataset, Targets};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// A file of these bytes, for a test.
fn with(bytes: impl AsRef<[u8]>, test: impl FnOnce(Csv)) {
    listen();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("odd.csv");
    std::fs::write(&path, bytes).unwrap();
    test(Csv::open(path));
}

fn values(data: &Dataset) -> &[f32] {
    let Targets::Values { values, .. } = data.targets() else { panic!("values") };
    values
}

fn labels(data: &Dataset) -> (&[u32], String) {
    let Targets::Classes { labels, names, .. } = data.targets() else { panic!("classes") };
    (labels, names.join("|"))
}

fn says(result: autorot::Result<Dataset>, words: &[&str]) {
    let message = result.unwrap_err().to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

#[test]
fn a_spreadsheet_from_germany() {
    let text = "\u{feff}sep=;\r\nDatum;Höhe (m);\"Wert; roh\"\r\n1.2.2020;1,5;-2,25;\r\n\r\n2.2.2020;2,5;1e1;;\r\n;;;;\r\n3.2.2020;;4;\r\n";
    with(text, |csv| {
        let csv = csv.decimal_comma(true).inputs(["Höhe (m)"]).targets(["Wert; roh"]);
        let (data, dropped) = csv.load_counted().unwrap();
        assert_eq!((data.inputs(), values(&data), dropped), (&[1.5, 2.5][..], &[-2.25, 10.0][..], 1));
    });
}

#[test]
fn columns_of_numbers_from_numpy() {
    let text = "# x y label\n# made 2020\n  1.0e+00\t 2.50   0\n -1.5e-01   3.00  1 \n\n 2.0e+00  -4.00 0\n";
    with(text, |csv| {
        let data = csv.headerless().comment(b'#').inputs(0..2).classes(2).load().unwrap();
        assert_eq!(
            (data.inputs(), labels(&data)),
            (&[1.0, 2.5, -0.15, 3.0, 2.0, -4.0][..], (&[0, 1, 0][..], "0|1".into()))
        );
    });
}

#[test]
fn an_old_macintosh() {
    with("x,note,y\r1,\"two\rlines\",2\r3,\"\",4\r5,b,oops\r", |csv| {
        says(csv.inputs(["x"]).targets(["y"]).load(), &["line 5, column \"y\"", "oops"]);
    });
    with("x,y\r1,2\r3,4\r", |csv| {
        let data = csv.inputs(["x"]).targets(["y"]).load().unwrap();
        assert_eq!((data.inputs(), values(&data)), (&[1.0, 3.0][..], &[2.0, 4.0][..]));
    });
}

#[test]
fn unicode_text_of_a_spreadsheet() {
    let text = "\u{feff}größe\tart\r\n1\tAhorn\r\n2\tEiche \r\n";
    for bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
        with(text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>(), |csv| {
            let data = csv.inputs(["größe"]).classes("art").load().unwrap();
            assert_eq!(
                (data.inputs(), labels(&data)),
                (&[1.0, 2.0][..], (&[0, 1][..], "Ahorn|Eiche".into()))
            );
        });
    }
}

#[test]
fn latin_1_matters_only_where_it_is_selected() {
    with(b"x,ort,t\xe9mp\n1,K\xf6ln,2\n3,Bonn,4\n", |csv| {
        let csv = csv.inputs(["x"]);
        assert_eq!(
            csv.clone().classes("x2").load().err().map(|e| e.to_string().contains("t\u{fffd}mp")),
            Some(true)
        );
        says(csv.clone().classes("ort").load(), &["line 2, column \"ort\"", "not UTF-8", "latin1"]);
        let data = csv.clone().encoding("latin1").classes("ort").load().unwrap();
        assert_eq!(labels(&data), (&[1, 0][..], "Bonn|Köln".into()));
        assert_eq!(values(&csv.encoding("latin1").targets(["témp"]).load().unwrap()), [2.0, 4.0]);
    });
    // Anything at all may stand in the other columns.
    with(b"junk,x,y\n\xff\xfe\x00,1,2\n\"\xc3\n\",3,4\n", |csv| {
        assert_eq!(csv.inputs(["x"]).targets(["y"]).load().unwrap().inputs(), [1.0, 3.0]);
    });
}

#[test]
fn packed_in_two_parts() {
    let mut bytes = Vec::new();
    for part in ["x|y\n1|2\n", "3|4\n"] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part.as_bytes()).unwrap();
        bytes.extend(encoder.finish().unwrap());
    }
    with(&bytes, |csv| {
        assert_eq!(values(&csv.inputs(["x"]).targets(["y"]).load().unwrap()), [2.0, 4.0]);
    });
    with(&bytes[..bytes.len() - 3], |csv| {
        says(csv.inputs(["x"]).targets(["y"]).load(), &["odd.csv", "gzip"])
    });
}

#[test]
fn a_file_of_a_repository_without_a_header() {
    let text = "39, State-gov, 77516, <=50K\n50, ?, 83311, >50K\n38, Private, 215646, <=50k\n53, Private, 234721, <=50K,\n\n";
    with(text, |csv| {
        let columns =
            Columns::new().inputs([0, 2]).categories([1]).classes(3).impute_for([1], Impute::MostFrequent);
        let csv = csv.headerless().missing("?").columns(columns);
        let data = csv.load().unwrap();
        assert_eq!(data.shape(), [4]);
        assert_eq!(data.row(1), Some(&[50.0, 83311.0, 1.0, 0.0][..]));
        assert_eq!(labels(&data), (&[0, 1, 0, 0][..], "<=50K|>50K".into()));
        assert!(
            warnings()
                .iter()
                .any(|w| w.contains("column \"3\"") && w.contains("<=50k") && w.contains("case_sensitive"))
        );
    });
}

#[test]
fn times_and_ids_have_more_digits_than_single_precision() {
    let rows: String = (0..12).map(|i| format!("{},{},{i}\n", 1_700_000_000 + 10 * i, i % 3)).collect();
    with(format!("t,k,y\n{rows}"), |csv| {
        let csv = csv.inputs(["t", "k"]).targets(["y"]);
        let data = csv.load().unwrap();
        let told = warnings();
        let of_t =
            told.iter().find(|w| w.contains("odd.csv") && w.contains("column \"t\"")).expect("a warning");
        assert!(
            of_t.contains("of 12 different numbers 1 ") || of_t.contains("of 12 different numbers 2 "),
            "{of_t}"
        );
        assert!(of_t.contains("scale") && !told.iter().any(|w| w.contains("column \"k\"")), "{told:?}");
        let split = data.split_last(0.5).unwrap();
        let scaler = Scaler::min_max(&split.train, 0.0, 1.0).unwrap();
        let (train, test) = (scaler.apply(&split.train).unwrap(), scaler.apply(&split.test).unwrap());
        let times: Vec<f32> = [train.inputs(), test.inputs()].concat().into_iter().step_by(2).collect();
        let wanted: Vec<f32> = (0..12).map(|i| (f64::from(i) / 5.0) as f32).collect();
        assert_eq!(times, wanted);
        // Scaled on the way there is nothing to tell.
        let scaled = Columns::new().inputs(["t"]).scale(Scale::Standard).targets(["y"]);
        csv.columns(scaled).load().unwrap();
        assert_eq!(warnings(), [""; 0]);
    });
    with("id,y\n9007199254740993,1\n9007199254740995,2\n", |csv| {
        csv.columns(Columns::new().inputs(["id"]).scale(Scale::Standard).targets(["y"])).load().unwrap();
        assert!(warnings().iter().any(|w| w.contains("line 2, column \"id\"") && w.contains("15 digits")));
    });
}

#[test]
fn one_class_in_several_spellings() {
    with("x,y,z\n1,Yes,0\n2,yes ,0.0\n3,no,1\n4,YES,1.00\n5,yes,0\n", |csv| {
        let data = csv.clone().inputs(["x"]).classes("y").load().unwrap();
        assert_eq!(labels(&data), (&[1, 1, 0, 1, 1][..], "no|yes".into()));
        let told = warnings();
        assert!(told.len() == 1 && told[0].contains("[\"yes\", \"Yes\", \"YES\"]"), "{told:?}");
        let data = csv.clone().inputs(["x"]).classes("z").load().unwrap();
        assert_eq!(labels(&data), (&[0, 0, 1, 1, 0][..], "0|1".into()));
        let apart = Columns::new().inputs(["x"]).classes("y").case_sensitive(true);
        assert_eq!(labels(&csv.columns(apart).load().unwrap()).1, "YES|Yes|no|yes");
        assert_eq!(warnings(), [""; 0]);
    });
}

#[test]
fn codes_that_are_one_number_are_told_and_can_be_kept_apart() {
    with("x,code,agent\n1,1e3,007\n2,1000,7\n3,2e3,8\n4,1000,7\n", |csv| {
        let csv = csv.inputs(["x"]);
        assert_eq!(labels(&csv.clone().classes("code").load().unwrap()).1, "1000|2e3");
        assert_eq!(labels(&csv.clone().classes("agent").load().unwrap()).1, "7|8");
        let told = warnings();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].contains("line 3, column \"code\": [\"1000\", \"1e3\"] are taken as one"),
            "{told:?}"
        );
        assert!(told[1].contains("[\"7\", \"007\"]") && told[1].contains("case_sensitive(true)"), "{told:?}");
        let apart = Columns::new().inputs(["x"]).categories(["agent"]).classes("code").case_sensitive(true);
        let preparation = Preparation::fit(&csv.table().unwrap(), &apart).unwrap();
        assert_eq!(preparation.features(), ["x", "agent=007", "agent=7", "agent=8"]);
        assert_eq!(preparation.class_names().unwrap(), ["1000", "1e3", "2e3"]);
        assert_eq!(warnings(), [""; 0]);
    });
}

#[test]
fn rows_that_are_left_out_are_told_once() {
    with("x,y\n1,2\n,3\n4,\n5,6\n", |csv| {
        let csv = csv.inputs(["x"]).targets(["y"]);
        assert_eq!(csv.load().unwrap().len(), 2);
        let told = warnings();
        assert!(told.len() == 1 && told[0].contains("odd.csv: 2 of 4 rows are left out"), "{told:?}");
        assert_eq!(csv.load_counted().unwrap().1, 2);
        let (table, columns) = (csv.table().unwrap(), Columns::new().inputs(["x"]).targets(["y"]));
        let preparation = Preparation::fit(&table, &columns).unwrap();
        assert_eq!(preparation.apply_counted(&table).unwrap().1, 2);
        assert_eq!(warnings(), [""; 0]);
        preparation.apply(&table).unwrap();
        assert_eq!(warnings().len(), 1);
        preparation.apply(&table.select(&[0, 3]).unwrap()).unwrap();
        assert_eq!(warnings(), [""; 0]);
    });
}

#[test]
fn numbers_from_memory_that_single_precision_damages_are_told() {
    listen();
    let data = Dataset::values([3, 2], vec![0.0; 12], [2], vec![0.0; 4]).unwrap();
    // The second feature of each step is a time.
    let row = |row: usize| (0..3).flat_map(move |step| [0.1, 1.7e9 + (3 * row + step) as f64]);
    data.with_inputs_f64(&row(0).chain(row(1)).collect::<Vec<_>>()).unwrap();
    let told = warnings();
    assert!(
        told.len() == 1 && told[0].starts_with("data set inputs, feature 1: of 6 different numbers 1 "),
        "{told:?}"
    );
    data.with_targets_f64(&[0.1, 1.7e9, 0.2, 1.7e9 + 100.0]).unwrap();
    let told = warnings();
    assert!(
        told.len() == 1 && told[0].starts_with("data set targets, feature 1: single precision"),
        "{told:?}"
    );
    assert!(told[0].contains("by up to 28.00% of their spread; scale them with a Scaler"), "{told:?}");
    data.with_targets_f64(&[0.1, 0.3, 0.2, 1.7e9]).unwrap();
    assert_eq!(warnings(), [""; 0]);
}

#[test]
fn measurements_are_no_classes() {
    let rows: String = (0..200).map(|i| format!("{i},{}\n", f64::from(i * 37 % 101) / 8.0)).collect();
    with(format!("x,pressure\n{rows}"), |csv| {
        let csv = csv.inputs(["x"]).classes("pressure");
        says(
            csv.load(),
            &[
                "odd.csv, column \"pressure\"",
                "101 different numbers in 200 rows",
                "targets",
                "many_categories",
            ],
        );
        let allowed = Columns::new().inputs(["x"]).classes("pressure").many_categories(true);
        assert_eq!(csv.columns(allowed).load().unwrap().targets().width(), 101);
    });
}

#[test]
fn a_test_file_that_lacks_a_class_and_a_category() {
    let train = "city,size,kind\nRome,10,a\nOslo,,b\nBern,30,c\nOslo,50,b\n";
    with(train, |csv| {
        let test = std::env::temp_dir().join(format!("autorot-odd-{}.csv", std::process::id()));
        // Other columns, in another order, by another delimiter.
        std::fs::write(&test, "kind;size;extra;city\nc;40;?;Oslo\na;;?;Paris\n").unwrap();
        let columns = Columns::new()
            .inputs(["size"])
            .impute(Impute::Mean)
            .indicator(true)
            .scale(Scale::MinMax { low: 0.0, high: 1.0 })
            .categories(["city"])
            .classes("kind");
        let table = csv.table().unwrap();
        let strict = Preparation::fit(&table, &columns).unwrap();
        let other = csv.at(&test).table().unwrap();
        says(
            strict.apply(&other),
            &["line 3, column \"city\"", "\"Paris\"", "[\"Bern\", \"Oslo\", \"Rome\"]"],
        );
        let preparation = Preparation::fit(&table, &columns.unknown(Unknown::Ignore)).unwrap();
        let data = preparation.apply(&other).unwrap();
        std::fs::remove_file(&test).unwrap();
        assert_eq!(data.row(0), Some(&[0.75, 0.0, 0.0, 1.0, 0.0][..]));
        assert_eq!(data.row(1), Some(&[0.5, 1.0, 0.0, 0.0, 0.0][..]));
        assert_eq!(labels(&data), (&[2, 0][..], "a|b|c".into()));
        says(
            preparation.apply(&table.select(&[0]).unwrap()).and(csv.inputs(["size"]).classes("sort").load()),
            &["\"sort\""],
        );
    });
}
