//! The rows of a CSV file, field by field.

use std::collections::HashMap;
use std::path::Path;

use ::csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord, Trim};

use crate::{Error, Result};

/// How fields are written.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub delimiter: u8,
    pub decimal_comma: bool,
    /// Markers as text, and as numbers where they are numbers.
    pub missing: Vec<(String, Option<f64>)>,
}

impl Format {
    fn number(&self, text: &str) -> Option<f64> {
        if !self.decimal_comma {
            return text.parse().ok();
        }
        // A point could only separate thousands, and 1.234 must not be taken for a fraction.
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

/// An open file and its current row.
pub(super) struct Table<'a> {
    path: &'a Path,
    format: &'a Format,
    bytes: &'a [u8],
    reader: Reader<&'a [u8]>,
    header: StringRecord,
    row: StringRecord,
}

impl<'a> Table<'a> {
    pub fn new(path: &'a Path, format: &'a Format, bytes: &'a [u8]) -> Result<Self> {
        let reader = ReaderBuilder::new()
            .delimiter(format.delimiter)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(bytes);
        let (header, row) = (StringRecord::new(), StringRecord::new());
        let mut table = Self { path, format, bytes, reader, header, row };
        table.header = table.reader.headers().cloned().map_err(|e| table.unreadable(e))?;
        Ok(table)
    }

    /// The positions of these columns.
    pub fn columns(&self, names: &[String]) -> Result<Vec<usize>> {
        names.iter().map(|name| self.column(name)).collect()
    }

    fn column(&self, name: &str) -> Result<usize> {
        let mut places = self.header.iter().enumerate().filter(|(_, column)| *column == name);
        match (places.next(), places.next()) {
            (Some((column, _)), None) => Ok(column),
            (None, _) => {
                let names: Vec<&str> = self.header.iter().filter(|column| !column.is_empty()).collect();
                Err(Error::invalid(
                    self.path.display(),
                    format!("no column {name:?}"),
                    format!("one of {names:?}"),
                    "name an existing column or set the delimiter of the file",
                ))
            }
            _ => Err(Error::invalid(
                self.path.display(),
                format!("several columns {name:?}"),
                "every selected column once",
                "rename the columns in the file",
            )),
        }
    }

    /// Goes to the next row that is not blank; false at the end.
    pub fn next(&mut self) -> Result<bool> {
        loop {
            if !self.reader.read_record(&mut self.row).map_err(|e| self.unreadable(e))? {
                return Ok(false);
            }
            if self.row.iter().all(str::is_empty) {
                continue;
            }
            if self.row.len() == self.header.len() {
                return Ok(true);
            }
            return Err(Error::invalid(
                self.place(self.row.position()),
                format!("{} fields", self.row.len()),
                format!("{}, as in the header", self.header.len()),
                "correct the row or set the delimiter of the file",
            ));
        }
    }

    pub fn is_missing(&self, column: usize) -> bool {
        self.format.is_missing(&self.row[column])
    }

    /// The current row's finite number in this column.
    pub fn number(&self, column: usize) -> Result<f32> {
        let number = self.format.number(&self.row[column]).map(|v| v as f32);
        number.filter(|v| v.is_finite()).ok_or_else(|| {
            let point = if self.format.decimal_comma { "comma" } else { "point" };
            Error::invalid(
                format!("{}, column {:?}", self.place(self.row.position()), &self.header[column]),
                format!("{:?}", &self.row[column]),
                format!("a finite number with a decimal {point}"),
                "correct the field, declare it missing or leave the column out",
            )
        })
    }

    /// The current row's category in this column, one of `names` where they are given.
    pub fn category(&self, column: usize, names: Option<&[String]>) -> Result<&str> {
        let category = &self.row[column];
        match names {
            Some(names) if !names.iter().any(|name| name == category) => Err(Error::invalid(
                format!("{}, column {:?}", self.place(self.row.position()), &self.header[column]),
                format!("{category:?}"),
                format!("one of {names:?}"),
                "name every class in class_names or declare this one missing",
            )),
            _ => Ok(category),
        }
    }

    /// The file and the line. The reader's own count is one short where lines end in `\r\n`.
    fn place(&self, position: Option<&Position>) -> String {
        let start = position.map_or(0, |p| p.byte() as usize).min(self.bytes.len());
        let breaks = self.bytes[start..].iter().take_while(|b| b"\r\n".contains(b)).count();
        let line = 1 + self.bytes[..start + breaks].iter().filter(|&&b| b == b'\n').count();
        format!("{}, line {line}", self.path.display())
    }

    fn unreadable(&self, error: ::csv::Error) -> Error {
        let (place, found) = match error.kind() {
            ErrorKind::Utf8 { pos, .. } => (self.place(pos.as_ref()), "bytes that are not UTF-8".to_string()),
            _ => (self.path.display().to_string(), error.to_string()),
        };
        Error::invalid(place, found, "a CSV file in UTF-8", "convert the file")
    }
}

/// Categories in the order of their first appearance, and which of them each row has.
#[derive(Default)]
pub(super) struct Categories {
    indices: HashMap<String, usize>,
    rows: Vec<usize>,
}

impl Categories {
    pub fn push(&mut self, name: &str) {
        let next = self.indices.len();
        let index = self.indices.get(name).copied().unwrap_or(next);
        if index == next {
            self.indices.insert(name.to_string(), next);
        }
        self.rows.push(index);
    }

    /// The categories, sorted as numbers if all of them are numbers, else as text.
    pub fn sorted(&self, format: &Format) -> Vec<String> {
        let mut names: Vec<String> = self.indices.keys().cloned().collect();
        names.sort();
        let numbers: Option<Vec<f64>> = names.iter().map(|name| format.number(name)).collect();
        let Some(numbers) = numbers else { return names };
        let mut numbered: Vec<(f64, String)> = numbers.into_iter().zip(names).collect();
        numbered.sort_by(|a, b| a.0.total_cmp(&b.0));
        numbered.into_iter().map(|(_, name)| name).collect()
    }

    /// The rows as indices into `names`, which hold every category.
    pub fn labels(&self, names: &[String]) -> Vec<u32> {
        let mut map = vec![0; self.indices.len()];
        for (label, name) in (0u32..).zip(names) {
            if let Some(&index) = self.indices.get(name) {
                map[index] = label;
            }
        }
        self.rows.iter().map(|&index| map[index]).collect()
    }
}
