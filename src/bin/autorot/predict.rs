//! Predictions for new rows.

use crate::data::Format;
use crate::say::{self, Output};
use crate::source::{Rows, Source};
use autorot::data::Table;
use autorot::model::{Predictions, Tensor};
use autorot::{Error, Result, store};
use serde_json::{Value, json};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Predicts for new rows: values in the units of the data, or classes with their probabilities.
///
/// The rows are a CSV file with the columns that the model was trained on, in any order, images, or an array; of a CSV file with time
/// series, what follows the last rows of each is forecast. Each row gives one row of
/// output, with decimal points and commas between fields: the columns of the input, then `predicted_…` for each value, or `predicted_…` for the class and `p_…` for the probability of
/// each class.
///
/// Examples: autorot predict runs/flats new.csv -o predictions.csv
///           autorot predict runs/pets photo.jpg other.jpg
///           autorot predict model.safetensors rows.npy -o outputs.npy
#[derive(clap::Args, Debug)]
#[command(verbatim_doc_comment)]
pub struct Predict {
    /// The folder of a run, a model file, or a file of Keras.
    model: PathBuf,
    /// A CSV file, a .npy or .npz file, a folder of images, or files of images.
    #[arg(required = true)]
    data: Vec<PathBuf>,
    /// Where the predictions go: a .csv or .npy file, by default standard output as CSV.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which columns of the input stand before the predictions: all, none, or names with commas between them.
    #[arg(long, value_name = "NAMES", default_value = "all")]
    columns: String,
    /// The device.
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    format: Format,
}

/// How many rows are predicted at once.
const ROWS: usize = 4096;

impl Predict {
    pub fn run(&self, output: &Output) -> Result<()> {
        let mut source = Source::open(&self.model, self.device.as_deref())?;
        let rows = source.rows(&self.data, &self.format)?;
        let array = self.output.as_deref().is_some_and(|path| path.extension().is_some_and(|e| e == "npy"));
        if let Some(path) =
            self.output.as_deref().filter(|path| !array && path.extension().is_none_or(|e| e != "csv"))
        {
            let expected = "a file that ends in .csv or .npy";
            return Err(Error::invalid(path.display(), "another ending", expected, "name the file so"));
        }
        let carried = self.carried(&rows)?;
        let mut sink = match (&self.output, array || output.json && self.output.is_none()) {
            (_, true) => Sink::Numbers { values: Vec::new(), width: 0, classes: Vec::new() },
            (Some(path), false) => Sink::File(path.clone(), csv::Writer::from_writer(Vec::new())),
            (None, false) => Sink::Out(csv::Writer::from_writer(BufWriter::new(std::io::stdout()))),
        };
        let count = rows.len();
        let target = self.target(&source);
        let mut names = Vec::new();
        for first in (0..count).step_by(ROWS) {
            let range = first..count.min(first + ROWS);
            let predictions = match &rows {
                Rows::Table(table) => {
                    source.model.predict_rows(&table.select(&range.clone().collect::<Vec<_>>())?)?
                }
                Rows::Array(array) | Rows::Named { array, .. } => {
                    let width = array.values.len() / count;
                    source.model.predict_rows(&array.values[range.start * width..range.end * width])?
                }
            };
            if first == 0 {
                names = source.names(predictions.names()).to_vec();
                sink.header(&carried, header(&predictions, &names, &target))?;
            }
            sink.rows(&carried, first, &predictions)?;
        }
        sink.close(self.output.as_deref(), count, &names, output)
    }

    /// What the predictions are of.
    fn target(&self, source: &Source) -> String {
        match source.model.conversion() {
            Some(autorot::data::Conversion::Table(preparation)) => preparation.target_columns().join(","),
            _ => "class".to_owned(),
        }
    }

    /// The columns that are carried along.
    fn carried(&self, rows: &Rows) -> Result<Vec<(String, Vec<String>)>> {
        let known = match rows {
            Rows::Table(table) => table.columns().to_vec(),
            Rows::Named { heading, .. } => vec![heading.clone()],
            Rows::Array(_) => return Ok(Vec::new()),
        };
        let column = |name: &str| match rows {
            Rows::Table(table) => texts(table, name),
            Rows::Named { names, .. } => Ok(names.clone()),
            Rows::Array(_) => Ok(Vec::new()),
        };
        let wanted: Vec<String> = match self.columns.as_str() {
            "all" => known,
            "none" => Vec::new(),
            names => names.split(',').map(|name| name.trim().to_owned()).collect(),
        };
        wanted.into_iter().map(|name| Ok((name.clone(), column(&name)?))).collect()
    }
}

impl Rows {
    fn len(&self) -> usize {
        match self {
            Self::Table(table) => table.len(),
            Self::Array(array) | Self::Named { array, .. } => array.shape.first().copied().unwrap_or(0),
        }
    }
}

fn texts(table: &Table, name: &str) -> Result<Vec<String>> {
    Ok(table.fields(name)?.into_iter().map(str::to_owned).collect())
}

/// The names of the columns of predictions.
fn header(predictions: &Predictions, names: &[String], target: &str) -> Vec<String> {
    let width = predictions.row(0).map_or(0, <[f64]>::len);
    let steps = width / names.len().max(1);
    let class = predictions.classes(0).is_some();
    let mut header = Vec::new();
    for step in 0..steps {
        let end = if steps > 1 { format!("_{step}") } else { String::new() };
        header.extend(class.then(|| format!("predicted_{target}{end}")));
        let kind = if predictions.are_probabilities() { "p" } else { "predicted" };
        header.extend(names.iter().map(|name| format!("{kind}_{name}{end}")));
    }
    header
}

/// Where predictions go.
enum Sink {
    Out(csv::Writer<BufWriter<std::io::Stdout>>),
    /// A file that is written as a whole.
    File(PathBuf, csv::Writer<Vec<u8>>),
    Numbers {
        values: Vec<f64>,
        width: usize,
        classes: Vec<String>,
    },
}

impl Sink {
    fn record(&mut self, fields: impl Iterator<Item = String>) -> Result<()> {
        let fields: Vec<String> = fields.collect();
        match self {
            Self::Out(writer) => say::written(writer.write_record(&fields).map_err(std::io::Error::other_of)),
            Self::File(path, writer) => {
                writer.write_record(&fields).map_err(|e| Error::io(path, std::io::Error::other_of(e)))?;
            }
            Self::Numbers { .. } => {}
        }
        Ok(())
    }

    fn header(&mut self, carried: &[(String, Vec<String>)], names: Vec<String>) -> Result<()> {
        self.record(carried.iter().map(|(name, _)| name.clone()).chain(names))
    }

    fn rows(
        &mut self,
        carried: &[(String, Vec<String>)],
        first: usize,
        predictions: &Predictions,
    ) -> Result<()> {
        for row in 0..predictions.len() {
            let numbers = predictions.row(row).unwrap_or_default();
            let classes = predictions.classes(row);
            if let Self::Numbers { values, width, classes: all } = self {
                values.extend_from_slice(numbers);
                *width = numbers.len();
                all.extend(classes.into_iter().flatten().map(str::to_owned));
                continue;
            }
            let own = carried.iter().map(|(_, column)| column[first + row].clone());
            let each = predictions.names().len().max(1);
            let told = numbers.chunks(each).enumerate().flat_map(|(step, numbers)| {
                let class = classes.as_ref().map(|classes| classes[step].to_owned());
                class.into_iter().chain(numbers.iter().map(f64::to_string))
            });
            self.record(own.chain(told).collect::<Vec<_>>().into_iter())?;
        }
        Ok(())
    }

    fn close(self, path: Option<&Path>, count: usize, names: &[String], output: &Output) -> Result<()> {
        match self {
            Self::Out(mut writer) => {
                say::written(writer.flush());
                return Ok(());
            }
            Self::File(path, writer) => {
                let bytes = writer
                    .into_inner()
                    .map_err(|e| Error::io(&path, std::io::Error::other(e.to_string())))?;
                store::write(path, &bytes)?;
            }
            Self::Numbers { values, width, classes } => match path {
                Some(path) => Tensor { shape: vec![count, width], values }.save(path)?,
                None => {
                    let rows: Vec<Value> = values.chunks(width.max(1)).map(|row| json!(row)).collect();
                    let classes = (!classes.is_empty()).then_some(classes);
                    say::line(format_args!(
                        "{}",
                        json!({ "names": names, "rows": rows, "classes": classes })
                    ));
                    return Ok(());
                }
            },
        }
        let file = path.map(|path| path.display().to_string()).unwrap_or_default();
        let json = json!({ "rows": count, "file": file, "names": names });
        if output.json || !output.quiet {
            output.tell(&json, || format!("{count} rows of predictions in {file}"));
        }
        Ok(())
    }
}

/// The error of a writer, with its kind where it is one of the system.
trait OtherOf {
    fn other_of(error: csv::Error) -> Self;
}

impl OtherOf for std::io::Error {
    fn other_of(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error,
            other => Self::other(format!("{other:?}")),
        }
    }
}
