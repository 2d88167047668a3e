//! What the command says: results on standard output, everything else on standard error.

use autorot::{Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};
use std::fmt::{Arguments, Display};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// How results are told.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Output {
    /// Prints one JSON object instead of text; errors, too, are JSON, on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// Shows no progress, and no text besides results.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Says nothing at all: another of several processes does.
    #[arg(skip)]
    pub silent: bool,
}

/// `println!`, with a quiet end once nobody reads any more, as after `head`.
macro_rules! say {
    ($($text:tt)*) => { $crate::say::line(format_args!($($text)*)) };
}
pub(crate) use say;

/// What `say!` does.
pub fn line(text: Arguments<'_>) {
    written(writeln!(io::stdout(), "{text}"));
}

/// Ends the program if standard output is closed: in peace if only its reader is gone.
pub fn written(result: io::Result<()>) {
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            warn(format_args!("error: standard output: {error}"));
            std::process::exit(1)
        }
    }
}

/// A line on standard error; if that is closed, too, the exit code still tells.
pub fn warn(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Shows the library's warnings on standard error, or what `RUST_LOG` asks for.
pub fn log() {
    let filter = env_logger::Env::default().default_filter_or("autorot=warn");
    let format = |out: &mut env_logger::fmt::Formatter, record: &log::Record<'_>| {
        writeln!(out, "{}: {}", record.level().as_str().to_lowercase(), record.args())
    };
    env_logger::Builder::from_env(filter).format(format).init();
}

impl Output {
    /// Whether progress is shown.
    pub fn progress(self) -> bool {
        !self.quiet && !self.json && !self.silent
    }

    /// A line on what is going on, unless there is to be none.
    pub fn note(self, text: impl Display) {
        if self.progress() {
            warn(text);
        }
    }

    /// The results: as JSON, or as text.
    pub fn tell(self, json: &Value, text: impl FnOnce() -> String) {
        if self.silent {
        } else if self.json {
            say!("{json}");
        } else {
            say!("{}", text());
        }
    }

    /// The error that ends the command.
    pub fn failed(self, error: &Error) -> ExitCode {
        if self.silent {
        } else if self.json {
            warn(json!({ "error": parts(error) }));
        } else {
            warn(format_args!("error: {error}"));
        }
        ExitCode::from(1)
    }
}

/// An error with its parts.
fn parts(error: &Error) -> Value {
    let message = error.to_string();
    match error {
        Error::Invalid { place, found, expected, remedy } => json!({
            "kind": "invalid", "message": message,
            "place": place, "found": found, "expected": expected, "remedy": remedy,
        }),
        Error::Io { path, .. } => json!({ "kind": "io", "message": message, "path": path }),
        Error::Device { device, .. } => json!({ "kind": "device", "message": message, "device": device }),
        Error::NonFinite { step, layer, .. } => {
            json!({ "kind": "non_finite", "message": message, "step": step, "layer": layer })
        }
        Error::Process { rank, host, .. } => {
            json!({ "kind": "process", "message": message, "rank": rank, "host": host })
        }
        Error::Interrupted { step } => json!({ "kind": "interrupted", "message": message, "step": step }),
        _ => json!({ "kind": "other", "message": message }),
    }
}

/// A table of texts.
pub fn texts(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    aligned(header, rows, CellAlignment::Left)
}

/// A table, with numbers in all columns but the first.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    aligned(header, rows, CellAlignment::Right)
}

fn aligned(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>, alignment: CellAlignment) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(header.iter().copied());
    rows.into_iter().for_each(|row| {
        table.add_row(row);
    });
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(alignment);
    }
    table.to_string()
}

/// A number with about four digits that say something.
pub fn short(number: f64) -> String {
    match number.abs() {
        0.0 => "0".to_owned(),
        size if !size.is_finite() => number.to_string(),
        1e-3..1.0 => format!("{number:.4}"),
        1.0..1e3 => format!("{number:.3}"),
        1e3..1e6 => format!("{number:.1}"),
        _ => format!("{number:.3e}"),
    }
}

/// A number for JSON, which has no infinity and no NaN.
pub fn number(number: f64) -> Value {
    if number.is_finite() { json!(number) } else { json!(number.to_string()) }
}

/// Writes JSON to a file.
pub fn save(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Error::io(path, e.into()))?;
    store::write(path, (text + "\n").as_bytes())
}
