//! Tables of raw fields under named columns.

mod categories;
mod columns;
mod pieces;
mod preparation;

use std::sync::Arc;

use categories::Categories;
pub use columns::{Columns, Impute, Unknown};
pub(super) use pieces::{head, prepared};
pub use preparation::Preparation;
#[cfg(feature = "onnx")]
pub(crate) use preparation::{Answers, Input, Kind};

use super::{Dataset, Split};
use crate::{Error, Result};

/// Rows of fields as text, under named columns: what [`Csv::table`](super::Csv::table) reads, before anything is fitted. Split it first;
/// then fit a [`Preparation`] on the training part, which makes a data set of either part.
///
/// ```
/// use autorot::data::{Columns, Impute, Preparation, Scale, Table};
///
/// let rows = [["22", "S", "no"], ["", "C", "yes"], ["40", "S", "no"], ["31", "C", "yes"], ["28", "S", "yes"]];
/// let table = Table::new(["age", "port", "survived"], rows)?;
/// let split = table.split_classes("survived", 0.4, 0)?;
/// let columns = Columns::new().inputs(["age"]).impute(Impute::Mean).scale(Scale::Standard).categories(["port"]);
/// let preparation = Preparation::fit(&split.train, &columns.classes("survived"))?;
/// let (train, test) = (preparation.apply(&split.train)?, preparation.apply(&split.test)?);
/// assert_eq!((train.len(), test.len()), (3, 2));
/// # Ok::<(), autorot::Error>(())
/// ```
///
/// Splits share the fields and own only their row numbers.
#[derive(Clone, Debug)]
pub struct Table {
    source: Arc<Source>,
    rows: Vec<usize>,
}

/// All fields of a file, or of rows in memory.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The file, or a name for rows in memory.
    name: String,
    /// The counting unit in messages: lines of a file, or rows.
    unit: &'static str,
    format: Format,
    /// The encoding, if the text was decoded and some bytes were invalid in it.
    lossy: Option<&'static str>,
    pub columns: Vec<String>,
    text: Vec<u8>,
    /// Where fields end in the text, row after row.
    ends: Vec<usize>,
    /// The rows' lines in the file.
    lines: Vec<u64>,
}

/// 2⁵³, from which on different whole numbers may be equal in double precision.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

/// How fields are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Format {
    pub decimal_comma: bool,
    /// Markers as text, and as numbers if they are numeric.
    pub missing: Vec<(String, Option<f64>)>,
}

impl Format {
    /// A number, possibly infinite or NaN; `None` for other text.
    pub fn number(&self, text: &str) -> Option<f64> {
        if !self.decimal_comma {
            return text.parse().ok();
        }
        // A point could only separate thousands, and 1.234 must not be read as a fraction.
        if text.contains('.') { None } else { text.replace(',', ".").parse().ok() }
    }

    fn is_missing(&self, text: &str) -> bool {
        text.is_empty()
            || self.missing.iter().any(|(marker, number)| {
                let same = |n: f64| self.number(text).is_some_and(|v| v == n || v.is_nan() && n.is_nan());
                text == marker || number.is_some_and(same)
            })
    }
}

impl Source {
    /// A file of which nothing has been read yet.
    pub fn new(name: String, format: Format, lossy: Option<&'static str>) -> Self {
        Self { name, unit: "line", format, lossy, ..Self::default() }
    }

    /// Rows of a file that are numbered from 0.
    #[cfg(feature = "arrow")]
    pub fn of_rows(name: String, format: Format, columns: Vec<String>) -> Self {
        Self { name, unit: "row", format, columns, ..Self::default() }
    }

    /// Adds a row with one field per column.
    pub fn push<'a>(&mut self, line: u64, fields: impl IntoIterator<Item = &'a [u8]>) {
        for field in fields {
            self.text.extend_from_slice(field);
            self.ends.push(self.text.len());
        }
        self.lines.push(line);
    }

    /// The bytes of a field.
    fn field(&self, row: usize, column: usize) -> &[u8] {
        let field = row * self.columns.len() + column;
        let start = field.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[field]]
    }

    pub fn into_table(self) -> Table {
        Table { rows: (0..self.lines.len()).collect(), source: Arc::new(self) }
    }
}

impl Table {
    /// Rows in memory, each with a field for every column, numbers or text. An empty field and NaN are missing values, and numbers have a
    /// decimal point.
    ///
    /// # Errors
    /// A row with more or fewer fields than there are columns.
    pub fn new<N: ToString, R: IntoIterator<Item = F>, F: ToString>(
        columns: impl IntoIterator<Item = N>,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<Self> {
        let format = Format { decimal_comma: false, missing: vec![("NaN".to_owned(), Some(f64::NAN))] };
        let columns: Vec<String> = columns.into_iter().map(|name| name.to_string()).collect();
        let mut source = Source { name: "table".into(), unit: "row", columns, format, ..Source::default() };
        for (index, row) in rows.into_iter().enumerate() {
            let fields: Vec<String> = row.into_iter().map(|field| field.to_string()).collect();
            if fields.len() != source.columns.len() {
                return Err(Error::invalid(
                    format!("table, row {index}"),
                    format!("{} fields", fields.len()),
                    format!("{}, one for each of the columns {:?}", source.columns.len(), source.columns),
                    "pass a field for every column, an empty one where a value is missing",
                ));
            }
            source.push(index as u64, fields.iter().map(String::as_bytes));
        }
        Ok(source.into_table())
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The names of the columns, in the order of the file; "0", "1", … if it has no header.
    pub fn columns(&self) -> &[String] {
        &self.source.columns
    }

    /// All fields of a column, trimmed.
    ///
    /// # Errors
    /// No such column, or several with this name; bytes that are not text.
    pub fn fields(&self, column: impl ToString) -> Result<Vec<&str>> {
        let column = self.find(&[column.to_string()])?[0];
        (0..self.len()).map(|row| self.text(row, column)).collect()
    }

    /// The rows with these indices, in this order, for custom splits.
    ///
    /// # Errors
    /// An index past the end.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row >= self.len()) {
            return Err(Error::invalid(
                format!("{}, selection", self.source.name),
                format!("row {row}"),
                format!("rows below {}", self.len()),
                "select existing rows",
            ));
        }
        Ok(Self { source: self.source.clone(), rows: rows.iter().map(|&row| self.rows[row]).collect() })
    }

    /// These rows, then those of another table with the same columns.
    ///
    /// # Errors
    /// Other columns.
    pub fn followed_by(&self, other: &Self) -> Result<Self> {
        if self.columns() != other.columns() {
            return Err(Error::invalid(
                &other.source.name,
                format!("the columns {:?}", other.columns()),
                format!("{:?}", self.columns()),
                "join tables with the same columns",
            ));
        }
        let Source { name, unit, format, lossy, columns, .. } = &*self.source;
        let mut all = Source {
            name: name.clone(),
            unit,
            format: format.clone(),
            lossy: lossy.or(other.source.lossy),
            columns: columns.clone(),
            ..Source::default()
        };
        for table in [self, other] {
            for &row in &table.rows {
                let fields = (0..columns.len()).map(|column| table.source.field(row, column));
                all.push(table.source.lines[row], fields);
            }
        }
        Ok(all.into_table())
    }

    /// Splits off a share of the rows for testing, at random, like [`Dataset::split`] but without regard to classes. The same seed gives
    /// the same split.
    ///
    /// # Errors
    /// As [`Dataset::split`]; no rows.
    pub fn split(&self, test_share: f64, seed: u64) -> Result<Split<Self>> {
        self.parts(&self.numbered()?.split(test_share, seed)?)
    }

    /// Splits off the same share of every class, at random: of the rows with the same category in this column, however it is spelled.
    ///
    /// # Errors
    /// As [`Dataset::split`]; no such column; no rows.
    pub fn split_classes(&self, column: impl ToString, test_share: f64, seed: u64) -> Result<Split<Self>> {
        let column = self.find(&[column.to_string()])?[0];
        let classes = Categories::fit(self, column, 0..self.len(), None, false)?;
        let mut lookup = classes.lookup(self.format());
        let label = |row| Ok(lookup.find(self.text(row, column)?).unwrap_or(0) as u32);
        let labels = (0..self.len()).map(label).collect::<Result<_>>()?;
        let rows = Dataset::classes([2], self.numbered()?.inputs().to_vec(), labels, classes.names())?;
        self.parts(&rows.split(test_share, seed)?)
    }

    /// Splits off the last share of the rows for testing. If rows are in the order of time, these came later.
    ///
    /// # Errors
    /// As [`Dataset::split_last`]; no rows.
    pub fn split_last(&self, test_share: f64) -> Result<Split<Self>> {
        self.parts(&self.numbered()?.split_last(test_share)?)
    }

    /// The row numbers as a data set, to reuse its splits: in two parts, since `f32` holds whole numbers only up to 2²⁴.
    fn numbered(&self) -> Result<Dataset> {
        let parts = (0..self.len()).flat_map(|row| [(row >> 20) as f32, (row & 0xf_ffff) as f32]);
        Dataset::values([2], parts.collect(), [1], vec![0.0; self.len()])
    }

    fn parts(&self, numbered: &Split) -> Result<Split<Self>> {
        let part = |data: &Dataset| {
            let rows =
                data.inputs().chunks_exact(2).map(|part| ((part[0] as usize) << 20) + part[1] as usize);
            self.select(&rows.collect::<Vec<_>>())
        };
        Ok(Split { train: part(&numbered.train)?, test: part(&numbered.test)? })
    }

    /// The indices of these columns.
    pub(super) fn find(&self, names: &[String]) -> Result<Vec<usize>> {
        let columns = &self.source.columns;
        let count = |name: &String| columns.iter().filter(|column| *column == name).count();
        let gone: Vec<&String> = names.iter().filter(|name| count(name) == 0).collect();
        if let [first, rest @ ..] = &gone[..] {
            let more = rest.iter().map(|name| format!(", {name:?}")).collect::<String>();
            let known: Vec<&String> = columns.iter().filter(|column| !column.is_empty()).collect();
            return Err(Error::invalid(
                &self.source.name,
                format!("no column{} {first:?}{more}", if rest.is_empty() { "" } else { "s" }),
                format!("all selected columns among {known:?}"),
                "name existing columns, or set the delimiter or the encoding of the file, or headerless if it has no header",
            ));
        }
        if let Some(name) = names.iter().find(|name| count(name) > 1) {
            return Err(Error::invalid(
                &self.source.name,
                format!("several columns {name:?}"),
                "every selected column once",
                "rename the columns in the file",
            ));
        }
        Ok(names.iter().filter_map(|name| columns.iter().position(|column| column == name)).collect())
    }

    pub(super) fn name(&self) -> &str {
        &self.source.name
    }

    pub(super) fn format(&self) -> &Format {
        &self.source.format
    }

    pub(super) fn text(&self, row: usize, column: usize) -> Result<&str> {
        let source = &self.source;
        let text = std::str::from_utf8(source.field(self.rows[row], column)).map(str::trim);
        let broken = |encoding: &str| {
            Error::invalid(
                self.place(row, column),
                format!("bytes that are not {encoding}"),
                format!("text in {encoding}"),
                "name the file's encoding, such as \"latin1\", or convert the file",
            )
        };
        match (text, source.lossy) {
            (Err(_), _) => Err(broken("UTF-8")),
            (Ok(text), Some(encoding)) if text.contains('\u{fffd}') => Err(broken(encoding)),
            (Ok(text), _) => Ok(text),
        }
    }

    pub(super) fn is_missing(&self, row: usize, column: usize) -> Result<bool> {
        Ok(self.source.format.is_missing(self.text(row, column)?))
    }

    /// The finite number in this field.
    pub(super) fn number(&self, row: usize, column: usize) -> Result<f64> {
        let text = self.text(row, column)?;
        self.source.format.number(text).filter(|v| v.is_finite()).ok_or_else(|| {
            let point = if self.source.format.decimal_comma { "comma" } else { "point" };
            Error::invalid(
                self.place(row, column),
                format!("{text:?}"),
                format!("a finite number with a decimal {point}"),
                "correct the field, declare it missing, use the column as one of categories or leave it out",
            )
        })
    }

    /// Whether the whole number in this field has more digits than double precision.
    pub(super) fn is_rounded(&self, row: usize, column: usize, number: f64) -> bool {
        number.abs() >= EXACT
            && self
                .text(row, column)
                .is_ok_and(|text| text.parse::<i128>().is_ok_and(|v| v != number as i128))
    }

    /// The position of a field: file, line and column.
    pub(super) fn place(&self, row: usize, column: usize) -> String {
        let Source { name, unit, columns, lines, .. } = &*self.source;
        format!("{name}, {unit} {}, column {:?}", lines[self.rows[row]], columns[column])
    }
}

#[cfg(test)]
mod tests;
