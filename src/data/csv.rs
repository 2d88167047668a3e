//! Tables in CSV files.

mod delimiter;
mod parser;
mod pieces;
mod text;

use std::path::{Path, PathBuf};

use delimiter::Delimiter;
use parser::Parser;
use pieces::{PIECE, Pieces};
use text::Text;

use super::table::{Format, head, prepared};
use super::{Columns, Dataset, Preparation, Source, Table};
use crate::{Error, Result};

/// A table in a CSV file: its format, and which columns are inputs and which are targets.
///
/// A row is dropped if any selected column is empty or holds a [missing](Csv::missing) marker; columns that are not selected may hold
/// anything. Fields are trimmed; quoted fields, blank rows, delimiters at the ends of rows, Excel's `sep=` line, lines that end in `\n`,
/// `\r\n` or `\r`, and gzip files are accepted.
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
///
/// [`Columns`] have further options: categories, replacement of missing values, scales. [`Csv::load`] fits all of that on the whole file;
/// if you want to test on a part, read a [`Table`] instead, split it, and fit a [`Preparation`] on the training part only.
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before load or table"]
pub struct Csv {
    path: PathBuf,
    delimiter: Delimiter,
    headerless: bool,
    comment: Option<u8>,
    encoding: Option<String>,
    format: Format,
    columns: Columns,
}

impl Csv {
    /// Starts with this file, a header row, decimal points, and the file's own delimiter and Unicode encoding. Nothing is read yet.
    pub fn open(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            delimiter: Delimiter::Detect,
            headerless: false,
            comment: None,
            encoding: None,
            format: Format::default(),
            columns: Columns::new(),
        }
    }

    /// The same options for another file, such as a test part or new rows.
    pub fn at(&self, path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf(), ..self.clone() }
    }

    /// The byte between two fields: `b','`, `b';'`, `b'\t'`.
    ///
    /// By default it is taken from Excel's `sep=` line if there is one. Otherwise it is the one of comma, semicolon, tab and `|` with
    /// which the first hundred rows all have as many fields as the header, two or more; if two of them fit, that is an error. If none
    /// does, it is white space if that gives such rows, else the one that the header has, else a comma. With
    /// [`decimal_comma`](Csv::decimal_comma) a comma comes last.
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = Delimiter::Byte(delimiter);
        self
    }

    /// Fields are separated by any number of blanks and tabs.
    pub fn whitespace(mut self) -> Self {
        self.delimiter = Delimiter::Whitespace;
        self
    }

    /// The file has no header: its first row is data, and columns are named by their index, `.inputs(0..4)`.
    pub fn headerless(mut self) -> Self {
        self.headerless = true;
        self
    }

    /// Lines that begin with this byte are skipped: `b'#'`. By default every line counts.
    pub fn comment(mut self, start: u8) -> Self {
        self.comment = Some(start);
        self
    }

    /// The file's encoding, by a name of the WHATWG's Encoding Standard: `"latin1"` (which includes Windows-1252), `"utf-16le"`,
    /// `"shift_jis"`. A byte-order mark, of UTF-8 or UTF-16, overrides it. Without either it is UTF-8.
    pub fn encoding(mut self, name: impl Into<String>) -> Self {
        self.encoding = Some(name.into());
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

    /// The numeric columns that are the inputs, in this order: rows of shape `[columns]`.
    pub fn inputs<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = self.columns.inputs(columns);
        self
    }

    /// The numeric columns to regress, in this order: targets of shape `[columns]`.
    pub fn targets<S: ToString>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.columns = self.columns.targets(columns);
        self
    }

    /// The categorical column to classify: see [`Columns::classes`].
    pub fn classes(mut self, column: impl ToString) -> Self {
        self.columns = self.columns.classes(column);
        self
    }

    /// Fixes the classes and their order, so that several files agree on them; any other category is an error.
    pub fn class_names<S: ToString>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.columns = self.columns.class_names(names);
        self
    }

    /// All column options at once, instead of [`inputs`](Csv::inputs), [`targets`](Csv::targets), [`classes`](Csv::classes) and
    /// [`class_names`](Csv::class_names).
    pub fn columns(mut self, columns: Columns) -> Self {
        self.columns = columns;
        self
    }

    /// Reads the file and prepares all rows; anything to be fitted is fitted on them. The number of rows dropped for missing values is
    /// reported through `log`.
    ///
    /// Inputs and targets keep the file's double precision where single precision would lose information, for a
    /// [`Scaler`](super::Scaler). Unscaled they are rounded, and a column in which that merges different numbers is reported through
    /// `log`.
    ///
    /// # Errors
    /// As [`Csv::table`], [`Preparation::fit`] and [`Preparation::apply`].
    pub fn load(&self) -> Result<Dataset> {
        let (table, preparation) = self.fitted()?;
        preparation.apply(&table)
    }

    /// Reads the file and also returns how many rows were dropped for missing values; blank rows do not count.
    ///
    /// # Errors
    /// As [`Csv::load`].
    pub fn load_counted(&self) -> Result<(Dataset, usize)> {
        let (table, preparation) = self.fitted()?;
        preparation.apply_counted(&table)
    }

    fn fitted(&self) -> Result<(Table, Preparation)> {
        self.columns.check(&self.path.display().to_string())?;
        let table = self.table()?;
        let preparation = Preparation::fit(&table, &self.columns)?;
        Ok((table, preparation))
    }

    /// Reads all columns as text, whichever of them are inputs and targets.
    ///
    /// # Errors
    /// A file that cannot be read or unpacked; an unknown encoding; a delimiter that cannot be detected; a row with more or fewer fields
    /// than the header.
    pub fn table(&self) -> Result<Table> {
        self.check()?;
        let mut text = Text::read(&self.path, self.encoding.as_deref())?;
        let delimiter =
            self.delimiter.settle(&self.path, &mut text, self.comment, self.format.decimal_comma)?;
        Ok(Parser::new(delimiter).rows(self, &text, true)?.0)
    }

    /// Checks that delimiter and comments can be told apart.
    fn check(&self) -> Result<()> {
        let place = self.path.display();
        if matches!(self.delimiter, Delimiter::Byte(b'"' | b'\n' | b'\r')) {
            let found = "a quote or line break as delimiter";
            return Err(Error::invalid(place, found, "a byte such as `,` or `;`", "set another"));
        }
        if self.comment.is_some_and(|c| b"\"\n\r".contains(&c) || self.delimiter == Delimiter::Byte(c)) {
            let found = "a quote, line break or delimiter as the start of comments";
            return Err(Error::invalid(place, found, "a byte such as `#`", "set another"));
        }
        Ok(())
    }

    /// The first `rows` rows of the file, or all if it has fewer, without reading all of it: to fit a [`Preparation`] for
    /// [`Csv::source`].
    ///
    /// # Errors
    /// As [`Csv::table`] and [`Csv::source`].
    pub fn head(&self, rows: usize) -> Result<Table> {
        self.check()?;
        let pieces = Pieces::open(self, rows.clamp(1, 1 << 20).saturating_mul(64))?;
        head(&self.path.display().to_string(), pieces, rows)
    }

    /// The rows as a source that reads the file from its beginning in every epoch, a few MiB at a time, and prepares them as this
    /// preparation does: fitted on [`Csv::head`], or on another table. Rows that lack a value are left out. They are shuffled as in a
    /// [`Stream`](super::Stream), by its buffer. The file is read once to count them.
    ///
    /// # Errors
    /// A file that cannot be read or unpacked, or has no complete row; fields that are separated by white space, whose number may vary;
    /// an unknown encoding; what [`Preparation::apply`] refuses, where the rows are read.
    pub fn source(&self, preparation: &Preparation) -> Result<Box<dyn Source>> {
        self.check()?;
        let csv = self.clone();
        prepared(&self.path.display().to_string(), preparation, move || Pieces::open(&csv, PIECE))
    }
}
