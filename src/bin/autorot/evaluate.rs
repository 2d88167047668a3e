//! How good a model is.

use crate::data::Format;
use crate::load::Loaded;
use crate::say::{Output, number, short, table};
use crate::source::Source;
use autorot::data::Conversion;
use autorot::train::Evaluation;
use autorot::{Dataset, Error, Metric, Result, Targets};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Measures a model on rows with known targets.
///
/// Without DATA, on the rows that its run kept for validation. Errors of values are in the units of the data; of classes it tells how
/// many rows of each were found (recall), and how often the model was right where it answered with this class (precision).
///
/// Examples: autorot evaluate runs/flats
///           autorot evaluate model.safetensors flats.csv
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Evaluate {
    /// The folder of a run, a model file, or a file of Keras.
    model: PathBuf,
    /// A CSV file, a folder with one folder of images per class, or an array in a .npy or .npz file.
    data: Option<PathBuf>,
    /// The targets or labels of an array, as .npy.
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// The device.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    format: Format,
}

impl Evaluate {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut source = Source::open(&self.model, self.device.as_deref())?;
        let data = match (&self.data, &source.settings) {
            (Some(path), _) => source.labelled(path, self.targets.as_deref(), &self.format)?,
            (None, Some(settings)) => Loaded::read(settings)?.validation.ok_or_else(|| {
                let (found, expected) = ("a run without rows for validation", "rows with targets");
                Error::invalid(self.model.display(), found, expected, "name a file with rows to evaluate")
            })?,
            (None, None) => {
                let (found, expected) = ("a model file alone", "rows with targets");
                let remedy = "name a file with rows to evaluate, or the folder of a run";
                return Err(Error::invalid(self.model.display(), found, expected, remedy));
            }
        };
        let metrics = match &source.settings {
            Some(settings) => settings.training.metrics.clone(),
            None if data.targets().class_names().is_some_and(|names| names.len() > 1) => {
                vec![Metric::Accuracy]
            }
            None => Vec::new(),
        };
        let loss = source.loss();
        let Evaluation { loss: value, metrics: values } =
            source.model.evaluate(&data, loss.clone(), &metrics)?;
        let named = metrics.iter().map(Metric::name).zip(values);
        let named: Vec<(String, f64)> = std::iter::once((loss.name(), value)).chain(named).collect();
        let (details, lines) = self.details(&mut source, &data)?;
        let numbers: serde_json::Map<String, Value> =
            named[1..].iter().map(|(name, value)| (name.clone(), number(*value))).collect();
        let mut json = json!({ "rows": data.len(), "loss": number(value), "metrics": numbers });
        if let (Value::Object(all), Value::Object(details)) = (&mut json, details) {
            all.extend(details);
        }
        output.tell(&json, || {
            let first: Vec<String> =
                named.iter().map(|(name, value)| format!("{name} {}", short(*value))).collect();
            format!("{} rows: {}{lines}", data.len(), first.join(", "))
        });
        Ok(())
    }

    /// Errors in the units of the data, or what became of each class.
    fn details(&self, source: &mut Source, data: &Dataset) -> Result<(Value, String)> {
        if data.targets().steps() > 1 {
            return Ok((json!({}), String::new()));
        }
        let outputs = source.model.predict(data.inputs())?;
        match data.targets() {
            Targets::Classes { labels, names, .. } => Ok(classes(&outputs, labels, names)),
            Targets::Values { values, .. } => {
                let convert = |numbers: &[f32]| match source.model.conversion() {
                    Some(Conversion::Table(preparation)) => preparation.invert(numbers),
                    Some(Conversion::Scaled { targets: Some(scaler), .. }) => scaler.invert_f64(numbers),
                    _ => Ok(numbers.iter().map(|&v| v.into()).collect()),
                };
                let names = match source.model.conversion() {
                    Some(Conversion::Table(preparation)) => preparation.target_columns(),
                    _ => (0..data.targets().width()).map(|i| i.to_string()).collect(),
                };
                if source.model.outputs() != autorot::model::Outputs::Values {
                    return Ok((json!({}), String::new()));
                }
                Ok(errors(&convert(&outputs)?, &convert(values)?, &names))
            }
        }
    }
}

/// The errors of each target.
fn errors(found: &[f64], expected: &[f64], names: &[String]) -> (Value, String) {
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let of =
            |numbers: &[f64]| -> Vec<f64> { numbers.iter().skip(i).step_by(names.len()).copied().collect() };
        let (found, expected) = (of(found), of(expected));
        let count = expected.len() as f64;
        let mean = expected.iter().sum::<f64>() / count;
        let pairs = || found.iter().zip(&expected).map(|(a, b)| a - b);
        let absolute = pairs().map(f64::abs).sum::<f64>() / count;
        let squares = pairs().map(|error| error * error).sum::<f64>();
        let total = expected.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        let usual = expected.iter().map(|v| (v - mean).abs()).sum::<f64>() / count;
        let (root, r2) = ((squares / count).sqrt(), 1.0 - squares / total);
        all.push(json!({
            "name": name, "mean_absolute_error": number(absolute), "root_mean_squared_error": number(root),
            "r2": number(r2), "mean_absolute_error_of_guessing_the_mean": number(usual),
        }));
        rows.push(vec![name.clone(), short(absolute), short(root), short(r2), short(usual)]);
    }
    let header = ["target", "mean |error|", "√ mean error²", "R²", "mean |error| of guessing the mean"];
    (json!({ "targets": all }), format!("\n{}", table(&header, rows)))
}

/// How many rows of each class were found.
fn classes(outputs: &[f32], labels: &[u32], names: &[String]) -> (Value, String) {
    let most = |row: &[f32]| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let answers: Vec<usize> = outputs.chunks_exact(names.len().max(1)).map(most).collect();
    let mut counts = vec![vec![0usize; names.len()]; names.len()];
    for (&label, &answer) in labels.iter().zip(&answers) {
        counts[label as usize][answer] += 1;
    }
    let share = |part: usize, of: usize| if of == 0 { f64::NAN } else { part as f64 / of as f64 };
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (i, name) in names.iter().enumerate() {
        let (own, answered) =
            (counts[i].iter().sum::<usize>(), counts.iter().map(|row| row[i]).sum::<usize>());
        let (recall, precision) = (share(counts[i][i], own), share(counts[i][i], answered));
        all.push(
            json!({ "name": name, "rows": own, "recall": number(recall), "precision": number(precision) }),
        );
        let shown = |share: f64| if share.is_nan() { "–".to_owned() } else { format!("{share:.3}") };
        rows.push(vec![name.clone(), own.to_string(), shown(recall), shown(precision)]);
    }
    let text = table(&["class", "rows", "recall", "precision"], rows);
    (json!({ "classes": all, "confusion": counts }), format!("\n{text}"))
}
