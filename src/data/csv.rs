//! Tables in CSV files.

mod table;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use table::{Categories, Format, Table};

use super::Dataset;
use crate::{Error, Result};

/// A table in a CSV file with a header row: which columns are inputs and which are targets.
///
/// A row is dropped if any selected column is empty or holds a [missing](Csv::missing) marker;
/// columns that are not selected may hold anything. Fields are trimmed, quoted fields and blank rows
/// are fine.
///
/// ```no_run
/// use autorot::data::Csv;
///
/// let air = Csv::open("AirQualityUCI.csv")
///     .delimiter(b';')
///     .decimal_comma(true)
///     .missing(-200)
///     .inputs(["PT08.S1(CO)", "T", "RH"])
///     .targets(["C6H6(GT)"]);
/// let (data, dropped) = air.load_counted()?;
/// println!("{} rows, {dropped} dropped", data.len());
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before load"]
pub struct Csv {
    path: PathBuf,
    format: Format,
    inputs: Vec<String>,
    targets: Vec<String>,
    classes: Option<String>,
    class_names: Option<Vec<String>>,
}

impl Csv {
    /// Starts with this file, commas between fields and points in numbers. Nothing is read yet.
    pub fn open(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            format: Format { delimiter: b',', decimal_comma: false, missing: Vec::new() },
            inputs: Vec::new(),
            targets: Vec::new(),
            classes: None,
            class_names: None,
        }
    }

    /// The byte between two fields: `b','` (the default), `b';'`, `b'\t'`.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.format.delimiter = delimiter;
        self
    }

    /// Whether numbers are written `2,6` instead of `2.6`. There is no thousands separator either way.
    pub fn decimal_comma(mut self, decimal_comma: bool) -> Self {
        self.format.decimal_comma = decimal_comma;
        self
    }

    /// A number or text that stands for a missing value, besides an empty field: `-200`, `"?"`, `"NaN"`.
    /// Numbers match however they are written. Several calls add several markers.
    pub fn missing(mut self, marker: impl ToString) -> Self {
        let text = marker.to_string();
        let number = text.parse().ok();
        self.format.missing.push((text, number));
        self
    }

    /// The columns of numbers that are the inputs, in this order: rows of shape `[columns]`.
    pub fn inputs<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.inputs = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The columns of numbers to regress, in this order: targets of shape `[columns]`.
    pub fn targets<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.targets = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The column of categories to classify, told apart by their text. The classes are the categories
    /// in the kept rows, sorted: as numbers if all of them are numbers, else as text.
    pub fn classes(mut self, column: impl Into<String>) -> Self {
        self.classes = Some(column.into());
        self
    }

    /// Fixes the classes and their order, so that several files agree on them; any other category is
    /// an error.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Reads the file.
    ///
    /// # Errors
    /// A file that cannot be read or is not UTF-8; no input column; no target, or both kinds of them;
    /// a column that is missing, ambiguous or chosen twice; a row with more or fewer fields than the
    /// header; a field that is no finite number or no known class; no row left.
    pub fn load(&self) -> Result<Dataset> {
        Ok(self.load_counted()?.0)
    }

    /// Reads the file and also returns how many rows were dropped for missing values; blank rows do
    /// not count.
    ///
    /// # Errors
    /// As [`Csv::load`].
    pub fn load_counted(&self) -> Result<(Dataset, usize)> {
        self.check()?;
        let bytes = std::fs::read(&self.path).map_err(|e| Error::io(&self.path, e))?;
        let mut table = Table::new(&self.path, &self.format, &bytes)?;
        let inputs = table.columns(&self.inputs)?;
        let targets = table.columns(&self.targets)?;
        let class = table.columns(self.classes.as_slice())?;
        let selected = [&inputs[..], &targets, &class].concat();

        let (mut values, mut answers) = (Vec::new(), Vec::new());
        let mut categories = Categories::default();
        let mut dropped = 0;
        while table.next()? {
            if selected.iter().any(|&column| table.is_missing(column)) {
                dropped += 1;
                continue;
            }
            for (columns, into) in [(&inputs, &mut values), (&targets, &mut answers)] {
                for &column in columns {
                    into.push(table.number(column)?);
                }
            }
            for &column in &class {
                categories.push(table.category(column, self.class_names.as_deref())?);
            }
        }
        if values.is_empty() {
            return Err(Error::invalid(
                self.path.display(),
                format!("no complete row, {dropped} with missing values"),
                "at least one row without missing values in the selected columns",
                "select fewer columns",
            ));
        }
        let data = if self.classes.is_some() {
            let names = self.class_names.clone().unwrap_or_else(|| categories.sorted(&self.format));
            Dataset::classes([inputs.len()], values, categories.labels(&names), names)?
        } else {
            Dataset::values([inputs.len()], values, [targets.len()], answers)?
        };
        Ok((data, dropped))
    }

    /// What can be wrong before the file is opened.
    fn check(&self) -> Result<()> {
        let fail = |found: &str, expected: &str, remedy: &str| {
            Err(Error::invalid(self.path.display(), found, expected, remedy))
        };
        if matches!(self.format.delimiter, b'"' | b'\n' | b'\r') {
            return fail("a quote or line break as delimiter", "a byte such as `,` or `;`", "set another");
        }
        if self.inputs.is_empty() {
            return fail("no input column", "at least one", "name them with inputs");
        }
        match (&self.classes, self.targets.is_empty()) {
            (None, true) => fail("no target column", "at least one", "name them with targets or classes")?,
            (Some(_), false) => fail("both targets and classes", "one kind of target", "leave one out")?,
            (None, false) if self.class_names.is_some() => {
                fail("class names without a column of classes", "both", "name the column with classes")?;
            }
            _ => {}
        }
        let mut seen = HashSet::new();
        if let Some(twice) =
            self.inputs.iter().chain(&self.targets).chain(&self.classes).find(|c| !seen.insert(*c))
        {
            return fail(&format!("column {twice:?} twice"), "every column once", "leave one out");
        }
        let mut seen = HashSet::new();
        if let Some(twice) = self.class_names.iter().flatten().find(|name| !seen.insert(*name)) {
            return fail(&format!("class {twice:?} twice"), "every class once", "leave one out");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::data::Targets;

    /// Writes the text to `table.csv` and hands it to a test.
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
            let csv =
                csv.delimiter(b';').decimal_comma(true).missing(-200.0).inputs(["b", "a"]).targets(["c"]);
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
                &["no column \"x\"", "delimiter"],
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
}
