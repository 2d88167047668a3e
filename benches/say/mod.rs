//! Printing.

use autorot::{Error, Result};
use std::fmt::Display;
use std::io::{ErrorKind, Write, stdout};

/// Prints a line. Where the reader of a pipe is gone, such as `head` after enough lines, the program ends without a word.
pub fn say(text: impl Display) -> Result<()> {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        ended => ended.map_err(|error| Error::io("standard output", error)),
    }
}
