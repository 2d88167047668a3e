//! Tables of comma-separated values.

use std::fs;

use autorot::data::*;

/// Writes the text to `table.csv` and passes it to a test.
fn with(text: impl AsRef<[u8]>, test: impl FnOnce(Csv)) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.csv");
    fs::write(&path, text).unwrap();
    test(Csv::open(path));
}

fn refused(csv: &Csv, words: &[&str]) {
    let message = csv.load().unwrap_err().to_string();
    for word in words.iter().chain(&["table.csv"]) {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}

fn labels(data: &Dataset) -> (Vec<u32>, Vec<&str>) {
    let Targets::Classes { labels, names, .. } = data.targets() else { panic!("classes were expected") };
    (labels.clone(), names.iter().map(String::as_str).collect())
}

#[test]
fn european_tables_with_missing_values_and_blank_rows() {
    let text = "day;a;b;c;;\r\n1;2,5; 3 ;-1;;\r\n2;-200;1;1;;\r\n3;1;;1;;\r\n4;1;2;-200,0;;\r\n\
                5;1e1;-0,5;7;;\r\n;;;;;\r\n;;;;;\r\n\r\n";
    with(text, |csv| {
        let csv = csv.delimiter(b';').decimal_comma(true).missing(-200.0).inputs(["b", "a"]).targets(["c"]);
        let (data, dropped) = csv.load_counted().unwrap();
        assert_eq!((data.shape(), data.inputs()), (&[2][..], &[3.0, 2.5, -0.5, 10.0][..]));
        assert_eq!(data.targets(), &Targets::Values { shape: vec![1], values: vec![-1.0, 7.0] });
        assert_eq!(dropped, 3);
        assert_eq!(csv.load().unwrap(), data);
    });
}

#[test]
fn categories_are_sorted_as_text_or_as_numbers() {
    with("\u{feff}x,kind,size\n1,\"rose, red\",10\n2,aster,9\n3,?,9\n4,aster,10\n", |csv| {
        let csv = csv.inputs(["x"]).missing("?");
        let data = csv.clone().classes("kind").load().unwrap();
        assert_eq!(labels(&data), (vec![1, 0, 0], vec!["aster", "rose, red"]));
        assert_eq!(data.inputs(), [1.0, 2.0, 4.0]);
        let data = csv.clone().classes("size").load().unwrap();
        assert_eq!(labels(&data), (vec![1, 0, 0, 1], vec!["9", "10"]));
        let fixed = csv.classes("size").class_names(["11", "10", "9"]);
        assert_eq!(labels(&fixed.load().unwrap()).0, [1, 2, 2, 1]);
        refused(&fixed.class_names(["10"]), &["line 3", "size", "\"9\"", "[\"10\"]"]);
    });
}

#[test]
fn several_markers_match_as_number_or_text() {
    with("x,y\nNaN,1\nNA,2\n-9.90,3\n4,4\n", |csv| {
        let csv = csv.inputs(["x"]).targets(["y"]).missing(f64::NAN).missing("NA").missing(-9.9);
        let (data, dropped) = csv.load_counted().unwrap();
        assert_eq!((data.inputs(), dropped), (&[4.0][..], 3));
    });
}

#[test]
fn bad_fields_are_named_with_line_and_column() {
    for end in ["\n", "\r\n"] {
        for bad in ["abc", "NaN", "inf", "1e39", "1,5", "1.2.3"] {
            let text = ["x,y", "1,1", "2,2", &format!("3,\"{bad}\""), ""].join(end);
            with(text, |csv| {
                refused(&csv.inputs(["x"]).targets(["y"]), &["line 4", "column \"y\"", bad]);
            });
        }
        with(["x;y", "1;1", "2;1.234"].join(end), |csv| {
            let csv = csv.delimiter(b';').inputs(["x"]).targets(["y"]).decimal_comma(true);
            refused(&csv, &["line 3", "1.234", "comma"]);
        });
        with(["x,y", "1,1", "2"].join(end), |csv| {
            refused(&csv.inputs(["x"]).targets(["y"]), &["line 3", "1 fields", "2, as in"]);
        });
    }
}

#[test]
fn bad_columns_are_named() {
    with("x,y,z,z\n1,2,3,4\n", |csv| {
        refused(&csv.clone().targets(["y"]), &["no input column"]);
        refused(&csv.clone().inputs(["x"]), &["no target column"]);
        refused(&csv.clone().inputs(["x"]).targets(["y"]).classes("z"), &["both"]);
        refused(&csv.clone().inputs(["x"]).targets(["y"]).class_names(["a"]), &["class names"]);
        refused(&csv.clone().inputs(["x"]).classes("y").class_names(["2", "2"]), &["class \"2\" twice"]);
        refused(
            &csv.clone().inputs(["x", "q"]).targets(["y"]),
            &["no column \"q\"", r#"["x", "y", "z", "z"]"#],
        );
        refused(&csv.clone().inputs(["z"]).targets(["y"]), &["several columns \"z\""]);
        refused(&csv.clone().inputs(["x", "y"]).targets(["y"]), &["\"y\" twice"]);
        refused(
            &csv.clone().delimiter(b';').inputs(["x"]).targets(["y"]),
            &["no columns \"x\", \"y\"", "delimiter"],
        );
        refused(&csv.delimiter(b'"').inputs(["x"]).targets(["y"]), &["delimiter"]);
    });
}

#[test]
fn files_without_usable_rows_are_refused() {
    for text in ["", "x,y\n", "x,y\n,\n"] {
        with(text, |csv| refused(&csv.inputs(["x"]).targets(["y"]), &["found no"]));
    }
    with("x,y\n1,\n2,\n", |csv| refused(&csv.inputs(["x"]).classes("y"), &["2 with missing values"]));
    with(b"x,y\n\xff,1\n", |csv| refused(&csv.inputs(["x"]).targets(["y"]), &["line 2", "UTF-8"]));
    let gone = Csv::open("nowhere/table.csv").inputs(["x"]).targets(["y"]);
    refused(&gone, &["nowhere"]);
}

#[test]
fn delimiters_are_told_where_one_alone_fits() {
    let columns = |text: &str, csv: fn(Csv) -> Csv| {
        let mut names = Vec::new();
        with(text, |file| names = csv(file).table().unwrap().columns().to_vec());
        names.join(" ")
    };
    assert_eq!(columns("a,b\n1;5,2;5\n", |csv| csv), "a b");
    assert_eq!(columns("a;b\n1,5;2,5\n3,5;4,5\n", |csv| csv), "a b");
    assert_eq!(columns("a\tb c\n1\t2 3\n", |csv| csv), "a b c");
    assert_eq!(columns("a|b\n1|2\n", |csv| csv), "a b");
    assert_eq!(columns("  a   b\tc \n 1 2  3\n\n4 5 6 ", |csv| csv), "a b c");
    assert_eq!(columns("SEP=:\na:b,c\n1:2,3\n", |csv| csv), "a b,c");
    // Rows that do not fit give errors later: the header's delimiter is used.
    with("a;b\n1;2\n3\n", |csv| {
        refused(&csv.inputs(["a"]).targets(["b"]), &["line 3", "1 fields", "2, as in"])
    });
    // Decimal commas without a header look like twice the columns.
    with("1,5;2,5\n3,5;4,5\n", |csv| {
        let csv = csv.headerless().inputs([0]).targets([1]);
        refused(&csv, &["`,` (3 columns) or `;` (2 columns)", "set the delimiter"]);
        assert_eq!(csv.clone().decimal_comma(true).load().unwrap().inputs(), [1.5, 3.5]);
        assert!(csv.delimiter(b';').decimal_comma(true).load().is_ok());
    });
    with("sep=;\na;b\n1;2\n", |csv| {
        let csv = csv.inputs(["a"]).targets(["b"]);
        assert!(csv.load().is_ok() && csv.clone().delimiter(b';').load().is_ok());
        refused(&csv.delimiter(b','), &["line 1", "`;`", "`,`"]);
    });
    // A single column needs no delimiter.
    assert_eq!(columns("a\n1\n2\n", |csv| csv), "a");
}

#[test]
fn quotes_hold_white_space_together() {
    with("name x\n\"Ann  \"\"A\"\"\tLee\" 1\n5\" 2\n\"\" 3\n", |csv| {
        let table = csv.whitespace().table().unwrap();
        assert_eq!(table.fields("name").unwrap(), ["Ann  \"A\"\tLee", "5\"", ""]);
        assert_eq!(table.fields("x").unwrap(), ["1", "2", "3"]);
    });
    // Quotes in comments do not count, wherever they are.
    for text in
        ["# \"made by hand\na b\n1  2\n", "a b\n  # 5\" and \"more\n 1 2\n#\"", "#\"\n#\"a\" \"\na  b\n1 2\n"]
    {
        with(text, |csv| {
            for csv in [csv.clone().whitespace().comment(b'#'), csv.comment(b'#')] {
                let table = csv.table().unwrap();
                assert_eq!(
                    (table.columns().join("|"), table.fields("b").unwrap()),
                    ("a|b".into(), vec!["2"])
                );
            }
        });
    }
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["# made by hand", "x,y", "", "\"1\",\"a", "b\"", "# a comment", "", "3,c", "oops,d", ""]
            .join(end);
        with(&text, |csv| {
            refused(&csv.clone().comment(b'#').inputs(["x"]).classes("y"), &["line 9,", "oops"])
        });
        with(format!("sep=,{end}{text}"), |csv| {
            refused(&csv.comment(b'#').inputs(["x"]).classes("y"), &["line 10,"]);
        });
        with(["1 2", "3 4", "5"].join(end), |csv| {
            refused(&csv.headerless().whitespace().inputs([0]).targets([1]), &["line 3", "first row"]);
        });
    }
    with("x,y\n1,2\n", |csv| {
        refused(&csv.comment(b',').delimiter(b',').inputs(["x"]).targets(["y"]), &["comments"])
    });
}

#[test]
fn damaged_or_unknown_encodings_are_named() {
    with([0x1f, 0x8b, 8, 0, 1], |csv| refused(&csv.inputs(["x"]).targets(["y"]), &["gzip"]));
    with("x,y\n1,2\n", |csv| {
        refused(&csv.encoding("latin-9000").inputs(["x"]).targets(["y"]), &["latin-9000", "latin1"]);
    });
    let utf16: Vec<u8> = "x,y\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    with(&utf16, |csv| {
        let csv = csv.inputs(["x"]).targets(["y"]);
        refused(&csv, &["utf-16le"]);
        assert_eq!(csv.encoding("utf-16le").load().unwrap().inputs(), [1.0]);
    });
    // Half a surrogate pair in one column does not affect another.
    let units = [0xfeff, 0x78, 0x2c, 0x79, 0x0a, 0x31, 0x2c, 0xd800, 0x0a];
    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_be_bytes).collect();
    with(&bytes, |csv| {
        assert_eq!(csv.table().unwrap().fields("x").unwrap(), ["1"]);
        let error = csv.table().unwrap().fields("y").unwrap_err().to_string();
        assert!(error.contains("line 2, column \"y\"") && error.contains("UTF-16BE"), "{error}");
    });
}
