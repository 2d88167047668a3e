//! What the programs say, and their quiet end once nobody reads it any more.

use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, Write, stderr, stdout};

/// `println!`, but where the reader of a pipe is gone, such as `head` after enough lines, the program ends without a word.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// What `say!` does.
pub fn line(text: Arguments<'_>) {
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => fail(format_args!("standard output: {error}")),
        Ok(()) => {}
    }
}

/// Ends the program with what went wrong.
pub fn fail(error: impl Display) -> ! {
    // Where standard error is closed, too, the exit code tells.
    let _ = writeln!(stderr(), "error: {error}");
    std::process::exit(1)
}
