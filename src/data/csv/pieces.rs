//! The rows of a file that is read a piece at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};

use encoding_rs::Encoding;
use encoding_rs_io::DecodeReaderBytesBuilder;
use flate2::bufread::MultiGzDecoder;

use super::Csv;
use super::delimiter::Delimiter;
use super::parser::Parser;
use super::text::{Text, check_text, known};
use crate::data::Table;
use crate::{Error, Result};

/// How many bytes are read at a time.
pub(super) const PIECE: usize = 4 << 20;

/// The longest row, in bytes: what has no end is no table.
const LONGEST: usize = 1 << 30;

/// An iterator over tables, which together have all rows of the file.
pub(super) struct Pieces {
    csv: Csv,
    source: Box<dyn Read + Send>,
    piece: usize,
    /// What is read and not taken yet.
    text: Text,
    /// Once the first piece has shown them.
    parser: Option<Parser>,
    ended: bool,
}

impl Pieces {
    /// Opens the file, to be read `piece` bytes at a time.
    pub fn open(csv: &Csv, piece: usize) -> Result<Self> {
        let path = &csv.path;
        let mut file = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
        let packed = file.fill_buf().map_err(|e| Error::io(path, e))?.starts_with(&[0x1f, 0x8b]);
        let unpacked: Box<dyn Read + Send> =
            if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let mut unpacked = BufReader::new(unpacked);
        let encoding = csv.encoding.as_deref().map(|name| known(path, name)).transpose()?;
        let start = unpacked.fill_buf().map_err(|e| broken(csv, e))?;
        let marked = Encoding::for_bom(start).map(|(encoding, _)| encoding);
        check_text(path, start, marked.or(encoding))?;
        let other = marked.or(encoding).filter(|encoding| *encoding != encoding_rs::UTF_8);
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(encoding)
            .utf8_passthru(true)
            .strip_bom(true)
            .bom_override(true)
            .build(unpacked);
        let source = Box::new(LineFeeds { source: decoded, after_return: false });
        // Where some bytes are invalid, fields tell by their replacements.
        let text = Text { bytes: Vec::new(), lossy: other.map(Encoding::name), skipped: 0 };
        Ok(Self { csv: csv.clone(), source, piece, text, parser: None, ended: false })
    }

    /// The next rows, or none where a row goes on in the next piece.
    fn piece(&mut self) -> Result<Table> {
        let before = self.text.bytes.len();
        if before > LONGEST {
            let (found, expected) =
                ("a row without end".to_owned(), format!("rows of at most {LONGEST} bytes"));
            return Err(Error::invalid(self.csv.path.display(), found, expected, "close its quotes"));
        }
        let mut more = (&mut self.source).take(self.piece as u64);
        let read = more.read_to_end(&mut self.text.bytes).map_err(|e| broken(&self.csv, e))?;
        self.ended = read < self.piece;
        let settled = match self.parser.take() {
            Some(parser) => parser,
            None => Parser::new(self.settle()?),
        };
        let parser = self.parser.insert(settled);
        let (table, taken) = parser.rows(&self.csv, &self.text, self.ended)?;
        self.text.skipped += self.text.bytes[..taken].iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.text.bytes.drain(..taken);
        Ok(table)
    }

    /// The delimiter, from the whole lines of the first piece.
    fn settle(&mut self) -> Result<Delimiter> {
        let Csv { path, delimiter, comment, format, .. } = &self.csv;
        let lines = self.text.bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let whole = if self.ended { self.text.bytes.len() } else { lines };
        let mut head = Text { bytes: self.text.bytes[..whole].to_vec(), ..self.text };
        let found = delimiter.settle(path, &mut head, *comment, format.decimal_comma)?;
        if found == Delimiter::Whitespace {
            return Err(Error::invalid(
                path.display(),
                "fields separated by white space",
                "a single byte between two fields, where a file is read in pieces",
                "load the file as a whole, or write it with commas",
            ));
        }
        self.text.bytes.drain(..whole - head.bytes.len());
        self.text.skipped = head.skipped;
        Ok(found)
    }
}

impl Iterator for Pieces {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            match self.piece() {
                Ok(table) if table.is_empty() => {}
                Ok(table) => return Some(Ok(table)),
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn broken(csv: &Csv, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            let remedy = "the file is damaged: fetch it again";
            Error::invalid(csv.path.display(), error, "a whole gzip file", remedy)
        }
        _ => Error::io(&csv.path, error),
    }
}

/// Reads `\r\n` and `\r` as `\n`.
struct LineFeeds<R> {
    source: R,
    after_return: bool,
}

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.source.read(buffer)?;
            let mut kept = 0;
            for place in 0..read {
                let byte = buffer[place];
                if !(byte == b'\n' && self.after_return) {
                    buffer[kept] = if byte == b'\r' { b'\n' } else { byte };
                    kept += 1;
                }
                self.after_return = byte == b'\r';
            }
            // Nothing kept is not the end of what there is to read.
            if kept > 0 || read == 0 {
                return Ok(kept);
            }
        }
    }
}
