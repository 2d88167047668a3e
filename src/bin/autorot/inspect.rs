//! What is in a model.

use crate::data::Format;
use crate::load::Loaded;
use crate::say::{Output, short, table};
use crate::source::Source;
use autorot::model::{LayerJacobian, Outputs};
use autorot::train::LayerReport;
use autorot::{Dataset, Model, Result};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Shows a model's layers: outputs, parameters, ranges, x_Q, L and ρ; with data, also gradients, how saturated the layers are,
/// and by how much each makes gradients larger or smaller on their way back.
///
/// Without data and without the folder of a run, only what does not depend on data is shown.
///
/// Examples: autorot inspect runs/flats
///           autorot inspect model.safetensors --data flats.csv
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Inspect {
    /// The folder of a run, a model file, or a file of Keras.
    model: PathBuf,
    /// Rows with targets, on which saturation, gradients and Jacobians are measured; by default those that a run kept for validation.
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// The targets or labels of an array, as .npy.
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// The most rows that are looked at.
    #[arg(long, value_name = "N", default_value_t = 512)]
    rows: usize,
    /// The device.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// The random vectors with which Jacobians are measured, for every row.
const PROBES: usize = 8;

impl Inspect {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut source = Source::open(&self.model, self.device.as_deref())?;
        let data = match (&self.data, &source.settings) {
            (Some(path), _) => Some(source.labelled(path, self.targets.as_deref(), &self.format)?),
            (None, Some(settings)) => {
                let loaded = Loaded::read(settings)?;
                Some(loaded.validation.unwrap_or(loaded.train))
            }
            (None, None) => None,
        };
        let loss = source.loss();
        let measured = match &data {
            Some(data) => source.model.inspect(data, loss, self.rows)?,
            None => source.model.inspect(&synthetic(&source.model, 1)?, loss, 1)?,
        };
        let jacobians = match &data {
            Some(data) => source.model.jacobians(data, self.rows, PROBES)?,
            None => Vec::new(),
        };
        let model = &source.model;
        let json = json!({
            "input": model.network().input().shape,
            "range": model.network().input().range,
            "parameters": model.parameter_count(),
            "outputs": model.outputs(),
            "classes": model.class_names(),
            "doubts": model.network().doubts(),
            "rows": data.as_ref().map(|data| data.len().min(self.rows)),
            "layers": layers(model, &measured, &jacobians, data.is_some()),
        });
        output.tell(&json, || {
            let rows = data.as_ref().map(|data| data.len().min(self.rows));
            format!("{}{}", model.summary(), text(&measured, &jacobians, rows))
        });
        Ok(())
    }
}

/// The layers with what was measured.
fn layers(
    model: &Model,
    measured: &[LayerReport],
    jacobians: &[LayerJacobian],
    with_data: bool,
) -> Vec<Value> {
    let told = |layer: &autorot::model::LayerDescription| {
        let report = measured.iter().find(|report| report.path == layer.path);
        let jacobian = jacobians.iter().find(|jacobian| jacobian.path == layer.path);
        json!({
            "path": layer.path,
            "kind": layer.kind,
            "options": layer.options,
            "rotation": layer.rotation,
            "parameters": layer.parameters,
            "rho": report.and_then(|report| report.rho),
            "limit": report.and_then(|report| report.limit),
            "saturated": report.filter(|_| with_data).and_then(|report| report.saturated),
            "gradient_norm": report.filter(|_| with_data).map(|report| report.gradient_norm),
            "jacobian": jacobian.map(|jacobian| json!({ "chi": jacobian.chi, "product": jacobian.product })),
        })
    };
    model.network().description().layers.iter().map(told).collect()
}

fn text(measured: &[LayerReport], jacobians: &[LayerJacobian], rows: Option<usize>) -> String {
    let three =
        |values: Option<[f64; 3]>| values.map_or_else(String::new, |values| values.map(short).join(" / "));
    let mut header = vec!["layer", "ρ: least / median / most", "L: least / median / most"];
    if rows.is_some() {
        header.extend(["saturated (|z| > L)", "‖gradient‖", "χ of the Jacobian", "χ up to the output"]);
    }
    let row = |report: &LayerReport| {
        let mut row = vec![report.path.clone(), three(report.rho), three(report.limit)];
        if rows.is_some() {
            let share = report.saturated.map_or_else(String::new, |share| format!("{:.1} %", 100.0 * share));
            let jacobian = jacobians.iter().find(|jacobian| jacobian.path == report.path);
            let of =
                |value: fn(&LayerJacobian) -> f64| jacobian.map_or_else(String::new, |j| short(value(j)));
            row.extend([share, short(report.gradient_norm), of(|j| j.chi), of(|j| j.product)]);
        }
        row
    };
    let (on, chi) = match rows {
        Some(rows) => (
            format!("measured on {rows} rows:\n"),
            "\nχ: by how much a layer multiplies the squared length of a random gradient on its way back, and all layers from \
             the output to it\n",
        ),
        None => (String::new(), ""),
    };
    format!("\n{on}{}{chi}", table(&header, measured.iter().map(row)))
}

/// Rows of random inputs in the model's range, with targets of its kind: for what does not depend on them.
pub fn synthetic(model: &Model, rows: usize) -> Result<Dataset> {
    let network = model.network();
    let (input, output) = (network.input(), network.output());
    let (low, high) = input.range.map_or((0.0, 1.0), |range| (range.min, range.max));
    let mut state = 1u32;
    let mut next = || {
        // Numerical Recipes' generator: its upper bits are random enough to time with.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    let inputs = (0..rows * input.len()).map(|_| low + (high - low) * next()).collect();
    let width = output.shape.last().copied().unwrap_or(1);
    let steps = output.len() / width;
    if model.outputs().of_one_class() && steps == 1 {
        let names = match model.class_names() {
            Some(names) => names.to_vec(),
            None => (0..width).map(|i| i.to_string()).collect(),
        };
        return Dataset::classes(
            &*input.shape,
            inputs,
            (0..rows).map(|i| (i % width) as u32).collect(),
            names,
        );
    }
    let of_classes = model.outputs().of_one_class() || model.outputs() == Outputs::BinaryLogits;
    let share = if of_classes { 1.0 / width as f32 } else { 0.0 };
    Dataset::values(&*input.shape, inputs, &*output.shape, vec![share; rows * output.len()])
}
