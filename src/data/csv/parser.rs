//! From the text of a table to its rows.

use ::csv::ByteRecord;

use super::Csv;
use super::delimiter::{Delimiter, fits, least};
use super::text::Text;
use crate::data::Table;
use crate::data::table::Source;
use crate::{Error, Result};

/// Reads the rows of a text, or of one piece after another.
#[derive(Debug)]
pub(super) struct Parser {
    delimiter: Delimiter,
    /// Known from the first row.
    head: Option<Head>,
}

/// The columns, and the least number of fields of a row.
#[derive(Debug)]
struct Head {
    columns: Vec<String>,
    fewest: usize,
}

impl Parser {
    /// Has seen no row yet.
    pub fn new(delimiter: Delimiter) -> Self {
        Self { delimiter, head: None }
    }

    /// The rows of this text, and how many of its bytes they take: of a piece with more behind it, the last row is left to the next piece,
    /// since it may go on there.
    pub fn rows(&mut self, csv: &Csv, text: &Text, is_last: bool) -> Result<(Table, usize)> {
        let Csv { comment, format, path, .. } = csv;
        let mut source = Source::new(path.display().to_string(), format.clone(), text.lossy);
        let mut reader = self.delimiter.reader(&text.bytes, *comment);
        let (mut row, mut next) = (ByteRecord::new(), ByteRecord::new());
        let unreadable =
            |e: ::csv::Error| Error::invalid(path.display(), e, "a CSV file", "correct the file");
        let mut more = reader.read_byte_record(&mut row).map_err(unreadable)?;
        while more {
            more = reader.read_byte_record(&mut next).map_err(unreadable)?;
            if !more && !is_last {
                break;
            }
            self.take(csv, &row, text, &mut source)?;
            std::mem::swap(&mut row, &mut next);
        }
        let start = row.position().map_or(0, |position| position.byte() as usize);
        let taken = if is_last { text.bytes.len() } else { start };
        if let Some(head) = &self.head {
            source.columns.clone_from(&head.columns);
        }
        Ok((source.into_table(), taken))
    }

    /// Adds a row that is not blank; the first one tells the columns.
    fn take(&mut self, csv: &Csv, row: &ByteRecord, text: &Text, source: &mut Source) -> Result<()> {
        let headerless = csv.headerless;
        if row.iter().all(|field| field.trim_ascii().is_empty()) {
            return Ok(());
        }
        let names_columns = self.head.is_none() && !headerless;
        let Head { columns, fewest } = self.head.get_or_insert_with(|| {
            let name = |(i, field): (usize, &[u8])| match headerless {
                true => i.to_string(),
                false => String::from_utf8_lossy(field).trim().to_owned(),
            };
            // Without names, a delimiter at the end looks like a missing value.
            let fewest = if headerless { row.len() } else { least(row) };
            Head { columns: row.iter().enumerate().map(name).collect(), fewest }
        });
        let (count, line) = (columns.len(), text.line(row, csv.comment));
        if !fits(row, *fewest, count) {
            return Err(Error::invalid(
                format!("{}, line {line}", csv.path.display()),
                format!("{} fields", row.len()),
                format!("{count}, as in the {}", if headerless { "first row" } else { "header" }),
                "correct the row, or set the delimiter of the file or the byte that its comments start with",
            ));
        }
        if !names_columns {
            source.push(line, row.iter().chain(std::iter::repeat(&b""[..])).take(count));
        }
        Ok(())
    }
}
