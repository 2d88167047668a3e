//! Printing, and a quiet exit once nobody reads the output any more.

use crate::job;
use std::fmt::{Arguments, Display};
use std::io::{ErrorKind, Write, stderr, stdout};
use std::time::Duration;

/// `println!`, but with a quiet exit if the reader of a pipe is gone, as after `head`.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// What `say!` does: of several processes, one says it.
pub fn line(text: Arguments<'_>) {
    if !job::leads() {
        return;
    }
    match writeln!(stdout(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => fail(format_args!("standard output: {error}")),
        Ok(()) => {}
    }
}

/// Ends the program with an error message.
pub fn fail(error: impl Display) -> ! {
    if !job::leads() {
        // Most errors are all processes' own: the first one tells, and ends the job.
        std::thread::sleep(Duration::from_secs(1));
    }
    job::clear();
    // If standard error is closed, too, the exit code still tells.
    let _ = writeln!(stderr(), "error: {error}");
    std::process::exit(1)
}
