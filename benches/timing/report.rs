//! The table, for people and as JSON.

use autorot::{Device, Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::path::Path;

/// One workload on one device.
#[derive(Default, Serialize)]
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
    /// The share of the device's own measured peak of multiply-adds.
    pub peak_share: f64,
    /// The share of the device's own measured copying, counting the bytes that must move at least.
    pub copy_share: f64,
    /// Seconds from building the auto-rotating model to the end of its first step, pipelines included.
    pub first_step_s: Option<f64>,
    /// The share of a step's time in which the host prepares steps; while it does so the device works on those before.
    pub host_share: Option<f64>,
    /// The dispatches of an auto-rotating step.
    pub dispatches: Option<usize>,
    /// MiB that the plan counts.
    pub plan_mib: f64,
    /// MiB that the device's memory gained, where the driver tells.
    pub device_mib: Option<f64>,
}

impl Row {
    /// A row without numbers yet.
    pub fn new(device: &Device, workload: String) -> Self {
        Self { device: device.name(), workload, ..Self::default() }
    }

    /// The row as text, while others are still being timed.
    pub fn line(&self) -> String {
        self.cells().join("  ")
    }

    fn cells(&self) -> Vec<String> {
        let number = |v: Option<f64>, digits: usize| v.map_or(String::new(), |v| format!("{v:.digits$}"));
        let share = |v: f64| format!("{:.0} %", 100.0 * v);
        vec![
            self.workload.clone(),
            self.device.clone(),
            format!("{:.3}", self.ms),
            number(self.classic_ms, 3),
            number(self.ratio, 3),
            number(self.samples_per_second, 0),
            format!("{:.1}", self.gflops),
            share(self.peak_share),
            share(self.copy_share),
            number(self.first_step_s, 2),
            self.host_share.map_or(String::new(), share),
            self.dispatches.map_or(String::new(), |count| count.to_string()),
            format!("{:.1}", self.plan_mib),
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
        "of fma peak",
        "of copy peak",
        "first step s",
        "host",
        "dispatches",
        "plan MiB",
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
