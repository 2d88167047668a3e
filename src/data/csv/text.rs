//! The text of a CSV file: unpacked, decoded, and every line ended by `\n`.

use std::io::Read;
use std::path::Path;

use ::csv::ByteRecord;
use encoding_rs::{Encoding, UTF_8};
use flate2::read::MultiGzDecoder;

use crate::{Error, Result};

/// A file's text in UTF-8, or bytes assumed to be UTF-8.
#[derive(Debug)]
pub(super) struct Text {
    pub bytes: Vec<u8>,
    /// The encoding, if some bytes were invalid in it: they became U+FFFD.
    pub lossy: Option<&'static str>,
    /// How many lines were removed from its beginning.
    pub skipped: u64,
}

impl Text {
    pub fn read(path: &Path, encoding: Option<&str>) -> Result<Self> {
        let mut bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let packed = std::mem::take(&mut bytes);
            MultiGzDecoder::new(&packed[..]).read_to_end(&mut bytes).map_err(|e| {
                Error::invalid(path.display(), e, "a whole gzip file", "the file is damaged: fetch it again")
            })?;
        }
        let encoding = encoding.map(|name| known(path, name)).transpose()?;
        let marked = Encoding::for_bom(&bytes);
        let encoding = marked.map(|(encoding, _)| encoding).or(encoding);
        check_text(path, &bytes, encoding)?;
        bytes.drain(..marked.map_or(0, |(_, mark)| mark));
        let encoding = encoding.unwrap_or(UTF_8);
        let mut lossy = None;
        // Invalid UTF-8 stays as it is: it matters only in selected columns.
        if encoding != UTF_8 {
            let (text, damaged) = encoding.decode_without_bom_handling(&bytes);
            lossy = damaged.then_some(encoding.name());
            bytes = text.into_owned().into_bytes();
        }
        Ok(Self { bytes: with_line_feeds(bytes), lossy, skipped: 0 })
    }

    /// Removes the first line if it is Excel's `sep=;`, and returns its delimiter.
    pub fn take_sep(&mut self) -> Option<u8> {
        let end = self.bytes.iter().position(|&b| b == b'\n')?;
        let line = self.bytes[..end].trim_ascii_start();
        let line = line.strip_prefix(b"\"").unwrap_or(line);
        let (name, rest) = line.split_at_checked(4)?;
        let (&delimiter, rest) = rest.split_first()?;
        let alone = matches!(rest.trim_ascii(), b"" | b"\"") && !matches!(delimiter, b'"' | 0x80..);
        if !name.eq_ignore_ascii_case(b"sep=") || !alone {
            return None;
        }
        self.bytes.drain(..=end);
        self.skipped = 1;
        Some(delimiter)
    }

    /// The line on which a row begins. The reader's position is before the blank lines and comments that it skipped.
    pub fn line(&self, row: &ByteRecord, comment: Option<u8>) -> u64 {
        let Some(position) = row.position() else { return 0 };
        let mut rest = &self.bytes[(position.byte() as usize).min(self.bytes.len())..];
        let mut passed = 0;
        while let Some(&first) = rest.first().filter(|&&b| b == b'\n' || Some(b) == comment) {
            let end = if first == b'\n' { Some(0) } else { rest.iter().position(|&b| b == b'\n') };
            let Some(end) = end else { break };
            rest = &rest[end + 1..];
            passed += 1;
        }
        position.line() + passed + self.skipped
    }
}

/// Refuses a beginning that is no text, unless its encoding is known.
pub(super) fn check_text(path: &Path, start: &[u8], encoding: Option<&'static Encoding>) -> Result<()> {
    if encoding.is_some() || start.iter().take(4).all(|&b| b != 0) {
        return Ok(());
    }
    Err(Error::invalid(
        path.display(),
        "bytes of 0, as in UTF-16 without a byte-order mark",
        "text",
        "set the encoding, \"utf-16le\" or \"utf-16be\", or see whether this is a table at all",
    ))
}

pub(super) fn known(path: &Path, name: &str) -> Result<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        Error::invalid(
            path.display(),
            format!("the encoding {name:?}"),
            "a name of the WHATWG's Encoding Standard",
            "name another, such as \"latin1\", \"utf-16le\" or \"shift_jis\"",
        )
    })
}

/// Converts `\r\n` and `\r` to `\n`.
fn with_line_feeds(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut last = 0;
    if bytes.contains(&b'\r') {
        let mut kept = Vec::with_capacity(bytes.len());
        for &byte in &bytes {
            match byte {
                b'\n' if last == b'\r' => {}
                b'\r' => kept.push(b'\n'),
                _ => kept.push(byte),
            }
            last = byte;
        }
        bytes = kept;
    }
    bytes
}
