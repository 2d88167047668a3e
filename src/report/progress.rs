//! Progress bars with throughput and remaining time; silent when nobody watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::IsTerminal;

/// A bar over the steps of an epoch. It draws only when the standard error stream is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over `rows` rows named `label`, or a hidden one when not `shown` or not at a terminal.
    pub fn new(label: &str, rows: u64, shown: bool) -> Self {
        let visible = shown && std::io::stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(rows), target);
        let template = "{prefix:16} {wide_bar} {pos}/{len} rows  {rate}  {eta} left  {msg}";
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be drawn is no reason to stop training.
            let _ = write!(out, "{:.0} rows/s", state.per_sec());
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_prefix(label.to_owned());
        Self { bar }
    }

    /// Rows done since the last call, and the loss so far.
    pub fn advance(&self, rows: u64, loss: f64) {
        self.bar.inc(rows);
        self.bar.set_message(format!("loss {loss:.4}"));
    }

    /// Removes the bar and prints a line in its place, if there was a bar.
    pub fn finish(&self, line: &str) {
        if !self.bar.is_hidden() {
            self.bar.suspend(|| eprintln!("{line}"));
        }
        self.bar.finish_and_clear();
    }
}
