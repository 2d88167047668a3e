//! Tables and report files.

use crate::options::Training;
use autorot::{Device, Error, Result, store};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

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

/// What most reports say about a study: its data and its options.
#[derive(Serialize)]
pub struct Told<'a, O> {
    pub data: String,
    pub options: &'a O,
}

/// Writes a study's `report.json`: the device, what is said about the study, and all trainings. Non-finite numbers become null.
pub fn save<R: Serialize>(
    training: &Training,
    device: &Device,
    told: &impl Serialize,
    runs: &[R],
) -> Result<()> {
    #[derive(Serialize)]
    struct Report<'a, T, R> {
        device: String,
        #[serde(flatten)]
        told: &'a T,
        runs: &'a [R],
    }
    let path = training.out().join("report.json");
    let report = Report { device: device.name(), told, runs };
    let text = serde_json::to_vec_pretty(&report).map_err(|e| Error::io(&path, e.into()))?;
    store::write(&path, &text)
}
