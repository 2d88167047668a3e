//! Tables and report files.

use super::run::mean_deviation;
use autorot::{Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::Path;

/// A Markdown table with numbers in all columns but the first.
pub fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(header);
    table.add_rows(rows);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Mean ± standard deviation.
pub fn spread(values: impl Iterator<Item = f64> + Clone) -> String {
    let (mean, deviation) = mean_deviation(values);
    format!("{mean:.3} ± {deviation:.3}")
}

/// Writes a report as JSON. Numbers that are not finite become null.
pub fn save(path: &Path, report: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(report).map_err(|e| Error::io(path, e.into()))?;
    store::write(path, &text)
}

/// Writes a study's `report.json`: where it ran, on what, how, and all trainings.
pub fn save_study(
    out: &Path,
    device: &str,
    data: &str,
    options: &impl Serialize,
    runs: &impl Serialize,
) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a, O, R> {
        device: &'a str,
        data: &'a str,
        options: &'a O,
        runs: &'a R,
    }
    save(&out.join("report.json"), &Report { device, data, options, runs })
}
