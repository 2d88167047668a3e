//! How good a model is.

use crate::data::Format;
use crate::load::Loaded;
use crate::say::{Output, number, short, table};
use crate::source::Source;
use autorot::data::Conversion;
use autorot::model::Outputs;
use autorot::report::{Average, Classification, Regression};
use autorot::train::Evaluation;
use autorot::{Dataset, Error, Metric, Result, Targets};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Measures a model on rows with known targets.
///
/// Without DATA, on the rows that its run kept for validation. Errors of values are in the units of the data; of classes it tells how
/// many rows of each were found (recall), and how often the model was right where it answered with this class (precision), and scikit-learn's
/// scores of all of them.
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
        let single = source.model.network().output().shape.last() == Some(&1);
        let metrics = match &source.settings {
            Some(settings) => settings.training.metrics.clone(),
            None if data.targets().class_names().is_some_and(|names| names.len() > 1) => {
                vec![if single { Metric::BinaryAccuracy { threshold: 0.0 } } else { Metric::Accuracy }]
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
        match data.targets() {
            // A single value: what tells the classes apart is not known.
            Targets::Classes { names, .. }
                if source.model.outputs() == Outputs::Values
                    && source.model.network().output().len() < names.len() =>
            {
                Ok((json!({}), String::new()))
            }
            Targets::Classes { labels, names, .. } if source.model.outputs() == Outputs::Values => {
                // Values say which class, but not how probable it is.
                let answers = one_hot(&source.model.predict(data.inputs())?, names.len());
                Ok(classes(&Classification::new(names.clone(), labels.clone(), answers)?, false))
            }
            Targets::Classes { .. } => Ok(classes(&source.model.classification(data)?, true)),
            Targets::Values { values, .. } => {
                let outputs = source.model.predict(data.inputs())?;
                let convert = |numbers: &[f32]| match source.model.conversion() {
                    Some(Conversion::Table(preparation)) => preparation.invert(numbers),
                    Some(Conversion::Scaled { targets: Some(scaler), .. }) => scaler.invert_f64(numbers),
                    _ => Ok(numbers.iter().map(|&v| v.into()).collect()),
                };
                let names = match source.model.conversion() {
                    Some(Conversion::Table(preparation)) => preparation.target_columns(),
                    _ => (0..data.targets().width()).map(|i| i.to_string()).collect(),
                };
                if source.model.outputs() != Outputs::Values {
                    return Ok((json!({}), String::new()));
                }
                Ok(errors(&Regression::new(names, convert(&outputs)?, convert(values)?)?))
            }
        }
    }
}

/// The errors of each target.
fn errors(scores: &Regression) -> (Value, String) {
    let (absolute, root) = (scores.mean_absolute_error(), scores.root_mean_squared_error());
    let (r2, usual) = (scores.r2(), scores.mean_absolute_deviation());
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (i, name) in scores.names().iter().enumerate() {
        all.push(json!({
            "name": name, "mean_absolute_error": number(absolute[i]), "root_mean_squared_error": number(root[i]),
            "r2": number(r2[i]), "mean_absolute_error_of_guessing_the_mean": number(usual[i]),
        }));
        rows.push(vec![name.clone(), short(absolute[i]), short(root[i]), short(r2[i]), short(usual[i])]);
    }
    let header = ["target", "mean |error|", "√ mean error²", "R²", "mean |error| of guessing the mean"];
    (json!({ "targets": all }), format!("\n{}", table(&header, rows)))
}

/// 1 for the class with the largest output of each row, and 0 for the others.
fn one_hot(outputs: &[f32], classes: usize) -> Vec<f64> {
    let mut answers = vec![0.0; outputs.len()];
    for (row, answers) in outputs.chunks_exact(classes).zip(answers.chunks_exact_mut(classes)) {
        answers[(0..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best })] = 1.0;
    }
    answers
}

/// How many rows of each class were found, and what all of them come to, also by their probabilities where these are known.
fn classes(scores: &Classification, probable: bool) -> (Value, String) {
    let (recalls, precisions, f1) = (scores.recalls(), scores.precisions(), scores.f_scores(1.0));
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for (i, (name, own)) in scores.names().iter().zip(scores.support()).enumerate() {
        all.push(json!({
            "name": name, "rows": own as u64, "recall": number(recalls[i]), "precision": number(precisions[i]),
            "f1": number(f1[i]),
        }));
        let shown = [recalls[i], precisions[i], f1[i]].map(|share| format!("{share:.3}"));
        rows.push([vec![name.clone(), own.to_string()], shown.to_vec()].concat());
    }
    let whole = [
        ("balanced_accuracy", scores.balanced_accuracy()),
        ("f1_macro", scores.f1(Average::Macro)),
        ("roc_auc", scores.roc_auc()),
        ("average_precision", scores.average_precision()),
        ("log_loss", scores.log_loss()),
    ];
    let whole = if probable { &whole[..] } else { &whole[..2] };
    let text = table(&["class", "rows", "recall", "precision", "f1"], rows);
    let line: Vec<String> = whole.iter().map(|(name, value)| format!("{name} {}", short(*value))).collect();
    let counts: Vec<Vec<u64>> =
        scores.confusion().iter().map(|row| row.iter().map(|&count| count as u64).collect()).collect();
    let mut json = json!({ "classes": all, "confusion": counts });
    whole.iter().for_each(|(name, value)| json[*name] = number(*value));
    (json, format!("\n{text}\n{}", line.join(", ")))
}
