//! Progress on standard error: bars and spinners at a terminal, plain lines elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::io::{IsTerminal, Write};
use web_time::Duration;

/// The progress of an epoch on standard error. At a terminal it is a bar over the epoch's rows, and a line after the epoch; elsewhere,
/// such as in a log file or a notebook, it is only that line.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
    shown: bool,
}

impl Bar {
    /// Over `rows` rows, named `label`. Nothing is written unless `shown`.
    pub fn new(label: &str, rows: u64, shown: bool) -> Self {
        let target =
            if shown && at_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(rows), target);
        let template = "{prefix:16} {wide_bar} {pos}/{len} rows  {rate}  {eta} left  {msg}";
        let rate = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A bar that cannot be drawn must not stop training.
            let _ = write!(out, "{:.0} rows/s", state.per_sec());
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate));
        }
        bar.set_prefix(label.to_owned());
        Self { bar, shown }
    }

    /// Rows done since the last call, and the loss so far.
    pub fn advance(&self, rows: u64, loss: f64) {
        self.bar.inc(rows);
        self.bar.set_message(format!("loss {}", decimals(loss)));
    }

    /// Removes the bar, if there is one, and writes a line.
    pub fn finish(&self, line: &str) {
        self.bar.finish_and_clear();
        if self.shown {
            say(line);
        }
    }
}

/// Announces something that takes a while: at a terminal with a spinner that disappears when this is dropped, elsewhere with a line.
#[derive(Debug)]
pub(crate) struct Notice {
    spinner: Option<ProgressBar>,
}

impl Notice {
    pub(crate) fn new(what: &'static str) -> Self {
        if !at_terminal() {
            say(what);
            return Self { spinner: None };
        }
        let spinner = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            spinner.set_style(style);
        }
        spinner.set_message(what);
        // On a separate thread, since the compiling one is busy.
        spinner.enable_steady_tick(Duration::from_millis(100));
        Self { spinner: Some(spinner) }
    }

    /// Ends with a line.
    pub(crate) fn finish(self, line: &str) {
        drop(self);
        say(line);
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// A loss or a metric with four decimals, or with an exponent if four decimals would not show it.
pub(crate) fn decimals(value: f64) -> String {
    let plain = value == 0.0 || !value.is_finite() || (1e-3..1e6).contains(&value.abs());
    if plain { format!("{value:.4}") } else { format!("{value:.4e}") }
}

fn at_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a line at once, so that other output does not come in between. If nobody reads standard error any more, training goes on.
fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_numbers_keep_their_digits() {
        let numbers = [0.0, 0.123_456, -12.5, 1.234_56e-7, 3.2e9, f64::INFINITY, f64::NAN];
        let texts = ["0.0000", "0.1235", "-12.5000", "1.2346e-7", "3.2000e9", "inf", "NaN"];
        assert_eq!(numbers.map(decimals), texts);
    }
}
