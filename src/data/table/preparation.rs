//! A preparation fitted on the training rows of a table; it makes data sets of similar tables.

mod fields;
mod fit;

use serde::{Deserialize, Serialize};

use super::categories::Categories;
use super::{Columns, Table, Unknown};
use crate::data::Dataset;
use crate::data::precise::{Loss, Precise, Rounded};
use crate::data::scale::Linear;
use crate::{Error, Result};
use fields::{missing_value, scaled, unknown};

/// Everything that is fitted on the training rows of a table: categories, replacements of missing values, scales, and class names. It
/// does exactly the same to other rows, so a part that lacks a class or a category gets the same columns.
///
/// It can be stored and read back (`serde`), and is all that is needed to prepare new rows and to convert predictions back to the units
/// of the table.
///
/// ```no_run
/// use autorot::data::{Columns, Csv, Impute, Preparation, Scale};
///
/// let csv = Csv::open("houses.csv").missing("?");
/// let split = csv.table()?.split(0.2, 0)?;
/// let columns = Columns::new()
///     .inputs(["area", "year"])
///     .impute(Impute::Median)
///     .scale(Scale::Standard)
///     .categories(["heating"])
///     .targets(["price"])
///     .scale_targets(Scale::Standard);
/// let preparation = Preparation::fit(&split.train, &columns)?;
/// let (train, test) = (preparation.apply(&split.train)?, preparation.apply(&split.test)?);
/// // Later, and elsewhere: rows without a price.
/// let stored = serde_json::to_string(&preparation).unwrap();
/// let preparation: Preparation = serde_json::from_str(&stored).unwrap();
/// let inputs = preparation.inputs(&csv.at("offers.csv").table()?)?;
/// # let outputs = inputs;
/// let prices = preparation.invert(&outputs)?;
/// # Ok::<(), autorot::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    inputs: Vec<Input>,
    answers: Answers,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    pub(crate) column: String,
    pub(crate) kind: Kind,
}

/// What an input column becomes. `fill` replaces missing values; without it their rows are dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Kind {
    Number { fill: Option<f64>, indicator: bool, scale: Option<Linear> },
    Categories { fill: Option<String>, indicator: bool, unknown: Unknown, categories: Categories },
}

/// The targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) enum Answers {
    Values(Vec<(String, Option<Linear>)>),
    Classes { column: String, classes: Categories },
}

impl Input {
    fn width(&self) -> usize {
        match &self.kind {
            Kind::Number { indicator, .. } => 1 + usize::from(*indicator),
            Kind::Categories { indicator, categories, .. } => categories.len() + usize::from(*indicator),
        }
    }

    /// Whether rows that lack the value are dropped.
    fn drops(&self) -> bool {
        matches!(&self.kind, Kind::Number { fill: None, .. } | Kind::Categories { fill: None, .. })
    }

    fn names(&self) -> Vec<String> {
        let column = &self.column;
        let (mut names, indicator) = match &self.kind {
            Kind::Number { indicator, .. } => (vec![column.clone()], *indicator),
            Kind::Categories { indicator, categories, .. } => {
                (categories.names().iter().map(|name| format!("{column}={name}")).collect(), *indicator)
            }
        };
        names.extend(indicator.then(|| format!("{column} missing")));
        names
    }
}

impl Preparation {
    /// Makes a data set of the table. Rows without a target, or without an input that is not imputed, are dropped, and their number is
    /// reported through `log`.
    ///
    /// # Errors
    /// A column that the table lacks or has twice; a field that is not a finite number, a known class or a known category; a number
    /// beyond the range of `f32` once scaled; no row left.
    pub fn apply(&self, table: &Table) -> Result<Dataset> {
        let (data, dropped) = self.apply_counted(table)?;
        if dropped > 0 {
            log::warn!(
                "{}: {dropped} of {} rows are left out, for a missing target or a missing input that is not imputed",
                table.name(),
                table.len()
            );
        }
        Ok(data)
    }

    /// As [`Preparation::apply`], but returns how many rows were dropped instead of logging it.
    ///
    /// # Errors
    /// As [`Preparation::apply`].
    pub fn apply_counted(&self, table: &Table) -> Result<(Dataset, usize)> {
        let rows = self.complete(table)?;
        if rows.is_empty() {
            return Err(Error::invalid(
                table.name(),
                format!("no complete row, {} with missing values", table.len()),
                "at least one row without missing values in the selected columns",
                "select fewer columns, or impute missing values",
            ));
        }
        Ok((self.apply_to(table, &rows, &mut |doubt| log::warn!("{doubt}"))?, table.len() - rows.len()))
    }

    /// The places of the input columns in the table, then of the targets.
    fn places(&self, table: &Table) -> Result<Vec<usize>> {
        table.find(&[self.input_columns(), self.target_columns()].concat())
    }

    /// The rows that lack no value which is needed.
    pub(in crate::data) fn complete(&self, table: &Table) -> Result<Vec<usize>> {
        let places = self.places(table)?;
        let (inputs, targets) = places.split_at(self.inputs.len());
        let needed = self.inputs.iter().zip(inputs).filter(|(input, _)| input.drops());
        let needed: Vec<usize> = needed.map(|(_, &place)| place).chain(targets.iter().copied()).collect();
        complete(table, &needed)
    }

    /// Makes a data set of these rows, which lack nothing. `doubt` is told what single precision loses.
    pub(in crate::data) fn apply_to(
        &self,
        table: &Table,
        rows: &[usize],
        doubt: &mut dyn FnMut(String),
    ) -> Result<Dataset> {
        let places = self.places(table)?;
        let (inputs, targets) = places.split_at(self.inputs.len());
        let features = self.features_of(table, inputs, rows, doubt)?;
        let Rounded { single, exact, losses } = Precise::split(&features, self.width(), self.width(), None);
        self.tell(table, &losses, doubt);
        let mut data = match &self.answers {
            Answers::Classes { classes, .. } => {
                let mut lookup = classes.lookup(table.format());
                let label = |&row: &usize| {
                    let text = table.text(row, targets[0])?;
                    lookup.find(text).map(|label| label as u32).ok_or_else(|| {
                        let remedy = "name every class in class_names, declare this one missing, or fit the preparation on rows that have it";
                        unknown(table, row, targets[0], classes, remedy)
                    })
                };
                let labels = rows.iter().map(label).collect::<Result<_>>()?;
                Dataset::classes([self.width()], single, labels, classes.names())?
            }
            Answers::Values(columns) => {
                let mut values = Vec::with_capacity(rows.len() * columns.len());
                for &row in rows {
                    for ((_, scale), &place) in columns.iter().zip(targets) {
                        values.push(scaled(table, row, place, table.number(row, place)?, *scale)?);
                    }
                }
                let answers = Precise::split(&values, columns.len(), columns.len(), None);
                for loss in answers.losses.iter().filter(|loss| columns[loss.feature].1.is_none()) {
                    doubt(lost(table, &columns[loss.feature].0, loss));
                }
                let mut data = Dataset::values([self.width()], single, [columns.len()], answers.single)?;
                data.exact_targets = answers.exact;
                data
            }
        };
        data.exact_inputs = exact;
        Ok(data)
    }

    /// The inputs of all rows, row after row, for predictions: target columns are not needed, and every row yields one row of inputs.
    ///
    /// Columns that the preparation does not scale are rounded to single precision; for a [`Scaler`](crate::data::Scaler) use
    /// [`Preparation::inputs_f64`].
    ///
    /// # Errors
    /// As [`Preparation::apply`]; a missing value without a replacement.
    pub fn inputs(&self, table: &Table) -> Result<Vec<f32>> {
        let rounded = Precise::split(&self.inputs_f64(table)?, self.width(), self.width(), None);
        self.tell(table, &rounded.losses, &mut |doubt| log::warn!("{doubt}"));
        Ok(rounded.single)
    }

    /// As [`Preparation::inputs`], in double precision, for [`Scaler::scale`](crate::data::Scaler::scale) if a scaler was fitted on the
    /// training part instead of scales here.
    ///
    /// # Errors
    /// As [`Preparation::inputs`].
    pub fn inputs_f64(&self, table: &Table) -> Result<Vec<f64>> {
        let places = table.find(&self.input_columns())?;
        let rows: Vec<usize> = (0..table.len()).collect();
        self.features_of(table, &places, &rows, &mut |doubt| log::warn!("{doubt}"))
    }

    /// Inverts the scaling of predicted values, row after row: results in the units of the table. Outputs for classes stay unchanged.
    ///
    /// # Errors
    /// A length that is not a multiple of the number of targets.
    pub fn invert(&self, outputs: &[f32]) -> Result<Vec<f64>> {
        let Answers::Values(columns) = &self.answers else {
            return Ok(outputs.iter().map(|&v| v.into()).collect());
        };
        if columns.is_empty() || !outputs.len().is_multiple_of(columns.len()) {
            return Err(Error::invalid(
                "preparation",
                format!("{} outputs", outputs.len()),
                format!("whole rows of the targets {:?}", self.target_columns()),
                "pass whole rows",
            ));
        }
        let back = |v: f32, scale: &Option<Linear>| scale.map_or(v.into(), |scale| scale.invert(v.into()));
        Ok(outputs.iter().zip(columns.iter().cycle()).map(|(&v, (_, scale))| back(v, scale)).collect())
    }

    /// What becomes of each input column.
    #[cfg(feature = "onnx")]
    pub(crate) fn made(&self) -> &[Input] {
        &self.inputs
    }

    /// What becomes of the targets.
    #[cfg(feature = "onnx")]
    pub(crate) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Whether its scales can have come of a fit.
    pub(crate) fn is_sound(&self) -> bool {
        let sound = |scale: &Option<Linear>| scale.as_ref().is_none_or(Linear::is_sound);
        let inputs = self.inputs.iter().all(|input| match &input.kind {
            Kind::Number { fill, scale, .. } => sound(scale) && fill.is_none_or(f64::is_finite),
            Kind::Categories { .. } => true,
        });
        let answers = match &self.answers {
            Answers::Values(columns) => columns.iter().all(|(_, scale)| sound(scale)),
            Answers::Classes { .. } => true,
        };
        inputs && answers
    }

    /// The number of inputs per row.
    pub fn width(&self) -> usize {
        self.inputs.iter().map(Input::width).sum()
    }

    /// The name of each input in a row: `age`, `age missing`, `port=S`.
    pub fn features(&self) -> Vec<String> {
        self.inputs.iter().flat_map(Input::names).collect()
    }

    /// The columns from which inputs are made.
    pub fn input_columns(&self) -> Vec<String> {
        self.inputs.iter().map(|input| input.column.clone()).collect()
    }

    /// The columns from which targets are made.
    pub fn target_columns(&self) -> Vec<String> {
        match &self.answers {
            Answers::Values(columns) => columns.iter().map(|(column, _)| column.clone()).collect(),
            Answers::Classes { column, .. } => vec![column.clone()],
        }
    }

    /// The names of the classes, in the order of the outputs; `None` for regression.
    pub fn class_names(&self) -> Option<Vec<String>> {
        match &self.answers {
            Answers::Classes { classes, .. } => Some(classes.names()),
            Answers::Values(_) => None,
        }
    }

    /// The inputs of these rows, in double precision and within the range of `f32`.
    fn features_of(
        &self,
        table: &Table,
        places: &[usize],
        rows: &[usize],
        doubt: &mut dyn FnMut(String),
    ) -> Result<Vec<f64>> {
        let width = self.width();
        let mut all = vec![0.0; rows.len() * width];
        let mut offset = 0;
        for (input, &place) in self.inputs.iter().zip(places) {
            let own = all.chunks_exact_mut(width.max(1)).map(|row| &mut row[offset..]).zip(rows);
            match &input.kind {
                Kind::Number { fill, indicator, scale } => {
                    let mut rounded = None;
                    for (out, &row) in own {
                        let missing = table.is_missing(row, place)?;
                        let number = match fill {
                            Some(fill) if missing => *fill,
                            None if missing => return Err(missing_value(table, row, place)),
                            _ => table.number(row, place)?,
                        };
                        if rounded.is_none() && !missing && table.is_rounded(row, place, number) {
                            rounded = Some(row);
                        }
                        out[0] = scaled(table, row, place, number, *scale)?;
                        if *indicator {
                            out[1] = f64::from(u8::from(missing));
                        }
                    }
                    if let Some(row) = rounded {
                        doubt(format!(
                            "{}: whole numbers of more than 15 digits are rounded; subtract an offset in the file; \
                             if they are identifiers, use Columns::categories",
                            table.place(row, place)
                        ));
                    }
                }
                Kind::Categories { fill, indicator, unknown: on_unknown, categories } => {
                    let mut lookup = categories.lookup(table.format());
                    for (out, &row) in own {
                        let missing = table.is_missing(row, place)?;
                        if *indicator {
                            out[categories.len()] = f64::from(u8::from(missing));
                        }
                        let text = match (missing, fill) {
                            (true, Some(fill)) => fill,
                            (true, None) => return Err(missing_value(table, row, place)),
                            (false, _) => table.text(row, place)?,
                        };
                        match (lookup.find(text), on_unknown) {
                            (Some(category), _) => out[category] = 1.0,
                            (None, Unknown::Ignore) => {}
                            (None, Unknown::Error) => {
                                let remedy = "fit the preparation on rows that have it, or with unknown(Unknown::Ignore)";
                                return Err(unknown(table, row, place, categories, remedy));
                            }
                        }
                    }
                }
            }
            offset += input.width();
        }
        Ok(all)
    }

    /// Tells of columns that lose information in single precision which scaling would have kept.
    fn tell(&self, table: &Table, losses: &[Loss], doubt: &mut dyn FnMut(String)) {
        let features = self.inputs.iter().flat_map(|input| {
            let plain = matches!(&input.kind, Kind::Number { scale: None, .. });
            std::iter::repeat_n((&input.column, plain), input.width())
        });
        for (place, (column, plain)) in features.enumerate() {
            if let Some(loss) = losses.iter().find(|loss| plain && loss.feature == place) {
                doubt(lost(table, column, loss));
            }
        }
    }
}

fn lost(table: &Table, column: &str, loss: &Loss) -> String {
    format!(
        "{}, column {column:?}: {loss}; scale the column, with Columns or with a Scaler, which use double \
         precision",
        table.name()
    )
}

/// The rows that have a value in all of these columns.
fn complete(table: &Table, columns: &[usize]) -> Result<Vec<usize>> {
    let mut rows = Vec::with_capacity(table.len());
    'rows: for row in 0..table.len() {
        for &column in columns {
            if table.is_missing(row, column)? {
                continue 'rows;
            }
        }
        rows.push(row);
    }
    Ok(rows)
}
