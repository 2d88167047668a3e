//! Tables in Parquet and Arrow files.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::table::{Format, Source as Fields, head, prepared};
use super::{Preparation, Source, Table};
use crate::{Error, Result};

/// Rows that are read at a time.
const ROWS: usize = 8192;

/// A table in a Parquet file, or in an Arrow file (the formats of files, also called Feather 2, and of streams); which of them is detected
/// from its content. Feature `arrow`.
///
/// Its fields become text, as those of a [`Csv`](super::Csv) file are, so that everything in [`Columns`](super::Columns) applies: numbers,
/// categories, missing values. Nulls and NaN are missing. Lists and other nested columns cannot be selected.
///
/// ```no_run
/// use autorot::data::{Columnar, Columns, Preparation, Scale};
///
/// let file = Columnar::open("trips.parquet");
/// let columns = Columns::new().inputs(["distance", "hour"]).scale(Scale::Standard).targets(["fare"]);
/// // Fitted on the first rows, then read in pieces.
/// let preparation = Preparation::fit(&file.head(10_000)?, &columns)?;
/// let rows = file.source(&preparation)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder reads nothing before table, head or source"]
pub struct Columnar {
    path: PathBuf,
    format: Format,
}

impl Columnar {
    /// Starts with this file. Nothing is read yet.
    pub fn open(path: impl AsRef<Path>) -> Self {
        let missing = vec![("NaN".to_owned(), Some(f64::NAN))];
        Self { path: path.as_ref().to_path_buf(), format: Format { decimal_comma: false, missing } }
    }

    /// A number or text that stands for a missing value, besides nulls and NaN. Several calls add several markers.
    pub fn missing(mut self, marker: impl ToString) -> Self {
        let text = marker.to_string();
        let number = text.parse().ok();
        self.format.missing.push((text, number));
        self
    }

    /// Reads all rows and columns.
    ///
    /// # Errors
    /// A file that cannot be read, or is neither a Parquet nor an Arrow file; a damaged one; one without rows.
    pub fn table(&self) -> Result<Table> {
        head(&self.name(), Pieces::open(self, None)?, usize::MAX)
    }

    /// The first `rows` rows, or all if there are fewer, without reading the rest: to fit a [`Preparation`] for [`Columnar::source`].
    ///
    /// # Errors
    /// As [`Columnar::table`].
    pub fn head(&self, rows: usize) -> Result<Table> {
        head(&self.name(), Pieces::open(self, None)?, rows)
    }

    /// The rows as a source that reads the preparation's columns from the file's beginning in every epoch and prepares them: fitted on
    /// [`Columnar::head`], or on another table. Rows that lack a value are left out. They are shuffled as in a [`Stream`](super::Stream), by
    /// its buffer. The file is read once to count them.
    ///
    /// # Errors
    /// As [`Columnar::table`]; no complete row; what [`Preparation::apply`] refuses, where the rows are read.
    pub fn source(&self, preparation: &Preparation) -> Result<Box<dyn Source>> {
        let columns = [preparation.input_columns(), preparation.target_columns()].concat();
        let file = self.clone();
        prepared(&self.name(), preparation, move || Pieces::open(&file, Some(&columns)))
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn broken(&self, error: impl std::fmt::Display) -> Error {
        let remedy = "the file is damaged, or has a compression that this build cannot read: write it again";
        Error::invalid(self.name(), error, "a Parquet or Arrow file", remedy)
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// An iterator over tables, which together have all rows of the file.
struct Pieces {
    file: Columnar,
    columns: Vec<String>,
    batches: Batches,
    rows: u64,
}

impl Pieces {
    /// Opens the file; of these columns, or of all.
    fn open(of: &Columnar, columns: Option<&[String]>) -> Result<Self> {
        let io = |e| Error::io(&of.path, e);
        let mut file = File::open(&of.path).map_err(io)?;
        let mut start = Vec::new();
        (&mut file).take(6).read_to_end(&mut start).map_err(io)?;
        file.rewind().map_err(io)?;
        let (batches, columns) = if start.starts_with(b"PAR1") {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| of.broken(e))?;
            let mask = columns.map(|columns| {
                ProjectionMask::columns(builder.parquet_schema(), columns.iter().map(String::as_str))
            });
            let builder =
                builder.with_batch_size(ROWS).with_projection(mask.unwrap_or_else(ProjectionMask::all));
            named(builder.build().map_err(|e| of.broken(e))?)
        } else if start.starts_with(b"ARROW1") {
            named(FileReader::try_new(BufReader::new(file), None).map_err(|e| of.broken(e))?)
        } else {
            named(StreamReader::try_new(BufReader::new(file), None).map_err(|e| of.broken(e))?)
        };
        Ok(Self { file: of.clone(), columns, batches, rows: 0 })
    }

    fn table(&mut self, batch: &RecordBatch) -> Result<Table> {
        let (file, options) = (&self.file, FormatOptions::new().with_null(""));
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|e| file.broken(e))?;
        let mut fields = Fields::of_rows(file.name(), file.format.clone(), self.columns.clone());
        for row in 0..batch.num_rows() {
            let texts: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
            fields.push(self.rows, texts.iter().map(String::as_bytes));
            self.rows += 1;
        }
        Ok(fields.into_table())
    }
}

/// The batches of a reader, and the names of its columns.
fn named(reader: impl RecordBatchReader + Send + 'static) -> (Batches, Vec<String>) {
    let names = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    (Box::new(reader), names)
}

impl Iterator for Pieces {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.batches.next()? {
                Ok(batch) if batch.num_rows() == 0 => {}
                Ok(batch) => return Some(self.table(&batch)),
                Err(error) => return Some(Err(self.file.broken(error))),
            }
        }
    }
}
