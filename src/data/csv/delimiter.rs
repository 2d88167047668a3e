//! What separates fields, and its detection.

use std::path::Path;

use ::csv::{ByteRecord, Reader, ReaderBuilder};

use super::text::Text;
use crate::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Delimiter {
    /// Whatever the file has.
    Detect,
    Byte(u8),
    /// Any number of blanks and tabs.
    Whitespace,
}

/// How many rows are examined.
const SAMPLE: usize = 100;

impl Delimiter {
    /// The delimiter of this text. The text is changed so that a single byte separates fields: see
    /// [`Csv::delimiter`](super::Csv::delimiter).
    pub fn settle(
        self,
        path: &Path,
        text: &mut Text,
        comment: Option<u8>,
        decimal_comma: bool,
    ) -> Result<Self> {
        let said = text.take_sep();
        let delimiter = match (self, said) {
            (Self::Detect, Some(said)) => Self::Byte(said),
            (Self::Detect, None) => {
                let found = detect(path, text, comment, decimal_comma)?;
                if found != Self::Byte(b',') {
                    log::info!("{}: fields are separated by {}", path.display(), found.name());
                }
                found
            }
            (given, Some(said)) if given != Self::Byte(said) => {
                return Err(Error::invalid(
                    format!("{}, line 1", path.display()),
                    format!("{} in the file's own sep= line", Self::Byte(said).name()),
                    format!("{}, as set", given.name()),
                    "set no delimiter",
                ));
            }
            (given, _) => given,
        };
        if delimiter == Self::Whitespace {
            text.bytes = single_tabs(&text.bytes, comment);
        }
        Ok(delimiter)
    }

    pub fn reader(self, text: &[u8], comment: Option<u8>) -> Reader<&[u8]> {
        let byte = match self {
            Self::Byte(byte) => byte,
            Self::Whitespace => b'\t',
            Self::Detect => b',',
        };
        let mut builder = ReaderBuilder::new();
        builder.delimiter(byte).flexible(true).has_headers(false).comment(comment).from_reader(text)
    }

    fn name(self) -> String {
        match self {
            Self::Detect => "nothing".into(),
            Self::Whitespace => "white space".into(),
            Self::Byte(b'\t') => "tabs".into(),
            Self::Byte(byte) => format!("`{}`", char::from(byte)),
        }
    }

    /// The number of fields in all rows of the sample, two or more.
    fn width(self, text: &[u8], comment: Option<u8>) -> Option<usize> {
        let (mut reader, mut row) = (self.reader(text, comment), ByteRecord::new());
        let (mut first, mut rows) = (None, 0);
        while rows < SAMPLE && reader.read_byte_record(&mut row).ok()? {
            if row.iter().all(|field| field.trim_ascii().is_empty()) {
                continue;
            }
            let (least, columns) = *first.get_or_insert_with(|| (least(&row), row.len()));
            if columns < 2 || !fits(&row, least, columns) {
                return None;
            }
            rows += 1;
        }
        first.map(|(_, columns)| columns)
    }
}

/// The minimum number of fields per row in a table with this first row: fields after the last name come from a delimiter at its end.
pub(super) fn least(first: &ByteRecord) -> usize {
    first.iter().rposition(|field| !field.trim_ascii().is_empty()).map_or(0, |last| last + 1)
}

/// Whether a row fits a table with this many columns: delimiters at its end make no difference.
pub(super) fn fits(row: &ByteRecord, least: usize, columns: usize) -> bool {
    row.len() >= least && row.iter().skip(columns).all(|field| field.trim_ascii().is_empty())
}

fn detect(path: &Path, text: &Text, comment: Option<u8>, decimal_comma: bool) -> Result<Delimiter> {
    let candidates = [b',', b';', b'\t', b'|'].map(Delimiter::Byte);
    let mut fitting: Vec<(Delimiter, usize)> = Vec::new();
    for candidate in candidates {
        fitting.extend(candidate.width(&text.bytes, comment).map(|width| (candidate, width)));
    }
    if decimal_comma && fitting.len() > 1 {
        fitting.retain(|(candidate, _)| *candidate != Delimiter::Byte(b','));
    }
    match fitting[..] {
        [(one, _)] => return Ok(one),
        [] => {}
        _ => {
            let all: Vec<String> =
                fitting.iter().map(|(one, width)| format!("{} ({width} columns)", one.name())).collect();
            let found = format!("fields that may be separated by {}", all.join(" or "));
            return Err(Error::invalid(path.display(), found, "one delimiter", "set the delimiter"));
        }
    }
    let tabs = single_tabs(&text.bytes, comment);
    let header_has = |candidate: &Delimiter| {
        let (mut reader, mut row) = (candidate.reader(&text.bytes, comment), ByteRecord::new());
        reader.read_byte_record(&mut row).is_ok() && row.len() > 1
    };
    let in_header: Vec<Delimiter> = candidates.into_iter().filter(header_has).collect();
    Ok(match in_header[..] {
        [] | [Delimiter::Byte(b'\t')] if Delimiter::Whitespace.width(&tabs, comment).is_some() => {
            Delimiter::Whitespace
        }
        [one] => one,
        _ => Delimiter::Byte(b','),
    })
}

/// Puts one tab for any number of blanks and tabs between fields, and none at the ends of lines; quoted ones and comments stay.
fn single_tabs(text: &[u8], comment: Option<u8>) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let (mut quoted, mut commented, mut gap) = (false, false, false);
    for (i, &byte) in text.iter().enumerate() {
        if commented {
            commented = byte != b'\n';
            out.push(byte);
        } else if quoted {
            // After a doubled quote the second one opens again.
            quoted = byte != b'"';
            out.push(byte);
        } else if matches!(byte, b' ' | b'\t') {
            gap = true;
        } else {
            let start = out.last().is_none_or(|&b| b == b'\n');
            if gap && !start && byte != b'\n' {
                out.push(b'\t');
            }
            let opens = gap || start || text.get(i.wrapping_sub(1)) == Some(&b'"');
            quoted = byte == b'"' && opens;
            commented = start && Some(byte) == comment;
            gap = false;
            out.push(byte);
        }
    }
    out
}
