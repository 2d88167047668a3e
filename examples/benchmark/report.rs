//! The table, for people and as JSON.

use autorot::{Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::Path;

/// One workload on one device.
#[derive(Serialize)]
pub struct Row {
    pub device: String,
    pub workload: String,
    /// Milliseconds of an auto-rotating step, or of a product: the median.
    pub ms: f64,
    /// Milliseconds of a classic step.
    pub classic_ms: Option<f64>,
    /// Auto-rotating over classic.
    pub ratio: Option<f64>,
    pub samples_per_second: Option<f64>,
    pub gflops: f64,
    /// The share of the device's own measured peak.
    pub peak_share: f64,
    /// Seconds from building two models to the end of the first step, pipelines included.
    pub first_step_s: Option<f64>,
    /// MiB on the device.
    pub device_mib: Option<f64>,
}

impl Row {
    /// The row as text, while others are still being timed.
    pub fn line(&self) -> String {
        self.cells().join("  ")
    }

    fn cells(&self) -> Vec<String> {
        let number = |v: Option<f64>, digits: usize| v.map_or(String::new(), |v| format!("{v:.digits$}"));
        vec![
            self.workload.clone(),
            self.device.clone(),
            format!("{:.3}", self.ms),
            number(self.classic_ms, 3),
            number(self.ratio, 3),
            number(self.samples_per_second, 0),
            format!("{:.1}", self.gflops),
            format!("{:.0} %", 100.0 * self.peak_share),
            number(self.first_step_s, 2),
            number(self.device_mib, 1),
        ]
    }
}

pub fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        "workload",
        "device",
        "ms",
        "classic ms",
        "AR/classic",
        "samples/s",
        "GFLOP/s",
        "of peak",
        "first step s",
        "device MiB",
    ]);
    rows.iter().for_each(|row| {
        table.add_row(row.cells());
    });
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

pub fn save(path: &Path, rows: &[Row]) -> Result<()> {
    let text = serde_json::to_vec_pretty(rows).map_err(|e| Error::io(path, e.into()))?;
    store::write(path, &text)
}
